"""How much: position size, leverage and the distance to liquidation, as pure functions."""

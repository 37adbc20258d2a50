"""Pure trading logic: indicators, regimes, signals, filters, risk and exits; no I/O, no clock."""

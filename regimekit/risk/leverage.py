"""Leverage that keeps the stop well inside the liquidation price."""

import math

from regimekit.schema import Side

# Freqtrade names a tier's largest leverage, not its maintenance rate. On Binance the rate is half
# of the inverse of that leverage in most tiers, and 0.9 of it in the worst: assume the worst.
TIER_MAINTENANCE_SHARE = 0.9


def liquidation_distance(leverage: float, maintenance_rate: float, side: Side) -> float:
    """Return how far price may move against an isolated position before it is liquidated.

    Parameters
    ----------
    leverage : float
        Notional divided by margin, at least 1.
    maintenance_rate : float
        Maintenance margin as a fraction of notional.

    Returns
    -------
    float
        Fraction of the entry price; the tier's maintenance amount is left out, which errs on the
        safe side. Never negative.

    References
    ----------
    Binance, "How to calculate liquidation price of USDⓈ-M futures contracts".
    """
    distance = (1.0 / leverage - maintenance_rate) / (1.0 - side.sign * maintenance_rate)
    return max(0.0, distance)


def safe_leverage(
    stop_fraction: float, side: Side, *, wanted: float, tier_maximum: float, buffer: float
) -> int:
    """Return the largest whole leverage up to `wanted` whose liquidation lies behind the stop.

    Parameters
    ----------
    stop_fraction : float
        Distance from entry to stop as a fraction of the entry price.
    wanted, tier_maximum : float
        Leverage asked for, and the exchange's limit for this pair and size, from which the
        maintenance rate follows.
    buffer : float
        The stop may use this share of the distance to liquidation.

    Returns
    -------
    int
        Whole because Binance accepts nothing else; 0 when even 1x would not hold, or when an
        argument is not a positive number.
    """
    arguments = (stop_fraction, wanted, tier_maximum, buffer)
    if not all(math.isfinite(value) and value > 0 for value in arguments):
        return 0
    maintenance_rate = TIER_MAINTENANCE_SHARE / max(1.0, tier_maximum)
    # Solve stop = buffer * liquidation_distance for the leverage, then round down.
    needed = stop_fraction / buffer * (1.0 - side.sign * maintenance_rate) + maintenance_rate
    leverage = math.floor(min(wanted, tier_maximum, 1.0 / needed))
    for candidate in (leverage, leverage - 1):  # the second in case rounding went up
        if candidate >= 1 and stop_fraction < buffer * liquidation_distance(
            candidate, maintenance_rate, side
        ):
            return candidate
    return 0

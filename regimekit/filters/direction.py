"""Do not trade against both higher timeframes."""

import numpy as np
from numpy.typing import NDArray

from regimekit.filters.verdict import Verdict
from regimekit.schema import Side


def direction(
    trend_1h: NDArray[np.float64],
    trend_4h: NDArray[np.float64],
    side: Side,
    *,
    alignment_bonus: float,
) -> Verdict:
    """Refuse `side` where both trends oppose it; reward each that agrees.

    Parameters
    ----------
    trend_1h, trend_4h : array of float
        +1 up, 0 undecided, -1 down, NaN unknown. An unknown trend refuses.
    alignment_bonus : float
        Confidence for each agreeing timeframe.
    """
    with_1h, with_4h = side.sign * trend_1h, side.sign * trend_4h
    known = ~(np.isnan(trend_1h) | np.isnan(trend_4h))
    opposed = (with_1h < 0) & (with_4h < 0)
    agreeing = (with_1h > 0).astype(float) + (with_4h > 0)
    return Verdict(allows=known & ~opposed, bonus=alignment_bonus * agreeing)

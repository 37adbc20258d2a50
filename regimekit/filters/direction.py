"""Ask the higher timeframes whether a side may be traded."""

import numpy as np
from numpy.typing import NDArray

from regimekit.filters.verdict import Verdict
from regimekit.schema import Side


def direction(
    trend_1h: NDArray[np.float64],
    trend_4h: NDArray[np.float64],
    side: Side,
    *,
    demand: str,
    alignment_bonus: float,
) -> Verdict:
    """Refuse `side` where the trends do not meet `demand`; reward each that agrees.

    Parameters
    ----------
    trend_1h, trend_4h : array of float
        +1 up, 0 undecided, -1 down, NaN unknown. An unknown trend refuses.
    demand : str
        ``off``; ``not_opposed``, not both against it; ``slow_agrees``, 4h with it; ``both_agree``.
    alignment_bonus : float
        Confidence for each agreeing timeframe.
    """
    with_1h, with_4h = side.sign * trend_1h, side.sign * trend_4h
    known = ~(np.isnan(trend_1h) | np.isnan(trend_4h))
    meets = {
        "off": np.ones(len(known), dtype=bool),
        "not_opposed": ~((with_1h < 0) & (with_4h < 0)),
        "slow_agrees": with_4h > 0,
        "both_agree": (with_1h > 0) & (with_4h > 0),
    }
    agreeing = (with_1h > 0).astype(float) + (with_4h > 0)
    return Verdict(allows=known & meets[demand], bonus=alignment_bonus * agreeing)

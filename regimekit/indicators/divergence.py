"""Disagreement between price and an oscillator at swing points.

A pivot is known only `wing` bars after it happened; until then it does not exist here. That delay
is what makes the marks usable live.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def divergence(
    high: pd.Series, low: pd.Series, oscillator: pd.Series, *, wing: int = 3, fresh: int = 10
) -> pd.Series:
    """Mark bars at which price and `oscillator` have recently diverged.

    Bullish (+1): the last two confirmed pivot lows fall in price and rise in the oscillator.
    Bearish (-1): the last two confirmed pivot highs rise in price and fall in the oscillator.
    Where both hold, or neither, 0.

    Parameters
    ----------
    high, low : Series of float, shape (n_bars,)
        Candle extremes in price units.
    oscillator : Series of float, shape (n_bars,)
        RSI, OBV or alike. Only differences between its values count.
    wing : int
        Bars on each side of a pivot; also the delay until it counts.
    fresh : int
        Bars after confirmation for which a divergence stands.

    Returns
    -------
    Series of float, shape (n_bars,)
        -1, 0 or 1; NaN until the oscillator and one whole pivot window are there. Causal.
    """
    values = oscillator.to_numpy(dtype=float)
    bullish = _diverged(low.to_numpy(dtype=float), values, wing, fresh)
    bearish = _diverged(-high.to_numpy(dtype=float), -values, wing, fresh)
    mark = bullish.astype(float) - bearish.astype(float)
    known = oscillator.notna().to_numpy().copy()
    known[: 2 * wing] = False
    mark[~known] = np.nan
    return pd.Series(mark, index=oscillator.index)


def _diverged(
    price: NDArray[np.float64], values: NDArray[np.float64], wing: int, fresh: int
) -> NDArray[np.bool_]:
    """Return the bars within `fresh` of a pivot low that fell while `values` rose."""
    lowest = pd.Series(price).rolling(2 * wing + 1).min().to_numpy()
    center = np.roll(price, wing)
    confirmed = np.flatnonzero(lowest == center)  # NaN in the warm-up compares unequal
    pivots = confirmed - wing
    result = np.zeros(len(price), dtype=bool)
    if len(pivots) < 2:
        return result
    fell = price[pivots[1:]] < price[pivots[:-1]]
    rose = values[pivots[1:]] > values[pivots[:-1]]
    newest = np.full(len(price), -1)
    newest[confirmed] = np.arange(len(confirmed))
    newest = np.maximum.accumulate(newest)  # number of the last confirmed pivot at each bar
    paired = newest >= 1
    last = newest[paired]
    recent = np.flatnonzero(paired) - confirmed[last] < fresh
    result[paired] = recent & (fell & rose)[last - 1]
    return result

"""Momentum decay: the move that a trade lives on is dying."""

import numpy as np
from numpy.typing import NDArray

from regimekit.settings import ExitSettings

FloatArray = NDArray[np.float64]


def dying(macd_hist: FloatArray, rsi: FloatArray, settings: ExitSettings) -> NDArray[np.bool_]:
    """Tell where an upward move is dying; ask with ``-macd_hist, 100 - rsi`` for a downward one.

    The MACD histogram is positive and has shrunk for `decay_bars` bars in a row, and RSI has
    fallen over these bars from above `decay_rsi`.

    Parameters
    ----------
    macd_hist : array of float
        Price units, of one market.
    rsi : array of float
        0..100.

    Returns
    -------
    array of bool, shape (n_bars,)
        False where an input is missing. Causal.
    """
    bars = settings.decay_bars
    rises = ~(macd_hist < _before(macd_hist, 1))
    # The last bar that did not shrink lies that far back.
    position = np.arange(len(rises))
    run = position - np.maximum.accumulate(np.where(rises, position, 0)) >= bars
    came_from = _before(rsi, bars)
    fell = (rsi < came_from) & (came_from > settings.decay_rsi)
    return np.asarray(run & (macd_hist > 0) & fell)


def _before(values: FloatArray, bars: int) -> FloatArray:
    """Return each bar's value `bars` bars ago; NaN where there is none."""
    earlier = np.full(len(values), np.nan)
    earlier[bars:] = values[: max(len(values) - bars, 0)]
    return earlier

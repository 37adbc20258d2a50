"""Which of three markets a bar belongs to, with hysteresis so that the answer does not flicker."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.schema import Regime
from regimekit.settings import RegimeSettings


def latch(series: pd.Series, *, enter: float, leave: float) -> pd.Series:
    """Switch on above `enter`, off below `leave`; between the two the last answer stands.

    Parameters
    ----------
    series : Series of float, shape (n_bars,)
        NaN while warming up.
    enter, leave : float
        Thresholds in the unit of `series`, ``leave <= enter``; ValueError otherwise.

    Returns
    -------
    Series of bool, shape (n_bars,)
        Indexed like `series`; False until the first bar above `enter`. Causal.

    Examples
    --------
    >>> latch(pd.Series([18, 26, 23, 21, 19, 24]), enter=25, leave=20).tolist()
    [False, True, True, True, False, False]
    """
    if leave > enter:
        raise ValueError(f"leave must not be above enter, was leave={leave} with enter={enter}")
    decided = np.select([series > enter, series < leave], [1.0, 0.0], np.nan)
    return pd.Series(decided, index=series.index).ffill().eq(1.0)


def classify(adx: pd.Series, atr_ratio: pd.Series, settings: RegimeSettings) -> pd.Series:
    """Name each bar's regime from this timeframe alone.

    VOLATILE outranks TRENDING, which outranks RANGING.

    Parameters
    ----------
    adx : Series of float
        Average directional index, 0..100.
    atr_ratio : Series of float
        ATR divided by its own 20-bar average.

    Returns
    -------
    Series of int8
        `Regime` codes; UNKNOWN where either input is NaN.

    References
    ----------
    Wilder, J. W. (1978). *New Concepts in Technical Trading Systems*, sections III and IV.
    """
    trending = latch(adx, enter=settings.adx_enter, leave=settings.adx_leave)
    volatile = latch(atr_ratio, enter=settings.volatile_enter, leave=settings.volatile_leave)
    codes = np.select(
        [adx.isna() | atr_ratio.isna(), volatile, trending],
        [int(Regime.UNKNOWN), int(Regime.VOLATILE), int(Regime.TRENDING)],
        int(Regime.RANGING),
    )
    return pd.Series(codes.astype(np.int8), index=adx.index)


def age(regime: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return for how many bars each bar's regime has lasted, 0 on the bar on which it changed."""
    position = np.arange(len(regime), dtype=np.int32)
    changed = np.ones(len(regime), dtype=bool)
    changed[1:] = regime[1:] != regime[:-1]
    return position - np.maximum.accumulate(np.where(changed, position, 0))


def confirm(regime: pd.Series, adx_4h: pd.Series, *, least_adx: float) -> pd.Series:
    """Downgrade TRENDING to RANGING while the 4h ADX is below `least_adx`.

    Without a 4h ADX (NaN) no regime can be confirmed and the answer is UNKNOWN.
    """
    trending = regime.eq(int(Regime.TRENDING))
    confirmed = regime.mask(trending & (adx_4h < least_adx), int(Regime.RANGING))
    return confirmed.mask(adx_4h.isna(), int(Regime.UNKNOWN)).astype(np.int8)

"""What volume says about a move, free of the unit that volume is counted in."""

import numpy as np
import pandas as pd


def volume_ratio(volume: pd.Series, *, bars: int = 20) -> pd.Series:
    """Return volume as a multiple of the average of the `bars` candles before it.

    NaN while warming up and where nothing traded in all those candles.
    """
    average = volume.rolling(bars).mean().shift(1)
    return volume.div(average.where(average > 0))


def obv_flow(close: pd.Series, volume: pd.Series, *, bars: int = 20) -> pd.Series:
    """Return the change of on-balance volume over `bars` as a share of the volume traded.

    Between -1 (every candle fell) and 1 (every candle rose). Unlike OBV itself it depends neither
    on the first candle that was loaded nor on the unit of volume. NaN while warming up.
    """
    signed = volume * np.sign(close.diff())
    traded = volume.rolling(bars).sum()
    flow: pd.Series = signed.rolling(bars).sum().div(traded.where(traded > 0))
    return flow.clip(-1.0, 1.0)

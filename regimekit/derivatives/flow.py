"""Taker flow: who crossed the spread, summed over a window.

The running sum that charts call CVD depends on the first candle loaded; a sum over a window, as a
share of the volume in it, depends on nothing but the window.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from regimekit.derivatives.windows import (
    JITTER,
    FloatArray,
    Windows,
    last_bars,
    on_grid,
    window_sum,
)

STEP = timedelta(minutes=15)
ROUNDING = 1e-9  # relative; what a sum may gain when it is rounded


def delta(taker_buy: FloatArray, volume: FloatArray) -> FloatArray:
    """Return taker buys minus taker sells; NaN where the buys are not a part of the volume."""
    possible = (taker_buy >= 0) & (taker_buy <= volume * (1 + ROUNDING)) & np.isfinite(volume)
    return np.where(possible, 2.0 * taker_buy - volume, np.nan)


def cvd(taker_buy: FloatArray, volume: FloatArray, windows: Windows) -> FloatArray:
    """Return net taker buying over each window as a share of the volume in it.

    Parameters
    ----------
    taker_buy, volume : array of float, shape (n_bars,)
        Of one unit, whichever.

    Returns
    -------
    array of float, shape (n_bars,)
        Between -1 (takers only sold) and 1 (only bought). NaN where a bar of the window is missing
        or contradicts itself, and where nothing was traded in it.
    """
    net = window_sum(delta(taker_buy, volume), windows)
    traded = window_sum(volume, windows)
    share = np.divide(net, traded, out=np.full(len(net), np.nan), where=traded > 0)
    return np.asarray(np.clip(share, -1.0, 1.0))


def flow_events(
    flow: pd.DataFrame, *, bars: int = 16, delay: timedelta = timedelta(minutes=1)
) -> pd.DataFrame:
    """Turn stored taker flow into CVD with the instant it was known.

    Parameters
    ----------
    flow : DataFrame
        15m rows: ``date`` (open of the candle), ``known_at`` (when a source had it), ``volume``
        and ``taker_buy_volume`` (base coin). Rows known before a 15m candle could have closed are
        of another length and left out.
    bars : int
        Candles in the window.
    delay : timedelta
        Freqtrade analyzes a candle within seconds of its close, before a feed has its flow. With
        a delay live and backtest use the same row; without, a backtest knows more than the bot.

    Returns
    -------
    DataFrame, ascending
        ``date``, ``known_at`` and ``cvd``. A row that was late holds back those after it, because
        their windows contain it.
    """
    rows = flow[["date", "known_at", "volume", "taker_buy_volume"]]
    dates = pd.to_datetime(rows["date"], utc=True)
    known = pd.to_datetime(rows["known_at"], utc=True)
    rows = on_grid(rows[known - dates >= STEP - JITTER], STEP)
    volume = rows["volume"].to_numpy(dtype=float, na_value=np.nan)
    taker_buy = rows["taker_buy_volume"].to_numpy(dtype=float, na_value=np.nan)
    known_at = pd.to_datetime(rows["known_at"], utc=True).cummax() + delay
    share = cvd(taker_buy, volume, last_bars(rows["date"], bars, STEP))
    return pd.DataFrame({"date": rows["date"], "known_at": known_at, "cvd": share})


def divergence_events(perpetual: pd.DataFrame, spot: pd.DataFrame) -> pd.DataFrame:
    """Return ``cvd_divergence``, spot minus perpetual CVD of the same window, -2 to 2.

    Positive when spot buys what the perpetual sells. Known once both are.
    """
    both = perpetual.merge(spot, on="date", suffixes=("", "_spot"))
    known_at = both["known_at"].where(
        both["known_at"] >= both["known_at_spot"], both["known_at_spot"]
    )
    return pd.DataFrame(
        {
            "date": both["date"],
            "known_at": known_at,
            "cvd_divergence": both["cvd_spot"] - both["cvd"],
        }
    )

"""The indicator columns of a candle frame, computed once and shared by every sub-strategy.

Column names are Freqtrade's and the field's own; warm-up is NaN and stays NaN.
"""

import pandas as pd
import talib

from regimekit.indicators.divergence import divergence
from regimekit.indicators.levels import resistance, reversal_candle, signed_body, support
from regimekit.indicators.volume import obv_flow, volume_ratio
from regimekit.settings import IndicatorSettings

DEFAULTS = IndicatorSettings()


def indicator_columns(candles: pd.DataFrame, periods: IndicatorSettings = DEFAULTS) -> pd.DataFrame:
    """Compute what the regime and the sub-strategies read.

    Parameters
    ----------
    candles : DataFrame
        ``open``, ``high``, ``low``, ``close`` in price units, ``volume`` in base units, one row a
        candle, ascending and without gaps.

    Returns
    -------
    DataFrame, shape (n_bars, 21)
        Indexed like `candles`; each column causal. ``atr``, EMAs, ``support``/``resistance`` in
        price units; ``adx`` and RSIs 0..100; ``atr_rank`` 0 where ATR as a share of price is the
        lowest of its window, 1 where it is the highest; ``bb_percent`` 0 at the lower and 1 at the
        upper Bollinger band; the rest unit-free.
    """
    open_, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    volume = candles["volume"]
    atr = talib.ATR(high, low, close, timeperiod=periods.atr)
    rsi = talib.RSI(close, timeperiod=periods.rsi)
    _, _, histogram = talib.MACD(
        close,
        fastperiod=periods.macd_fast,
        slowperiod=periods.macd_slow,
        signalperiod=periods.macd_signal,
    )
    deviations = periods.bollinger_deviations
    upper, _, lower = talib.BBANDS(
        close, timeperiod=periods.bollinger, nbdevup=deviations, nbdevdn=deviations
    )
    width = upper - lower
    swings = {"wing": periods.pivot_wing, "fresh": periods.divergence_bars}
    ceiling = resistance(high, bars=periods.breakout_range)
    floor = support(low, bars=periods.breakout_range)
    return pd.DataFrame(
        {
            "atr": atr,
            "atr_ratio": atr / talib.SMA(atr, timeperiod=periods.atr_average),
            "atr_rank": _rank(atr / close, periods.atr_rank),
            "adx": talib.ADX(high, low, close, timeperiod=periods.adx),
            "ema_fast": talib.EMA(close, timeperiod=periods.ema_fast),
            "ema_mid": talib.EMA(close, timeperiod=periods.ema_mid),
            "ema_slow": talib.EMA(close, timeperiod=periods.ema_slow),
            "rsi_fast": talib.RSI(close, timeperiod=periods.rsi_fast),
            "rsi": rsi,
            "macd_hist": histogram,
            "bb_percent": ((close - lower) / width.where(width > 0)),
            "volume_ratio": volume_ratio(volume, bars=periods.volume),
            "obv_flow": obv_flow(close, volume, bars=periods.volume),
            "resistance": ceiling,
            "support": floor,
            "break_up": close / ceiling - 1.0,
            "break_down": floor / close - 1.0,
            "body": signed_body(open_, high, low, close),
            "reversal": reversal_candle(open_, high, low, close),
            "rsi_divergence": divergence(high, low, rsi, **swings),
            "obv_divergence": divergence(high, low, talib.OBV(close, volume), **swings),
        },
        index=candles.index,
    )


def _rank(values: pd.Series, bars: int) -> pd.Series:
    """Rank each value among the last `bars`, itself included, from 0 to 1."""
    return (values.rolling(bars).rank() - 1.0) / (bars - 1.0)


def trend_columns(candles: pd.DataFrame, periods: IndicatorSettings = DEFAULTS) -> pd.DataFrame:
    """Compute trend direction and strength of a higher timeframe.

    Returns
    -------
    DataFrame, shape (n_bars, 2)
        ``trend``: +1 when EMA20 > EMA50 and close > EMA50, -1 for the mirror image, else 0; NaN
        while warming up. ``adx``: 0..100.
    """
    high, low, close = candles["high"], candles["low"], candles["close"]
    fast = talib.EMA(close, timeperiod=periods.trend_ema_fast)
    slow = talib.EMA(close, timeperiod=periods.trend_ema_slow)
    up = ((fast > slow) & (close > slow)).astype(float)
    down = ((fast < slow) & (close < slow)).astype(float)
    return pd.DataFrame(
        {
            "trend": (up - down).where(slow.notna()),
            "adx": talib.ADX(high, low, close, timeperiod=periods.adx),
        },
        index=candles.index,
    )

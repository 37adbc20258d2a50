"""The indicator columns of a candle frame, computed once and shared by every sub-strategy.

Column names are Freqtrade's and the field's own; warm-up is NaN and stays NaN.
"""

from dataclasses import dataclass

import pandas as pd
import talib

from regimekit.indicators.divergence import divergence
from regimekit.indicators.levels import resistance, reversal_candle, signed_body, support
from regimekit.indicators.volume import obv_flow, volume_ratio


@dataclass(frozen=True, slots=True)
class IndicatorPeriods:
    """Look-backs in bars. Fixed by design: they decide what is measured, not how to trade it."""

    atr: int = 14
    atr_average: int = 20
    adx: int = 14
    ema: tuple[int, int, int] = (5, 13, 21)
    rsi_fast: int = 8
    rsi: int = 14
    macd: tuple[int, int, int] = (5, 13, 5)
    bollinger: int = 10
    bollinger_deviations: float = 2.0
    volume: int = 20
    breakout_range: int = 50
    pivot_wing: int = 3
    trend_ema: tuple[int, int] = (20, 50)


PERIODS = IndicatorPeriods()


def indicator_columns(candles: pd.DataFrame, periods: IndicatorPeriods = PERIODS) -> pd.DataFrame:
    """Compute what the regime and the sub-strategies read.

    Parameters
    ----------
    candles : DataFrame
        ``open``, ``high``, ``low``, ``close`` in price units, ``volume`` in base units, one row a
        candle, ascending and without gaps.

    Returns
    -------
    DataFrame, shape (n_bars, 20)
        Indexed like `candles`; each column causal. ``atr``, EMAs, ``support``/``resistance`` in
        price units; ``adx`` and RSIs 0..100; ``bb_percent`` 0 at the lower and 1 at the upper
        Bollinger band; the rest unit-free.
    """
    open_, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    volume = candles["volume"]
    atr = talib.ATR(high, low, close, timeperiod=periods.atr)
    rsi = talib.RSI(close, timeperiod=periods.rsi)
    fast, slow, signal = periods.macd
    _, _, histogram = talib.MACD(close, fastperiod=fast, slowperiod=slow, signalperiod=signal)
    deviations = periods.bollinger_deviations
    upper, _, lower = talib.BBANDS(
        close, timeperiod=periods.bollinger, nbdevup=deviations, nbdevdn=deviations
    )
    width = upper - lower
    wing = periods.pivot_wing
    ceiling = resistance(high, bars=periods.breakout_range)
    floor = support(low, bars=periods.breakout_range)
    return pd.DataFrame(
        {
            "atr": atr,
            "atr_ratio": atr / talib.SMA(atr, timeperiod=periods.atr_average),
            "adx": talib.ADX(high, low, close, timeperiod=periods.adx),
            "ema_fast": talib.EMA(close, timeperiod=periods.ema[0]),
            "ema_mid": talib.EMA(close, timeperiod=periods.ema[1]),
            "ema_slow": talib.EMA(close, timeperiod=periods.ema[2]),
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
            "rsi_divergence": divergence(high, low, rsi, wing=wing),
            "obv_divergence": divergence(high, low, talib.OBV(close, volume), wing=wing),
        },
        index=candles.index,
    )


def trend_columns(candles: pd.DataFrame, periods: IndicatorPeriods = PERIODS) -> pd.DataFrame:
    """Compute trend direction and strength of a higher timeframe.

    Returns
    -------
    DataFrame, shape (n_bars, 2)
        ``trend``: +1 when EMA20 > EMA50 and close > EMA50, -1 for the mirror image, else 0; NaN
        while warming up. ``adx``: 0..100.
    """
    high, low, close = candles["high"], candles["low"], candles["close"]
    fast = talib.EMA(close, timeperiod=periods.trend_ema[0])
    slow = talib.EMA(close, timeperiod=periods.trend_ema[1])
    up = ((fast > slow) & (close > slow)).astype(float)
    down = ((fast < slow) & (close < slow)).astype(float)
    return pd.DataFrame(
        {
            "trend": (up - down).where(slow.notna()),
            "adx": talib.ADX(high, low, close, timeperiod=periods.adx),
        },
        index=candles.index,
    )

"""Where price stands against its own recent range, and what its last candle looks like."""

import numpy as np
import pandas as pd


def resistance(high: pd.Series, *, bars: int = 50) -> pd.Series:
    """Return the highest high of the `bars` candles before this one, in price units."""
    return high.rolling(bars).max().shift(1)


def support(low: pd.Series, *, bars: int = 50) -> pd.Series:
    """Return the lowest low of the `bars` candles before this one, in price units."""
    return low.rolling(bars).min().shift(1)


def signed_body(open_: pd.Series, high: pd.Series, low: pd.Series, close: pd.Series) -> pd.Series:
    """Return the candle's body as a signed share of its range, -1 to 1; 0 for a flat candle."""
    reach = (high - low).to_numpy()
    body = (close - open_).to_numpy()
    share = np.divide(body, reach, out=np.zeros(len(body)), where=reach > 0)
    return pd.Series(share, index=close.index)


def reversal_candle(
    open_: pd.Series, high: pd.Series, low: pd.Series, close: pd.Series
) -> pd.Series:
    """Mark candles that turn against the one before: +1 bullish, -1 bearish, else 0.

    Bullish is an engulfing candle (opens at or below the close of a falling candle, closes above
    its open) or a pin bar (lower wick at least half of the range, close in the upper third).
    Bearish is the mirror image. A candle that is both is 0. NaN on the first candle.
    """
    o, h, lo, c = (series.to_numpy(dtype=float) for series in (open_, high, low, close))
    previous_open, previous_close = np.roll(o, 1), np.roll(c, 1)
    reach = h - lo
    bullish = (previous_close < previous_open) & (o <= previous_close) & (c > previous_open)
    bearish = (previous_close > previous_open) & (o >= previous_close) & (c < previous_open)
    bullish |= (reach > 0) & (2 * (np.minimum(o, c) - lo) >= reach) & (3 * (h - c) <= reach)
    bearish |= (reach > 0) & (2 * (h - np.maximum(o, c)) >= reach) & (3 * (c - lo) <= reach)
    mark = bullish.astype(float) - bearish.astype(float)
    mark[:1] = np.nan
    return pd.Series(mark, index=close.index)

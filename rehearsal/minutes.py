"""What may have happened within a candle, minute by minute, where only the candle is known.

A bot that trades sees prices between the open and the close of a candle; recorded candles of 15
minutes do not have them. A rehearsal needs some path, and live bot and backtest must see the same.
This one is made up, but every candle that is built from it is the recorded one:

- for the first minutes the price holds the open: under a clock that runs 100 times as fast, the
  second that an analysis takes is two minutes of market;
- then it goes to the nearer extreme of the close's far side, to the other extreme, to the close:
  a rising candle visits its low first, a falling one its high;
- between its turns it keeps to the price's decimals; volume is spread evenly.

Every turning point is the end of a minute, where the replay exchange shows it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replay.filters import MOST_PRICE_DECIMALS, fewest_decimals

MINUTES = 15
LONGEST_HOLD = 9  # minutes at the open; six are left for three legs


def minutes_of(candles: pd.DataFrame, hold: int = 5) -> pd.DataFrame:
    """Return candles of 1 minute that make up `candles` of 15 minutes exactly.

    Parameters
    ----------
    candles : DataFrame
        ``date, open, high, low, close, volume``, prices in quote currency.
    hold : int
        Minutes at the open, up to `LONGEST_HOLD`.

    Returns
    -------
    DataFrame
        The same columns, 15 rows for each.
    """
    if not 0 <= hold <= LONGEST_HOLD:
        raise ValueError(f"hold is {hold}, expected 0 to {LONGEST_HOLD} minutes")
    price = {name: candles[name].to_numpy(np.float64) for name in ("open", "high", "low", "close")}
    ends = _ends(**price, hold=hold)
    begins = np.column_stack([price["open"], ends[:, :-1]])
    opens = candles["date"].dt.tz_localize(None).to_numpy()
    stamps = opens[:, None] + np.arange(MINUTES) * np.timedelta64(1, "m")
    dates = pd.DatetimeIndex(stamps.ravel()).tz_localize("UTC")
    return pd.DataFrame(
        {
            "date": dates.as_unit("ms"),
            "open": begins.ravel(),
            "high": np.maximum(begins, ends).ravel(),
            "low": np.minimum(begins, ends).ravel(),
            "close": ends.ravel(),
            "volume": np.repeat(candles["volume"].to_numpy(np.float64) / MINUTES, MINUTES),
        }
    )


def _ends(
    open: NDArray[np.float64],  # noqa: A002 - the field's word
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    hold: int,
) -> NDArray[np.float64]:
    """Return the price at the end of each minute, one row per candle."""
    rising = close >= open
    corners = np.column_stack(
        [open, np.where(rising, low, high), np.where(rising, high, low), close]
    )
    ends = np.repeat(open[:, None], MINUTES, axis=1)
    left = MINUTES - hold
    turns = (hold + left // 3, hold + 2 * left // 3, MINUTES)
    begin = hold
    for leg, end in enumerate(turns):
        share = np.arange(1, end - begin + 1) / (end - begin)
        start, stop = corners[:, leg, None], corners[:, leg + 1, None]
        ends[:, begin:end] = start + (stop - start) * share
        ends[:, end - 1] = corners[:, leg + 1]  # not a rounding away from it
        begin = end
    decimals = fewest_decimals(np.concatenate([open, high, low, close]), MOST_PRICE_DECIMALS)
    return np.clip(np.round(ends, decimals), low[:, None], high[:, None])

"""The one place where slower data meets candles.

A row may be used at a candle only if it was known when that candle closed, and only until it is
too old. What is not known is missing; nothing here fills it with a neutral number.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.schema import Availability


def join_known(
    closes_at: pd.Series,
    events: pd.DataFrame,
    *,
    values: Sequence[str],
    max_age: timedelta,
) -> pd.DataFrame:
    """Give each candle the newest row of `events` that was known at its close.

    Parameters
    ----------
    closes_at : Series of datetime64[UTC], shape (n_bars,)
        The instant at which each candle closes, ascending. Any time unit.
    events : DataFrame
        Rows with ``known_at`` (datetime64[UTC], the instant from which a live bot could have used
        the row) and the columns `values`. Any order; of equal stamps the last row wins. A row
        without a stamp is never known.
    values : sequence of str
        Columns to bring over.
    max_age : timedelta
        Age of ``known_at`` at the close beyond which a row is stale.

    Returns
    -------
    DataFrame, shape (n_bars, len(values) + 2)
        Indexed like `closes_at`: `values` as float, NaN unless usable; ``age_hours`` of the row,
        NaN before the first; ``state``, an `Availability` code. OUTAGE means that nothing was
        known or that a value itself is missing, STALE that the newest row is too old.
    """
    bars = _nanoseconds(closes_at)
    events = events[events["known_at"].notna()]  # as an integer NaT would precede everything
    known = _nanoseconds(events["known_at"]) if len(events) else np.empty(0, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    known = known[order]
    row = np.searchsorted(known, bars, side="right") - 1
    seen = row >= 0
    age = np.full(len(bars), np.nan)
    age[seen] = (bars[seen] - known[row[seen]]) / 3.6e12
    state = np.full(len(bars), int(Availability.OUTAGE), dtype=np.int8)
    state[seen] = int(Availability.OK)
    state[seen & (age > max_age.total_seconds() / 3600)] = int(Availability.STALE)
    joined: dict[str, NDArray[np.generic]] = {}
    for name in values:
        column = np.full(len(bars), np.nan)
        if len(events):
            source = events[name].to_numpy(dtype=np.float64, na_value=np.nan)[order]
            column[seen] = source[row[seen]]
        joined[name] = column
        state[~np.isfinite(column) & (state == int(Availability.OK))] = int(Availability.OUTAGE)
    unusable = state != int(Availability.OK)
    for column in joined.values():
        column[unusable] = np.nan
    return pd.DataFrame({**joined, "age_hours": age, "state": state}, index=closes_at.index)


def candle_events(candles: pd.DataFrame, timeframe: timedelta) -> pd.DataFrame:
    """Date candles by their close, the first instant at which they are complete."""
    return candles.assign(known_at=candles["date"] + timeframe)


def _nanoseconds(stamps: pd.Series) -> NDArray[np.int64]:
    """Return UTC nanoseconds; Freqtrade hands over ms stamps from disk and us stamps live."""
    instants = pd.to_datetime(stamps, utc=True).dt.as_unit("ns")
    return np.asarray(instants.astype("int64"), dtype=np.int64)

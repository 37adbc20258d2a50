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
    optional: Sequence[str] = (),
) -> pd.DataFrame:
    """Give each candle the newest row of `events` that was known at its close.

    The cost is that of sorting the rows and one search per candle, whatever the gaps. Nothing is
    matched by equality, so stamps may lie off the grid and be of any time unit.

    Parameters
    ----------
    closes_at : Series of datetime64[UTC], shape (n_bars,)
        The instant at which each candle closes, ascending. Any time unit.
    events : DataFrame
        Rows with ``known_at`` (datetime64[UTC], the instant from which a live bot could have used
        the row) and the columns `values`. Any order; of equal stamps the last row wins. A row
        without a stamp is never known. Where rows have a ``date``, one that comes late does not
        replace a younger one. A provider's ``quality`` is not asked: what it could not vouch for
        is NaN already.
    values : sequence of str
        Columns to bring over.
    max_age : timedelta
        Age of ``known_at`` at the close beyond which a row is stale.
    optional : sequence of str
        Further columns, which may be missing in a row that is otherwise fine.

    Returns
    -------
    DataFrame, shape (n_bars, len(values) + len(optional) + 2)
        Indexed like `closes_at`: `values` and `optional` as float, NaN unless usable;
        ``age_hours`` of the row, NaN before the first; ``state``, an `Availability` code. OUTAGE
        means that nothing was known or that one of `values` is missing, STALE that the newest row
        is too old.

    Raises
    ------
    ValueError
        Stamps without a time zone; they could mean anything.
    """
    bars = utc_nanoseconds(closes_at)
    events = _as_they_came(events)
    known = utc_nanoseconds(events["known_at"])
    row = np.searchsorted(known, bars, side="right") - 1
    seen = row >= 0
    age = np.full(len(bars), np.nan)
    age[seen] = (bars[seen] - known[row[seen]]) / 3.6e12
    state = np.full(len(bars), int(Availability.OUTAGE), dtype=np.int8)
    state[seen] = int(Availability.OK)
    state[seen & (age > max_age.total_seconds() / 3600)] = int(Availability.STALE)
    joined: dict[str, NDArray[np.generic]] = {}
    for name in [*values, *optional]:
        column = np.full(len(bars), np.nan)
        source = events[name].to_numpy(dtype=np.float64, na_value=np.nan)
        column[seen] = source[row[seen]]
        column[~np.isfinite(column)] = np.nan
        joined[name] = column
        if name in values:
            state[np.isnan(column) & (state == int(Availability.OK))] = int(Availability.OUTAGE)
    unusable = state != int(Availability.OK)
    for column in joined.values():
        column[unusable] = np.nan
    return pd.DataFrame({**joined, "age_hours": age, "state": state}, index=closes_at.index)


def candle_events(candles: pd.DataFrame, timeframe: timedelta) -> pd.DataFrame:
    """Date candles by their close, the first instant at which they are complete."""
    return candles.assign(known_at=candles["date"] + timeframe)


def utc_nanoseconds(stamps: pd.Series) -> NDArray[np.int64]:
    """Return UTC nanoseconds; Freqtrade hands over ms stamps from disk and us stamps live.

    Raises
    ------
    ValueError
        The stamps have no time zone.
    """
    if not len(stamps):
        return np.empty(0, dtype=np.int64)
    if isinstance(stamps.dtype, np.dtype) and stamps.dtype.kind == "M":
        raise ValueError(f"{stamps.name} has no time zone; use .dt.tz_localize('UTC') if it is UTC")
    instants = pd.to_datetime(stamps, utc=True).dt.as_unit("ns")
    return np.asarray(instants.astype("int64"), dtype=np.int64)


def _as_they_came(events: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order they became known, without those that then were old news."""
    stamps = events.columns.intersection(["known_at", "date"])
    events = events[events[stamps].notna().all(axis=1)]  # as an integer NaT would precede all
    known = utc_nanoseconds(events["known_at"])
    if "date" not in events:
        return events.iloc[np.argsort(known, kind="stable")]
    date = utc_nanoseconds(events["date"])
    order = np.lexsort((date, known))
    return events.iloc[order[date[order] >= np.maximum.accumulate(date[order])]]

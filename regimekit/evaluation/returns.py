"""The wallet's return of each day, from closed trades alone; spans of time can be kept out of it.

A day runs from 00:00 to 00:00 UTC. A trade counts on the day on which it closed, with all that it
made; a day without one returned nothing. A closed span is one that nothing may be learned from: it
counts in whole days, its days are left out, and so is every trade that was open during it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Instants = pd.Series | pd.DatetimeIndex
Span = tuple[pd.Timestamp, pd.Timestamp]  # first and last instant, UTC

DAY = pd.Timedelta(days=1)


def days_between(start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the days from `start` to `end`, UTC; one that only begins at `end` is not among them.

    Raises
    ------
    ValueError
        `end` is before `start`.
    """
    if end < start:
        raise ValueError(f"end must not be before start, was {end} with start={start}")
    days = max(-((start.floor("D") - end) // DAY), 1)
    return pd.date_range(start.floor("D"), periods=days, freq="D")


def counted_days(
    start: pd.Timestamp, end: pd.Timestamp, closed: Sequence[Span] = ()
) -> pd.DatetimeIndex:
    """Return the days that `daily_returns` has a return of: all that no closed span touches."""
    days = days_between(start, end)
    inside = np.zeros(len(days), dtype=bool)
    for first, last in _whole_days(closed):
        inside |= (days >= first) & (days < last)
    return days[~inside]


def counted(opened_at: Instants, closed_at: Instants, closed: Sequence[Span]) -> NDArray[np.bool_]:
    """Mark the trades that were at no instant of their life in or at the edge of a closed span.

    Parameters
    ----------
    opened_at, closed_at : Series or DatetimeIndex, shape (n_trades,)
        UTC.
    closed : sequence of (first, last)
        Widened to whole days. A trade that opened in the instant in which a span ends was decided
        on the span's last candle, and does not count.

    Returns
    -------
    array of bool, shape (n_trades,)
    """
    opened, ended = _utc(opened_at), _utc(closed_at)
    clear = np.ones(len(opened), dtype=bool)
    for first, last in _whole_days(closed):
        clear &= (opened > last) | (ended < first)
    return clear


def daily_returns(
    closed_at: Instants,
    profit_abs: ArrayLike,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    balance: float,
    closed: Sequence[Span] = (),
) -> Array:
    """Return profit of the trades closed on each day over the wallet before that day.

    Parameters
    ----------
    closed_at : Series or DatetimeIndex, shape (n_trades,)
        UTC, in any order. Of trades that count: see `counted`.
    profit_abs : array of float, shape (n_trades,)
        After all costs, stake currency.
    start, end : Timestamp
        First and last instant, UTC. What closes at `end`, or later within the candle that begins
        there, belongs to the last day.
    balance : float
        Wallet at `start`, stake currency, > 0. Only the trades given change it.
    closed : sequence of (first, last)
        Widened to whole days, which are left out.

    Returns
    -------
    array of float, shape (n_days,)
        Fractions >= -1, for the days of `counted_days`; 0 without a trade, and with nothing left.

    Raises
    ------
    ValueError
        A trade closed outside of the time or in a closed span, or `balance` is not positive.
    """
    if not balance > 0:
        raise ValueError(f"balance must be above 0, was {balance}")
    days = counted_days(start, end, closed)
    profit = np.zeros(len(days))
    np.add.at(profit, _places(_utc(closed_at), start, end, days), profit_abs)
    wallet = np.maximum(balance + np.cumsum(profit), 0.0)
    before = np.concatenate([[balance], wallet[:-1]])[: len(days)]
    change = np.divide(profit, before, out=np.zeros(len(days)), where=before > 0)
    return np.asarray(np.maximum(change, -1.0))


def _places(
    closed_at: pd.DatetimeIndex, start: pd.Timestamp, end: pd.Timestamp, days: pd.DatetimeIndex
) -> NDArray[np.intp]:
    every = days_between(start, end)
    on = closed_at.floor("D")
    outside = (on < every[0]) | (on > max(every[-1], end.floor("D")))
    if outside.any():
        raise ValueError(f"a trade closed at {closed_at[outside][0]}, outside of {start} to {end}")
    places = days.get_indexer(on.where(on <= every[-1], every[-1]))
    if (places < 0).any():
        raise ValueError(
            f"a trade closed at {closed_at[places < 0][0]}, in a closed span; "
            "leave out those that `counted` does not mark"
        )
    return places


def _utc(instants: Instants) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(instants, utc=True))  # an empty column has no time zone


def _whole_days(spans: Sequence[Span]) -> list[Span]:
    return [(first.floor("D"), last.ceil("D")) for first, last in spans]

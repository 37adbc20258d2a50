"""Candles as Binance writes them: twelve slots by position, over REST and in the archive.

A dataset names the slots it wants. ``date`` is the open of the candle and ``known_at`` its close;
the running candle is left out. Stamps are milliseconds, in the spot archive since 2025
microseconds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from providers.contract import Checked, Client, Dataset, Page, Span
from providers.errors import BadAnswerError
from providers.families.windows import milliseconds
from providers.rows.finished import vouch_finished
from providers.rows.parsing import json_of

SLOTS = 12
OPEN_TIME, CLOSE_TIME = 0, 6
FIRST = pd.Timestamp("2017-08-17", tz="UTC")  # Binance's first candle

_MILLISECOND = timedelta(milliseconds=1)
_MICROSECONDS = 1e13  # a larger stamp counts microseconds: as milliseconds it would be 2286
_LATEST = 4e12  # milliseconds; beyond, a stamp is no instant

_INTERVALS = {
    **{timedelta(minutes=n): f"{n}m" for n in (1, 3, 5, 15, 30)},
    **{timedelta(hours=n): f"{n}h" for n in (1, 2, 4, 6, 8, 12)},
    timedelta(days=1): "1d",
}


def interval_name(step: timedelta) -> str:
    """Return Binance's name of a candle length; ValueError lists those it has."""
    if step not in _INTERVALS:
        known = ", ".join(_INTERVALS.values())
        raise ValueError(f"step is {step}, expected the length of a Binance candle: {known}")
    return _INTERVALS[step]


def step_of(interval: str) -> timedelta:
    """Return the length of the candles that Binance calls `interval`; ValueError lists them."""
    for step, name in _INTERVALS.items():
        if name == interval:
            return step
    known = ", ".join(_INTERVALS.values())
    raise ValueError(f"timeframe is {interval!r}, expected one of {known}")


class Endpoint(NamedTuple):
    """Where candles are asked for, and what that costs."""

    path: str
    bucket: str
    limit: int
    weight: int


def _as_they_are(checked: Checked) -> Checked:
    return checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Understands candles; how to get them is up to a subclass.

    Attributes
    ----------
    slots : mapping of str to int
        Value and the slot that holds it.
    symbol : callable
        How the market spells a pair.
    amend : callable
        Rules between the values of a row, applied last.
    """

    dataset: Dataset
    slots: Mapping[str, int]
    symbol: Callable[[str], str]
    amend: Callable[[Checked], Checked] = field(default=_as_they_are)

    @property
    def step(self) -> timedelta:
        """Return the length of a candle."""
        if self.dataset.step is None:
            raise ValueError(f"{self.dataset.name} has no step, so no candle has its length")
        return self.dataset.step

    def rows(self, page: Page) -> list[list[Any]]:
        """Return the slots of the candles on a JSON page."""
        rows = json_of(page)
        if not isinstance(rows, list):
            raise BadAnswerError(f"{page.name} is a {type(rows).__name__}, expected candles")
        for row in rows:
            if not isinstance(row, list) or len(row) < SLOTS:
                raise BadAnswerError(
                    f"{page.name} holds {row!r:.80}, expected a candle of {SLOTS} slots"
                )
        return rows

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per candle."""
        rows = self.rows(page)
        opened, closed = stamps(rows, OPEN_TIME), stamps(rows, CLOSE_TIME) + _MILLISECOND
        if len(rows) and not (closed - opened == self.step).any():
            raise BadAnswerError(
                f"{page.name} holds candles of {(closed - opened).median()}, "
                f"expected {interval_name(self.step)}"
            )
        known_at = closed.where(closed > opened + self.step, opened + self.step)
        values = {name: column(rows, slot) for name, slot in self.slots.items()}
        return pd.DataFrame({"date": opened, **values, "known_at": known_at})

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Leave out the running candle, apply the general rules, then `amend`."""
        return self.amend(vouch_finished(frame, self.dataset, page))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestCandles(Candles):
    """Candles over REST: ascending, the first ones at or after ``startTime``."""

    client: Client
    base: str
    endpoint: Endpoint
    source: str

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between Binance's first candle and `now`."""
        return span.overlap(Span(FIRST, max(FIRST, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield candles that open within `span`; the first page jumps to the listing."""
        cursor, end = milliseconds(span.start), milliseconds(span.end)
        while cursor < end:
            page = self._page(pair, cursor, end)
            yield page
            opened = stamps(self.rows(page), OPEN_TIME).dropna()
            if opened.empty:  # nothing opens from here to the end
                return
            first, last = (pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (cursor, end))
            # A stray stamp beyond the end must not make us skip what lies before it
            asked_for = opened[(opened + self.step > first) & (opened < last)]
            if asked_for.empty:
                raise BadAnswerError(
                    f"{page.name} ends with the candle of {opened.max()}, none of them within "
                    "what was asked for"
                )
            cursor = milliseconds(asked_for.max() + self.step)

    def _page(self, pair: str, start: int, end: int) -> Page:
        symbol, interval = self.symbol(pair), interval_name(self.step)
        content = self.client.get(
            f"{self.base}{self.endpoint.path}",
            bucket=self.endpoint.bucket,
            params={
                "symbol": symbol,
                "interval": interval,
                "startTime": start,
                "endTime": end - 1,  # compared with the open, inclusive
                "limit": self.endpoint.limit,
            },
            weight=self.endpoint.weight,
        )
        name = f"{self.endpoint.path}?symbol={symbol}&interval={interval}&startTime={start}"
        return Page(content, name, pair, self.client.now())


def stamps(rows: list[list[Any]], slot: int) -> "pd.Series[pd.Timestamp]":
    """Return the instants in a slot, NaT where there is none."""
    numbers = column(rows, slot)
    numbers = np.where(numbers > _MICROSECONDS, np.floor(numbers / 1000), numbers)
    numbers = np.where((numbers > 0) & (numbers < _LATEST), numbers, np.nan)
    return pd.Series(pd.to_datetime(numbers, unit="ms", utc=True)).dt.as_unit("ms")


def column(rows: list[list[Any]], slot: int) -> np.ndarray:
    """Return the numbers in a slot, NaN where there is none."""
    return np.array([_number(row[slot]) for row in rows], dtype=float)


def _number(cell: Any) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return np.nan
    if isinstance(cell, str) and "_" in cell:  # which Python reads as a number, 1_000
        return np.nan
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return np.nan

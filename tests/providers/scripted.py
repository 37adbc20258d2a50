"""Providers and a clock that do as they are told, for tests of what lies behind them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError
from providers.sources import Entry, Sources

PAIR = "BTC/USDT:USDT"
OTHER = "ETH/USDT:USDT"
START = pd.Timestamp("2026-01-01", tz="UTC")
NOW = pd.Timestamp("2026-03-01", tz="UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

DATASET = Dataset(
    name="hourly",
    values={"value": Bounds()},
    step=HOUR,
    max_age=timedelta(hours=3),
    summary="a number per hour",
)


def rows(dates, values, known_at=None, quality=0) -> pd.DataFrame:
    """Return rows of DATASET; `dates` are instants or hours since START."""
    dates = [START + day * HOUR if isinstance(day, int) else day for day in dates]
    stamps = pd.Series(pd.DatetimeIndex(dates, tz="UTC")).dt.as_unit("ms")
    known = stamps + HOUR if known_at is None else known_at
    frame = pd.DataFrame({"date": stamps, "value": [float(value) for value in values]})
    return frame.assign(known_at=known, quality=quality).astype(
        {"date": "datetime64[ms, UTC]", "known_at": "datetime64[ms, UTC]", "quality": "uint8"}
    )


def true_value(instant: pd.Timestamp) -> float:
    """Return what every honest source says about `instant`."""
    return float((instant - START) // HOUR) * 1.5 + 7


@dataclass
class Clock:
    """A client that knows only the time, and lets it pass with each look."""

    time: pd.Timestamp = NOW
    tick: timedelta = timedelta(0)

    def now(self) -> pd.Timestamp:
        self.time += self.tick
        return self.time

    def get(self, url: str, **_: object) -> bytes:
        raise AssertionError(f"asked for {url}")


@dataclass
class Scripted:
    """A page per day from `first` to `end`; `act` may raise, or damage the page of a day.

    Attributes
    ----------
    act : callable
        Is given the day; returns the content of its page, None for no page.
    """

    clock: Clock
    source: str = "honest"
    first: pd.Timestamp = START
    end: pd.Timestamp = NOW
    act: Callable[[pd.Timestamp], bytes | None] = lambda _: b"good"
    value: Callable[[pd.Timestamp], float] = true_value
    dataset: Dataset = DATASET
    asked: list[tuple[str, Span]] = field(default_factory=list)
    whole: pd.DataFrame | None = None

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        return span.overlap(Span(self.first, min(self.end, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        self.asked.append((pair, span))
        day = span.start.floor("D")
        while day < span.end:
            content = self.act(day)
            if content is not None:
                name = f"{self.source} {pair} {day:%Y-%m-%d}"
                yield Page(content, name, pair, self.clock.now())
            day += DAY

    def parse(self, page: Page) -> pd.DataFrame:
        if page.content != b"good":
            raise BadAnswerError(f"{page.name} is damaged")
        if self.whole is None:
            hours = list(pd.date_range(self.first, self.end, freq="h", inclusive="left"))
            self.whole = rows(hours, [self.value(hour) for hour in hours])
        day = pd.Timestamp(page.name[-10:], tz="UTC")
        first, last = self.whole["date"].searchsorted(pd.DatetimeIndex([day, day + DAY]))
        return self.whole[first:last].reset_index(drop=True)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        return Checked(frame, Counter(rows=len(frame)))


def sources(clock: Clock) -> Sources:
    return Sources(clock)


def entry(*providers, dataset: Dataset = DATASET, **more) -> Entry:
    return Entry(dataset, lambda _: tuple(providers), **more)

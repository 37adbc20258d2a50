"""What a provider promises: it asks with `pages`, understands with `parse`, vouches with `check`.

Only `pages` does I/O. `parse` turns the bytes of one page into rows, or raises; it is a function of
the page alone, so a recording proves it. `check` applies the dataset's rules to the rows of a page
and says in numbers what it found.

A row has

- ``date``, its label: the instant or the start of the bucket, as the dataset says;
- the values, as float64, NaN where the source had none;
- ``known_at``, the instant from which a live bot could have used it;
- ``quality``, a `Quality`: why the row is less than perfect, 0 when it is not.

Instants are datetime64[ms, UTC], as in Freqtrade's files.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntFlag, StrEnum
from typing import Protocol

import pandas as pd

MARKET = "MARKET"  # stands where a pair would, for a dataset about the market as a whole


class Quality(IntFlag):
    """Why a row is less than perfect."""

    OK = 0
    BLANK = 1  # a value is missing or is no number
    ZERO = 2  # a value is zero where there cannot be none; it became NaN
    INVALID = 4  # a value lies outside its bounds; it became NaN
    CONFLICT = 8  # the source had several rows for this label, and they differ
    OFF_GRID = 16  # the label was moved onto the grid
    AFTER_GAP = 32  # rows are missing before this one
    RELABELED = 64  # the label was moved to the instant of the snapshot
    FROZEN = 128  # the same values for longer than a living market allows


class Scope(StrEnum):
    """What a dataset is about."""

    PAIR = "pair"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time, UTC."""

    start: pd.Timestamp
    end: pd.Timestamp

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"span ends at {self.end}, before it starts at {self.start}")

    def overlap(self, other: "Span") -> "Span | None":
        """Return what both have in common, None when that is nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Page:
    """One raw answer.

    Attributes
    ----------
    content : bytes
        The body as it came; of an archive the file inside the zip.
    name : str
        What was asked for, without secrets: shown in messages, and unique within a backfill.
    pair : str
        Freqtrade's name of the pair, or `MARKET`.
    fetched_at : Timestamp
        When the answer came; a row cannot be younger.
    context : bytes or None
        A second answer that helps to understand the first, where a source needs it.
    """

    content: bytes
    name: str
    pair: str
    fetched_at: pd.Timestamp
    context: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What values a column may have; a value outside becomes NaN and is counted."""

    least: float = float("-inf")
    most: float = float("inf")
    zero_is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the rows of a dataset mean.

    Attributes
    ----------
    name : str
        Also the folder in our store and the argument on the command line.
    values : mapping of str to Bounds
        Columns and what they may hold.
    step : timedelta or None
        Distance of the labels on their grid; None for events, which come when they come.
    max_age : timedelta
        Age of ``known_at`` beyond which a row says nothing about now: the default of a join.
    scope : Scope
        About a pair or the market.
    spot : bool
        About the spot market of the pair's base and quote.
    texts : tuple of str
        Columns of words beside the values: a headline, for example.
    longest : timedelta or None
        Between events that follow one another; a longer silence is a gap. None where events come
        when they come.
    keys : tuple of str
        Columns that tell apart rows with the same ``date``; events may share an instant.
    tolerance : float
        How far apart the same value may be in two sources, because one prints fewer decimals.
    summary : str
        One line for ``--help`` and tables: what it is, unit and clock.
    """

    name: str
    values: dict[str, Bounds]
    step: timedelta | None
    max_age: timedelta
    summary: str
    scope: Scope = Scope.PAIR
    spot: bool = False
    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    longest: timedelta | None = None
    tolerance: float = 0.0

    @property
    def timeframe(self) -> str:
        """Return the step as Freqtrade writes timeframes, ``events`` without one."""
        if self.step is None:
            return "events"
        minutes = int(self.step / timedelta(minutes=1))
        for unit, length in (("d", 1440), ("h", 60)):
            if minutes % length == 0:
                return f"{minutes // length}{unit}"
        return f"{minutes}m"


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows that a provider vouches for, ascending by unique ``date``, and what was found.

    `found` counts rows: ``rows`` that came, and of those ``duplicates``, ``conflicts``,
    ``disordered``, ``off_grid``, ``dropped``, ``blanks``, ``zeros``, ``invalid``, ``future``,
    ``gaps`` (missing labels), ``frozen``, ``relabeled``, ``unfinished`` (still growing when they
    came, and left out). A count of zero is left out.
    """

    frame: pd.DataFrame
    found: Counter[str] = field(default_factory=Counter)


class Client(Protocol):
    """How a provider asks: `providers.transport.http.HttpClient` in life, a recording in tests."""

    def get(
        self,
        url: str,
        *,
        bucket: str,
        params: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        weight: int = 1,
    ) -> bytes:
        """Return the body of a 200; raise a `SourceError` that says what else came.

        `bucket` names the limit that the call draws `weight` from, see
        `providers.transport.limits`.
        """
        ...

    def now(self) -> pd.Timestamp:
        """Return the time, UTC."""
        ...


class Provider(Protocol):
    """One dataset from one source."""

    @property
    def dataset(self) -> Dataset:
        """Return what the rows mean."""
        ...

    @property
    def source(self) -> str:
        """Return the name of the source, for example ``binance-archive``."""
        ...

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return the part of `span` that the source can be asked for at `now`."""
        ...

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield raw pages, oldest first, until `span` is covered.

        Raises
        ------
        SourceError
            The source gave no answer; what was yielded before stands.
        """
        ...

    def parse(self, page: Page) -> pd.DataFrame:
        """Return the rows of a page: ``date``, the values, ``known_at``.

        Raises
        ------
        BadAnswerError
            The page is not what the source documents; the message names page and key.
        """
        ...

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Return the rows that can be vouched for, with ``quality``; see `providers.rows.quality`.

        Raises
        ------
        BadAnswerError
            The page as a whole cannot be trusted.
        """
        ...

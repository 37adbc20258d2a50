"""Binance's ``/futures/data`` family: five minute snapshots of the last thirty days.

A row's ``timestamp`` is the instant of the snapshot. It is published seconds to minutes later and
counts as known five minutes after, one whole period. That the newest row is not there yet is no
error.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from providers.contract import Checked, Dataset, Page, Span
from providers.errors import BadAnswerError, BadRequestError
from providers.families.windows import milliseconds, windows
from providers.rows.parsing import instants, json_of, numbers
from providers.rows.quality import vouch
from providers.sources import Sources
from providers.symbols import binance_symbol

PERIOD = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=5)
LIMIT = 500
KEPT = timedelta(days=29.5)  # thirty are promised; an older start is an error, not an empty page
TOO_OLD = -1130

Ask = Callable[[str], dict[str, str]]


def by_symbol(symbol: str) -> dict[str, str]:
    """Return how most endpoints name a contract, in the question and in each row."""
    return {"symbol": symbol}


@dataclass(frozen=True, slots=True)
class Part:
    """An endpoint, and which of our values is which key of its rows."""

    endpoint: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RestSnapshots:
    """A dataset from one endpoint of the family, or from several merged on their timestamps.

    Attributes
    ----------
    parts : tuple of Part
        A page of several holds one JSON array under the name of each endpoint.
    ask : callable
        What names the contract; every row must repeat it.
    """

    sources: Sources
    dataset: Dataset
    parts: tuple[Part, ...]
    ask: Ask = by_symbol
    source: str = "binance-futures"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies within the last 29.5 days."""
        return span.overlap(Span(now - KEPT, now))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield windows of 500 snapshots; an empty one is a gap, not the end."""
        oldest = self.sources.client.now() - KEPT
        if span.end <= oldest:
            return
        start = max(span.start, oldest).ceil(PERIOD)
        for window in windows(Span(start, max(start, span.end)), LIMIT * PERIOD):
            yield self._page(pair, window)

    def requests(self, span: Span) -> int:
        """Return how many requests `span` takes."""
        return len(self.parts) * -(-(span.end - span.start) // (LIMIT * PERIOD))

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per snapshot."""
        answer = json_of(page)
        if len(self.parts) == 1:
            answer = {self.parts[0].endpoint: answer}
        if not isinstance(answer, dict):
            raise BadAnswerError(f"{page.name} is a {type(answer).__name__}, expected an object")
        frames = [self._part(part, answer.get(part.endpoint), page) for part in self.parts]
        frame = frames[0] if len(frames) == 1 else _merged(frames)
        return frame.assign(known_at=(frame["date"] + PUBLISHED_AFTER).dt.as_unit("ms"))

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules."""
        return vouch(frame, self.dataset, page)

    def _page(self, pair: str, window: Span) -> Page:
        symbol = binance_symbol(pair)
        answers = {part.endpoint: self._get(part.endpoint, symbol, window) for part in self.parts}
        names = "+".join(answers)
        name = f"/futures/data/{names}?{symbol} from {window.start.isoformat()}"
        content = answers.popitem()[1] if len(answers) == 1 else _object(answers)
        return Page(content, name, pair, self.sources.client.now())

    def _get(self, endpoint: str, symbol: str, window: Span) -> bytes:
        params: dict[str, str | int] = {
            **self.ask(symbol),
            "period": "5m",
            "limit": LIMIT,
            "startTime": milliseconds(window.start),
            "endTime": milliseconds(window.end) - 1,  # inclusive
        }
        url = f"{self.sources.endpoints.binance_futures}/futures/data/{endpoint}"
        try:
            return self.sources.client.get(url, bucket="binance-data", params=params)
        except BadRequestError as error:
            if error.code != TOO_OLD:
                raise
            raise BadRequestError(
                f"Binance refused {endpoint} of {symbol} from {window.start} on ({TOO_OLD}): it "
                "keeps about thirty days; compare the clock of this machine with Binance's, and "
                "fetch older days from the archive",
                code=error.code,
            ) from error

    def _part(self, part: Part, rows: Any, page: Page) -> pd.DataFrame:
        named = f"{page.name}, {part.endpoint}"
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswerError(f"{named} is no list of rows but {rows!r:.80}")
        for row in rows:
            for key, value in self.ask(binance_symbol(page.pair)).items():
                if row.get(key) != value:
                    raise BadAnswerError(
                        f"{named} has a row whose {key} is {row.get(key)!r:.40}, expected {value}"
                    )
        values = {ours: numbers(rows, theirs, page) for ours, theirs in part.columns.items()}
        return pd.DataFrame(
            {"date": instants(numbers(rows, "timestamp", page), "ms", page), **values}
        )


def _object(answers: dict[str, bytes]) -> bytes:
    """Return JSON texts as one object, as they came: whether they are JSON `parse` will see."""
    return b"{" + b",".join(b'"%s":%s' % (key.encode(), it) for key, it in answers.items()) + b"}"


def _merged(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Merge on the timestamp; the n-th row of a label goes with the n-th of the others."""
    indexed = [
        frame.assign(nth=frame.groupby("date").cumcount()).set_index(["date", "nth"])
        for frame in (frame.dropna(subset="date") for frame in frames)
    ]
    merged = pd.concat(indexed, axis=1).sort_index()
    if (merged.index.get_level_values("nth") > 0).any():
        merged = merged.groupby(level="date").ffill()  # one part repeats a label, others do not
    return merged.reset_index().drop(columns="nth")

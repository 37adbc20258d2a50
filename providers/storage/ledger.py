"""What a backfill has already asked for: the spans that each source has answered.

The ledger is written after the rows it speaks of, so it never promises more than is stored. It is
believed only while the file beside it still has as many rows as when it was written.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pandas as pd

from providers.contract import Span
from providers.storage.history import History
from providers.storage.spans import union, without
from providers.storage.store import replace_file

OVERLAP = timedelta(days=1)  # asked again before what is missing, to compare with what is stored
SETTLED = timedelta(days=10)  # a younger span that came back empty may still be published


@dataclass(slots=True)
class Ledger:
    """Spans by source."""

    path: Path
    answered: dict[str, list[Span]] = field(default_factory=dict)

    @classmethod
    def of(cls, history: History, rows: int) -> "Ledger":
        """Return the ledger of a file that has `rows` now; an empty one where it is in doubt."""
        path = history.path.with_suffix(".ledger.json")
        try:
            told = json.loads(path.read_text())
            if rows < told["rows"]:
                return cls(path)
            answered = {source: _spans(stamps) for source, stamps in told["answered"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)
        return cls(path, answered)

    def save(self, rows: int) -> None:
        """Write it down, beside a file of `rows`."""
        answered = {
            source: [[span.start.isoformat(), span.end.isoformat()] for span in spans]
            for source, spans in self.answered.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"rows": rows, "answered": answered}, indent=1)
        replace_file(self.path, content.encode())

    def add(self, source: str, spans: list[Span]) -> None:
        """Note that `source` has answered for `spans`."""
        self.answered[source] = union([*self.answered.get(source, []), *spans])

    def missing(
        self, source: str, wanted: Span, holes: list[Span], now: pd.Timestamp
    ) -> list[Span]:
        """Return what to ask `source` for at `now`.

        Parameters
        ----------
        holes : list of Span
            Where rows are missing although a source has answered. Another one may have them; the
            same one is asked again while they are young, for its answer may have been spoiled.
        """
        young = [hole for hole in holes if hole.end > now - SETTLED]
        own = without(self.answered.get(source, []), young)
        others = [s for name, spans in self.answered.items() if name != source for s in spans]
        done = union([*own, *without(others, holes)])
        starts = {span.end for span in done}
        asked = []
        for span in without([wanted], done):
            start = max(wanted.start, span.start - OVERLAP) if span.start in starts else span.start
            asked.append(Span(start, span.end))
        return union(asked, closer_than=OVERLAP)


@dataclass(slots=True)
class Answered:
    """Follows the pages of one question and tells what they have answered so far.

    A page that cannot be used leaves a hole, from the last row before it to the first one after.
    """

    asked: Span
    step: timedelta
    reached: pd.Timestamp = field(init=False)
    _start: pd.Timestamp = field(init=False)
    _closed: list[Span] = field(default_factory=list)
    _broken: bool = False

    def __post_init__(self) -> None:
        self.reached = self._start = self.asked.start

    def good(self, first: pd.Timestamp, last: pd.Timestamp) -> None:
        """Note a page whose rows are labeled `first` to `last`."""
        if self._broken:
            self._start, self._broken = max(first, self.reached), False
        self.reached = max(self.reached, last + self.step)

    def bad(self) -> None:
        """Note a page that cannot be used."""
        if not self._broken:
            self._closed.append(Span(self._start, max(self._start, self.reached)))
            self._broken = True

    def spans(self) -> list[Span]:
        """Return what the rows so far vouch for."""
        spans = list(self._closed)
        if not self._broken:
            spans.append(Span(self._start, max(self._start, self.reached)))
        return [part for span in spans if (part := span.overlap(self.asked))]

    def finish(self, now: pd.Timestamp) -> None:
        """Note that there are no more pages: what came back empty is answered too, once settled."""
        if not self._broken:
            self.reached = max(self.reached, min(self.asked.end, now - SETTLED))


def _spans(stamps: list[list[str]]) -> list[Span]:
    return [Span(pd.Timestamp(start), pd.Timestamp(end)) for start, end in stamps]

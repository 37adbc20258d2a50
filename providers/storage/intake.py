"""Takes in the pages of one dataset of one pair, and writes them in batches.

A batch is what a kill can lose. A page that contradicts what is stored is refused as a whole
before it is mixed with others.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.contract import Checked, Page
from providers.storage.history import History, empty, merge, missing_labels, tidy
from providers.storage.ledger import Answered, Ledger


@dataclass(slots=True)
class Outcome:
    """What became of one dataset of one pair.

    Attributes
    ----------
    first, last : Timestamp or None
        Labels of the stored rows.
    rows, gaps : int
        Stored rows, and labels missing between them.
    appended, filled, restated : int
        Rows that were added, that got a value, and newcomers that contradict stored rows.
    found : Counter
        What the providers counted, see `providers.contract.Checked`.
    problems : list of str
        What went wrong, with the way out.
    """

    dataset: str
    pair: str
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    rows: int = 0
    gaps: int = 0
    appended: int = 0
    filled: int = 0
    restated: int = 0
    found: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Intake:
    """The stored rows, the rows that wait to be written, and the ledger."""

    history: History
    outcome: Outcome
    stored: pd.DataFrame
    ledger: Ledger
    waiting: list[pd.DataFrame] = field(default_factory=list)
    pages: int = 0
    _contradicting: list[pd.DataFrame] = field(default_factory=list)
    _fetched_at: pd.Timestamp | None = None

    @classmethod
    def of(cls, history: History) -> "Intake":
        """Open a history; a damaged file is set aside and told as a problem."""
        outcome = Outcome(history.dataset.name, history.pair)
        if damage := history.heal():
            outcome.problems.append(damage)
        stored = history.read()
        return cls(history, outcome, stored, Ledger.of(history, len(stored)))

    def take(self, checked: Checked, page: Page) -> None:
        """Let the rows of a page wait; RestatedError where they cannot be believed."""
        dataset, frame = self.history.dataset, checked.frame
        if len(frame):
            known = self._known(frame)
            if len(known):
                merge(known, frame, dataset, page.fetched_at)  # raises, or is done again
            self._wait(tidy(frame, dataset), page)
        self.outcome.found += checked.found
        self.pages += 1
        self._fetched_at = max(self._fetched_at or page.fetched_at, page.fetched_at)

    def flush(self, source: str, answered: Answered | None = None) -> None:
        """Write what waits, then note for which spans `source` has answered."""
        if self.waiting and self._fetched_at is not None:
            fresh = pd.concat(self.waiting, ignore_index=True)
            merged = self.history.add(fresh, self._fetched_at)
            self.stored = merged.frame
            self.outcome.appended += merged.appended
            self.outcome.filled += merged.filled
            self.outcome.restated += len(merged.restated)
        for rows in self._contradicting:
            self.history.keep_restated(rows)
            self.outcome.restated += len(rows)
        self.waiting, self._contradicting, self.pages = [], [], 0
        if answered is not None and answered.spans():
            self.ledger.add(source, answered.spans())
            self.ledger.save(len(self.stored))

    def close(self) -> Outcome:
        """Return the outcome, with what is stored now."""
        dates, step = self.stored["date"], self.history.dataset.step
        self.outcome.rows = len(dates)
        if len(dates):
            self.outcome.first, self.outcome.last = dates.iloc[0], dates.iloc[-1]
        if step is not None:
            self.outcome.gaps = count_missing(dates, step)
        return self.outcome

    def _known(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the stored rows that lie within the time of `frame`."""
        low = self.stored["date"].searchsorted(frame["date"].min(), "left")
        high = self.stored["date"].searchsorted(frame["date"].max(), "right")
        return self.stored.iloc[low:high]

    def _wait(self, rows: pd.DataFrame, page: Page) -> None:
        latest = self.waiting[-1]["date"].iloc[-1] if self.waiting else None
        if latest is None or rows["date"].iloc[0] > latest:
            self.waiting.append(rows)
            return
        dataset = self.history.dataset
        known = pd.concat([empty(dataset), *self.waiting], ignore_index=True)
        merged = merge(known, rows, dataset, page.fetched_at)
        self.waiting = [merged.frame]
        if len(merged.restated):
            self._contradicting.append(merged.restated)


def count_missing(dates: "pd.Series[pd.Timestamp]", step: timedelta) -> int:
    """Return how many labels are missing between the first and the last."""
    half = step / 2
    return sum((gap.end - gap.start + half) // step for gap in missing_labels(dates, step))

"""What is written about Bitcoin, scored by SentiCrypt, one row per day.

``sentiment_mean`` and the three scores run from -1 to 1, ``sentiment_sum`` is unbounded, and
``sentiment_count`` is how many samples were scored. A row changes until its UTC day is over, so it
counts as known an hour after, and the row of the running day is left out.

Source: SentiCrypt ``/v2/all.json``. Version 1 is frozen and is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Scope, Span
from providers.errors import BadAnswerError
from providers.rows.finished import vouch_finished
from providers.rows.parsing import json_of, numbers, rows_of, written
from providers.sources import Entry, Sources

PUBLISHED_AFTER = timedelta(hours=1)
_DAY = timedelta(days=1)
_SCORE = Bounds(-1.0, 1.0)
_KEYS = {  # ours: theirs
    "sentiment_mean": "mean",
    "sentiment_sum": "sum",
    "sentiment_count": "count",
    "sentiment_score_1": "score1",
    "sentiment_score_2": "score2",
    "sentiment_score_3": "score3",
}

DATASET = Dataset(
    name="senticrypt",
    values={
        "sentiment_mean": _SCORE,
        "sentiment_sum": Bounds(),
        "sentiment_count": Bounds(0.0, zero_is_missing=True),
        "sentiment_score_1": _SCORE,
        "sentiment_score_2": _SCORE,
        "sentiment_score_3": _SCORE,
    },
    step=_DAY,
    max_age=timedelta(days=2),
    scope=Scope.MARKET,
    summary="sentiment about Bitcoin, -1 to 1; label: the day, known at 01:00 of the next",
)


@dataclass(frozen=True, slots=True)
class SentiCrypt:
    """The whole history in one answer."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "senticrypt"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` has passed at `now`."""
        return span.overlap(Span(min(span.start, now), now))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the history; the source cannot be asked for a part of it."""
        del span
        url = f"{self.sources.endpoints.senticrypt}/v2/all.json"
        content = self.sources.client.get(url, bucket="senticrypt")
        received = self.sources.client.now()
        yield Page(content, f"/v2/all.json of {received.isoformat()}", pair, received)

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per day."""
        answer = json_of(page)  # one day, or all of them
        rows = [answer] if isinstance(answer, dict) else rows_of(page)
        if any("timestamp" in row and "date" not in row for row in rows):
            raise BadAnswerError(
                f"{page.name} has the shape of version 1, which is frozen; ask for /v2/all.json"
            )
        date = written((row.get("date") for row in rows), "%Y-%m-%d")
        values = {ours: numbers(rows, theirs, page) for ours, theirs in _KEYS.items()}
        known_at = date + _DAY + PUBLISHED_AFTER
        return pd.DataFrame({"date": date, **values, "known_at": known_at})

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Leave out the running day, and apply the general rules."""
        return vouch_finished(frame, self.dataset, page)


ENTRY = Entry(DATASET, lambda sources: (SentiCrypt(sources),), poll=timedelta(hours=1))

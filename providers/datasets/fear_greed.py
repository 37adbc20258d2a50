"""The Fear & Greed index of the crypto market, one value per day.

0 is extreme fear and 100 extreme greed. A value is labeled by the UTC day on which it is published
and describes the days before. It appears some minutes after 00:00; it counts as known an hour after
its label. Four days are missing from the history and stay missing.

Source: alternative.me ``/fng/``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Scope, Span
from providers.errors import BadAnswerError
from providers.rows.parsing import instants, json_of, numbers, rows_of
from providers.rows.quality import vouch
from providers.sources import Entry, Sources

FIRST = pd.Timestamp("2018-02-01", tz="UTC")
PUBLISHED_AFTER = timedelta(hours=1)

DATASET = Dataset(
    name="fear_greed",
    values={"fear_greed": Bounds(0.0, 100.0)},
    step=timedelta(days=1),
    max_age=timedelta(days=2),
    scope=Scope.MARKET,
    summary="Fear & Greed, points from 0 (fear) to 100 (greed); label: its day, known at 01:00",
)


@dataclass(frozen=True, slots=True)
class FearGreed:
    """The whole history in one answer, newest first."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "alternative-me"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between the first value and `now`."""
        return span.overlap(Span(FIRST, max(FIRST, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the history; the source cannot be asked for a part of it."""
        del span
        content = self.sources.client.get(
            f"{self.sources.endpoints.alternative_me}/fng/",
            bucket="alternative-me",
            # any other format or date format spoils the answer
            params={"limit": 0, "format": "json"},
        )
        received = self.sources.client.now()
        yield Page(content, f"/fng/?limit=0 of {received.isoformat()}", pair, received)

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per day."""
        _refuse_error(json_of(page), page)
        rows = rows_of(page, "data")
        stamps = [row.get("timestamp") for row in rows]
        for stamp in stamps:
            if not str(stamp).isdecimal():
                raise BadAnswerError(
                    f"{page.name} has timestamp {stamp!r:.40}, expected seconds; "
                    "ask without date_format"
                )
        date = instants(stamps, "s", page)
        values = {"date": date, "fear_greed": numbers(rows, "value", page)}
        return pd.DataFrame(values).assign(known_at=date + PUBLISHED_AFTER)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules; of rows that contradict each other the first is the newest."""
        return vouch(frame, self.dataset, page, conflicts="first")


def _refuse_error(answer: Any, page: Page) -> None:
    """Raise when the answer is an error, which comes with HTTP 200 like everything else."""
    if not isinstance(answer, dict):
        raise BadAnswerError(f"{page.name} is a {type(answer).__name__}, expected an object")
    metadata = answer.get("metadata")
    error = metadata.get("error") if isinstance(metadata, dict) else None
    if error:
        raise BadAnswerError(f"{page.name} was refused: {error!r:.200}")


ENTRY = Entry(DATASET, lambda sources: (FearGreed(sources),), poll=timedelta(hours=1))

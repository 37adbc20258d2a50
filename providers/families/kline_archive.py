"""Candles from Binance's archive: whole months, then the days that no month holds yet.

The archive serves locations that REST does not, and ends a day or two ago. A month that is not
published, or not as it should be, is asked for day by day; a day that is not there is a gap, and a
damaged one is told and asked for again.
"""

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from providers.archive.files import (
    Archive,
    ArchiveFile,
    Damaged,
    FileName,
    Missing,
    Series,
    page_of,
)
from providers.contract import Page, Span
from providers.errors import BadAnswerError
from providers.families.klines import FIRST, SLOTS, Candles, interval_name
from providers.rows.parsing import refuse_oddities
from providers.sources import Sources

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedCandles(Candles):
    """Candles in zips.

    Attributes
    ----------
    market, kind : str
        Folders of the archive: ``futures/um`` or ``spot``, ``klines`` or a price's.
    """

    sources: Sources
    market: str
    kind: str
    source: str = "binance-archive"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` can have been published at `now`."""
        published = self._series("BTCUSDT", "daily").published(now)
        return span.overlap(Span(FIRST, max(FIRST, published)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the files that hold `span`, months before days; `parse` refuses a damaged one."""
        archive, symbol = Archive.of(self.sources), self.symbol(pair)
        monthly, daily = self._series(symbol, "monthly"), self._series(symbol, "daily")
        now = self.sources.client.now()
        begins = [first for it in (monthly, daily) if (first := archive.first(it))]
        first = min(begins, default=FIRST)  # months may go back further than days
        wanted = span.overlap(Span(min(first, now), now))
        wanted = wanted and wanted.overlap(Span(FIRST, daily.published(now)))
        if wanted is None:
            return
        closed = monthly.published(now)  # the end of the newest month
        months = Span(wanted.start, max(wanted.start, min(wanted.end, closed)))
        for file in archive.files(monthly.files(months)):
            if isinstance(file, ArchiveFile):
                yield page_of(file, pair)
                continue
            if isinstance(file, Damaged):
                _LOG.warning("%s is asked for by day: %s", file.name.path, file.reason)
            held = file.name.span.overlap(wanted)
            yield from self._days(archive, daily, held, pair)
        yield from self._days(archive, daily, wanted.overlap(Span(closed, now)), pair)

    def rows(self, page: Page) -> list[list[Any]]:
        """Return the rows of a CSV page, with or without a header."""
        refuse_oddities(page)
        try:
            text = page.content.decode("utf-8")
            rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadAnswerError(f"{page.name} is not CSV ({error})") from error
        if rows and rows[0][0].strip() == "open_time":  # a header since 2022, on futures
            rows = rows[1:]
        if not rows:
            raise BadAnswerError(f"{page.name} is empty, expected candles")
        for row in rows:
            if len(row) != SLOTS:
                raise BadAnswerError(
                    f"{page.name} holds {','.join(row)!r:.80}, expected {SLOTS} columns"
                )
        return rows

    def _series(self, symbol: str, cadence: Literal["daily", "monthly"]) -> Series:
        return Series(self.kind, symbol, cadence, interval_name(self.step), self.market)

    def _days(
        self, archive: Archive, daily: Series, span: Span | None, pair: str
    ) -> Iterator[Page]:
        names: list[FileName] = daily.files(span) if span is not None else []
        for file in archive.files(names):
            if not isinstance(file, Missing):
                yield page_of(file, pair)

"""Settled funding rates of perpetual contracts.

Longs pay shorts while the rate is positive. A rate is a fraction of notional per funding interval
(0.0001 is one basis point), dated by the UTC minute of the settlement and known a minute later.
``funding_interval_hours`` is NaN where the source does not say it, which is REST.

Source: Binance ``/fapi/v1/fundingRate``, and the archive's months where REST is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from providers.archive.files import Archive, Missing, Series, page_of
from providers.archive.table import NUMBER, columns_of
from providers.contract import Checked, Dataset, Page, Provider, Span
from providers.errors import BadAnswerError
from providers.families.funding import (
    DATASET,
    FIRST,
    INTERVAL,
    RATE,
    settlements,
    vouch_settlements,
)
from providers.families.windows import milliseconds
from providers.rows.parsing import instants, json_of, numbers
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

LIMIT = 1000
SMALLEST_PAGE = (
    100  # what Binance serves where it is not asked for more; a shorter page is the last
)
MONTHLY = ["calc_time", "funding_interval_hours", "last_funding_rate"]


@dataclass(frozen=True, slots=True)
class RestFunding:
    """Settlements since the listing, a thousand per request whatever their interval."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "binance-futures"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between Binance's first perpetual and `now`."""
        return span.overlap(Span(FIRST, max(FIRST, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield pages from the first settlement of `span` on, each beginning after the last."""
        cursor, end = milliseconds(max(span.start, FIRST)), milliseconds(span.end)
        while cursor < end:
            page = self._page(pair, cursor, end)
            yield page
            stamps = numbers(_rows(page), "fundingTime", page)
            if len(stamps) < SMALLEST_PAGE:
                return
            # A blank or stray stamp must not make us skip what lies before it
            asked_for = stamps[(stamps >= cursor) & (stamps < end)]
            if not len(asked_for):
                raise BadAnswerError(
                    f"{page.name} has fundingTime {stamps[0]:.17g} to {stamps[-1]:.17g}, none of "
                    "them within what was asked for"
                )
            cursor = int(asked_for.max()) + 1

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per settlement."""
        rows = _rows(page)
        stamps = instants(numbers(rows, "fundingTime", page), "ms", page)
        return settlements(stamps, **{RATE: numbers(rows, "fundingRate", page)})

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules and those of settlements."""
        return vouch_settlements(frame, page)

    def _page(self, pair: str, start: int, end: int) -> Page:
        symbol = binance_symbol(pair)
        content = self.sources.client.get(
            f"{self.sources.endpoints.binance_futures}/fapi/v1/fundingRate",
            bucket="binance-funding",
            params={"symbol": symbol, "startTime": start, "endTime": end - 1, "limit": LIMIT},
        )
        name = f"/fapi/v1/fundingRate?symbol={symbol}&startTime={start}"
        return Page(content, name, pair, self.sources.client.now())


@dataclass(frozen=True, slots=True)
class ArchivedFunding:
    """A file per month; it also says how long each interval was."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "binance-archive"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies in months that can have been published at `now`."""
        published = Series("fundingRate", "", "monthly").published(now)
        return span.overlap(Span(FIRST, max(FIRST, published)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the months that Binance has published; `parse` refuses a damaged one."""
        wanted = self.covers(span, self.sources.client.now())
        if wanted is None:
            return
        months = Series("fundingRate", binance_symbol(pair), "monthly").files(wanted)
        for file in Archive.of(self.sources).files(months):
            if not isinstance(file, Missing):
                yield page_of(file, pair)

    def requests(self, span: Span) -> int:
        """Return about how many requests `span` takes: a zip and a checksum per month."""
        return 2 * len(Series("fundingRate", "", "monthly").files(span))

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per settlement."""
        table = columns_of(page, dict.fromkeys(MONTHLY, NUMBER), MONTHLY)
        values = {RATE: table["last_funding_rate"], INTERVAL: table["funding_interval_hours"]}
        return settlements(instants(table["calc_time"], "ms", page), **values)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules and those of settlements."""
        return vouch_settlements(frame, page)


def _rows(page: Page) -> list[dict[str, Any]]:
    """Return the rows of a page; one of another symbol is not for us."""
    symbol, rows = binance_symbol(page.pair), json_of(page)
    if not isinstance(rows, list):
        raise BadAnswerError(f"{page.name} is a {type(rows).__name__}, expected a list of rows")
    for row in rows:
        if not isinstance(row, dict) or row.get("symbol") != symbol:
            raise BadAnswerError(f"{page.name} has the row {row!r:.80}, expected one of {symbol}")
    return rows


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST, and the archive for where REST is refused."""
    return RestFunding(sources), ArchivedFunding(sources)


ENTRY = Entry(DATASET, providers, native="funding_rate", poll=timedelta(minutes=15))

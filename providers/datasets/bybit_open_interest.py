"""Open interest of linear perpetuals on Bybit, one side, in base coin.

``openInterest`` counts both sides; the newer ``singleOpenInterest`` is one side and is preferred,
half of the other stands in where it is absent. Bybit gives no value in quote currency. A row is a
snapshot at its label and known one period of five minutes later. Inverse contracts count US dollars
and are refused.

Source: Bybit ``/v5/market/open-interest``, category linear.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote

import numpy as np
import pandas as pd

from providers.contract import MARKET, Bounds, Checked, Dataset, Page, Span
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    NotFoundError,
    UnavailableError,
)
from providers.families.bybit import result_of
from providers.families.windows import milliseconds, windows
from providers.rows.parsing import instants, numbers, rows_of
from providers.rows.quality import vouch
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

FIRST = pd.Timestamp("2020-07-20", tz="UTC")
STEP = timedelta(minutes=5)
LIMIT = 200
LONG = timedelta(days=31)  # beyond it Bybit is asked when the contract was launched
PUBLISHED_AFTER = timedelta(minutes=5)

DATASET = Dataset(
    name="bybit_open_interest",
    values={"open_interest_amount": Bounds(0.0, zero_is_missing=True)},
    step=STEP,
    max_age=timedelta(minutes=15),
    summary="open interest on Bybit, one side, base coin; snapshot at the label, known 5 min later",
)


@dataclass(frozen=True, slots=True)
class BybitOpenInterest:
    """Windows of one page each; Bybit answers the newest row first."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "bybit"
    _launched: dict[str, pd.Timestamp | None] = field(default_factory=dict, compare=False)

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between Bybit's first row and `now`."""
        return span.overlap(Span(FIRST, max(FIRST, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield pages, oldest first; within a window Bybit pages backward."""
        since = self._since(pair, span)
        for window in windows(Span(since, span.end), LIMIT * STEP):
            backward = list(self._backward(pair, window))
            yield from reversed(backward)

    def _since(self, pair: str, span: Span) -> pd.Timestamp:
        """Return from when on to ask: a coin listed late would cost thousands of empty windows."""
        if span.end - span.start <= LONG:
            return span.start
        symbol = binance_symbol(pair)
        if symbol not in self._launched:
            self._launched[symbol] = self._launch(symbol)
        launch = min(self._launched[symbol] or span.start, span.end)
        if launch - span.start <= LONG:
            return span.start
        # A contract that is listed again is launched again: what is before must be empty
        try:
            before = result_of(self._page(pair, Span(span.start, launch), "")).get("list")
        except (BadRequestError, BadAnswerError):  # it may find the span too long
            return span.start
        return launch if before == [] else span.start

    def _launch(self, symbol: str) -> pd.Timestamp | None:
        """Return when a contract was launched, None where Bybit does not tell."""
        path = "/v5/market/instruments-info"
        params: dict[str, str | int] = {"category": "linear", "symbol": symbol}
        client = self.sources.client
        try:
            content = client.get(
                f"{self.sources.endpoints.bybit}{path}", bucket="bybit", params=params
            )
            page = Page(content, f"{path}?symbol={symbol}", MARKET, client.now())
            result_of(page)
            found = [r for r in rows_of(page, "result", "list") if r.get("symbol") == symbol]
            stamps = instants(numbers(found, "launchTime", page), "ms", page).dropna()
        except (NotFoundError, UnavailableError, BadRequestError, BadAnswerError):
            return None  # every window is asked for instead
        return None if stamps.empty else stamps.min().floor("D")

    def _backward(self, pair: str, window: Span) -> Iterator[Page]:
        cursor, oldest = "", window.end
        while True:
            page = self._page(pair, window, cursor)
            yield page
            result = result_of(page)
            following = str(result.get("nextPageCursor") or "")
            if not following or following == cursor or not result.get("list"):
                return
            stamps = [row.get("timestamp") for row in rows_of(page, "result", "list")]
            reached = instants(stamps, "ms", page).min()
            if reached <= window.start:
                return
            if not reached < oldest:  # or two cursors could send us in circles
                raise BadAnswerError(f"{page.name} goes on at {reached}, no older than {oldest}")
            cursor, oldest = following, reached

    def _page(self, pair: str, window: Span, cursor: str) -> Page:
        symbol, start, end = binance_symbol(pair), *map(milliseconds, (window.start, window.end))
        params: dict[str, str | int] = {
            "category": "linear",
            "symbol": symbol,
            "intervalTime": "5min",
            "startTime": start,
            "endTime": end - 1,  # both bounds: alone, startTime is ignored
            "limit": LIMIT,
        }
        if cursor:
            params["cursor"] = unquote(cursor)  # it comes encoded, and the client encodes
        path = "/v5/market/open-interest"
        url = f"{self.sources.endpoints.bybit}{path}"
        content = self.sources.client.get(url, bucket="bybit", params=params)
        name = f"{path}?symbol={symbol}&startTime={start}"
        name = f"{name}&cursor={cursor}" if cursor else name
        return Page(content, name, pair, self.sources.client.now())

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per snapshot."""
        result, symbol = result_of(page), binance_symbol(page.pair)
        if result.get("category") != "linear":
            raise BadAnswerError(
                f"{page.name} is about {result.get('category')!r:.40} contracts, expected linear: "
                "of others the unit is not base coin"
            )
        if result.get("symbol") != symbol:
            raise BadAnswerError(f"{page.name} is about {result.get('symbol')!r:.40}, not {symbol}")
        rows = rows_of(page, "result", "list")
        both = numbers(rows, "openInterest", page)
        single = numbers(rows, "singleOpenInterest", page, optional=True)
        amount = np.where(np.isnan(single), both / 2, single)
        date = instants([row.get("timestamp") for row in rows], "ms", page)
        frame = pd.DataFrame({"date": date, "open_interest_amount": amount})
        return frame.assign(known_at=frame["date"] + PUBLISHED_AFTER)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules; of rows that contradict each other the first is the newest."""
        return vouch(frame, self.dataset, page, conflicts="first")


ENTRY = Entry(DATASET, lambda sources: (BybitOpenInterest(sources),))

"""The top of the order book of a perpetual, once per asking.

Nobody keeps a history of it: rows exist from the day a recorder runs. A book tells what could be
traded at one moment and is gone in the next, so a row is dated by its arrival. Volumes are base
coin, summed over the best 10 and the best 50 levels of each side, NaN where a side has fewer.

An empty, one-sided, crossed or outdated book is refused; it is not a balanced one.

Source: Binance ``/fapi/v1/depth``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError
from providers.rows.parsing import floats, json_of
from providers.rows.quality import vouch
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

LEVELS = 100
DEPTHS = (10, 50)
OLDEST = timedelta(seconds=10)  # a book this much older than its arrival is of no use
CLOCKS_DIFFER = timedelta(seconds=1)
_CENTURY = 100 * 365 * 86_400_000.0  # milliseconds; a stamp further off is as wrong

_PRICE = Bounds(0.0, zero_is_missing=True)
_VOLUME = Bounds(0.0, zero_is_missing=True)

DATASET = Dataset(
    name="order_book",
    values={
        "best_bid": _PRICE,
        "best_ask": _PRICE,
        "bid_volume_10": _VOLUME,
        "ask_volume_10": _VOLUME,
        "bid_volume_50": _VOLUME,
        "ask_volume_50": _VOLUME,
    },
    step=None,
    max_age=timedelta(minutes=2),
    summary="best prices in quote currency, volume of the best 10 and 50 levels in base coin; "
    "dated and known when received; recorded only",
)


@dataclass(frozen=True, slots=True)
class BinanceOrderBook:
    """Snapshots of Binance's USDT-M books."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "binance-futures"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return the present moment where `span` holds it; there is no past to ask for."""
        return Span(now, now) if span.start <= now <= span.end else None

    def pages(self, pair: str, span: Span) -> Iterator[Page]:  # noqa: ARG002 - there is only now
        """Yield the book as it is."""
        symbol = binance_symbol(pair)
        content = self.sources.client.get(
            f"{self.sources.endpoints.binance_futures}/fapi/v1/depth",
            bucket="binance-futures",
            params={"symbol": symbol, "limit": LEVELS},
            weight=5,
        )
        received = self.sources.client.now()
        name = f"/fapi/v1/depth?symbol={symbol}&limit={LEVELS} of {received.isoformat()}"
        yield Page(content, name, pair, received)

    def parse(self, page: Page) -> pd.DataFrame:
        """Return one row."""
        book = json_of(page)
        if not isinstance(book, dict):
            raise BadAnswerError(f"{page.name} is a {type(book).__name__}, expected an order book")
        _refuse_outdated(book, page)
        bids, asks = _side(book, "bids", page), _side(book, "asks", page)
        if bids[0, 0] >= asks[0, 0]:
            raise BadAnswerError(
                f"{page.name} is crossed: the best bid is {bids[0, 0]}, the best ask {asks[0, 0]}"
            )
        row: dict[str, Any] = {"date": page.fetched_at, "best_bid": bids[0, 0]}
        row["best_ask"] = asks[0, 0]
        for depth in DEPTHS:
            for side, levels in (("bid", bids), ("ask", asks)):
                enough = len(levels) >= depth
                row[f"{side}_volume_{depth}"] = levels[:depth, 1].sum() if enough else np.nan
        frame = pd.DataFrame([row])
        frame["date"] = frame["date"].dt.as_unit("ms")
        return frame.assign(known_at=frame["date"])

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules."""
        return vouch(frame, self.dataset, page)


def _refuse_outdated(book: dict[str, Any], page: Page) -> None:
    """Raise unless the venue sent the book just before it arrived."""
    for key in ("E", "T"):  # sent at, changed at; milliseconds
        stamp = book.get(key)
        if isinstance(stamp, bool) or not isinstance(stamp, int):
            raise BadAnswerError(f"{page.name} has {key}={stamp!r}, expected milliseconds")
        late = page.fetched_at.timestamp() * 1000 - stamp
        age = timedelta(milliseconds=min(max(late, -_CENTURY), _CENTURY))
        # A quiet market changes seldom: only the time of sending tells that a book is old
        if age < -CLOCKS_DIFFER or (key == "E" and age > OLDEST):
            raise BadAnswerError(
                f"{page.name} has {key}={stamp}, {age} before it arrived at {page.fetched_at}; "
                "compare the clock of this machine"
            )


def _side(book: dict[str, Any], key: str, page: Page) -> np.ndarray:
    """Return price and volume of the levels of one side, the best first."""
    pairs = book.get(key)
    if not isinstance(pairs, list) or not all(_is_level(pair) for pair in pairs):
        raise BadAnswerError(
            f"{page.name} has no {key} of pairs of price and volume: {pairs!r:.80}"
        )
    if not pairs:
        raise BadAnswerError(f"{page.name} has no {key}: the book is one-sided or empty")
    prices, volumes = ([pair[at] for pair in pairs] for at in (0, 1))
    levels = np.column_stack([floats(prices, key, page), floats(volumes, key, page)])
    if not (np.isfinite(levels).all() and (levels > 0).all()):
        raise BadAnswerError(f"{page.name} has {key} whose price or volume is not above zero")
    rising = np.diff(levels[:, 0])
    if not (rising < 0 if key == "bids" else rising > 0).all():
        raise BadAnswerError(f"{page.name} has {key} that are not sorted from the best price on")
    return levels


def _is_level(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2


ENTRY = Entry(
    DATASET,
    lambda sources: (BinanceOrderBook(sources),),
    recorded=True,
    poll=timedelta(seconds=15),  # a filter at order time asks for less than half a minute
)

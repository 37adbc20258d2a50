"""Open interest, liquidations and taker flow of Binance's perpetuals, as Coinalyze sums them up.

Hourly buckets labeled by their start. Amounts are base coin. When a bucket is final is not
documented, so it counts as known two buckets after its label. An hour without liquidations has no
row, and neither has an hour that was missed: absent is absent, not zero.

Source: Coinalyze v1; needs a free key. It keeps 1500 to 2000 buckets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError, BadRequestError
from providers.families.flow import blank_contradictions
from providers.families.windows import milliseconds
from providers.rows.finished import vouch_finished
from providers.rows.parsing import instants, json_of, numbers, rows_of
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

KEY = "COINALYZE_KEY"
WHERE = "https://coinalyze.net/account/api-key/"
STEP = timedelta(hours=1)
INTERVAL = "1hour"
KEPT = 1500
PUBLISHED_AFTER = 2 * STEP

_PARTS = (("taker_buy_volume", "volume"), ("taker_buy_trades", "trades"))
_AMOUNT = Bounds(0.0)
_LEVEL = Bounds(0.0, zero_is_missing=True)


@dataclass(frozen=True, slots=True)
class Coinalyze:
    """One history of Coinalyze.

    Attributes
    ----------
    path : str
        Which.
    keys : mapping of str to str
        Our names of the values and Coinalyze's.
    """

    sources: Sources
    dataset: Dataset
    path: str
    keys: dict[str, str]
    source: str = "coinalyze"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` Coinalyze still keeps."""
        return span.overlap(Span(now - KEPT * STEP, now))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the buckets that start within `span`, all in one answer."""
        key = self.sources.key(KEY, "Coinalyze", WHERE)
        if span.start >= span.end:
            return
        start = -(-milliseconds(span.start) // 1000)  # seconds; milliseconds would find nothing
        end = (milliseconds(span.end) - 1) // 1000  # inclusive
        params: dict[str, str | int] = {
            "symbols": symbol(pair),
            "interval": INTERVAL,
            "from": start,
            "to": end,
        }
        url = f"{self.sources.endpoints.coinalyze}/v1/{self.path}"
        content = self.sources.client.get(
            url, bucket="coinalyze", params=params, headers={"api_key": key}
        )
        name = f"/v1/{self.path}?symbols={symbol(pair)}&from={start}&to={end}"
        yield Page(content, name, pair, self.sources.client.now())

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per bucket."""
        rows = _history(json_of(page), page)
        date = instants(numbers(rows, "t", page), "s", page)
        values = {ours: numbers(rows, theirs, page) for ours, theirs in self.keys.items()}
        frame = pd.DataFrame({"date": date, **values})
        return frame.assign(known_at=frame["date"] + PUBLISHED_AFTER)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Leave out buckets that may still change, apply the general rules, compare columns."""
        checked = vouch_finished(frame, self.dataset, page)
        return blank_contradictions(checked, (pair for pair in _PARTS if pair[0] in self.keys))


def symbol(pair: str) -> str:
    """Return Coinalyze's name of the perpetual on Binance, which it calls A."""
    return f"{binance_symbol(pair)}_PERP.A"


def _history(answer: Any, page: Page) -> list[dict[str, Any]]:
    """Return the rows about the pair; an empty list when Coinalyze has none."""
    if isinstance(answer, dict) and "message" in answer:
        raise BadRequestError(f"{page.name} was refused: {answer['message']!r:.200}")
    wanted, rows = symbol(page.pair), list[dict[str, Any]]()
    for item in rows_of(page):
        if item.get("symbol") != wanted:
            raise BadAnswerError(f"{page.name} is about {item.get('symbol')!r:.40}, not {wanted}")
        history = item.get("history")
        if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
            raise BadAnswerError(f"{page.name} has no list of rows under 'history'")
        rows += history
    return rows


def _entry(name: str, path: str, summary: str, keys: dict[str, str], bounds: Bounds) -> Entry:
    dataset = Dataset(
        name=name,
        values=dict.fromkeys(keys, bounds),
        step=STEP,
        max_age=3 * STEP,
        summary=f"{summary} (Coinalyze); label: start of the hour, known 2 h later",
    )
    return Entry(dataset, lambda sources: (Coinalyze(sources, dataset, path, keys),), key=KEY)


ENTRIES = (
    _entry(
        "coinalyze_open_interest",
        "open-interest-history",
        "open interest on Binance within the hour, base coin",
        {"open": "o", "high": "h", "low": "l", "close": "c"},
        _LEVEL,
    ),
    _entry(
        "coinalyze_liquidations",
        "liquidation-history",
        "liquidated longs and shorts on Binance, base coin",
        {"long_liquidations": "l", "short_liquidations": "s"},
        _AMOUNT,
    ),
    _entry(
        "coinalyze_taker_flow",
        "ohlcv-history",
        "volume and taker buys on Binance's perpetual, base coin; trades are counts",
        {"volume": "v", "taker_buy_volume": "bv", "trades": "tx", "taker_buy_trades": "btx"},
        _AMOUNT,
    ),
)

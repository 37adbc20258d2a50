"""Taker flow and liquidations that an own aggr-server collected, from its InfluxDB.

Volumes and liquidations are quote notional per bucket, trades are counts. ``buy_liquidations`` are
liquidated shorts: the order that closes them buys. A bucket is labeled by its start and known two
minutes after its end, for the server resamples once a minute.

The server writes a field only when there was something to write, so an absent one in a bucket that
exists is a true zero. A bucket that does not exist is a gap: nobody knows whether the server ran.

Source: aggr-server, InfluxDB 1.x ``/query``; it keeps 5000 buckets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError, BadRequestError
from providers.families.windows import milliseconds, windows
from providers.rows.finished import vouch_finished
from providers.rows.parsing import json_of
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

URL_VARIABLE = "AGGR_INFLUX_URL"
STEP = timedelta(minutes=5)
KEPT = 5000
PER_REQUEST = 1000
PUBLISHED_AFTER = timedelta(minutes=2)
_SECONDS, _LATEST = 1e11, 4e12  # a smaller stamp counts seconds; a larger one is no instant

FIELDS = {  # ours: theirs
    "buy_volume": "vbuy",
    "sell_volume": "vsell",
    "buy_liquidations": "lbuy",
    "sell_liquidations": "lsell",
    "buy_trades": "cbuy",
    "sell_trades": "csell",
}
DATASET = Dataset(
    name="aggr_flow",
    values={name: Bounds(0.0) for name in FIELDS},
    step=STEP,
    max_age=timedelta(minutes=15),
    summary="taker flow and liquidations of an own aggr-server, quote currency; label: start of "
    "the bucket, known 2 min after its end",
)


@dataclass(frozen=True, slots=True)
class AggrFlow:
    """Buckets of Binance's perpetual on an own server."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "aggr-server"

    @property
    def step(self) -> timedelta:
        """Return the length of a bucket."""
        return self.dataset.step or STEP

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` the server still keeps."""
        return span.overlap(Span(now - KEPT * self.step, now))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the buckets that start within `span`."""
        base = self._server()
        for window in windows(span, PER_REQUEST * self.step):
            query = self.query(pair, window)
            content = self.sources.client.get(
                f"{base}/query",
                bucket="aggr",
                params={"db": "significant_trades", "epoch": "ms", "q": query},
            )
            name = f"/query?market={market(pair)}&from={window.start.isoformat()}"
            yield Page(content, name, pair, self.sources.client.now())

    def _server(self) -> str:
        """Return the address; BadRequestError does not show it, for it may hold a password."""
        base = self.sources.keys.get(URL_VARIABLE, "").strip() or self.sources.endpoints.aggr
        try:
            parts = urlsplit(base)
            sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            sound, parts = False, urlsplit("")
        if not sound or parts.query or parts.fragment or "@" in parts.path:
            raise BadRequestError(
                f"{URL_VARIABLE} is no address of a server, expected "
                "http://[user:password@]host:8086; write / and @ of a password as %2F and %40"
            )
        return base.rstrip("/")

    def query(self, pair: str, window: Span) -> str:
        """Return what to ask the database."""
        length = self.dataset.timeframe
        sums = ", ".join(f'sum("{field}") AS "{field}"' for field in FIELDS.values())
        start, end = milliseconds(window.start), milliseconds(window.end)
        # Without the retention policy the database looks elsewhere and finds nothing
        return (
            f'SELECT {sums} FROM "significant_trades"."aggr_{length}"."trades_{length}" '  # noqa: S608 - `market` lets no quote in
            f"WHERE time >= {start}ms AND time < {end}ms AND market='{market(pair)}' "
            f"GROUP BY time({length}),market fill(none)"
        )

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per bucket of the pair's market."""
        every, ours = _rows(page), market(page.pair)
        _refuse_odd_stamps([row["time"] for row in every], page)
        rows = [row for row in every if row["market"] == ours]
        date = _instants([row["time"] for row in rows])
        values = {name: _flows(rows, field) for name, field in FIELDS.items()}
        frame = pd.DataFrame({"date": date, **values})
        return frame.assign(known_at=frame["date"] + self.step + PUBLISHED_AFTER)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Leave out the running bucket, and apply the general rules."""
        return vouch_finished(frame, self.dataset, page)


def market(pair: str) -> str:
    """Return the server's name of Binance's perpetual: BINANCE_FUTURES:btcusdt."""
    symbol = binance_symbol(pair).lower()
    if not symbol.isalnum():
        raise ValueError(f"pair is {pair!r}, whose symbol cannot stand in a query")
    return f"BINANCE_FUTURES:{symbol}"


def _rows(page: Page) -> list[dict[str, Any]]:
    """Return the rows of all series, each with its ``time``, ``market`` and fields."""
    answer = json_of(page)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        refusal = answer.get("error") if isinstance(answer, dict) else answer
        raise BadAnswerError(f"{page.name} has no results ({refusal!r:.200})")
    rows = []
    for result in results:
        if "error" in result:  # with HTTP 200
            raise BadRequestError(f"{page.name} was refused: {result['error']!r:.200}")
        tables = result.get("series", [])
        if not isinstance(tables, list):
            raise BadAnswerError(f"{page.name} holds {tables!r:.80}, expected a list of series")
        for series in tables:
            rows += _series_rows(series, page)
    return rows


def _series_rows(series: Any, page: Page) -> list[dict[str, Any]]:
    try:
        columns, tags = series["columns"], series.get("tags", {})
        rows = [{**tags, **dict(zip(columns, row, strict=True))} for row in series["values"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(f"{page.name} holds a series without a table ({error!r})") from error
    missing = {"time", "market", *FIELDS.values()}.difference(*rows[:1])
    if rows and missing:
        raise BadAnswerError(f"{page.name} lacks {', '.join(sorted(missing))}")
    return rows


def _refuse_odd_stamps(stamps: list[Any], page: Page) -> None:
    for stamp in stamps:
        if isinstance(stamp, bool) or not isinstance(stamp, int) or abs(stamp) > _LATEST:
            raise BadAnswerError(
                f"{page.name} has time {stamp!r:.40}, expected milliseconds; ask with epoch=ms"
            )


def _instants(stamps: list[int]) -> "pd.Series[pd.Timestamp]":
    # Its own history endpoint mixes in seconds
    in_ms = [stamp if stamp > _SECONDS else stamp * 1000 for stamp in stamps]
    return pd.Series(pd.to_datetime(in_ms, unit="ms", utc=True)).dt.as_unit("ms")


def _flows(rows: list[dict[str, Any]], field: str) -> np.ndarray:
    """Return a field; null is zero, and what is neither null nor a number is missing."""
    cells = [0.0 if row[field] is None else row[field] for row in rows]
    numbers = [cell if _is_number(cell) else np.nan for cell in cells]
    return np.array(numbers, dtype=float)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


ENTRY = Entry(DATASET, lambda sources: (AggrFlow(sources),), key=URL_VARIABLE)

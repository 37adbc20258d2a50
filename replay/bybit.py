"""Bybit's open interest and funding of linear perpetuals, newest first.

A folder holds the market of one exchange. Bybit's own open interest is served where our store has
it; everything else stands in for Bybit's numbers in Bybit's words. An error is HTTP 200 with a
``retCode``.
"""

from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from replay.asof import AsOf, Exchange
from replay.candles import HOUR, MINUTE, Stamps
from replay.data import Events, Pair
from replay.payloads import number

PERIODS = {
    **{f"{minutes}min": minutes * MINUTE for minutes in (5, 15, 30)},
    "1h": HOUR,
    "4h": 4 * HOUR,
    "1d": 24 * HOUR,
}
PARAMETER_ERROR = 10001
_CURSOR = "lastid="  # what Bybit's cursors look like before they are encoded
_ENCODED = "lastid%3D"


class BybitError(Exception):
    """A request that Bybit refuses."""


def add(app: FastAPI, exchange: Exchange) -> None:
    """Add the endpoints to `app`."""

    @app.exception_handler(BybitError)
    def _refused(_: Request, error: BybitError) -> JSONResponse:
        message = f"params error: {error}"
        return JSONResponse(_envelope(exchange.clock(), {}, PARAMETER_ERROR, message))

    @app.get("/v5/market/open-interest")
    def open_interest(request: Request) -> JSONResponse:
        market, query = exchange.now(), dict(request.query_params)
        pair, limit = _pair(market, query), _limit(query, 50)
        if query.get("intervalTime") not in PERIODS:
            raise BybitError("intervalTime invalid")
        rows = _snapshots(market, pair, PERIODS[query["intervalTime"]])
        start, end = _whole(query, "startTime"), _whole(query, "endTime")
        if end is not None:  # Bybit ignores a start that stands alone
            rows = rows[_between(rows.stamps, start, end)]
        if before := _before(query.get("cursor", "")):
            rows = rows[rows.stamps < before]
        page = rows[-limit:]
        cursor = f"{_ENCODED}{page.stamps[0]}" if len(rows.stamps) > limit else ""
        result = {
            "symbol": pair.symbol,
            "category": "linear",
            "list": [
                {
                    "openInterest": number(2 * amount),
                    "singleOpenInterest": number(amount),
                    "timestamp": str(stamp),
                }
                for stamp, amount in zip(
                    page.stamps[::-1].tolist(), page.table[::-1, 0].tolist(), strict=True
                )
            ],
            "nextPageCursor": cursor,
        }
        return JSONResponse(_envelope(market.now, result))

    @app.get("/v5/market/funding/history")
    def funding(request: Request) -> JSONResponse:
        market, query = exchange.now(), dict(request.query_params)
        pair, limit = _pair(market, query), _limit(query, 200)
        start, end = _whole(query, "startTime"), _whole(query, "endTime")
        if start is not None and end is None:
            raise BybitError("endTime is required with startTime")
        rows = market.funding(pair)
        rows = rows[_between(rows.stamps, start, end)][-limit:]
        entries = [
            {
                "symbol": pair.symbol,
                "fundingRate": number(rate),
                "fundingRateTimestamp": str(stamp),
            }
            for stamp, rate in zip(
                rows.stamps[::-1].tolist(), rows.table[::-1, 0].tolist(), strict=True
            )
        ]
        return JSONResponse(_envelope(market.now, {"category": "linear", "list": entries}))


def _envelope(now: int, result: dict[str, Any], code: int = 0, message: str = "OK") -> Any:
    return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now}


def _snapshots(market: AsOf, pair: Pair, period: int) -> Events:
    own = market.snapshots(pair, "bybit_open_interest", period)
    return own if len(own.stamps) else market.snapshots(pair, "open_interest", period)


def _between(stamps: Stamps, start: int | None, end: int | None) -> Any:
    inside = np.ones(len(stamps), dtype=bool)
    if start is not None:
        inside &= stamps >= start
    if end is not None:
        inside &= stamps <= end
    return inside


def _pair(market: AsOf, query: dict[str, str]) -> Pair:
    if query.get("category") != "linear":
        raise BybitError("Illegal category")
    for pair in market.pairs():
        if pair.symbol == query.get("symbol"):
            return pair
    raise BybitError("Symbol Invalid")


def _limit(query: dict[str, str], default: int) -> int:
    limit = _whole(query, "limit")
    if limit is not None and not 1 <= limit <= 200:
        raise BybitError("limit invalid")
    return default if limit is None else limit


def _whole(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BybitError(f"{name} invalid")
    return int(text)


def _before(cursor: str) -> int | None:
    """Return the stamp that a page ends before; a cursor may come encoded once too often."""
    if not cursor:
        return None
    stamp = cursor.replace(_ENCODED, _CURSOR).removeprefix(_CURSOR)
    if not (stamp.isascii() and stamp.isdigit()):
        raise BybitError("cursor invalid")
    return int(stamp)

"""Binance's ``/futures/data``: five-minute statistics of the last thirty days.

A snapshot is dated by its instant, taker volume by the end of the time it was traded in. What no
file holds is an empty list, as there is no data.
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from fastapi.responses import JSONResponse

from replay import payloads
from replay.asof import AsOf, Exchange
from replay.candles import DAY, INTERVALS, MINUTE, Window
from replay.data import COLUMNS, Events, Pair
from replay.errors import invalid_parameter
from replay.requests import Text, pair_of, window

PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER")
RETENTION = 30 * DAY
RATIOS = {  # endpoint: column
    "globalLongShortAccountRatio": "global_account_ratio",
    "topLongShortAccountRatio": "top_account_ratio",
    "topLongShortPositionRatio": "top_position_ratio",
}

DataWindow = Annotated[Window, Depends(window(30, 500))]


def add(app: FastAPI, exchange: Exchange) -> None:
    """Add the endpoints to `app`."""

    @app.get("/futures/data/openInterestHist")
    def open_interest(symbol: Text, period: Text, window: DataWindow) -> JSONResponse:
        market, pair = _asked(exchange, symbol, period, window)
        rows = _recent(market, pair, "open_interest", period, window)
        return JSONResponse(payloads.open_interest_history(pair, rows))

    @app.get("/futures/data/basis")
    def basis(
        pair: Text,
        kind: Annotated[str, Query(min_length=1, alias="contractType")],
        period: Text,
        window: DataWindow,
    ) -> JSONResponse:
        market, perpetual = _asked(exchange, pair, period, window)
        if kind not in CONTRACT_TYPES:
            raise invalid_parameter("contractType")
        if kind != "PERPETUAL":
            return JSONResponse([])
        rows = _recent(market, perpetual, "basis", period, window)
        return JSONResponse(payloads.basis(perpetual, rows))

    @app.get("/futures/data/takerlongshortRatio")
    def taker_ratio(symbol: Text, period: Text, window: DataWindow) -> JSONResponse:
        market, pair = _asked(exchange, symbol, period, window)
        return JSONResponse(_taker_rows(market, pair, INTERVALS[period], window))

    for name, column in RATIOS.items():
        _add_ratio(app, exchange, name, COLUMNS["long_short_ratio"].index(column))


def _add_ratio(app: FastAPI, exchange: Exchange, name: str, column: int) -> None:
    @app.get(f"/futures/data/{name}", name=name)
    def ratio(symbol: Text, period: Text, window: DataWindow) -> JSONResponse:
        market, pair = _asked(exchange, symbol, period, window)
        rows = _recent(market, pair, "long_short_ratio", period, window)
        return JSONResponse(payloads.long_short_ratio(pair, rows.stamps, rows.table[:, column]))


def _asked(exchange: Exchange, symbol: str, period: str, window: Window) -> tuple[AsOf, Pair]:
    """Return market and pair; errors of the exchange for what Binance refuses."""
    market = exchange.now()
    pair = pair_of(market, symbol)
    if period not in PERIODS:
        raise invalid_parameter("period")
    if window.start is not None and window.start < market.now - RETENTION:
        raise invalid_parameter("startTime")
    return market, pair


def _recent(market: AsOf, pair: Pair, kind: str, period: str, window: Window) -> Events:
    snapshots = market.snapshots(pair, kind, INTERVALS[period])
    snapshots = snapshots[snapshots.stamps >= market.now - RETENTION]
    return snapshots[window.of(snapshots.stamps)]


def _taker_rows(market: AsOf, pair: Pair, period: int, window: Window) -> list[dict[str, Any]]:
    most = RETENTION // (5 * MINUTE)
    since = Window(market.now - RETENTION - period, market.now - period, most)
    candles = market.candles(pair, "futures", period, since)
    ends = candles.opens_at + period
    candles = candles[(ends >= market.now - RETENTION) & (ends <= market.now - market.oi_delay)]
    return payloads.taker_ratio(candles[window.of(candles.opens_at + period)])

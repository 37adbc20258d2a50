"""The spot market beside the perpetuals: Binance's ``/api/v3`` as far as candles need it."""

from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from replay import payloads
from replay.asof import Exchange
from replay.candles import INTERVALS, Window
from replay.errors import invalid_interval
from replay.requests import Text, spot_pair_of, window

SpotWindow = Annotated[Window, Depends(window(500, 1000))]


def add(app: FastAPI, exchange: Exchange) -> None:
    """Add the endpoints to `app`."""

    @app.get("/api/v3/ping")
    def ping() -> JSONResponse:
        return JSONResponse({})

    @app.get("/api/v3/time")
    def server_time() -> JSONResponse:
        return JSONResponse({"serverTime": exchange.clock()})

    @app.get("/api/v3/klines")
    def klines(symbol: Text, interval: Text, window: SpotWindow) -> JSONResponse:
        if interval not in INTERVALS:
            raise invalid_interval()
        market = exchange.now()
        pair = spot_pair_of(market, symbol)
        candles = market.candles(pair, "spot", INTERVALS[interval], window)
        return JSONResponse(payloads.klines(candles))

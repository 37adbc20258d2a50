"""The endpoints of Binance USDT-M that ccxt and Freqtrade use without a key, and all others.

The others are modules of their own with an ``add``; the paths of the venues do not collide, so one
address serves them all.

There are no trades in candle files, so aggTrades and trades are not served; a 404 is the truth.
Premium and index candles are served from files of that candle type and never derived.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from replay import archive, bybit, listing, payloads, sentiment, spot, statistics
from replay.asof import AsOf, Exchange
from replay.book import Book
from replay.candles import HOUR, INTERVALS, Candles, Window
from replay.data import Pair
from replay.errors import (
    install_handlers,
    invalid_depth_limit,
    invalid_interval,
)
from replay.faults import Rule
from replay.limits import RequestLimits
from replay.payloads import Payload, number
from replay.requests import OneOrAll, Text, pair_of, pairs_of, window
from replay.sabotage import Faults, Sabotage

DEPTHS = (5, 10, 20, 50, 100, 500, 1000)

KlineWindow = Annotated[Window, Depends(window(500, 1500))]
FundingWindow = Annotated[Window, Depends(window(100, 1000))]


def create_app(
    exchange: Exchange, *, enforce_limits: bool = False, faults: Sequence[Rule] = ()
) -> FastAPI:
    """Return the ASGI application that serves `exchange` and makes `faults`."""
    app = FastAPI(title="RegimeRouter replay exchange", openapi_url=None)
    app.add_middleware(RequestLimits, enforce=enforce_limits)
    app.add_middleware(Sabotage, faults=Faults(faults), clock=exchange.clock)
    install_handlers(app)
    _add_general(app, exchange)
    _add_klines(app, exchange)
    _add_derivatives(app, exchange)
    _add_tickers(app, exchange)
    for routes in (statistics, spot, bybit, sentiment):
        routes.add(app, exchange)
    shelf = archive.Archive(exchange)
    archive.add(app, shelf)
    listing.add(app, shelf)
    return app


def _add_general(app: FastAPI, exchange: Exchange) -> None:
    @app.get("/fapi/v1/ping")
    def ping() -> JSONResponse:
        return JSONResponse({})

    @app.get("/fapi/v1/time")
    def server_time() -> JSONResponse:
        return JSONResponse({"serverTime": exchange.clock()})

    @app.get("/fapi/v1/exchangeInfo")
    def exchange_info() -> JSONResponse:
        market = exchange.now()
        symbols = [
            payloads.symbol_info(pair, market.onboarded_at(pair), market.rules(pair))
            for pair in market.pairs()
        ]
        return JSONResponse(payloads.exchange_info(market.now, symbols))


def _add_klines(app: FastAPI, exchange: Exchange) -> None:
    def read(symbol: str, kind: str, interval: str, window: Window) -> Candles:
        if interval not in INTERVALS:
            raise invalid_interval()
        market = exchange.now()
        return market.candles(pair_of(market, symbol), kind, INTERVALS[interval], window)

    @app.get("/fapi/v1/klines")
    def klines(symbol: Text, interval: Text, window: KlineWindow) -> JSONResponse:
        return JSONResponse(payloads.klines(read(symbol, "futures", interval, window)))

    @app.get("/fapi/v1/markPriceKlines")
    def mark_klines(symbol: Text, interval: Text, window: KlineWindow) -> JSONResponse:
        return JSONResponse(payloads.price_klines(read(symbol, "mark", interval, window)))

    @app.get("/fapi/v1/indexPriceKlines")
    def index_klines(pair: Text, interval: Text, window: KlineWindow) -> JSONResponse:
        return JSONResponse(payloads.price_klines(read(pair, "index", interval, window)))

    @app.get("/fapi/v1/premiumIndexKlines")
    def premium_klines(symbol: Text, interval: Text, window: KlineWindow) -> JSONResponse:
        return JSONResponse(payloads.price_klines(read(symbol, "premiumIndex", interval, window)))


def _add_derivatives(app: FastAPI, exchange: Exchange) -> None:
    @app.get("/fapi/v1/fundingRate")
    def funding_rate(window: FundingWindow, symbol: OneOrAll = None) -> JSONResponse:
        market = exchange.now()
        # Binance takes startTime=0 for no start and answers with the latest rows
        window = Window(window.start or None, window.end, window.limit)
        rows: list[Payload] = []
        for pair in pairs_of(market, symbol):
            settled = market.funding(pair)
            settled = settled[window.of(settled.stamps)]
            marks = market.mark_price_at(pair, settled.stamps)
            rows += payloads.funding_rates(pair, settled, marks)
        rows.sort(key=lambda row: int(row["fundingTime"]))
        return JSONResponse(rows[: window.limit] if window.start else rows[-window.limit :])

    @app.get("/fapi/v1/fundingInfo")
    def funding_info() -> JSONResponse:
        market = exchange.now()
        return JSONResponse(
            [
                {
                    "symbol": pair.symbol,
                    "fundingIntervalHours": market.funding_interval(pair) // HOUR,
                    "disclaimer": False,
                }
                for pair in market.pairs()
            ]
        )

    @app.get("/fapi/v1/premiumIndex")
    def premium_index(symbol: OneOrAll = None) -> JSONResponse:
        market = exchange.now()
        return _one_or_all(market, symbol, lambda pair: _premium(market, pair))

    @app.get("/fapi/v1/openInterest")
    def open_interest(symbol: Text) -> JSONResponse:
        market = exchange.now()
        pair = pair_of(market, symbol)
        stamp, amount = market.latest_open_interest(pair) or (market.now, None)
        return JSONResponse({"symbol": pair.symbol, "openInterest": number(amount), "time": stamp})


def _add_tickers(app: FastAPI, exchange: Exchange) -> None:
    @app.get("/fapi/v1/depth")
    def depth(symbol: Text, limit: int = 500) -> JSONResponse:
        if limit not in DEPTHS:
            raise invalid_depth_limit(limit)
        market = exchange.now()
        book = _book(market, pair_of(market, symbol))
        stamp = market.now
        return JSONResponse(
            {"lastUpdateId": stamp, "E": stamp, "T": stamp}
            | {"bids": book.bids(limit), "asks": book.asks(limit)}
        )

    @app.get("/fapi/v1/ticker/24hr")
    def ticker_24hr(symbol: OneOrAll = None) -> JSONResponse:
        market = exchange.now()
        return _one_or_all(
            market, symbol, lambda pair: payloads.ticker_24hr(pair, market.day(pair), market.now)
        )

    @app.get("/fapi/v1/ticker/bookTicker")
    def book_ticker(symbol: OneOrAll = None) -> JSONResponse:
        market = exchange.now()
        return _one_or_all(market, symbol, lambda pair: _top_of_book(market, pair))

    @app.get("/fapi/v1/ticker/price")
    def price_ticker(symbol: OneOrAll = None) -> JSONResponse:
        market = exchange.now()

        def price(pair: Pair) -> Payload:
            return {
                "symbol": pair.symbol,
                "price": number(market.price(pair)),
                "time": market.now,
            }

        return _one_or_all(market, symbol, price)


def _one_or_all(
    market: AsOf, symbol: str | None, payload: Callable[[Pair], Payload]
) -> JSONResponse:
    """Answer with one object for a symbol and with a list for all of them, as Binance does."""
    if symbol is not None:
        return JSONResponse(payload(pair_of(market, symbol)))
    return JSONResponse([payload(pair) for pair in market.pairs()])


def _book(market: AsOf, pair: Pair) -> Book:
    day = market.day(pair)
    return Book(day.last, day.volume, market.rules(pair))


def _top_of_book(market: AsOf, pair: Pair) -> Payload:
    book = _book(market, pair)
    [(bid, bid_quantity)], [(ask, ask_quantity)] = book.bids(1), book.asks(1)
    return {
        "symbol": pair.symbol,
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
        "time": market.now,
    }


def _premium(market: AsOf, pair: Pair) -> Payload:
    settled = market.funding(pair)
    interval = market.funding_interval(pair)
    rate, next_at = None, 0
    if len(settled.stamps):
        rate, last_at = float(settled.table[-1, 0]), int(settled.stamps[-1])
        next_at = last_at + ((market.now - last_at) // interval + 1) * interval
    return {
        "symbol": pair.symbol,
        "markPrice": number(market.price(pair, "mark")),
        "indexPrice": number(market.price(pair, "index")),
        "estimatedSettlePrice": "",
        # Binance gives its running estimate of the next rate here; known is the last one settled
        "lastFundingRate": number(rate),
        "interestRate": payloads.INTEREST_RATE,
        "nextFundingTime": next_at,
        "time": market.now,
    }

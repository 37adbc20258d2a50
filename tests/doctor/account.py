"""A made-up account: a replay exchange with the private answers that a live start asks for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import ccxt

PRIVATE = {
    "/fapi/v1/positionSide/dual": {"dualSidePosition": False},
    "/fapi/v1/multiAssetsMargin": {"multiAssetsMargin": False},
    "/fapi/v1/leverageBracket": [
        {
            "symbol": f"{coin}USDT",
            "brackets": [
                {
                    "bracket": 1,
                    "initialLeverage": 75,
                    "notionalCap": 50000,
                    "notionalFloor": 0,
                    "maintMarginRatio": 0.005,
                    "cum": 0.0,
                }
            ],
        }
        for coin in ("BTC", "ETH", "SOL", "XRP")
    ],
}
ROOM = {  # where the addresses of ccxt's Binance lie below one host
    "fapiPublic": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPrivateV3": "/fapi/v3",
    "fapiData": "/futures/data",
    "public": "/api/v3",
    "private": "/api/v3",
}


@contextmanager
def account(exchange: str) -> Iterator[tuple[str, list[str]]]:
    """Serve the account before the replay exchange at `exchange`; yield address and requests."""
    asked: list[str] = []
    opener = build_opener(ProxyHandler({}))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            path = urlsplit(self.path).path
            asked.append(f"{self.command} {path}")
            if path in PRIVATE:
                body = json.dumps(PRIVATE[path]).encode()
            elif self.command == "GET" and not path.startswith("/elsewhere"):
                try:
                    with opener.open(exchange + self.path, timeout=20) as answered:
                        body = answered.read()
                except HTTPError as error:
                    self.send_error(error.code)
                    return
            else:
                self.send_error(403)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def overlay(url: str) -> dict[str, object]:
    """Return settings by which no address of ccxt's lies outside this computer."""
    known = ccxt.binance().urls["api"]
    addresses = {name: url + ROOM.get(name, f"/elsewhere/{name}") for name in known}
    ccxt_config = {
        "enableRateLimit": False,
        "urls": {"api": addresses},
        "options": {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False},
    }
    return {
        "exchange": {
            "key": "key-of-no-account",
            "secret": "secret-of-no-account",
            "only_from_ccxt": True,
            "pair_whitelist": ["BTC/USDT:USDT", "ETH/USDT:USDT"],
            "ccxt_config": ccxt_config,
        }
    }

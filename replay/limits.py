"""Binance's request limits: weights are always counted, and enforced on request.

A request to /fapi costs its weight out of 2400 a minute and is told how much was used; spot has a
bucket of its own like it. Funding history and /futures/data count requests and tell nothing, and so
do Bybit and alternative.me. Nothing limits the archive.
"""

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replay.payloads import WEIGHT_PER_MINUTE

WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one address may use within `seconds`."""

    name: str
    capacity: int
    seconds: int


WEIGHT = Bucket("weight", WEIGHT_PER_MINUTE, 60)
FUNDING = Bucket("funding", 500, 300)
DATA = Bucket("data", 1000, 300)
SPOT = Bucket("spot", 6000, 60)
BYBIT = Bucket("bybit", 600, 5)
ALTERNATIVE_ME = Bucket("alternative-me", 600, 600)
UNLIMITED = Bucket("unlimited", sys.maxsize, 60)
_VENUES = (
    ("/futures/data/", DATA, 1),
    ("/api/v3/klines", SPOT, 2),
    ("/api/v3/", SPOT, 1),
    ("/v5/", BYBIT, 1),
    ("/fng", ALTERNATIVE_ME, 1),
)

# Weight up to a limit, in ascending order; beyond the last one, the last weight.
_KLINES = ((99, 1), (499, 2), (1000, 5), (1500, 10))
_DEPTH = ((50, 2), (100, 5), (500, 10), (1000, 20))
_BY_LIMIT = {
    "klines": _KLINES,
    "markPriceKlines": _KLINES,
    "indexPriceKlines": _KLINES,
    "premiumIndexKlines": _KLINES,
    "depth": _DEPTH,
}
# With a symbol, and for all symbols at once.
_BY_SYMBOL = {
    "premiumIndex": (1, 10),
    "ticker/24hr": (1, 40),
    "ticker/bookTicker": (2, 5),
    "ticker/price": (1, 2),
}


def cost(path: str, query: str) -> tuple[Bucket, int]:
    """Return which bucket a request draws from, and how much."""
    for prefix, bucket, weight in _VENUES:
        if path.startswith(prefix):
            return bucket, weight
    if not path.startswith("/fapi/"):
        return UNLIMITED, 1
    endpoint = path.removeprefix("/fapi/v1/")
    if endpoint in {"fundingRate", "fundingInfo"}:
        return FUNDING, 1
    sent = parse_qs(query)
    if endpoint in _BY_LIMIT:
        text = sent.get("limit", ["500"])[0]
        limit = int(text) if text.isdecimal() else 0
        steps = _BY_LIMIT[endpoint]
        return WEIGHT, next((weight for most, weight in steps if limit <= most), steps[-1][1])
    of_one, of_all = _BY_SYMBOL.get(endpoint, (1, 1))
    return WEIGHT, of_one if "symbol" in sent else of_all


class RequestLimits:
    """Middleware that counts what requests cost and, with `enforce`, refuses those beyond it.

    Time is the wall clock, not the exchange's, so a frozen exchange recovers too.
    """

    def __init__(
        self, app: ASGIApp, *, enforce: bool = False, timer: Callable[[], float] = time.time
    ) -> None:
        self._app = app
        self._enforce = enforce
        self._timer = timer
        self._used: Counter[tuple[str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bucket, weight = cost(scope["path"], scope["query_string"].decode("latin-1"))
        used, seconds_left = self._draw(bucket, weight)

        async def send_with_usage(message: Message) -> None:
            if message["type"] == "http.response.start" and bucket in (WEIGHT, SPOT):
                MutableHeaders(scope=message)[WEIGHT_HEADER] = str(used)
            await send(message)

        refused = self._enforce and used > bucket.capacity
        app = _too_many(bucket, seconds_left) if refused else self._app
        await app(scope, receive, send_with_usage)

    def _draw(self, bucket: Bucket, weight: int) -> tuple[int, int]:
        """Count `weight`; return what is used and the seconds until the bucket is full again."""
        now = self._timer()
        window = int(now // bucket.seconds)
        self._used[bucket.name, window] += weight
        for old in [key for key in self._used if key[0] == bucket.name and key[1] != window]:
            del self._used[old]
        return self._used[bucket.name, window], math.ceil((window + 1) * bucket.seconds - now)


def _too_many(bucket: Bucket, seconds: int) -> Response:
    if bucket is BYBIT:
        return PlainTextResponse("403, access too frequent", 403)
    period = "minute" if bucket.seconds == 60 else f"{bucket.seconds // 60} minutes"
    message = (
        f"Too many requests; current limit is {bucket.capacity} requests per {period}. "
        "Please use the websocket for live updates to avoid polling the API."
    )
    return JSONResponse({"code": -1003, "msg": message}, 429, {"Retry-After": str(seconds)})

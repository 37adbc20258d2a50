"""Does what a fault script says: middleware around the exchange, and its remote control.

The control lives beside the endpoints and answers this computer only:

- ``/ctl/faults``: GET the rules with their counts, PUT a JSON list to replace them, DELETE them;
- ``/ctl/requests``: GET how often each path was asked for, DELETE to count from zero.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replay.clock import Clock
from replay.faults import MUTATIONS, FaultError, Rule, choose, parse
from replay.mutations import empty, mutate

CONTROL = "/ctl/"
_LOOPBACK = ("127.", "::1", "::ffff:127.")
_BAN_SECONDS = 120
MAINTENANCE = "<html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
_LOCATION = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you "
    "received this message in error."
)


class Faults:
    """The rules in force, shared by middleware and control; change them on the event loop."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = list(rules)
        self.requests: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put `rules` in the place of all others and let go of connections that hang."""
        self.rules = list(rules)
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until the rules are replaced."""
        await self._changed.wait()


class Sabotage:
    """Middleware that counts requests and spoils those that a rule takes."""

    def __init__(self, app: ASGIApp, *, faults: Faults, clock: Clock) -> None:
        self._app = app
        self._faults = faults
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or do what the rule says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(CONTROL):
            answer = await _control(Request(scope, receive), self._faults)
            await answer(scope, receive, send)
            return
        self._faults.requests[scope["path"]] += 1
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        rule = choose(self._faults.rules, scope["path"], query)
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await self._spoil(rule, scope, receive, send)

    async def _spoil(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        if rule.kind == "hang":
            rule.applied += 1
            if await self._hung_up(rule.settings.get("seconds"), receive):
                return
            await self._app(scope, _never_again(receive), send)
            return
        if (answer := _instead(rule, scope["path"], self._clock())) is not None:
            rule.applied += 1
            await answer(scope, receive, send)
            return
        start, body = await self._correct(scope, receive)
        if start["status"] == 200:
            body = self._spoiled(rule, scope, body)
        await _deliver(rule, start, body, receive, send)

    def _spoiled(self, rule: Rule, scope: Scope, body: bytes) -> bytes:
        """Return a body that is wrong, and count it; the same one where there is nothing to do."""
        other: bytes | None = None
        if rule.kind in {"cut", "slow"}:
            other = body
        elif rule.kind == "empty_list":
            other = empty(body)
        elif rule.kind == "flip":
            middle = len(body) // 2
            other = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        elif rule.kind == "bad_checksum":
            other = b"0" * 64 + body[64:]
        elif rule.kind == "freeze":
            other = rule.frozen.setdefault(_question(scope), body)
        elif rule.kind in MUTATIONS:
            other = mutate(body, rule.kind, rule.settings, self._clock())
        rule.applied += other is not None
        return body if other is None else other

    async def _correct(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        """Return what the exchange would have answered."""
        started: list[Message] = []
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return started[0], b"".join(parts)

    async def _hung_up(self, seconds: float | None, receive: Receive) -> bool:
        """Hold a request until time is up or the rules change; tell whether the client left."""
        left = asyncio.ensure_future(_disconnected(receive))
        freed = asyncio.ensure_future(self._faults.changed())
        try:
            await asyncio.wait({left, freed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return left.done()
        finally:
            left.cancel()
            freed.cancel()


def _question(scope: Scope) -> str:
    """Return what a request is about, whatever span of time it asks for."""
    query = parse_qsl(scope["query_string"].decode("latin-1"))
    about = {"symbol", "pair", "interval", "period", "intervalTime", "contractType", "category"}
    return json.dumps([scope["path"], sorted(item for item in query if item[0] in about)])


def _instead(rule: Rule, path: str, now: int) -> Response | None:
    """Return the answer of a rule that needs no correct one first."""
    if rule.kind == "status":
        return _status(rule.settings, now)
    if rule.kind == "html":
        return HTMLResponse(MAINTENANCE)
    if rule.kind == "json":
        return JSONResponse(rule.settings["body"])
    if rule.kind == "missing":
        return no_such_key(path)
    return None


def _status(settings: dict[str, Any], now: int) -> Response:
    """Return an error in the words of Binance, unless the rule has its own."""
    status, wait = settings["status"], settings.get("retry_after")
    until = settings.get("banned_until", now + 1000 * (wait or _BAN_SECONDS))
    usual: dict[int, Any] = {
        418: _binance(
            -1003,
            f"Way too many requests; IP(127.0.0.1) banned until {until}. "
            "Please use the websocket for live updates to avoid bans.",
        ),
        429: _binance(
            -1003,
            "Too many requests; current limit is 2400 requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
        ),
        451: _binance(0, _LOCATION),
    }
    body = settings.get("body", usual.get(status, _binance(-1000, "An unknown error occurred.")))
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if isinstance(body, str):
        return PlainTextResponse(body, status, headers)
    return JSONResponse(body, status, headers)


def _binance(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message}


def no_such_key(path: str) -> Response:
    """Return the archive's answer for a file that it does not have."""
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>The specified key does not exist.</Message>"
        f"<Key>{path.lstrip('/')}</Key><RequestId>X</RequestId><HostId>X</HostId></Error>"
    )
    return Response(content, 404, media_type="application/xml")


async def _deliver(rule: Rule, start: Message, body: bytes, receive: Receive, send: Send) -> None:
    """Send an answer in one piece, in drips, or half of it."""
    MutableHeaders(scope=start)["Content-Length"] = str(len(body))
    await send(start)
    if rule.kind == "cut":
        # The server closes a connection whose answer is never completed
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )
        return
    if rule.kind == "slow":
        await _drip(body, rule.settings.get("bytes_per_second", 1.0), receive, send)
        return
    await send({"type": "http.response.body", "body": body})


async def _drip(body: bytes, rate: float, receive: Receive, send: Send) -> None:
    """Send `rate` bytes per second, at most ten pieces in one, until the client leaves."""
    size = max(1, round(rate / 10))
    left = asyncio.ensure_future(_disconnected(receive))
    try:
        for begin in range(0, len(body), size):
            piece = body[begin : begin + size]
            more = begin + size < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if more and (await asyncio.wait({left}, timeout=size / rate))[0]:
                return
    finally:
        left.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _never_again(receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Return a `receive` for a request whose empty body has been read already."""
    first = [{"type": "http.request", "body": b"", "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


async def _control(request: Request, faults: Faults) -> Response:
    host = request.client.host if request.client else ""
    if not host.startswith(_LOOPBACK):
        return JSONResponse({"error": f"{CONTROL} answers this computer only"}, 403)
    what = f"{request.method} {request.url.path}"
    if what in {"GET /ctl/requests", "DELETE /ctl/requests"}:
        if request.method == "DELETE":
            faults.requests.clear()
        return JSONResponse(dict(sorted(faults.requests.items())))
    if what not in {f"{method} /ctl/faults" for method in ("GET", "PUT", "DELETE")}:
        return JSONResponse({"error": f"{what} is not there; see docs/replay.md"}, 404)
    if request.method != "GET":
        content = b"[]" if request.method == "DELETE" else await request.body()
        try:
            faults.replace(parse(json.loads(content)))
        except FaultError as error:
            return JSONResponse({"error": str(error)}, 400)
        except ValueError as error:
            return JSONResponse({"error": f"the body is not JSON ({error})"}, 400)
    return JSONResponse([rule.as_json() for rule in faults.rules])

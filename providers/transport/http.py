"""Asks the outside world: every attempt is bounded in time and size, every refusal has a type.

A request waits for its turn (`providers.transport.limits`), has one deadline for connection, head
and body together, and follows no redirect. What may pass is asked again, at most twice, after a
pause that grows. After "too many requests" nothing goes to that venue before it allows, and then
once.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import httpx
import pandas as pd

from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BannedError,
    RateLimitedError,
    UnavailableError,
)
from providers.transport.deadline import Transport, deadline
from providers.transport.limits import Limiter, utc_now
from providers.transport.redaction import Asked, guard_logs
from providers.transport.refusals import Answer, RedirectedError, refusal

ATTEMPTS = 3
FIRST_BACKOFF = 1.0  # seconds; doubles, and half of it is left to chance
REMARK = 16 << 10  # bytes that are read of a refusal
FULL = 0.8  # share of the used weight from which we leave the rest to Freqtrade
WEIGHT_HEADER = "x-mbx-used-weight-1m"
WEIGHT_PER_MINUTE = {"binance-futures": 2400, "binance-funding": 2400, "binance-spot": 6000}
_HEADERS = {
    "User-Agent": "regimerouter",
    "Accept-Encoding": "identity",  # what is not packed cannot unpack to more than it was
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an attempt may take: seconds, and bytes of the body."""

    total: float = 20.0
    connect: float = 5.0
    read: float = 10.0
    body: int = 32 << 20

    def timeout(self) -> httpx.Timeout:
        """Return the timeouts of the socket; the total is kept beside them."""
        return httpx.Timeout(
            min(self.read, self.total), connect=min(self.connect, self.total), pool=self.total
        )


@dataclass(slots=True)
class HttpClient:
    """`providers.contract.Client` for the real world; safe to share between threads.

    Attributes
    ----------
    limiter : Limiter
        Shared by all clients of a process that use one address.
    bounds : Bounds
        Of every attempt.
    clock : callable
        The time of day.
    sleep : callable
        How to wait before the next attempt.
    chance : Random
        Spreads the attempts of several clients.
    """

    limiter: Limiter = field(default_factory=Limiter)
    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], pd.Timestamp] = utc_now
    sleep: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.Random)
    _ended: bool = False
    _client: httpx.Client | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> pd.Timestamp:
        """Return the time in whole milliseconds, UTC."""
        return self.clock()

    def get(
        self,
        url: str,
        *,
        bucket: str,
        params: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        weight: int = 1,
    ) -> bytes:
        """Return the body of a 200.

        Raises
        ------
        SourceError
            There was none; the type says why and whether it may pass.
        BadAnswerError
            The answer is larger than `bounds` allow.
        ValueError
            There is no such bucket.
        """
        failures, limited = 0, False
        while True:
            if self._ended:
                raise UnavailableError("the client has ended, nothing is asked any more")
            self.limiter.acquire(bucket, weight)
            try:
                return self._ask(url, bucket, params, headers)
            except (BannedError, RedirectedError):
                raise
            except RateLimitedError as error:
                if limited or error.until - self.now() > self.limiter.patience:
                    raise
                limited = True  # the limiter holds the next attempt back until then
            except UnavailableError:
                failures += 1
                if failures == ATTEMPTS:
                    raise
                self.sleep(FIRST_BACKOFF * 2 ** (failures - 1) * self.chance.uniform(0.5, 1.0))

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.close()

    def _ask(
        self,
        url: str,
        bucket: str,
        params: dict[str, str | int] | None,
        headers: dict[str, str] | None,
    ) -> bytes:
        """Make one attempt."""
        asked = Asked.of(url, params, headers)
        try:
            merged = httpx.URL(url).copy_merge_params(params or {})
            with (
                deadline(self.bounds.total),
                self._connections().stream("GET", merged, headers=headers) as response,
            ):
                self._heed_weight(bucket, response.headers.get(WEIGHT_HEADER, ""))
                if response.status_code == 200:
                    return self._body(response, asked)
                answer = self._refused(response, asked, bucket)
        except httpx.TimeoutException:
            raise UnavailableError(
                f"{asked.address} gave no complete answer within {self.bounds.total:g} s"
            ) from None
        except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
            # Their texts quote what is wrong, which may be the key
            raise BadRequestError(
                f"{asked.address} cannot be asked ({type(error).__name__}); is the key mistyped?"
            ) from None
        except httpx.HTTPError as error:
            reason = asked.hide(f"{type(error).__name__}: {error}")
            raise UnavailableError(f"{asked.address} gave no answer, {reason:.200}") from None
        refused = refusal(answer)
        if isinstance(refused, RateLimitedError):
            reason = f"{asked.address} answered {answer.status}"
            banned = isinstance(refused, BannedError)
            self.limiter.pause(bucket, refused.until, reason, banned=banned)
        raise refused

    def _body(self, response: httpx.Response, asked: Asked) -> bytes:
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise BadAnswerError(f"{asked.address} came packed as {encoding!r:.40}, unasked")
        length = response.headers.get("content-length", "")
        body, largest = bytearray(), self.bounds.body
        if length.isdigit() and int(length[:18]) > largest:
            raise BadAnswerError(f"{asked.address} has {length:.18} bytes, at most {largest}")
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > largest:
                raise BadAnswerError(f"{asked.address} has more than {largest} bytes")
        if length.isdigit() and int(length[:18]) != len(body):
            raise UnavailableError(f"{asked.address} was cut: {len(body)} of {length:.18} bytes")
        return bytes(body)

    def _refused(self, response: httpx.Response, asked: Asked, bucket: str) -> Answer:
        """Return the refusal; its status stands even where its body breaks off."""
        body = bytearray()
        try:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= REMARK:
                    break
        except httpx.HTTPError:
            pass
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            asked, bucket, response.status_code, headers, bytes(body[:REMARK]), self.now()
        )

    def _heed_weight(self, bucket: str, used: str) -> None:
        """Leave the rest of the minute to Freqtrade, which shares the address."""
        limit = WEIGHT_PER_MINUTE.get(bucket)
        # int() refuses a superscript, which is a digit too
        told = used.isascii() and used.isdigit()
        if limit is None or not told or int(used[:9]) <= FULL * limit:
            return
        next_minute = self.now().floor("min") + timedelta(minutes=1)
        self.limiter.slow_down(bucket, next_minute, f"{used} of {limit} weight is used")

    def _connections(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                guard_logs()
                self._client = httpx.Client(
                    headers=_HEADERS,
                    timeout=self.bounds.timeout(),
                    follow_redirects=False,
                    transport=Transport(
                        httpx.Limits(max_connections=32, max_keepalive_connections=16)
                    ),
                )
            return self._client

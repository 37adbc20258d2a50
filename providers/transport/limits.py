"""How often each source may be asked, so that nobody bans the address we share with Freqtrade.

A bucket allows so much weight within any stretch of so many seconds: an exact sliding window, not
a token bucket, which allows twice as much around a refill. Stretches are short, so that waiting for
one's turn takes seconds; the limits that venues state per minute or per five minutes follow.

A pause that a venue demands holds for all buckets of the venue, because it bans an address and
not a question.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.errors import BannedError, RateLimitedError

PATIENCE = timedelta(seconds=65)  # the minute after which most limits start anew, and a margin
MARGIN = timedelta(seconds=1)  # added to every pause: clocks differ


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `weight` within any `seconds`."""

    weight: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one kind of request may draw, and the venue whose bans it shares."""

    venue: str
    rates: tuple[Rate, ...]


BUCKETS: dict[str, Bucket] = {
    # 2400 per minute and address; Freqtrade keeps at least half
    "binance-futures": Bucket("binance-usdm", (Rate(200, 10),)),
    # 1000 per 5 min; these make 800
    "binance-data": Bucket("binance-usdm", (Rate(3, 1), Rate(8, 3))),
    # 500 per 5 min; this makes 450
    "binance-funding": Bucket("binance-usdm", (Rate(3, 2),)),
    # 6000 per minute; half
    "binance-spot": Bucket("binance-spot", (Rate(500, 10),)),
    "archive": Bucket("archive", (Rate(20, 1),)),
    # 600 per 5 s
    "bybit": Bucket("bybit", (Rate(10, 1),)),
    # 60 per minute, averaged over ten; half
    "alternative-me": Bucket("alternative-me", (Rate(5, 10),)),
    "senticrypt": Bucket("senticrypt", (Rate(1, 1),)),
    "cryptopanic": Bucket("cryptopanic", (Rate(1, 1),)),
    # 30 per minute on the smallest plan
    "coinglass": Bucket("coinglass", (Rate(5, 10),)),
    # 40 symbols per minute; a request may ask for 20
    "coinalyze": Bucket("coinalyze", (Rate(20, 30),)),
    "aggr": Bucket("aggr", (Rate(20, 1),)),
}
VENUES: dict[str, tuple[str, ...]] = {
    venue: tuple(name for name, bucket in BUCKETS.items() if bucket.venue == venue)
    for venue in dict.fromkeys(bucket.venue for bucket in BUCKETS.values())
}


def utc_now() -> pd.Timestamp:
    """Return the time in whole milliseconds, UTC."""
    return pd.Timestamp.now("UTC").floor("ms").as_unit("ms")


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent until then: a moment for messages, and on the clock that never jumps."""

    until: pd.Timestamp
    resumes: float
    banned: bool
    reason: str


@dataclass(slots=True)
class Limiter:
    """Lets requests pass when it is their turn; safe to share between threads.

    Attributes
    ----------
    patience : timedelta
        The longest wait; where it would be longer `acquire` raises at once.
    now, monotonic, sleep : callable
        The time of day, seconds that only ever grow, and how to wait.
    """

    patience: timedelta = PATIENCE
    now: Callable[[], pd.Timestamp] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _passed: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _pauses: dict[str, Pause] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, bucket: str, weight: int = 1) -> None:
        """Wait until a request of `weight` may be sent, and count it as sent.

        Raises
        ------
        RateLimitedError, BannedError
            The wait would be longer than `patience`; `until` says when it is over.
        ValueError
            There is no such bucket, or it never holds that much.
        """
        _check(bucket, weight)
        give_up = self.monotonic() + self.patience.total_seconds()
        while True:
            with self._lock:
                turn = self._turn(bucket, weight, self.monotonic(), give_up)
                self._passed.setdefault(bucket, deque()).append((turn, weight))
            while (wait := turn - self.monotonic()) > 0:
                self.sleep(wait)
            with self._lock:
                pause = self._pauses.get(bucket)
                if pause is None or pause.resumes <= turn:
                    return
            # the venue asked for a pause while we waited: queue again

    def pause(
        self, bucket: str, until: pd.Timestamp, reason: str = "", *, banned: bool = False
    ) -> None:
        """Let nothing pass to the venue of `bucket` until then; the longest pause stands."""
        _check(bucket, 0)
        for name in VENUES[BUCKETS[bucket].venue]:
            self._pause(name, until, reason, banned)

    def slow_down(self, bucket: str, until: pd.Timestamp, reason: str = "") -> None:
        """Let nothing pass from `bucket` alone until then."""
        _check(bucket, 0)
        self._pause(bucket, until, reason, banned=False)

    def _pause(self, bucket: str, until: pd.Timestamp, reason: str, banned: bool) -> None:
        with self._lock:
            wait = (until - self.now() + MARGIN).total_seconds()
            pause = Pause(until, self.monotonic() + wait, banned, reason)
            known = self._pauses.get(bucket)
            if known is None or known.resumes < pause.resumes:
                self._pauses[bucket] = pause

    def _turn(self, bucket: str, weight: int, now: float, give_up: float) -> float:
        """Return when `weight` may pass, behind everything that is waiting already."""
        passed, pause = self._passed.setdefault(bucket, deque()), self._pauses.get(bucket)
        rates = BUCKETS[bucket].rates
        longest = max(rate.seconds for rate in rates)
        while passed and passed[0][0] <= now - longest:
            passed.popleft()
        turn = max(now, passed[-1][0] if passed else now)
        for rate in rates:
            turn = max(turn, _free(passed, rate, weight))
        if pause is not None and pause.resumes > turn:
            turn = pause.resumes
        if turn > give_up:
            raise self._too_long(bucket, turn - now, pause)
        return turn

    def _too_long(self, bucket: str, wait: float, pause: Pause | None) -> RateLimitedError:
        until = self.now() + timedelta(seconds=wait)
        limit = f"longer than the {self.patience.total_seconds():.0f} s that a request waits"
        if pause is None or pause.resumes <= self.monotonic():
            return RateLimitedError(f"{bucket} has too much to ask: {wait:.0f} s, {limit}", until)
        kind = BannedError if pause.banned else RateLimitedError
        until = max(pause.until, until)
        what = "banned this address" if pause.banned else "wants a pause"
        return kind(
            f"{bucket}: {BUCKETS[bucket].venue} {what} until {until:%Y-%m-%d %H:%M:%S} UTC, "
            f"{limit}; nothing is sent before. {pause.reason}".rstrip(),
            until,
        )


def _free(passed: deque[tuple[float, int]], rate: Rate, weight: int) -> float:
    """Return from when on the stretch behind holds at most the rate, `weight` included."""
    total = weight
    for moment, spent in reversed(passed):
        total += spent
        if total > rate.weight:
            return moment + rate.seconds
    return float("-inf")


def _check(bucket: str, weight: int) -> None:
    if bucket not in BUCKETS:
        raise ValueError(f"there is no bucket {bucket!r}, only {', '.join(BUCKETS)}")
    most = min(rate.weight for rate in BUCKETS[bucket].rates)
    if not 0 <= weight <= most:
        raise ValueError(f"weight is {weight}, expected 0 to {most}, all that {bucket} ever holds")

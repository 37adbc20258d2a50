"""However a bucket is used, no stretch of time holds more than its limit, and nobody waits long."""

import threading
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import BannedError, RateLimitedError
from providers.transport.limits import BUCKETS, MARGIN, VENUES, Limiter

START = pd.Timestamp("2026-10-01", tz="UTC")


class Clock:
    def __init__(self) -> None:
        self.elapsed = 0.0
        self.naps: list[float] = []

    def now(self) -> pd.Timestamp:
        return START + timedelta(seconds=self.elapsed)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.elapsed += seconds


def a_limiter(patience: float = 1e6) -> tuple[Limiter, Clock]:
    clock = Clock()
    limiter = Limiter(timedelta(seconds=patience), clock.now, lambda: clock.elapsed, clock.sleep)
    return limiter, clock


def heaviest(passed: list[tuple[float, int]], seconds: float) -> int:
    """Return the most weight that passed within any half-open stretch of so many seconds."""
    return max(
        sum(weight for moment, weight in passed if start <= moment < start + seconds - 1e-6)
        for start, _ in passed
    )


@given(
    bucket=st.sampled_from(list(BUCKETS)),
    calls=st.lists(st.tuples(st.integers(0, 5), st.floats(0, 4)), min_size=1, max_size=60),
)
def test_no_stretch_holds_more_than_the_limit(bucket, calls):
    limiter, clock = a_limiter()
    rates, passed = BUCKETS[bucket].rates, []
    most = min(rate.weight for rate in rates)
    for size, pause in calls:
        weight = max(1, most * size // 5)
        limiter.acquire(bucket, weight)
        passed.append((clock.elapsed, weight))
        clock.elapsed += pause
    for rate in rates:
        assert heaviest(passed, rate.seconds) <= rate.weight


VENDORS = [
    *[("binance-futures", 60, 1200), ("binance-data", 1, 3), ("binance-data", 300, 800)],
    *[("binance-funding", 2, 3), ("binance-funding", 300, 450), ("binance-spot", 60, 3000)],
    *[("archive", 1, 20), ("bybit", 1, 10), ("alternative-me", 60, 30), ("senticrypt", 1, 1)],
    *[("cryptopanic", 1, 1), ("coinglass", 60, 30), ("coinalyze", 60, 40), ("aggr", 1, 20)],
]


@pytest.mark.parametrize(("bucket", "seconds", "most"), VENDORS)
def test_what_vendors_allow_is_kept_and_made_use_of(bucket, seconds, most):
    limiter, clock = a_limiter()
    passed = []
    while clock.elapsed <= seconds * 1.5:
        limiter.acquire(bucket)
        passed.append((clock.elapsed, 1))
    assert 0.8 * most <= heaviest(passed, seconds) <= most


def test_waiting_for_a_turn_is_short_and_in_line():
    limiter, clock = a_limiter()
    for _ in range(7):
        limiter.acquire("binance-data")
    assert clock.naps == [1.0, 1.0]  # 3 per second
    limiter.acquire("binance-data")
    limiter.acquire("binance-data")
    assert clock.elapsed == 3.0  # 8 per 3 seconds


def test_a_long_wait_is_an_error_at_once():
    limiter, clock = a_limiter(patience=10)
    limiter.acquire("coinalyze", 20)
    with pytest.raises(RateLimitedError, match="coinalyze has too much to ask: 30 s") as raised:
        limiter.acquire("coinalyze", 1)
    assert raised.value.until == START + timedelta(seconds=30)
    assert clock.naps == []
    clock.elapsed = 20.0
    limiter.acquire("coinalyze", 1)  # what was refused did not count
    assert clock.elapsed == 30.0


@given(
    seconds=st.floats(0.5, 1e5),
    bucket=st.sampled_from(list(BUCKETS)),
    asked=st.sampled_from(list(BUCKETS)),
    banned=st.booleans(),
    patience=st.floats(0, 1e5),
)
def test_a_pause_holds_for_the_venue_and_for_nobody_else(seconds, bucket, asked, banned, patience):
    limiter, clock = a_limiter(patience)
    until = START + timedelta(seconds=seconds)
    limiter.pause(bucket, until, "it said so", banned=banned)
    if asked not in VENUES[BUCKETS[bucket].venue]:
        limiter.acquire(asked)
        assert clock.elapsed == 0.0
        return
    wait = (until - START + MARGIN).total_seconds()
    if wait > patience:
        with pytest.raises(RateLimitedError, match="it said so") as raised:
            limiter.acquire(asked)
        assert isinstance(raised.value, BannedError) is banned
        assert raised.value.until >= until
        assert clock.naps == []
    else:
        limiter.acquire(asked)
        assert clock.now() > until


def test_the_longest_pause_stands():
    limiter, clock = a_limiter()
    limiter.pause("bybit", START + timedelta(minutes=10), banned=True)
    limiter.pause("bybit", START + timedelta(seconds=5))
    limiter.acquire("bybit")
    assert clock.elapsed == 601.0


def test_slowing_down_is_about_one_bucket():
    limiter, clock = a_limiter()
    limiter.slow_down("binance-futures", START + timedelta(seconds=40))
    limiter.acquire("binance-data")
    assert clock.elapsed == 0.0
    limiter.acquire("binance-futures")
    assert clock.elapsed == 41.0


def test_a_pause_that_comes_while_somebody_waits_holds_for_him_too():
    limiter, clock = a_limiter()
    until = START + timedelta(seconds=90)

    def sleep(seconds):
        if not clock.naps:
            limiter.pause("senticrypt", until, banned=True)
        clock.sleep(seconds)

    limiter.sleep = sleep
    limiter.acquire("senticrypt")
    limiter.acquire("senticrypt")
    assert clock.now() > until


def test_a_clock_set_back_does_not_prolong_a_pause():
    limiter, clock = a_limiter()
    moved = [timedelta(0)]
    limiter.now = lambda: clock.now() + moved[0]
    limiter.pause("bybit", START + timedelta(seconds=20))
    moved[0] = -timedelta(hours=2)
    limiter.acquire("bybit")
    assert clock.elapsed == 21.0


@pytest.mark.parametrize("weight", [-1, 9, 10**9])
def test_a_weight_that_never_fits_is_refused(weight):
    with pytest.raises(ValueError, match=f"weight is {weight}, expected 0 to 3"):
        a_limiter()[0].acquire("binance-data", weight)


def test_an_unknown_bucket_names_the_known_ones():
    for ask in (Limiter.acquire, Limiter.slow_down, Limiter.pause):
        arguments = () if ask is Limiter.acquire else (START,)
        with pytest.raises(ValueError, match=r"no bucket 'okx', only .*binance-data.*aggr"):
            ask(a_limiter()[0], "okx", *arguments)


def test_the_three_kinds_of_binance_futures_share_a_ban():
    assert VENUES["binance-usdm"] == ("binance-futures", "binance-data", "binance-funding")
    assert sorted(name for names in VENUES.values() for name in names) == sorted(BUCKETS)


def test_threads_together_keep_the_limit():
    clock, lock = Clock(), threading.Lock()
    limiter = Limiter(timedelta(hours=1), clock.now, lambda: clock.elapsed)

    def sleep(seconds):
        with lock:  # time passes for everybody, so a turn may be overdue but never early
            clock.sleep(seconds)

    limiter.sleep = sleep
    work = [threading.Thread(target=_acquire, args=(limiter, 25)) for _ in range(8)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert clock.elapsed >= 19.0  # 200 requests at 10 per second


def _acquire(limiter: Limiter, times: int) -> None:
    for _ in range(times):
        limiter.acquire("bybit")

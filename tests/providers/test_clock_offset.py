"""The exchange's clock is compared with ours, to half a round trip, without anybody waiting."""

import json
import math
import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.endpoints import Endpoints
from providers.errors import BadAnswerError, ProviderError, UnavailableError
from providers.live.clock_offset import (
    DOUBTFUL_EVERY,
    IDLE,
    TIME_PATH,
    ClockWatch,
    Reading,
    read_offset,
)
from providers.live.polls import FIRST_RETRY, LONGEST_RETRY

BASE = Endpoints().binance_futures
TRUE = pd.Timestamp("2026-01-05 08:00", tz="UTC")
EVERY = timedelta(minutes=5)
seconds = st.integers(-10_000, 10_000).map(lambda tenth: tenth / 10)


def later(moment, seconds):
    return moment + pd.Timedelta(seconds=seconds)


@dataclass
class Exchange:
    """Its clock is right, ours is `skew` ahead; the way there and back takes so many seconds."""

    skew: float = 0.0
    ways: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    moment: pd.Timestamp = TRUE
    asked: list[str] = field(default_factory=list)

    def now(self):
        return later(self.moment, self.skew)

    def get(self, url, *, bucket, **_):
        there, back = self.ways[len(self.asked) % len(self.ways)]
        self.asked.append(url)
        self.moment = later(self.moment, there)
        body = json.dumps({"serverTime": round(self.moment.timestamp() * 1000)}).encode()
        self.moment = later(self.moment, back)
        return body


ways = st.tuples(st.integers(0, 600), st.integers(0, 600)).map(lambda it: (it[0] / 10, it[1] / 10))


@given(seconds, st.lists(ways, min_size=1, max_size=3))
def test_the_true_error_lies_within_the_uncertainty(skew, some):
    reading = read_offset(Exchange(skew, some), BASE)
    assert abs(reading.offset - skew) <= reading.uncertainty + 0.002


@given(seconds, st.integers(0, 600))
def test_ways_of_the_same_length_make_no_error(skew, tenth):
    reading = read_offset(Exchange(skew, [(tenth / 10, tenth / 10)]), BASE)
    assert reading.offset == pytest.approx(skew, abs=0.002)
    assert reading.uncertainty == pytest.approx(tenth / 10)


def test_the_quickest_answer_counts():
    exchange = Exchange(-600.0, [(9.0, 0.0), (0.1, 0.1), (0.0, 30.0)])
    assert read_offset(exchange, BASE) == Reading(pytest.approx(-600.0), pytest.approx(0.1))
    assert exchange.asked == [BASE + TIME_PATH] * 3


def test_a_clock_set_back_while_it_asked_gives_no_negative_uncertainty():
    assert Reading.of(TRUE, TRUE, later(TRUE, -10)).uncertainty == 5.0


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"null", b"<html>", b'{"serverTime": null}', b'{"serverTime": true}'),
        *(b'{"serverTime": "1767600000000"}', b'{"serverTime": 1767600000.5}'),
        *(b'{"serverTime": NaN}', b'{"serverTime": 1e309}', b'{"serverTime": 1767600000}'),
        *(b'{"serverTime": -1}', b'{"serverTime": 99999999999999999999}', b"[" * 100_000),
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_time_is_an_error_and_never_an_offset(body, monkeypatch):
    exchange = Exchange()
    monkeypatch.setattr(Exchange, "get", lambda *_, **__: body)
    with pytest.raises(BadAnswerError, match="did not tell a time"):
        read_offset(exchange, BASE)


class Script:
    """Answers in turn, raising what is an error; and a clock that the test moves."""

    def __init__(self, *answers):
        self.answers, self.asked, self.now = list(answers), 0, 1000.0

    def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(self, **changes):
        return ClockWatch(self, EVERY, 1.5, monotonic=lambda: self.now, **changes)

    def let(self, watch, seconds):
        """Let the thread's body run for so long; it steps as often as it says."""
        end = self.now + seconds
        while self.now < end:
            pause = watch.step().total_seconds()
            assert 0 <= pause <= IDLE.total_seconds()
            self.now += max(pause, 0.5)


RIGHT, OFF = Reading(0.01, 0.02), Reading(-600.0, 0.02)


def test_a_right_clock_is_asked_every_interval():
    script = Script(RIGHT)
    watch = script.watch()
    script.let(watch, 3600)
    assert script.asked == 12
    assert watch.told.reading == RIGHT
    assert watch.told.why == ""


def test_a_wrong_clock_is_asked_often_until_it_is_right():
    script = Script(OFF, OFF, OFF, RIGHT)
    watch = script.watch()
    script.let(watch, 3.5 * DOUBTFUL_EVERY.total_seconds())
    assert script.asked == 4
    assert watch.told.reading == RIGHT
    script.let(watch, EVERY.total_seconds() - 30)
    assert script.asked == 4


def test_failures_keep_the_last_reading_and_its_age_and_space_out():
    script = Script(RIGHT, UnavailableError("no\nanswer"))
    watch = script.watch()
    script.let(watch, EVERY.total_seconds() + 1)
    told = watch.told
    assert (told.reading, told.since, told.why) == (RIGHT, 1000.0, "no answer")
    script.let(watch, 3600)
    assert watch.told.since == 1000.0
    assert script.asked <= 3 + math.log2(LONGEST_RETRY / FIRST_RETRY) + 3600 / 300


def test_a_bug_does_not_end_the_watch(caplog):
    script = Script(ZeroDivisionError("x"), RIGHT)
    watch = script.watch()
    script.let(watch, 60)
    assert watch.told.reading == RIGHT
    assert "unforeseen" in caplog.text


def test_who_hurries_it_is_answered_before_the_interval_is_over():
    script = Script(RIGHT)
    watch = script.watch()
    script.let(watch, 20)
    begun = watch.told.begun
    script.now += 1
    watch.hurry()
    script.let(watch, 1)
    assert script.asked == 2
    assert watch.told.begun > begun


def test_a_hurry_while_it_asks_is_not_lost():
    script = Script(RIGHT)
    watch = script.watch()
    script.answers = [RIGHT]
    asking = watch.ask

    def ask():
        if script.asked == 0:
            watch.hurry()
        return asking()

    watch.ask = ask
    script.let(watch, 2)
    assert script.asked == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_thread_asks_at_once_ends_when_told_and_is_started_again_once_it_died():
    asked = threading.Event()
    failing = [SystemExit()]

    def ask():
        if failing:
            raise failing.pop()
        asked.set()
        return RIGHT

    watch = ClockWatch(ask, EVERY, 1.5)
    assert watch.told is None
    watch.ensure()
    watch._thread.join(10)
    watch.hurry()  # else it spares whoever killed it
    watch.ensure()
    assert asked.wait(10)
    watch.stop()
    watch._thread.join(10)
    assert not watch._thread.is_alive()
    before = watch._thread
    watch.ensure()
    assert watch._thread is before, "what was stopped stays stopped"


def test_errors_are_of_the_family():
    assert issubclass(BadAnswerError, ProviderError)

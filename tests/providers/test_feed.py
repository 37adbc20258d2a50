"""A feed, stepped by hand: no thread, no network, no waiting."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from providers.contract import Bounds, Checked, Dataset, Page, Scope, Span
from providers.errors import (
    BadAnswerError,
    BannedError,
    BlockedError,
    RateLimitedError,
    UnavailableError,
)
from providers.live.feed import IDLE, Feed, Group, interruptible
from providers.live.health import HealthLog, Outcome, State
from providers.live.memory import Memory
from providers.live.polls import FIRST_RETRY, LATENESS, LONGEST_RETRY, Poll, polls_of, retry_after
from providers.sources import Entry, Sources

PAIR, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
STEP = timedelta(minutes=15)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
START = pd.Timestamp("2026-03-01 12:00:30", tz="UTC")
DATASET = Dataset("flow", {"value": Bounds()}, STEP, 2 * STEP, "a number per candle")
EVENTS = Dataset("book", {"value": Bounds()}, None, 2 * MINUTE, "a number now and then")


def rows_until(now: pd.Timestamp, since: pd.Timestamp, lag: timedelta = STEP) -> pd.DataFrame:
    """The candles that closed by `now`, as an honest source has them; 15m grid."""
    dates = pd.date_range(since.ceil(STEP), now - lag, freq=STEP)
    stamps = pd.Series(pd.DatetimeIndex(dates)).dt.as_unit("ms")
    values = [float(stamp.value // 10**9 % 977) for stamp in stamps]
    frame = pd.DataFrame({"date": stamps, "value": values, "known_at": stamps + STEP})
    return frame.assign(quality=0).astype(
        {
            "date": "datetime64[ms, UTC]",
            "known_at": "datetime64[ms, UTC]",
            "quality": "uint8",
            "value": "float64",
        }
    )


@dataclass
class World:
    """A clock and a source that does as it is told."""

    now: pd.Timestamp = START
    act: str = "good"
    until: pd.Timestamp | None = None  # before which the venue wants no request
    frozen_at: pd.Timestamp | None = None
    dataset: Dataset = DATASET
    source: str = "venue"
    asked: list[tuple[pd.Timestamp, str, Span]] = field(default_factory=list)
    offences: int = 0

    def clock(self) -> pd.Timestamp:
        return self.now

    def get(self, url: str, **_: object) -> bytes:
        raise AssertionError(url)

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        return span

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        self.asked.append((self.now, pair, span))
        if self.until is not None and self.now < self.until:
            self.offences += 1
        if self.act in {"429", "418"}:
            pause = 40 * SECOND if self.act == "429" else 20 * MINUTE
            self.until = max(self.until or self.now, self.now + pause)
            kind = RateLimitedError if self.act == "429" else BannedError
            raise kind(f"the venue answered {self.act}", self.until)
        if self.act in {"451", "500"}:
            kind = BlockedError if self.act == "451" else UnavailableError
            raise kind(f"the venue answered {self.act}")
        if self.act == "bug":
            raise KeyError("forgotten")
        if self.act == "deadly":
            raise SystemExit
        self._span = span
        yield Page(self.act.encode(), "a page", pair, self.now)

    def parse(self, page: Page) -> pd.DataFrame:
        if self.act == "garbage":
            raise BadAnswerError("a page of garbage")
        if self.act == "empty":
            return rows_until(self.now, self.now + HOUR)
        if self.act == "frozen":
            return rows_until(self.frozen_at, self.frozen_at - 4 * STEP)
        return rows_until(self.now, self._span.start)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        return Checked(frame, Counter(rows=len(frame)))


def poll(world: World, pair: str = PAIR, every: timedelta = STEP) -> Poll:
    return Poll(world, pair, every, timedelta(days=1))


def group(world: World, *pairs: str, sink: Memory | None = None) -> Group:
    polls = tuple(poll(world, pair) for pair in pairs or (PAIR,))
    return Group(polls, sink or Memory(), world.clock, HealthLog())


def advance(world: World, g: Group, span: timedelta, tick: timedelta = IDLE) -> None:
    end = world.now + span
    while world.now < end:
        g.step()
        world.now += tick


def transitions(caplog) -> list[str]:
    return [record.message for record in caplog.records if " -> " in record.message]


def test_asks_at_once_confirms_soon_and_then_after_each_close():
    world = World()
    g = group(world)
    advance(world, g, timedelta(minutes=31))
    moments = [at for at, _, _ in world.asked]
    closes = [START.floor(STEP) + n * STEP + LATENESS for n in (1, 2)]
    assert moments == [START, START + FIRST_RETRY, *closes]
    assert g.polls[0].health.state is State.OK


def test_a_row_that_is_late_is_asked_for_again_before_the_next_close():
    world = World()
    g = group(world)
    advance(world, g, timedelta(minutes=14))
    world.act, world.frozen_at = "frozen", world.now
    seen = len(world.asked)
    world.now = START.floor(STEP) + STEP + LATENESS
    advance(world, g, timedelta(seconds=30))
    world.act = "good"
    advance(world, g, timedelta(minutes=2))
    late = [at for at, _, _ in world.asked[seen:]]
    first = START.floor(STEP) + STEP + LATENESS
    assert late == [first, first + 15 * SECOND, first + 45 * SECOND]
    assert g.polls[0].latest == START.floor(STEP) + STEP
    assert g.polls[0].health.state is State.OK


def test_asks_from_a_little_before_the_newest_row():
    world = World()
    sink = Memory()
    g = group(world, sink=sink)
    advance(world, g, timedelta(minutes=16))
    first, second = world.asked[0][2], world.asked[-1][2]
    assert first == Span(START - timedelta(days=1), START)
    newest = START.floor(STEP) - STEP
    assert second.start == newest - 3 * STEP
    assert len(sink.rows("flow", PAIR)) == 96


@pytest.mark.parametrize(("act", "state"), [("429", "LIMITED"), ("418", "BANNED")])
def test_nothing_is_asked_of_a_venue_before_it_allows(act, state, caplog):
    world = World(act=act)
    g = group(world, PAIR, OTHER)
    with caplog.at_level(logging.INFO):
        advance(world, g, timedelta(seconds=5))
        assert len(world.asked) == 1, "the other pair asked the same venue"
        world.act = "good"
        advance(world, g, timedelta(minutes=22), SECOND)
    assert world.offences == 0
    assert len(world.asked) > 2
    assert sum(f"-> {state}" in line for line in transitions(caplog)) == 1
    assert {p.health.state for p in g.polls} == {State.OK}


def test_a_location_that_is_not_served_is_asked_four_times_an_hour(caplog):
    world = World(act="451")
    g = group(world, PAIR, OTHER)
    with caplog.at_level(logging.INFO):
        advance(world, g, HOUR)
    assert len(world.asked) == 4
    assert len(transitions(caplog)) == 1
    assert "451" in transitions(caplog)[0]


def test_pauses_grow_while_a_source_fails(caplog):
    world = World(act="500")
    g = group(world)
    with caplog.at_level(logging.INFO):
        advance(world, g, timedelta(hours=2))
    waits = [b[0] - a[0] for a, b in zip(world.asked, world.asked[1:], strict=False)]
    assert waits[:6] == [retry_after(n) for n in range(1, 7)]
    assert max(waits) == LONGEST_RETRY
    assert len(transitions(caplog)) == 1
    world.act = "good"
    advance(world, g, timedelta(minutes=20))
    assert g.polls[0].health.state is State.OK


@pytest.mark.parametrize("act", ["frozen", "empty"])
def test_an_answer_without_news_is_stale_and_never_no_change(act, caplog):
    world = World()
    g = group(world)
    with caplog.at_level(logging.INFO):
        advance(world, g, timedelta(minutes=2))
        world.act, world.frozen_at = act, world.now
        advance(world, g, HOUR)
    assert g.polls[0].health.state is State.STALE
    assert len(transitions(caplog)) == 2
    assert transitions(caplog)[1].startswith(f"flow {PAIR}: OK -> STALE")
    if act == "frozen":
        assert "known at 2026-03-01 12:00:00 UTC" in transitions(caplog)[1]


def test_garbage_is_invalid_and_a_bug_is_told_with_its_traceback_once(caplog):
    world = World(act="garbage")
    g = group(world)
    g.step()
    assert g.polls[0].health.state is State.INVALID
    world.act = "bug"
    other = group(world)
    with caplog.at_level(logging.INFO):
        advance(world, other, HOUR)
    traces = [record for record in caplog.records if record.exc_info]
    assert len(traces) == 1
    assert "forgotten" in str(traces[0].exc_info[1])


def test_a_sink_that_cannot_write_is_an_outage_and_rows_come_again():
    class Full(Memory):
        full = True

        def accept(self, *arguments):
            if self.full:
                raise OSError(28, "No space left on device")
            super().accept(*arguments)

    world, sink = World(), Full()
    g = group(world, sink=sink)
    advance(world, g, MINUTE)
    assert g.polls[0].health.state is State.OUTAGE
    sink.full = False
    advance(world, g, timedelta(minutes=5))
    assert g.polls[0].health.state is State.OK
    assert len(sink.rows("flow", PAIR)) == 95


def test_a_clock_set_back_does_not_silence_the_feed():
    world = World()
    g = group(world)
    advance(world, g, timedelta(minutes=2))
    seen = len(world.asked)
    world.now -= timedelta(hours=5)
    g.step()
    assert len(world.asked) == seen + 1
    assert world.asked[-1][2].end == world.now
    assert g.polls[0].outcome is Outcome.GOOD


def test_a_ban_outlasts_a_clock_set_back():
    world = World(act="418")
    g = group(world)
    g.step()
    world.now -= timedelta(minutes=30)
    advance(world, g, timedelta(minutes=49))
    assert len(world.asked) == 1


def test_events_are_fresh_while_they_come():
    world = World(dataset=EVENTS)
    world.parse = lambda page: pd.DataFrame(
        {"date": [page.fetched_at], "value": [1.0], "known_at": [page.fetched_at], "quality": [0]}
    )
    g = Group((poll(world, every=MINUTE),), Memory(), world.clock, HealthLog())
    advance(world, g, timedelta(minutes=5))
    assert g.polls[0].health.state is State.OK
    assert len(g.sink.rows("book", PAIR)) == 7  # at once, to confirm, and each minute
    world.parse = lambda page: rows_until(world.now, world.now + HOUR)
    advance(world, g, timedelta(minutes=4))
    assert g.polls[0].health.state is State.STALE


def test_what_comes_after_the_stop_is_neither_kept_nor_judged(caplog):
    world = World()
    g, pages = group(world), world.pages

    def stopped_meanwhile(pair, span):
        for page in pages(pair, span):
            g.stop.set()
            yield page

    world.pages = stopped_meanwhile
    g.step()
    assert g.sink.rows("flow", PAIR) is None
    assert g.polls[0].outcome is None
    assert not transitions(caplog)


def test_a_source_without_news_is_asked_no_more_often_than_planned():
    world = World(dataset=EVENTS, act="empty")
    g = Group((poll(world, every=STEP),), Memory(), world.clock, HealthLog())
    advance(world, g, timedelta(hours=2))
    assert g.polls[0].health.state is State.STALE
    assert len(world.asked) == 9  # at once, then after each quarter of an hour


def test_state_is_stale_when_nobody_asks_any_more():
    world = World()
    g = group(world)
    advance(world, g, MINUTE)
    assert g.polls[0].state(world.now) is State.OK
    assert g.polls[0].state(world.now + 4 * STEP) is State.STALE


# --- threads ---


def until(condition, seconds: float = 5.0) -> bool:
    """Give threads time; events in the code under test make this quick."""
    tick, left = threading.Event(), seconds
    while not condition() and left > 0:
        tick.wait(0.01)
        left -= 0.01
    return condition()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_supervisor_starts_a_thread_that_died_again(caplog):
    world = World(act="deadly")
    feed = Feed(Memory(), world.clock)
    feed.follow([poll(world)])
    feed.ensure()
    thread = feed._threads["venue"]
    thread.join(5)
    assert not thread.is_alive()
    feed.ensure()
    assert feed._threads["venue"] is not thread
    assert "had died and is started again" in caplog.text
    assert until(feed._threads["venue"].is_alive)
    assert len(world.asked) == 1, "the deadly poll is asked again only after a pause"
    world.act = "good"
    world.now += MINUTE
    feed.stop(5)
    assert not feed._threads["venue"].is_alive()


def test_stop_does_not_wait_for_a_source_that_hangs():
    release = threading.Event()

    class Hanging(World):
        def pages(self, pair, span):
            self.asked.append((self.now, pair, span))
            release.wait(20)
            yield Page(b"good", "late", pair, self.now)

    world, sink = Hanging(), Memory()
    feed = Feed(sink, world.clock)
    feed.follow([poll(world)])
    feed.ensure()
    assert until(lambda: world.asked)
    feed.stop(0.05)
    release.set()
    feed._threads["venue"].join(5)
    assert sink.rows("flow", PAIR) is None, "rows came after everybody had gone home"


def test_a_pause_ends_with_the_process():
    stopping = threading.Event()
    sleep = interruptible(stopping)
    sleep(0.001)
    stopping.set()
    with pytest.raises(UnavailableError, match="about to end"):
        sleep(3600)


def test_follow_keeps_what_is_known_and_drops_what_is_not():
    world = World()
    feed = Feed(Memory(), world.clock)
    feed.follow([poll(world, PAIR), poll(world, OTHER)])
    assert feed.once() == ()
    kept = next(p for p in feed.polls if p.pair == PAIR)
    feed.follow([poll(world, PAIR), poll(world, "SOL/USDT:USDT")])
    assert next(p for p in feed.polls if p.pair == PAIR) is kept
    assert {p.pair for p in feed.polls} == {PAIR, "SOL/USDT:USDT"}
    feed.follow([])
    assert feed.polls == ()


def test_once_names_what_did_not_go_well():
    good, bad = World(), World(act="500", source="other")
    feed = Feed(Memory(), good.clock)
    feed.follow([poll(good), poll(bad, OTHER)])
    assert [p.pair for p in feed.once()] == [OTHER]


def test_polls_of_takes_the_first_source_that_reaches_the_present():
    class Client:
        def now(self):
            return START

    class Archive(World):
        def covers(self, span, now):
            return None

    world = World()
    sources = Sources(Client())
    entry = Entry(DATASET, lambda _: (Archive(), world))
    found = polls_of(entry, [PAIR, OTHER], sources, HOUR)
    assert [(p.provider, p.pair, p.every) for p in found] == [
        (world, PAIR, STEP),
        (world, OTHER, STEP),
    ]
    assert polls_of(Entry(DATASET, lambda _: (Archive(),)), [PAIR], sources, HOUR) == []
    market = Dataset("mood", {}, STEP, STEP, "mood", scope=Scope.MARKET)
    world.dataset = market
    found = polls_of(Entry(market, lambda _: (world,), poll=HOUR), [PAIR], sources, HOUR)
    assert [(p.pair, p.every) for p in found] == [("MARKET", HOUR)]


# --- whatever happens ---

KEEP = timedelta(days=2)
MILD = {"good", "429", "418", "451", "500", "garbage", "empty", "frozen", "bug"}


class FeedUnderFire(RuleBasedStateMachine):
    """Any sequence of troubles and clock steps."""

    def __init__(self):
        super().__init__()
        self.world = World()
        self.memory = Memory(keep=KEEP)
        self.lines: list[str] = []
        logger = logging.Logger("fire")
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())
        logger.addHandler(handler)
        self.group = Group(
            (poll(self.world), poll(self.world, OTHER)),
            self.memory,
            self.world.clock,
            HealthLog(logger, clock=lambda: 0.0),
        )
        self.outcomes: list[Outcome] = []
        self.changes = 0
        self.first_labels: dict[str, pd.Timestamp] = {}
        self.reached = START

    @rule(act=st.sampled_from(sorted(MILD)))
    def source_does(self, act):
        self.world.act = act
        if act == "frozen" and self.world.frozen_at is None:
            self.world.frozen_at = self.world.now

    @rule(seconds=st.integers(1, 3 * 3600))
    def time_passes(self, seconds):
        self.world.now += seconds * SECOND

    @precondition(lambda self: self.world.until is None or self.world.now >= self.world.until)
    @rule(seconds=st.integers(1, 6 * 3600))
    def clock_is_set_back(self, seconds):
        self.world.now -= seconds * SECOND

    @rule(steps=st.integers(1, 8))
    def steps(self, steps):
        for _ in range(steps):
            before = [p.health.state for p in self.group.polls]
            asked = len(self.world.asked)
            wait = self.group.step()
            assert timedelta(0) <= wait <= IDLE
            after = [p.health.state for p in self.group.polls]
            self.changes += sum(a is not b for a, b in zip(before, after, strict=True))
            for p, was, now in zip(self.group.polls, before, after, strict=True):
                if now is State.OK and was is not State.OK:
                    assert self.world.act in {"good", "frozen"}
                    assert p.health._same >= 2
            if len(self.world.asked) > asked:
                self.reached = max(self.reached, self.world.now)
            self.world.now += max(wait, SECOND)

    @invariant()
    def nothing_is_asked_too_early(self):
        assert self.world.offences == 0

    @invariant()
    def a_line_per_change(self):
        assert sum(" -> " in line for line in self.lines) == self.changes
        assert len(self.lines) <= 2 * self.changes  # and a traceback with it, at most

    @invariant()
    def rows_are_whole_and_never_from_the_future(self):
        for pair in (PAIR, OTHER):
            rows = self.memory.rows("flow", pair)
            if rows is None:
                continue
            assert rows["date"].is_monotonic_increasing
            assert rows["date"].is_unique
            assert (rows["date"] <= self.reached).all()
            assert rows["date"].iloc[-1] - rows["date"].iloc[0] <= KEEP
            oldest = self.first_labels.setdefault(pair, rows["date"].iloc[0])
            # what lies within `keep` of the newest row stays
            assert rows["date"].iloc[0] <= max(oldest, rows["date"].iloc[-1] - KEEP).ceil(STEP)

    @invariant()
    def a_feed_is_never_silent_without_a_ban(self):
        for p in self.group.polls:
            if p.barred is None or p.barred <= self.world.now:
                assert p.wait(self.world.now) <= p.every + LONGEST_RETRY


FeedUnderFire.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
)
TestFeedUnderFire = FeedUnderFire.TestCase

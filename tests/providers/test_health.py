"""Bad news counts at once, good news is confirmed, and the log stays short."""

import logging
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from providers.errors import (
    BadAnswerError,
    BannedError,
    BlockedError,
    CorruptDataError,
    KeyMissingError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from providers.live.health import (
    GOOD_NEEDED,
    MOST_DOUBLINGS,
    SUMMARY_EVERY,
    Health,
    HealthLog,
    Outcome,
    State,
    one_line,
)

START = pd.Timestamp("2026-10-01", tz="UTC")
MINUTE = timedelta(minutes=1)
GRAVE = [Outcome.OUTAGE, Outcome.BANNED, Outcome.BLOCKED]

outcomes = st.sampled_from(list(Outcome))


def after(*seen: Outcome, health: Health | None = None, every: timedelta = MINUTE) -> Health:
    health = health or Health()
    for number, outcome in enumerate(seen):
        health.observe(outcome, START + number * every)
    return health


def a_log(clock=lambda: 0.0) -> tuple[HealthLog, list[logging.LogRecord]]:
    logger, records = logging.Logger("health"), []
    handler = logging.Handler()
    handler.emit = records.append
    logger.addHandler(handler)
    return HealthLog(logger, clock), records


class Feed(RuleBasedStateMachine):
    """A feed through anything, its clock set back too: the invariants I26 and I29."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health(max_age=timedelta(minutes=10))
        self.seconds, self.wall = 0.0, START
        self.log, self.records = a_log(lambda: self.seconds)
        self.transitions, self.good = 0, 0

    def note(self, transition, why):
        if transition is not None:
            self.transitions += 1
            assert transition.before is not transition.after
            assert transition.after is self.health.state
            if transition.after is State.OK:
                assert self.good >= GOOD_NEEDED
        self.log.note("feed", transition, why)

    @rule(outcome=outcomes, times=st.integers(1, 40))
    def ask(self, outcome, times):
        for _ in range(times):
            self.good = self.good + 1 if outcome is Outcome.GOOD else 0
            self.note(self.health.observe(outcome, self.wall), "" if self.good else "why")

    @rule(outcome=st.sampled_from(GRAVE))
    def grave_news_needs_one_step(self, outcome):
        self.good = 0
        self.note(self.health.observe(outcome, self.wall), "why")
        assert self.health.state.value == outcome.value

    @rule(seconds=st.integers(0, 7200))
    def time_passes(self, seconds):
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)
        was_ok = self.health.ok
        self.note(self.health.tick(self.wall), "")
        if was_ok and seconds > 600:
            assert self.health.state is State.STALE
            self.good = 0

    @rule()
    def clock_is_set_back(self):
        self.wall -= timedelta(hours=3)
        self.health.tick(self.wall)

    @invariant()
    def ok_only_after_good_news(self):
        if self.health.ok:
            assert self.good >= GOOD_NEEDED or self.health._latest is Outcome.GOOD

    @invariant()
    def the_log_is_short(self):
        summaries = self.seconds // SUMMARY_EVERY.total_seconds()
        assert len(self.records) <= self.transitions + summaries
        lines = [record for record in self.records if "->" in record.getMessage()]
        assert len(lines) == self.transitions


Feed.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestFeed = Feed.TestCase


@given(st.lists(outcomes, max_size=30), st.sampled_from(GRAVE))
def test_grave_trouble_is_one_step_from_anywhere(seen, last):
    assert after(*seen, last).state.value == last.value


@given(st.lists(outcomes, max_size=40))
def test_enough_good_samples_recover_from_anything(seen):
    enough = [Outcome.GOOD] * (GOOD_NEEDED << MOST_DOUBLINGS)
    assert after(*seen, *enough).ok


def test_ok_needs_two_good_samples_in_a_row():
    assert Health().state is State.WARMUP
    assert after(Outcome.GOOD).state is State.WARMUP
    assert after(Outcome.GOOD, Outcome.STALE, Outcome.GOOD).state is State.STALE
    assert after(Outcome.GOOD, Outcome.GOOD).ok


@given(cycle=st.lists(outcomes, min_size=1, max_size=3), times=st.integers(20, 120))
def test_flapping_is_bounded(cycle, times):
    """Only among outages, bans and blocks does every step tell something new."""
    if len(set(cycle) & set(GRAVE)) > 1:
        return
    health, changes = Health(), 0
    for number in range(times):
        for outcome in cycle:
            changes += health.observe(outcome, START + number * MINUTE) is not None
    assert changes <= 2 * (MOST_DOUBLINGS + 2)


def test_a_relapse_makes_the_next_recovery_slower_until_it_lasts():
    health = after(Outcome.GOOD, Outcome.GOOD, Outcome.OUTAGE)
    after(*[Outcome.GOOD] * 3, health=health)
    assert not health.ok
    health.observe(Outcome.GOOD, START)
    assert health.ok
    health.observe(Outcome.OUTAGE, START + timedelta(hours=2))  # it had lasted
    after(Outcome.GOOD, Outcome.GOOD, health=health)
    assert health.ok


def test_two_mild_troubles_do_not_alternate():
    health = after(Outcome.OUTAGE, Outcome.INVALID, Outcome.OUTAGE, Outcome.STALE)
    assert health.state is State.OUTAGE
    assert after(Outcome.STALE, health=health).state is State.STALE
    assert after(*[Outcome.INVALID] * 3, health=health).state is State.STALE
    assert after(Outcome.INVALID, health=health).state is State.INVALID


def test_age_alone_makes_a_feed_stale():
    health = Health(max_age=10 * MINUTE)
    after(Outcome.GOOD, Outcome.GOOD, health=health)
    assert health.tick(START + 11 * MINUTE) is None
    change = health.tick(START + 12 * MINUTE)
    assert (change.before, change.after) == (State.OK, State.STALE)
    assert health.tick(START + 13 * MINUTE) is None
    assert Health().tick(START) is None


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BannedError("x", START), Outcome.BANNED),
        (RateLimitedError("x", START), Outcome.LIMITED),
        (BlockedError("x"), Outcome.BLOCKED),
        (KeyMissingError("x"), Outcome.BLOCKED),
        (BadAnswerError("x"), Outcome.INVALID),
        (CorruptDataError("x"), Outcome.INVALID),
        (UnavailableError("x"), Outcome.OUTAGE),
        (NotFoundError("x"), Outcome.OUTAGE),
    ],
)
def test_what_an_error_says_about_its_source(error, outcome):
    assert Outcome.of(error) is outcome


def test_every_outcome_but_good_names_a_state():
    assert {outcome.value for outcome in Outcome if outcome is not Outcome.GOOD} == {
        state.value for state in State if state not in {State.OK, State.WARMUP}
    }


def test_the_log_says_what_changed_and_counts_the_rest():
    seconds = [0.0]
    log, records = a_log(lambda: seconds[0])
    health = Health()
    for _ in range(100):
        log.note("open_interest BTC", health.observe(Outcome.OUTAGE, START), "no\nanswer")
        seconds[0] += 10
    for _ in range(2):
        log.note("open_interest BTC", health.observe(Outcome.GOOD, START))
    assert [(record.levelname, record.getMessage()) for record in records] == [
        ("WARNING", "open_interest BTC: WARMUP -> OUTAGE: no answer"),
        ("INFO", "90 failures of 1 feeds in 15 min, the most: open_interest BTC 90"),
        ("INFO", "open_interest BTC: OUTAGE -> OK"),
    ]


@given(st.text(max_size=500))
def test_words_of_a_stranger_fit_one_line(text):
    line = one_line(text)
    assert len(line) <= 300
    assert line.isprintable()
    assert one_line(line) == line or len(line) == 300

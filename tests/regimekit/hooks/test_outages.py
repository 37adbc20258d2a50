"""Pair locks that tell a trader about a missing input, once per transition."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import Trade
from sqlalchemy.exc import OperationalError

from regimekit.hooks.outages import LOCK, OutageLocks

GRACE = timedelta(seconds=90)
PAIR = "BTC/USDT:USDT"
START = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


class Locks(OutageLocks):
    """The mixin alone, with a record of what it asks Freqtrade to lock."""

    timeframe = "15m"

    def __init__(self, runmode: RunMode) -> None:
        super().__init__({})
        self.dp = SimpleNamespace(runmode=runmode, current_whitelist=lambda: [PAIR])
        self.locked, self.unlocked = [], []

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def lock_pair(self, pair, until, reason=None, side="*"):
        self.locked.append((pair, until, reason))

    def unlock_reason(self, reason):
        self.unlocked.append(reason)

    def see(self, ok: bool | None) -> None:
        """Let the last decision have its inputs (True), lack them (False), or be missing (None)."""
        decision = None if ok is None else SimpleNamespace(inputs_ok=ok)
        self.decisions = {PAIR: SimpleNamespace(at=lambda moment: decision)}


@pytest.fixture
def locks():
    return Locks(RunMode.DRY_RUN)


def test_outage_locks_once_renews_before_it_expires_and_logs_each_transition(locks, caplog):
    caplog.set_level(logging.WARNING)
    locks.see(False)
    for seconds in range(0, 7200, 5):
        locks.bot_loop_start(START + timedelta(seconds=seconds))
    starts = [until - LOCK for _, until, _ in locks.locked]
    assert starts == [START, START + LOCK - GRACE, START + 2 * (LOCK - GRACE)]
    locks.see(True)
    for seconds in range(7200, 7300, 5):
        locks.bot_loop_start(START + timedelta(seconds=seconds))
    assert len(locks.unlocked) == 1
    assert locks.unlocked[0] == locks.locked[0][2]
    assert len(caplog.records) == 2


def test_decision_that_is_missing_is_an_outage(locks):
    locks.see(None)
    locks.bot_loop_start(START)
    assert [pair for pair, _, _ in locks.locked] == [PAIR]


def test_pair_that_was_never_analyzed_is_left_alone(locks):
    locks.bot_loop_start(START)
    assert not locks.locked


def test_lock_of_an_earlier_process_is_lifted_without_a_word(locks, caplog):
    locks.see(True)
    locks.bot_loop_start(START)
    locks.bot_loop_start(START + timedelta(seconds=5))
    assert len(locks.unlocked) == 1
    assert not caplog.records


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.PLOT])
def test_nothing_is_locked_outside_the_live_loop(runmode):
    locks = Locks(runmode)
    locks.see(False)
    locks.bot_loop_start(START)
    assert not locks.locked


def test_an_input_that_is_late_is_looked_at_again_within_the_candle(locks):
    """A 1h candle may come one loop after the 15m one; by default it would wait for the next."""
    opened = START.replace(minute=0)
    locks.see(False)
    locks.bot_loop_start(opened + timedelta(seconds=5))
    assert locks.process_only_new_candles is False
    locks.see(True)
    locks.bot_loop_start(opened + timedelta(seconds=10))
    assert locks.process_only_new_candles is True
    locks.see(False)
    locks.bot_loop_start(opened + GRACE)
    assert locks.process_only_new_candles is True


def test_a_lock_ends_with_the_first_decision_that_has_its_inputs(locks):
    locks.see(False)
    locks.bot_loop_start(START)
    fresh, stale = SimpleNamespace(inputs_ok=True), SimpleNamespace(inputs_ok=False)
    now = START + timedelta(minutes=10, seconds=6)  # six seconds into the next candle
    locks.decisions = {PAIR: SimpleNamespace(at=lambda moment: fresh if moment == now else stale)}
    locks.bot_loop_start(now)
    assert len(locks.unlocked) == 1


def test_a_lock_that_has_ended_does_not_come_back_within_the_grace(locks, caplog):
    """The decision of the candle before has no inputs, and stands for as long as the grace."""
    caplog.set_level(logging.WARNING)
    stale, fresh = SimpleNamespace(inputs_ok=False), SimpleNamespace(inputs_ok=True)
    close = START + timedelta(minutes=10)
    locks.decisions = {PAIR: SimpleNamespace(at=lambda at: fresh if at >= close else stale)}
    for seconds in range(0, 1800, 5):
        locks.bot_loop_start(START + timedelta(seconds=seconds))
    assert len(locks.locked) == len(locks.unlocked) == 1
    assert len(caplog.records) == 2


def test_an_outage_of_the_next_candle_locks_again(locks):
    close = START + timedelta(minutes=10)

    def at(moment):
        return SimpleNamespace(inputs_ok=close <= moment < close + timedelta(minutes=15))

    locks.decisions = {PAIR: SimpleNamespace(at=at)}
    for seconds in range(0, 3600, 5):
        locks.bot_loop_start(START + timedelta(seconds=seconds))
    assert len(locks.locked) == 2
    assert len(locks.unlocked) == 1
    assert locks.locked[1][1] - LOCK == close + timedelta(minutes=15) + GRACE


@pytest.fixture
def rolled(monkeypatch):
    """How often the session was made usable again."""
    calls = []
    monkeypatch.setattr(Trade, "rollback", staticmethod(lambda: calls.append(1)))
    return calls


def full(*_, **__):
    raise OperationalError("INSERT", {}, Exception("database or disk is full"))


def test_a_lock_that_the_database_refuses_leaves_its_session_to_the_exits(locks, rolled, caplog):
    taking, locks.lock_pair = locks.lock_pair, full
    locks.dp.current_whitelist = lambda: [PAIR, PAIR]
    locks.see(False)
    for seconds in range(5):
        locks.bot_loop_start(START + timedelta(seconds=seconds))
    assert len(rolled) == 5, "once a loop: who waits for a busy database waits once"
    assert caplog.text.count("A pair lock cannot be written (database or disk is full)") == 1
    assert "failed" not in caplog.text
    locks.lock_pair = taking
    locks.bot_loop_start(START + timedelta(seconds=6))
    assert [pair for pair, _, _ in locks.locked] == [PAIR]


def test_an_unlock_that_the_database_refuses_is_tried_again(locks, rolled):
    locks.see(False)
    locks.bot_loop_start(START)
    locks.see(True)
    releasing, locks.unlock_reason = locks.unlock_reason, full
    locks.bot_loop_start(START + timedelta(seconds=5))
    assert rolled
    locks.unlock_reason = releasing
    locks.bot_loop_start(START + timedelta(seconds=10))
    assert len(locks.unlocked) == 1

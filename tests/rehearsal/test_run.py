"""How a rehearsal is held, with a clock and a bot that only play their parts."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from providers.coverage import Period
from rehearsal import run
from rehearsal.errors import RehearsalError
from rehearsal.run import AFTER_THE_END, CANDLE, Moment, Plan

BEGIN = datetime(2026, 1, 8, tzinfo=UTC)
PERIOD = Period(BEGIN, BEGIN + timedelta(hours=3))
STARTING = timedelta(minutes=6)  # of the market, which a start takes
MINUTE = timedelta(minutes=1)


@dataclass
class Clock:
    """A clock that somebody else winds on."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def wind(self, by: timedelta) -> None:
        self.moment += by


@dataclass
class FakeBot:
    """A bot that is ready `STARTING` after its start, and ends by itself at `ends`."""

    clock: Clock
    database: Path
    ends: datetime | None = None
    alive: bool = False
    killed: bool = False
    said: list[str] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.alive and (self.ends is None or self.clock.now() < self.ends)

    def lines(self) -> list[str]:
        return self.said

    def start(self) -> None:
        self.alive, self.killed = True, False
        self.starts.append(self.clock.now())
        self.said.append("starting")

    def wait_for(self, text: str, *, since: int) -> None:
        assert since < len(self.said), "what an earlier start logged says nothing of this one"
        self.clock.wind(STARTING)
        self.said.append(text)

    def kill(self) -> None:
        self.alive, self.killed = False, True


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock(BEGIN - timedelta(minutes=25))
    pause = SimpleNamespace(sleep=lambda _: clock.wind(MINUTE))
    monkeypatch.setattr(run, "time", pause)
    return clock


@pytest.fixture
def bot(clock, tmp_path) -> FakeBot:
    return FakeBot(clock, tmp_path / "trades.sqlite")


def held(clock, bot, *, kills=(), player=None):
    """Trade; return what `_trade` said, and the moments that it showed."""
    plan = Plan(Path(), PERIOD, Path(), speed=60.0, kills=tuple(kills))
    shown: list[Moment] = []
    since, down = run._trade(plan, SimpleNamespace(clock=clock), bot, shown.append, player)
    return since, down, shown


def test_it_trades_until_the_last_candle_was_decided_on(clock, bot):
    since, down, shown = held(clock, bot)
    assert since == BEGIN - 2 * CANDLE
    assert down == []
    assert clock.now() >= PERIOD.end + AFTER_THE_END
    done = [moment.done for moment in shown]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert 0 < done[0] < 0.1


def test_a_planned_kill_is_an_interval_from_the_kill_to_the_next_loop(clock, bot):
    kills = [BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=2)]
    _, down, _ = held(clock, bot, kills=kills)
    assert len(bot.starts) == 3
    for kill, (begin, end) in zip(kills, down, strict=True):
        assert kill <= begin < kill + MINUTE
        assert end - begin == STARTING


@dataclass
class Script:
    """Acts, each once, at its time."""

    acts: list[tuple[datetime, Callable[[], None]]]

    def tick(self, now: datetime) -> Sequence[str]:
        due = [act for at, act in self.acts if at <= now]
        self.acts = [(at, act) for at, act in self.acts if at > now]
        for act in due:
            act()
        return [f"{len(due)} done"] if due else []


def test_a_kill_by_a_script_is_an_interval_until_the_script_starts_it_again(clock, bot):
    kill, again = BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=1, minutes=40)
    script = Script([(kill, bot.kill), (again, lambda: run.start(bot))])
    _, down, shown = held(clock, bot, player=script)
    ((begin, end),) = down
    assert kill <= begin < kill + MINUTE
    assert again + STARTING <= end <= again + STARTING + 2 * MINUTE
    assert [line for moment in shown for line in moment.said] == ["1 done"] * 2


def test_a_bot_that_ends_by_itself_is_an_error_with_what_it_said_last(clock, bot):
    bot.ends = BEGIN + timedelta(hours=1)
    bot.said.append("the reason")
    with pytest.raises(RehearsalError, match=r"ended by itself(?s:.)*the reason"):
        held(clock, bot)
    assert clock.now() < PERIOD.end


def test_a_bot_that_is_ready_too_late_for_the_first_candle_is_an_error(clock, bot):
    clock.wind(timedelta(minutes=24))
    with pytest.raises(RehearsalError, match="too late for the first candle"):
        held(clock, bot)


def test_trades_are_counted_while_the_bot_writes(clock, bot):
    _, _, shown = held(clock, bot)
    assert {(moment.open_trades, moment.closed_trades) for moment in shown} == {(0, 0)}
    with sqlite3.connect(bot.database) as database:
        database.execute("create table trades (is_open)")
        database.executemany("insert into trades values (?)", [(1,), (0,), (0,)])
    clock.moment = BEGIN - timedelta(minutes=25)
    _, _, shown = held(clock, bot)
    assert {(moment.open_trades, moment.closed_trades) for moment in shown} == {(1, 2)}

"""A bot that is killed, stopped or doubled: nothing is lost, loosened or traded twice."""

import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.coverage import Period
from providers.storage.pulse import read_pulse
from regimekit.hooks.watch import REASONS
from regimekit.schema import Gate
from rehearsal.bot import CLEAN_STOP, PATIENCE, Bot
from rehearsal.market import Market, stage_market
from rehearsal.stage import Stage, hold, staged
from replay.runner import trouble_in
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.xdist_group("restart"),
    pytest.mark.skipif(
        shutil.which("faketime") is None,
        reason="needs libfaketime: apt-get install faketime (Debian, Ubuntu)",
    ),
]
BTC, ETH = PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
SPEED = 150.0  # a candle in six seconds; two pairs are analyzed in one
FOLDER = Path(__file__).parent / "strategies"
# What a restart must not forget is asked; what would keep the test from trading is not.
SETTINGS = {
    "max_open_trades": 4,
    "regimekit": {
        "profile": "conservative",
        "filters": {"order_book": False, "news": False},
        "gates": {
            **dict.fromkeys(("entries_per_candle", "entries_per_hour", "entries_per_day"), 0),
            **dict.fromkeys(("same_direction", "losses_to_double"), 0),
            **dict.fromkeys(("cooldown_loss_bars", "cooldown_profit_bars"), 1),
            **dict.fromkeys(("total_at_risk", "daily_loss", "drawdown_stop"), 1.0),
        },
        "adaptive": {"enabled": True, "least_trades": 2},
        "exits": {"min_stop": 0.001, "hybrid_trail": False},  # the target closes a trade
    },
}
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("restart")
    spec = MarketSpec(pairs=PAIRS, start=DAY, days=2, seed=7, warmup_days=70)
    write_market(simulate(spec), folder / "data")
    period = Period(DAY, DAY + timedelta(days=1))
    held = int(hold(SPEED) / timedelta(minutes=1))
    return stage_market(folder / "data", folder / "market", period, hold=held)


@contextmanager
def trading(market: Market, folder: Path, speed: float = SPEED) -> Iterator[Stage]:
    """A stage that opens at the start of the market's day."""
    with staged(market, folder, start=DAY + timedelta(minutes=30), speed=speed) as stage:
        yield stage


def teller(stage: Stage, name: str = "bot", **options: Any) -> Bot:
    chosen = {"strategy": "Telling", "strategy_path": FOLDER, "settings": SETTINGS, **options}
    return stage.bot(name, **chosen)


def ready(bot: Bot) -> None:
    """Wait until it has gone round with every pair analyzed."""
    lines = len(told(bot))
    bot.wait_for(lambda: len(told(bot)) > lines, PATIENCE)


class Twin(Bot):
    """A second bot, with a folder of its own, on the database of another one."""

    @property
    def database(self) -> Path:
        return self.folder.parent / "bot" / "trades.sqlite"


def twin(stage: Stage, bot: Bot) -> Bot:
    second = Twin(
        stage.folder / "second",
        bot.url,
        bot.clock,
        bot.settings,
        strategy=bot.strategy,
        strategy_path=bot.strategy_path,
    )
    stage.bots.append(second)
    assert second.database == bot.database
    return second


def rows(bot: Bot, query: str) -> list[Row]:
    """Read the database of a bot, which may be writing it; empty before there is one."""
    if not bot.database.exists():
        return []
    with sqlite3.connect(f"file:{bot.database}?mode=ro", uri=True, timeout=10) as database:
        try:
            return database.execute(query).fetchall()
        except sqlite3.OperationalError:  # no table yet
            return []


def plans(bot: Bot) -> dict[int, str]:
    """Return the stored plan of each trade: entry, stop, target, R and trail, as text."""
    query = "select ft_trade_id, cd_value from trade_custom_data where cd_key = 'exit_plan'"
    return dict(rows(bot, query))


def stops(bot: Bot) -> dict[int, tuple[float, float]]:
    """Return stop and initial stop of each filled open trade; all of them are long."""
    query = "select id, stop_loss, initial_stop_loss from trades where is_open and amount > 0"
    return {trade: (stop, first) for trade, stop, first in rows(bot, query) if trade in plans(bot)}


def assert_no_looser(before: dict[int, Any], after: dict[int, Any]) -> None:
    for trade in before.keys() & after.keys():
        assert after[trade][0] >= before[trade][0], f"trade {trade} was given a looser stop"
        assert after[trade][1] == before[trade][1], f"the first stop of trade {trade} changed"


def assert_nothing_twice(bot: Bot) -> None:
    """No pair was entered twice within a candle, held twice at once, or closed twice."""
    entered = rows(bot, "select pair, open_date from trades")
    candles = [(pair, int(datetime.fromisoformat(at).timestamp()) // 900) for pair, at in entered]
    assert len(set(candles)) == len(candles), candles
    held = [pair for (pair,) in rows(bot, "select pair from trades where is_open")]
    assert len(set(held)) == len(held)
    sold = "select ft_trade_id from orders where ft_order_side != 'buy' and status = 'closed'"
    exits = rows(bot, sold)
    assert len(set(exits)) == len(exits)


def assert_sound(bot: Bot) -> None:
    with sqlite3.connect(bot.database) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    open_entries = rows(bot, "select id from orders where ft_is_open and ft_order_side = 'buy'")
    assert open_entries == []


def told(bot: Bot) -> list[dict[str, Any]]:
    """Return what the strategy wrote of its answers; a killed process may tear the last line."""
    path = bot.user_data / "answers.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            assert line == lines[-1] or not line.endswith("}"), line
    return found


def assert_same_answers(bot: Bot, killed: int) -> int:
    """Compare the first answers after a restart with those before it; return how many."""
    before = [line for line in told(bot) if line["pid"] == killed]
    (first, *_) = [line for line in told(bot) if line["pid"] == bot.process.pid]
    same = [line for line in before if line["trades"] == first["trades"]]
    if not same:
        return 0  # a trade changed after the last answers
    last = same[-1]
    answers = last["answers"].keys() & first["answers"].keys()
    factors = last["factors"].keys() & first["factors"].keys()
    assert {key: first["answers"][key] for key in answers} == {
        key: last["answers"][key] for key in answers
    }
    for moment in factors:
        assert first["factors"][moment] == pytest.approx(last["factors"][moment], rel=1e-12)
    return len(answers) + len(factors)


def killed_after(bot: Bot, enough: Callable[[], bool]) -> int:
    """Start the bot, kill it -9 when it is `enough`, and return its process."""
    bot.start()
    bot.wait_for(enough, PATIENCE)
    pid = bot.process.pid
    bot.kill()
    return pid


def has_a_past(bot: Bot) -> bool:
    """Tell whether a trade is open with its plan, one is closed, and both were told of."""
    found = {
        str(trade): [bool(is_open), profit]
        for trade, is_open, profit in rows(bot, "select id, is_open, close_profit from trades")
    }
    states = {is_open for is_open, _ in found.values()}
    answers = told(bot)
    return states == {True, False} and bool(stops(bot)) and answers[-1]["trades"] == found


def test_a_killed_bot_goes_on_as_if_nothing_had_happened(market, tmp_path):
    """Plan, stops, gates, factors and a person's lock stay; a second bot is turned away."""
    with trading(market, tmp_path) as stage:
        bot = teller(stage)
        killed = killed_after(bot, lambda: has_a_past(bot))
        open_before, plans_before = stops(bot), plans(bot)
        with sqlite3.connect(bot.database) as database:
            database.execute(
                "insert into pairlocks (pair, side, reason, lock_time, lock_end_time, active) "
                "values ('SOL/USDT:USDT', '*', 'mine', ?, ?, 1)",
                (f"{DAY:%Y-%m-%d %H:%M:%S.%f}", f"{DAY + timedelta(days=9):%Y-%m-%d %H:%M:%S.%f}"),
            )
        bot.start()
        ready(bot)
        assert assert_same_answers(bot, killed) >= 8
        second = twin(stage, bot)
        second.start()
        looked = []
        while second.running:
            now = stops(bot)
            assert_no_looser(looked[-1] if looked else open_before, now)
            looked.append(now)
            time.sleep(0.05)
        assert second.process.returncode == 2
        assert f"is used by the bot of process {bot.process.pid} on" in second.lines()[-1]
        assert bot.running
        assert {key: plans(bot)[key] for key in plans_before} == plans_before
        assert ("SOL/USDT:USDT", "mine", 1) in rows(
            bot, "select pair, reason, active from pairlocks"
        )
        assert bot.stop() == CLEAN_STOP
        assert_nothing_twice(bot)
        assert_sound(bot)
        assert not trouble_in(bot.lines())


@pytest.mark.verify
def test_a_bot_may_be_killed_at_any_moment(market, tmp_path):
    """Ten kills within a market day, at moments that a seed chooses."""
    chance = random.Random(20260108)
    compared = 0
    with trading(market, tmp_path) as stage:
        bot = teller(stage)
        bot.start()
        ready(bot)
        for _ in range(10):
            lasting = stage.clock.real_seconds(timedelta(minutes=chance.uniform(1, 40)))
            ends, before = time.monotonic() + lasting, stops(bot)
            while time.monotonic() < ends:
                assert bot.running, bot.lines()[-5:]
                now = stops(bot)
                assert_no_looser(before, now)
                before = before | now
                time.sleep(0.05)
            killed = bot.process.pid
            bot.kill()
            before, planned = before | stops(bot), plans(bot)
            bot.start()
            ready(bot)
            assert_no_looser(before, stops(bot))
            assert {key: plans(bot).get(key) for key in planned} == planned
            assert_nothing_twice(bot)
            compared += assert_same_answers(bot, killed)
        assert bot.stop() == CLEAN_STOP
    assert compared >= 80, "most restarts found the trades as they were left"
    assert len(rows(bot, "select id from trades")) >= 5
    assert_sound(bot)
    assert not trouble_in(bot.lines())


@pytest.mark.verify
@pytest.mark.parametrize("minutes", [3, 14, 17], ids="{} min into a candle".format)
def test_a_bot_that_is_asked_to_end_leaves_nothing_open_behind(market, tmp_path, minutes):
    with trading(market, tmp_path) as stage:
        bot = teller(stage)
        bot.start()
        ready(bot)
        bot.wait_for(lambda: bool(stops(bot)), PATIENCE)
        later = stage.clock.now() + timedelta(minutes=minutes)
        bot.wait_for(lambda: stage.clock.now() >= later, PATIENCE)
        before = stops(bot)
        begun = time.monotonic()
        assert bot.stop() == CLEAN_STOP
        assert time.monotonic() - begun < 10
        assert_no_looser(before, stops(bot))
        assert_sound(bot)
        assert not list(bot.user_data.rglob(".*.json.*")), "no half-written files"


@pytest.mark.verify
def test_a_reload_of_the_configuration_does_not_lock_the_bot_out(market, tmp_path):
    with trading(market, tmp_path) as stage:
        bot = teller(stage)
        bot.start()
        ready(bot)
        bot.wait_for(lambda: bool(stops(bot)), PATIENCE)
        before, pid, lines = stops(bot), bot.process.pid, len(bot.lines())
        with bot.api() as api:
            assert api.post("/reload_config").status_code == 200
        bot.wait_for("after config reloaded", PATIENCE, since=lines)
        ready(bot)
        assert bot.process.pid == pid
        assert_no_looser(before, stops(bot))
        second = twin(stage, bot)
        second.start()
        assert second.process.wait(PATIENCE) == 2
        assert f"is used by the bot of process {pid} on" in second.lines()[-1]
        assert bot.stop() == CLEAN_STOP
        assert not trouble_in(bot.lines())


def pulse_of(bot: Bot) -> tuple[str, ...]:
    (path,) = (bot.user_data / "pulse").glob("*.json")
    return read_pulse(path).blocked


def entries(bot: Bot) -> int:
    return len(rows(bot, "select id from trades"))


@pytest.mark.verify
@pytest.mark.parametrize(("minutes", "which"), [(-10, "behind"), (10, "ahead of")])
def test_a_bot_with_a_wrong_clock_enters_nothing_and_says_so_once(market, tmp_path, minutes, which):
    with trading(market, tmp_path, speed=60.0) as stage:
        bot = teller(stage, skew=timedelta(minutes=minutes))
        bot.start()
        bot.wait_for("CLOCK_SKEW: the clock is ", PATIENCE)
        ready(bot)
        later = stage.clock.now() + timedelta(minutes=20)
        bot.wait_for(lambda: stage.clock.now() >= later, PATIENCE)
        assert entries(bot) == 0
        assert pulse_of(bot) == ("clock_skew",)
        with bot.api() as api:
            locks = api.get("/locks").json()["locks"]
        everywhere = [lock["reason"] for lock in locks if lock["pair"] == "*"]
        assert everywhere == [REASONS[Gate.CLOCK_SKEW]]
        said = [line for line in bot.lines() if "regimekit.hooks.watch" in line]
        assert len(said) == 1
        assert f"s {which} that of the exchange; no new entries, exits go on" in said[0]
        assert bot.stop() == CLEAN_STOP
        assert not trouble_in(bot.lines())


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own; skips where nobody may make one."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("a small disk needs the commands mount and umount")
    folder.mkdir()
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


@pytest.mark.verify
def test_a_disk_that_fills_up_stops_entries_and_never_exits(market, tmp_path):
    settings = SETTINGS | {"regimekit": SETTINGS["regimekit"] | {"watch": {"disk_free_mb": 16}}}
    with small_disk(tmp_path / "disk", 48) as disk, trading(market, disk, speed=60.0) as stage:
        bot = teller(stage, settings=settings)
        bot.start()
        ready(bot)
        bot.wait_for(lambda: bool(stops(bot)), PATIENCE)
        ballast = disk / "ballast"
        free = shutil.disk_usage(disk).free
        with ballast.open("wb") as file:
            file.write(bytes(free - 8_000_000))
        bot.wait_for("DISK: ", PATIENCE)
        made, pid = entries(bot), bot.process.pid
        (trade, *_) = stops(bot)
        with bot.api() as api:
            asked = api.post("/forceexit", json={"tradeid": str(trade), "ordertype": "market"})
            assert asked.status_code == 200, asked.text
        closed = "select id from trades where not is_open"
        bot.wait_for(lambda: (trade,) in rows(bot, closed), PATIENCE)
        later = stage.clock.now() + timedelta(minutes=20)
        bot.wait_for(lambda: stage.clock.now() >= later, PATIENCE)
        assert entries(bot) == made
        assert pulse_of(bot) == ("disk",)
        assert rows(bot, "select pair, reason from pairlocks where pair = '*' and active") == [
            ("*", REASONS[Gate.DISK])
        ]
        ballast.unlink()
        bot.wait_for("DISK is over: entries are possible again.", PATIENCE)
        bot.wait_for(lambda: entries(bot) > made, PATIENCE)
        assert bot.process.pid == pid
        assert bot.stop() == CLEAN_STOP
        assert_sound(bot)
        assert not trouble_in(bot.lines())

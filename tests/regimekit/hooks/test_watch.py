"""A bot stops entering, and nothing else, while its database, clock or disk are not right."""

import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from filelock import FileLock
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import PairLocks, Trade
from sqlalchemy.exc import OperationalError

from providers.errors import UnavailableError
from providers.live.clock_offset import ClockWatch, Reading
from providers.storage import instance
from providers.storage.instance import lock_of, owner_of
from providers.storage.pulse import pulse_path, read_pulse
from providers.transport.http import HttpClient
from regimekit.hooks import watch as hook
from regimekit.hooks import watch_checks
from regimekit.hooks.names import bot_name
from regimekit.hooks.watch import ADVICE, LOCK, PLAIN, REASONS, Watchdog
from regimekit.hooks.watch_checks import FINE, ClockCheck, DiskCheck, Finding, Strangers
from regimekit.live import Acknowledgement
from regimekit.schema import Gate, Side
from regimekit.settings import WatchSettings
from tests.described import overlay
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, FakeTrade, FakeWallets, Minimal, table

NOW = datetime.now(UTC)  # Freqtrade releases locks by the time of day
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GATES = (Gate.INSTANCE, Gate.CLOCK_SKEW, Gate.DISK)


class Watched(Watchdog, Minimal):
    """Has one decision that every gate lets pass, and watches."""

    datasets = SimpleNamespace()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What a test holds is released with it."""
    held = {}
    monkeypatch.setattr(instance, "_HELD", held)
    yield
    PairLocks.reset_locks()
    for one in held.values():
        one.release()


@pytest.fixture
def exchange(monkeypatch):
    """The exchange's clock is so many seconds behind ours; None where it does not answer."""
    said = SimpleNamespace(skew=0.0, asked=[])

    def get(self, url, **_):
        said.asked.append(url)
        if said.skew is None:
            raise UnavailableError("nobody there")
        moment = self.now() - pd.Timedelta(seconds=said.skew)
        return json.dumps({"serverTime": round(moment.timestamp() * 1000)}).encode()

    monkeypatch.setattr(HttpClient, "get", get)
    return said


@pytest.fixture
def built(tmp_path, exchange):
    """Make bots of one database that are cleaned up with the test."""
    bots = []

    def build(runmode=RunMode.DRY_RUN, *, name="freqtrade", database=None, clock=0.0, **watch):
        limits = {"clock_block_seconds": clock, "disk_free_mb": 0, **watch}
        bot = Watched(
            {
                "runmode": runmode,
                "dry_run": runmode != RunMode.LIVE,
                "bot_name": name,
                "db_url": database or f"sqlite:///{tmp_path}/trades.sqlite",
                "user_data_dir": tmp_path,
                "exchange": {"name": "binance"},
                "regimekit": overlay({"watch": limits, "inputs": {"feed": "store"}}),
            }
        )
        bot.sent = []
        bot.dp = SimpleNamespace(
            runmode=runmode, current_whitelist=lambda: [PAIR], send_msg=bot.sent.append
        )
        bot.wallets = FakeWallets()
        bot.decisions[PAIR] = table()
        bots.append(bot)
        return bot

    yield build
    for bot in bots:
        bot.ft_bot_cleanup()


def refusal(bot, moment=OPENED):
    return bot.entry_refusal(PAIR, Side.LONG, moment, amount=1.0, rate=100.0)


def locks(now=None):
    return [lock.reason for lock in PairLocks.get_pair_locks("*", now)]


def script(bot, gate, *findings):
    """Let a check find these in turn, the last for ever."""
    rest = list(findings)
    bot._checks[gate] = lambda: rest.pop(0) if len(rest) > 1 else rest[0]


BAD = Finding("it is bad by 600.0")


@pytest.mark.parametrize("gate", GATES)
def test_what_is_wrong_refuses_locks_and_is_told_once_until_it_is_over(built, gate, caplog):
    caplog.set_level(logging.WARNING)
    bot = built()
    bot.bot_start()
    changing = [Finding(f"it is bad by {seconds}") for seconds in range(100)]
    script(bot, gate, *changing, FINE)
    for loop in range(100):
        bot.bot_loop_start(NOW + loop * MINUTE)
        assert refusal(bot).gate is gate
        assert refusal(bot).reason == f"{REASONS[gate]} (it is bad by {loop})"
        assert set(locks(NOW + loop * MINUTE)) == {REASONS[gate]}
    over = NOW + 100 * MINUTE
    bot.bot_loop_start(over)
    bot.bot_loop_start(over + SECOND)
    assert refusal(bot) is None
    assert locks(over) == []
    begun = f"{gate.name}: it is bad by 0; no new entries, exits go on. {ADVICE[gate]}"
    ended = f"{gate.name} is over: entries are possible again."
    assert bot.sent == [text.translate(PLAIN) for text in (begun, ended)]
    assert [record.getMessage() for record in caplog.records] == [begun, ended]


@pytest.mark.parametrize("gate", GATES)
def test_messages_hold_nothing_that_telegram_reads_as_formatting(built, gate):
    bot = built()
    bot.bot_start()
    script(bot, gate, Finding("no room in /a_b/[c]*`d`"), FINE)
    bot.bot_loop_start(NOW)
    bot.bot_loop_start(NOW + SECOND)
    assert len(bot.sent) == 2
    assert not set("_*[`") & set("".join(bot.sent))


@pytest.mark.parametrize("gate", GATES)
def test_exits_are_not_touched(built, gate):
    bot = built()
    bot.bot_start()
    script(bot, gate, BAD)
    bot.bot_loop_start(NOW)
    trade = FakeTrade(amount=1.0)
    bot.order_filled(PAIR, trade, SimpleNamespace(ft_order_side="buy"), OPENED)
    assert bot.custom_stoploss(PAIR, trade, OPENED, 100.0, 0.0, after_fill=False) is not None
    assert bot.confirm_trade_exit(PAIR, trade, "market", 1.0, 99.0, "GTC", "stop_loss", OPENED)


def test_the_first_of_several_is_named_and_each_is_told(built):
    bot = built()
    bot.bot_start()
    for gate in reversed(GATES):
        script(bot, gate, BAD)
    bot.bot_loop_start(NOW)
    assert refusal(bot).gate is Gate.INSTANCE
    assert sorted(locks()) == sorted(REASONS[gate] for gate in GATES)
    assert len(bot.sent) == 3


def test_a_check_that_fails_refuses_until_it_works(built, caplog):
    bot = built()
    bot.bot_start()

    def fails():
        raise ZeroDivisionError

    bot._checks[Gate.CLOCK_SKEW] = fails
    bot.bot_loop_start(NOW)
    assert refusal(bot).reason.endswith("(the check itself failed)")
    assert "Watchdog.bot_loop_start failed" in caplog.text
    script(bot, Gate.CLOCK_SKEW, FINE)
    bot.bot_loop_start(NOW + SECOND)
    assert refusal(bot) is None


def test_nothing_is_entered_before_the_first_look(built):
    bot = built()
    bot.bot_start()
    assert refusal(bot).gate is Gate.INSTANCE
    bot.bot_loop_start(NOW)
    assert refusal(bot) is None
    assert not bot.sent
    assert not locks()


def test_a_lock_of_an_earlier_process_is_lifted_without_a_word(built):
    PairLocks.lock_pair("*", NOW + LOCK, REASONS[Gate.DISK])
    PairLocks.lock_pair("*", NOW + LOCK, "a person's own")
    bot = built()
    bot.bot_start()
    bot.bot_loop_start(NOW)
    assert locks() == ["a person's own"]
    assert not bot.sent


def test_a_lock_of_an_earlier_process_stays_while_the_answer_is_pending(built):
    PairLocks.lock_pair("*", NOW + LOCK, REASONS[Gate.CLOCK_SKEW])
    bot = built()
    bot.bot_start()
    script(bot, Gate.CLOCK_SKEW, Finding("soon", lasting=False), FINE)
    bot.bot_loop_start(NOW)
    assert locks() == [REASONS[Gate.CLOCK_SKEW]]
    assert refusal(bot).gate is Gate.CLOCK_SKEW
    assert not bot.sent
    bot.bot_loop_start(NOW + SECOND)
    assert locks() == []


def test_a_clock_set_back_does_not_leave_entries_unlocked(built):
    bot = built()
    bot.bot_start()
    script(bot, Gate.CLOCK_SKEW, BAD)
    bot.bot_loop_start(NOW + timedelta(hours=5))
    bot.bot_loop_start(NOW)
    ends = [lock.lock_end_time_utc for lock in PairLocks.locks if lock.active]
    assert min(ends) <= NOW + LOCK + CANDLE
    assert len(bot.sent) == 1


def test_a_lock_that_the_database_does_not_take_changes_no_refusal(built, monkeypatch, caplog):
    bot = built()
    bot.bot_start()
    script(bot, Gate.DISK, BAD)
    rolled = []
    monkeypatch.setattr(Trade, "rollback", staticmethod(lambda: rolled.append(1)))

    def full(*_, **__):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    taking = bot.lock_pair
    bot.lock_pair = full
    for loop in range(5):
        bot.bot_loop_start(NOW + loop * SECOND)
        assert refusal(bot).gate is Gate.DISK
    assert len(rolled) == 5, "the session of the bot must stay usable"
    assert caplog.text.count("cannot be written") == 1
    bot.lock_pair = taking
    bot.bot_loop_start(NOW + 6 * SECOND)
    assert locks() == [REASONS[Gate.DISK]]


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.PLOT, None])
def test_nothing_is_watched_held_or_written_elsewhere(built, runmode, tmp_path, exchange):
    bot = built(runmode, clock=5.0, disk_free_mb=1_000_000)
    bot.bot_start()
    bot.bot_loop_start(NOW)
    assert refusal(bot) is None
    assert not exchange.asked
    assert not [path for path in tmp_path.iterdir() if path.name != "vetoes"]


# The database


def test_a_second_bot_on_a_database_does_not_start(built, tmp_path):
    lock = lock_of(f"sqlite:///{tmp_path}/trades.sqlite", tmp_path)
    other = FileLock(lock, timeout=0)
    other.acquire()
    with pytest.raises(OperationalException, match=r"trades\.sqlite is used by"):
        built()
    other.release()
    assert built()._instance is not None
    assert owner_of(lock).bot.startswith("freqtrade-")


def test_a_reload_of_the_configuration_keeps_the_database(built):
    first = built()
    first.bot_start()
    first.ft_bot_cleanup()
    second = built()
    second.bot_start()
    second.bot_loop_start(NOW)
    assert second._instance is first._instance
    assert refusal(second) is None


def test_a_lock_file_that_another_bot_took_stops_entries(built, tmp_path):
    bot = built()
    bot.bot_start()
    lock = lock_of(f"sqlite:///{tmp_path}/trades.sqlite", tmp_path)
    lock.unlink()
    other = FileLock(lock, timeout=0)
    other.acquire()
    bot.bot_loop_start(NOW)
    assert refusal(bot).gate is Gate.INSTANCE
    assert "was deleted or replaced" in bot.sent[0]
    other.release()
    bot.bot_loop_start(NOW + MINUTE)
    assert refusal(bot) is None


def test_a_database_in_memory_needs_no_lock(built, tmp_path):
    bot = built(database="sqlite://")
    bot.bot_start()
    bot.bot_loop_start(NOW)
    assert refusal(bot) is None
    assert not list(tmp_path.glob("*.lock"))


# The disk


def test_disk_stops_entries_before_it_is_full_and_lets_go_later(built, monkeypatch, tmp_path):
    free = {"mb": 1000.0}
    usage = SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=free["mb"] * 1_000_000))
    monkeypatch.setattr(watch_checks, "shutil", usage)
    bot = built(disk_free_mb=500)
    bot.bot_start()
    seen = []
    for loop, mb in enumerate([1000, 500, 499, 550, 599, 600, 550, 0]):
        free["mb"] = float(mb)
        bot.bot_loop_start(OPENED + loop * SECOND)
        seen.append(refusal(bot) is not None)
    assert seen == [False, False, True, True, True, False, False, True]
    assert bot.sent[0].startswith("DISK: 499 MB are free in ")
    assert ", 500 MB at least are needed; no new entries" in bot.sent[0]


def test_the_fullest_folder_counts_and_one_that_is_gone_counts_as_full(tmp_path):
    gone = tmp_path / "gone"
    assert DiskCheck((tmp_path,), 0.001)() == FINE
    assert DiskCheck((tmp_path, gone), 0.001)() == Finding(
        f"the free space of {gone} cannot be told"
    )
    assert DiskCheck((gone,), 0.0)() == FINE


# The clock


class Still(ClockWatch):
    """Asks when the test lets it, and has no thread."""

    def ensure(self):
        pass


class Clocks:
    """The time of day and a steady clock; a watch that asks when the test says so."""

    def __init__(self, skew=0.0, half=0.01, **settings):
        self.steady, self.set_by, self.half, self.skew = 1000.0, 0.0, half, skew
        self.watch = Still(self.ask, timedelta(minutes=5), 1.5, monotonic=lambda: self.steady)
        self.check = ClockCheck(
            self.watch, WatchSettings(**settings), wall=lambda: 1e9 + self.steady + self.set_by
        )

    def ask(self):
        if self.skew is None:
            raise UnavailableError("nobody there")
        return Reading(self.skew + self.set_by, self.half)

    def after(self, seconds, steps=True):
        """Return what the check finds in the end, looked at every 5 seconds."""
        found = FINE
        for _ in range(max(1, round(seconds / 5))):
            self.steady += 5
            if steps:
                self.watch.step()
            found = self.check()
        return found


@pytest.mark.parametrize(
    ("skew", "why"),
    [
        (0.3, ""),
        (4.0, ""),
        (-600.0, "the clock is 600.0 s behind that of the exchange"),
        (7200.0, "the clock is 7200.0 s ahead of that of the exchange"),
    ],
)
def test_the_clock_is_judged_by_what_the_exchange_tells(skew, why):
    assert Clocks(skew).after(5).why == why


def test_a_clock_that_may_be_right_stops_nothing(caplog):
    assert Clocks(40.0, half=60.0).after(600) == FINE
    assert not caplog.records


def test_a_clock_put_right_lets_entries_go_on_within_a_minute():
    clocks = Clocks(-600.0)
    assert clocks.after(5).why
    clocks.set_by = 600.0
    found = [clocks.after(5) for _ in range(12)]
    assert "jumped by +600 s" in found[0].why
    assert found[-1] == FINE


def test_a_clock_a_little_wrong_is_logged_once_and_again_after_it_was_right(caplog):
    clocks = Clocks(2.1)
    assert clocks.after(1200) == FINE
    assert [record.getMessage() for record in caplog.records] == [
        "The clock is 2.1 s ahead of that of the exchange; beyond 5 s entries stop"
    ]
    for skew in (1.4, 2.1, 0.1, -2.1):
        clocks.skew = skew
        clocks.after(600)
    assert len(caplog.records) == 2


def test_a_jump_stops_entries_at_once_and_until_the_exchange_was_asked_again():
    """Freqtrade's computer slept for two hours, and the exchange cannot be reached at first."""
    clocks = Clocks()
    assert clocks.after(60) == FINE
    clocks.set_by, clocks.skew = 7200.0, None
    assert "jumped by +7200 s" in clocks.after(5, steps=False).why
    assert "jumped by +7200 s" in clocks.after(900).why
    clocks.skew = -7200.0  # the time of day is right now
    assert clocks.after(600) == FINE


def test_a_jump_and_back_is_no_error_once_it_was_asked():
    clocks = Clocks()
    clocks.after(60)
    clocks.set_by = 7200.0
    assert clocks.after(30).why == "the clock is 7200.0 s ahead of that of the exchange"
    clocks.set_by = 0.0
    assert clocks.after(5, steps=False).why.startswith("the clock jumped by -7200 s")
    assert clocks.after(60) == FINE


def test_a_process_held_up_while_it_looked_at_its_clocks_saw_no_jump():
    clocks = Clocks()
    clocks.after(60)

    def held_up():
        seen = 1e9 + clocks.steady
        clocks.steady += 30
        return seen

    clocks.check.wall = held_up
    assert clocks.check() == FINE
    assert clocks.after(60) == FINE


def test_an_answer_asked_for_before_the_jump_does_not_count():
    clocks = Clocks()
    clocks.after(60)
    clocks.set_by = 7200.0
    clocks.after(5, steps=False)
    old = clocks.watch.told
    assert old.begun < clocks.steady
    clocks.watch._told = old  # it came late
    assert "jumped" in clocks.check().why


def test_an_exchange_that_does_not_tell_its_time_stops_nothing_and_is_told_once(caplog):
    clocks = Clocks(None)
    clocks.watch._begin()
    assert clocks.check() == Finding("the exchange has not told its time yet", lasting=False)
    assert clocks.after(14 * 60) == FINE
    assert not caplog.records
    assert clocks.after(3600) == FINE
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("The exchange has not told its time for 15 min (nobody there); entries")
    clocks.skew = 0.0
    clocks.after(1200)
    clocks.skew = None
    clocks.after(3600)
    assert len(caplog.records) == 2


def test_an_exchange_that_never_answers_the_first_question_holds_nobody_up_for_long():
    clocks = Clocks()
    clocks.watch._begin()
    assert clocks.check().why
    assert clocks.after(70, steps=False) == FINE


def test_a_wrong_clock_stays_wrong_while_the_exchange_is_silent():
    clocks = Clocks(-600.0)
    clocks.after(5)
    clocks.skew = None
    assert clocks.after(3600).why == "the clock is 600.0 s behind that of the exchange"


def wait_until(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def clock_threads():
    return [thread for thread in threading.enumerate() if thread.name == "clock watch"]


def test_a_bot_asks_in_a_thread_that_ends_with_it(built, exchange):
    exchange.skew = 600.0
    bot = built(clock=5.0)
    bot.bot_start()

    def stopped():
        bot.bot_loop_start(NOW)
        return REASONS[Gate.CLOCK_SKEW] in locks()

    wait_until(stopped)
    assert refusal(bot).gate is Gate.CLOCK_SKEW
    assert set(exchange.asked) == {"https://fapi.binance.com/fapi/v1/time"}
    assert len(clock_threads()) == 1
    bot.ft_bot_cleanup()
    wait_until(lambda: not clock_threads())


def test_what_the_feed_is_banned_from_the_clock_is_not_asked_for(built, monkeypatch):
    limiter = object()
    monkeypatch.setattr(hook.LiveFeed, "bot_start", lambda self, **_: None)
    bot = built(clock=5.0)
    bot._client = SimpleNamespace(limiter=limiter, close=lambda: None)
    bot.bot_start()
    assert bot._clock_client.limiter is limiter


@pytest.mark.parametrize(
    ("exchange_settings", "clock"), [({"name": "bybit"}, 5.0), ({"name": "binance"}, 0.0)]
)
def test_where_nobody_is_asked_the_clock_stops_nothing(built, exchange, exchange_settings, clock):
    bot = built(clock=clock)
    bot.config["exchange"] = exchange_settings
    bot.bot_start()
    bot.bot_loop_start(OPENED)
    assert refusal(bot) is None
    assert not exchange.asked
    assert not clock_threads()


# The account


def test_positions_of_somebody_else_are_told_once_they_last():
    strangers, other = Strangers(), "ETH/USDT:USDT"
    positions, own = {PAIR, other}, {PAIR}
    told = [strangers.news(positions, own, OPENED + minute * MINUTE) for minute in range(30)]
    assert told == [[]] * 10 + [[other]] + [[]] * 19
    assert strangers.news(own, own, OPENED + 30 * MINUTE) == []
    assert strangers.news(positions, own, OPENED + 31 * MINUTE) == []
    assert strangers.news(positions, own, OPENED + 41 * MINUTE) == [other]


@pytest.mark.parametrize(("runmode", "told"), [(RunMode.LIVE, 1), (RunMode.DRY_RUN, 0)])
def test_strangers_are_looked_for_where_money_is_real(built, runmode, told, monkeypatch):
    monkeypatch.setattr("regimekit.hooks.base.require_acknowledgement", lambda *_: None)
    bot = built(runmode)
    bot.bot_start()
    bot.wallets.get_all_positions = lambda: {PAIR: object(), "ETH/USDT:USDT": object()}
    bot.positions = [FakeTrade()]
    for loop in range(60):
        bot.bot_loop_start(OPENED + loop * MINUTE)
    assert len(bot.sent) == told
    assert all("ETH/USDT:USDT: positions on the account" in text for text in bot.sent)
    bot.positions = []
    assert refusal(bot) is None


# The pulse


def test_the_pulse_says_what_the_bot_saw_and_what_stops_it(built, tmp_path):
    bot = built()
    bot.bot_start()
    script(bot, Gate.DISK, BAD)
    bot.bot_loop_start(OPENED + SECOND)
    pulse = read_pulse(pulse_path(tmp_path, bot_name(bot.config)))
    assert (pulse.at, pulse.candle) == (OPENED + SECOND, OPENED)
    assert (pulse.strategy, pulse.state, pulse.blocked) == ("Watched", "running", ("disk",))


def test_the_pulse_goes_on_when_a_check_fails_and_beats_no_faster_than_told(
    built, tmp_path, monkeypatch
):
    now = SimpleNamespace(steady=100.0)
    monkeypatch.setattr(hook, "monotonic", lambda: now.steady)
    written = []
    monkeypatch.setattr(hook, "write_pulse", lambda path, pulse: written.append(pulse))
    bot = built(pulse_seconds=10)
    bot.bot_start()
    bot._checks[Gate.DISK] = lambda: 1 / 0
    for loop in range(60):
        now.steady = 100.0 + loop
        bot.bot_loop_start(OPENED + loop * SECOND)
    assert len(written) == 6
    assert {pulse.blocked for pulse in written} == {("disk",)}


def test_a_pulse_that_cannot_be_written_disturbs_nobody_and_is_told_once(
    built, monkeypatch, caplog
):
    now = SimpleNamespace(steady=100.0)
    monkeypatch.setattr(hook, "monotonic", lambda: now.steady)

    def full(path, pulse):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hook, "write_pulse", full)
    bot = built()
    bot.bot_start()
    for loop in range(10):
        now.steady = 100.0 + 20 * loop
        bot.bot_loop_start(OPENED + loop * SECOND)
    assert caplog.text.count("cannot be written") == 1
    assert refusal(bot) is None


def test_a_bot_without_an_analyzed_candle_has_a_pulse(built, tmp_path):
    bot = built()
    bot.decisions.clear()
    bot.bot_start()
    bot.bot_loop_start(OPENED)
    assert read_pulse(pulse_path(tmp_path, bot_name(bot.config))).candle is None


def test_the_end_of_the_acknowledgement_is_said_once_a_day_from_three_days_before(built):
    bot = built(RunMode.LIVE)
    bot.accepted = Acknowledgement("sub-1", (NOW + timedelta(days=5)).date())
    bot.wallets.get_all_positions = dict
    bot.bot_start()
    told = []
    for day in range(7):
        for hour in (0, 1):
            bot.bot_loop_start(NOW.replace(hour=hour) + timedelta(days=day))
        told.append(sum("acknowledgement of live trading ends" in text for text in bot.sent))
    assert told == [0, 0, 1, 2, 3, 4, 5]


def test_a_dry_run_is_reminded_of_nothing(built):
    bot = built()
    bot.bot_start()
    bot.bot_loop_start(NOW)
    assert bot.sent == []

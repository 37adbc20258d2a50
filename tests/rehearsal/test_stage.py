"""What a rehearsal tells the bot about a fast clock, and what it does with plans that cannot be."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.coverage import Period
from regimekit.settings import settings_from
from rehearsal.bot import Bot
from rehearsal.clock import MovedClock
from rehearsal.errors import RehearsalError
from rehearsal.market import Market
from rehearsal.minutes import LONGEST_HOLD
from rehearsal.run import candle_of
from rehearsal.stage import ANALYSIS_SECONDS, Stage, hold, lead
from replay.runner import trouble_in

START = datetime(2026, 1, 8, tzinfo=UTC)
PAIR = "BTC/USDT:USDT"


def stage(folder: Path, speed: float = 60.0) -> Stage:
    clock = MovedClock(
        {"FAKETIME": "-86400s x60", "LD_PRELOAD": "lib", "TZ": "UTC"}, speed, "1", 0.0, 0.0
    )
    period = Period(START, START + timedelta(days=1))
    return Stage(Market(folder, (PAIR,), period, True, {}), clock, "http://127.0.0.1:1", folder)


@given(st.floats(1, 1000))
def test_the_price_holds_as_long_as_an_analysis_takes_or_as_a_candle_allows(speed):
    held = hold(speed)
    assert held % timedelta(minutes=1) == timedelta(0)
    assert held >= timedelta(seconds=min(ANALYSIS_SECONDS * speed, LONGEST_HOLD * 60))
    assert timedelta(0) < held <= timedelta(minutes=LONGEST_HOLD)
    assert lead(speed) > held


def test_a_bot_hears_of_the_fast_clock_and_its_settings_are_valid(tmp_path):
    settings = stage(tmp_path).bot().settings
    assert settings["dry_run"] is True
    assert settings["exchange"]["pair_whitelist"] == [PAIR]
    assert isinstance(settings["internals"]["process_throttle_secs"], int)
    pack = settings_from(settings["regimekit"])
    late = timedelta(seconds=settings["ignore_buying_expired_candle_after"])
    assert timedelta(seconds=pack.inputs.analysis_grace_seconds) == late == hold(60)
    json.dumps(settings)


def test_own_settings_win_and_leave_their_neighbors(tmp_path):
    own = {"exchange": {"pair_whitelist": ["X"]}, "regimekit": {"gates": {"entries_per_day": 1}}}
    settings = stage(tmp_path).bot(settings=own).settings
    assert settings["exchange"]["pair_whitelist"] == ["X"]
    assert "timeout" in settings["exchange"]["ccxt_config"]
    assert settings["regimekit"]["gates"] == {"entries_per_day": 1}
    assert "inputs" in settings["regimekit"]
    assert stage(tmp_path).bot().settings["exchange"]["pair_whitelist"] == [PAIR], "not shared"


def test_a_wrong_clock_is_the_right_one_moved(tmp_path):
    ahead = stage(tmp_path).bot(skew=timedelta(minutes=10))
    assert ahead.clock["FAKETIME"] == "-85800s x60"
    assert ahead.clock["LD_PRELOAD"] == "lib"


def test_two_bots_of_a_stage_share_nothing(tmp_path):
    there = stage(tmp_path)
    first, second = there.bot("first"), there.bot("second")
    assert first.database != second.database
    assert first.port != second.port
    assert first.password != second.password
    assert there.bots == [first, second]


def test_nothing_makes_a_rehearsal_trade_with_money_or_leave_loopback(tmp_path):
    """Freqtrade lets the environment win over every file."""
    url = "FREQTRADE__EXCHANGE__CCXT_CONFIG__URLS__API__fapiPublic"
    bot = stage(tmp_path).bot(
        settings={"dry_run": False}, environment={"FREQTRADE__DRY_RUN": "false", url: "elsewhere"}
    )
    assert bot.variables["FREQTRADE__DRY_RUN"] == "true"
    assert bot.variables[url] == "http://127.0.0.1:1/fapi/v1"
    assert bot.variables["FAKETIME"] == "-86400s x60"


def test_a_bot_that_was_never_started_says_so(tmp_path):
    bot = Bot(tmp_path, "http://127.0.0.1:1", {}, {})
    assert not bot.running
    assert bot.lines() == []
    assert bot.news() == []
    bot.kill()
    with pytest.raises(RehearsalError, match="never started"):
        bot.stop()


def test_news_are_whole_lines_once(tmp_path):
    bot = Bot(tmp_path, "http://127.0.0.1:1", {}, {})
    bot.log.write_text("one\ntwo\nthr")
    assert bot.news() == ["one", "two"]
    with bot.log.open("a") as log:
        log.write("ee\n")
    assert bot.news() == ["three"]
    assert bot.news() == []
    assert bot.lines() == ["one", "two", "three"]


def test_waiting_for_a_bot_that_ended_shows_what_it_said_last(tmp_path):
    bot = Bot(tmp_path, "http://127.0.0.1:1", {}, {})
    bot.log.write_text("the reason\n")
    with pytest.raises(RehearsalError, match="the reason"):
        bot.wait_for("ready")
    bot.wait_for("the reason")
    with pytest.raises(RehearsalError, match="before 'the reason'"):
        bot.wait_for("the reason", since=1)


@given(st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_candle_contains_its_moments(moment):
    opened = candle_of(moment)
    assert opened <= moment < opened + timedelta(minutes=15)
    assert candle_of(opened) == opened
    assert opened.timestamp() % 900 == 0


def test_trouble_is_what_failing_callbacks_log():
    lines = ["fine", "x - Strategy caused the following exception", "y - Unexpected error"]
    assert trouble_in(lines) == lines[1:]

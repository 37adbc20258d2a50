"""Who keeps a journal of decisions, what is in it, and that nothing about it disturbs trading."""

import errno
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from freqtrade.enums import RunMode

from providers.storage import lines
from providers.storage.journal import FOLDER, read_journal
from regimekit.hooks.base import LIVE
from regimekit.hooks.journal import DecisionJournal
from regimekit.hooks.outages import OutageLocks
from tests.regimekit.hooks.fakes import CANDLE, DECISION, OPENED, PAIR, Silent

OTHER = "ETH/USDT:USDT"
COLUMNS = DECISION | {
    "enter_tag": "trending:momentum",
    "refused_long": 0,
    "refused_short": 2,
    "state_1h": 2,
    "funding_age_hours": 3.25,
    "rsi": 55.0,
    "regime_age": 4,
}


class Provider:
    """Freqtrade's data provider, as far as the journal asks it."""

    runmode = RunMode.DRY_RUN

    def __init__(self) -> None:
        self.frames: dict[str, tuple[pd.DataFrame, datetime]] = {}

    def current_whitelist(self) -> list[str]:
        return [PAIR, OTHER]

    def get_analyzed_dataframe(self, pair: str, timeframe: str) -> tuple[pd.DataFrame, datetime]:
        return self.frames.get(pair, (pd.DataFrame(), datetime.fromtimestamp(0, UTC)))

    def analyzed(self, pair: str = PAIR, candle: int = 0, seconds: float = 5, **changes) -> None:
        """Say that the candle that closed last was analyzed so long after its close."""
        opened = OPENED + (candle - 1) * CANDLE
        rows = [{"date": opened - CANDLE} | COLUMNS, {"date": opened} | COLUMNS | changes]
        self.frames[pair] = (pd.DataFrame(rows), opened + CANDLE + timedelta(seconds=seconds))


class Journaling(Silent, DecisionJournal):
    """Writes its decisions and makes none."""


class Another(Journaling):
    """A second strategy of the same bot."""


class Outage(Silent, DecisionJournal, OutageLocks):
    """With the mixin that must come after it."""


def strategy(folder, kind=Journaling, runmode=RunMode.DRY_RUN, journal=(), **config):
    config = {"runmode": runmode, "dry_run": True, "user_data_dir": folder} | config
    made = kind(config | {"regimekit": {"journal": dict(journal)}})
    made.dp = Provider()
    made.bot_start()
    return made


def files(folder):
    return sorted((folder / FOLDER).glob("*")) if (folder / FOLDER).exists() else []


def written(folder):
    (path,) = files(folder)
    return read_journal(path)


def test_a_row_says_what_was_decided_when_and_of_what(tmp_path):
    bot = strategy(tmp_path)
    bot.dp.analyzed(seconds=7.5)
    bot.bot_loop_start(OPENED + timedelta(seconds=20))
    (row,) = written(tmp_path).rows.to_dict("records")
    assert row == {
        "at": pd.Timestamp(OPENED + timedelta(seconds=7.5)),
        "candle": pd.Timestamp(OPENED - CANDLE),
        "pair": PAIR,
        "enter_tag": "trending:momentum",
        "entry": 1,
        "regime": 1,
        "confidence_long": 0.9,
        "confidence_short": 0.1,
        "min_confidence": 0.78,
        "refused_long": 0,
        "refused_short": 2,
        "stop_distance": 2.0,
        "atr": 1.0,
        "close": 100.0,
        "squeeze_risk": 0.0,
        "funding_age_hours": 3.25,
        "state_1h": 2,
    }


def test_a_candle_is_written_once_however_often_the_loop_runs(tmp_path):
    bot = strategy(tmp_path)
    for candle in range(3):
        for pair in (PAIR, OTHER):
            bot.dp.analyzed(pair, candle)
        for loop in range(5):
            bot.bot_loop_start(OPENED + candle * CANDLE + timedelta(seconds=5 * loop))
    rows = written(tmp_path).rows
    assert len(rows) == 6
    assert len(files(tmp_path)[0].read_bytes().splitlines()) == 1 + 1 + 6


def test_a_candle_that_is_analyzed_again_keeps_its_first_answer(tmp_path):
    bot = strategy(tmp_path)
    bot.dp.analyzed(seconds=5, entry=0, state_1h=0)
    bot.bot_loop_start(OPENED)
    bot.dp.analyzed(seconds=25, entry=1, state_1h=2)
    bot.bot_loop_start(OPENED)
    bot.dp.analyzed(candle=1, entry=-1)
    bot.bot_loop_start(OPENED + CANDLE)
    assert written(tmp_path).rows["entry"].tolist() == [0, -1]


def test_a_restart_goes_on_and_says_so(tmp_path):
    for candle in range(3):
        bot = strategy(tmp_path)
        bot.dp.analyzed(candle=candle)
        bot.bot_loop_start(OPENED)
    found = written(tmp_path)
    assert len(found.rows) == 3
    assert len(found.starts) == 3


def test_unknown_values_are_blank(tmp_path):
    bot = strategy(tmp_path)
    bot.dp.analyzed(confidence_long=float("nan"), enter_tag=None, atr=pd.NA)
    bot.bot_loop_start(OPENED)
    row = written(tmp_path).rows.iloc[0]
    assert row[["confidence_long", "atr"]].isna().all()
    assert row["enter_tag"] is None


def test_values_keep_their_digits(tmp_path):
    bot = strategy(tmp_path)
    bot.dp.analyzed(close=63571.123456789, stop_distance=1.23456789e-7)
    bot.bot_loop_start(OPENED)
    row = written(tmp_path).rows.iloc[0]
    assert row["close"] == pytest.approx(63571.123456789, rel=1e-9)
    assert row["stop_distance"] == pytest.approx(1.23456789e-7, rel=1e-9)


@pytest.mark.parametrize("runmode", [mode for mode in RunMode if mode not in LIVE])
def test_only_a_bot_keeps_one(runmode, tmp_path):
    made = strategy(tmp_path, runmode=runmode)
    made.dp.analyzed()
    made.bot_loop_start(OPENED)
    assert not files(tmp_path)


@pytest.mark.parametrize("changes", [{"journal": {"enabled": False}}, {"user_data_dir": None}])
def test_without_the_switch_or_a_folder_there_is_none(changes, tmp_path):
    made = strategy(tmp_path, **changes)
    made.dp.analyzed()
    made.bot_loop_start(OPENED)
    assert not files(tmp_path)


def test_bots_and_strategies_keep_apart(tmp_path):
    for changes in ({}, {"kind": Another}, {"bot_name": "two"}, {"db_url": "sqlite:///b.sqlite"}):
        strategy(tmp_path, **changes)
    assert len(files(tmp_path)) == 4


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["replace_file", "_append"])
def test_a_full_disk_is_told_once_and_disturbs_nothing(step, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patched:
        patched.setattr(lines, step, full)
        bot = strategy(tmp_path)
        for candle in range(5):
            bot.dp.analyzed(candle=candle)
            bot.bot_loop_start(OPENED)
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    bot.dp.analyzed(candle=9)
    bot.bot_loop_start(OPENED)
    assert len(written(tmp_path).rows) == 1, "there is room again"


def test_a_frame_of_another_shape_is_logged_once_and_stops_nothing(tmp_path, caplog):
    bot = strategy(tmp_path)
    bot.dp.frames[PAIR] = (pd.DataFrame({"close": [1.0]}), OPENED)
    for _ in range(3):
        bot.bot_loop_start(OPENED)
    assert sum("failed" in record.message for record in caplog.records) == 1
    bot.dp.analyzed(candle=2)
    bot.bot_loop_start(OPENED)
    assert len(written(tmp_path).rows) == 1


def test_a_loop_without_news_reads_no_frame(tmp_path, monkeypatch):
    bot = strategy(tmp_path)
    bot.dp.analyzed()
    bot.bot_loop_start(OPENED)
    monkeypatch.setattr(pd.DataFrame, "__getitem__", full)
    bot.bot_loop_start(OPENED)
    assert not bot.faults._counts


def test_what_is_remembered_does_not_grow_with_time(tmp_path):
    bot = strategy(tmp_path)
    for candle in range(50):
        bot.dp.analyzed(candle=candle)
        bot.bot_loop_start(OPENED)
    assert (len(bot._journal_seen), len(bot._journal_newest)) == (1, 1)


def test_outage_locks_come_after_it(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(OutageLocks, "bot_loop_start", lambda self, now, **_: called.append(now))
    bot = strategy(tmp_path, kind=Outage)
    bot.bot_loop_start(OPENED)
    assert called == [OPENED]

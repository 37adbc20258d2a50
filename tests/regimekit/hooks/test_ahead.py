"""A live bot does not act on what an exchange said of the future, not even when its time comes."""

import logging
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks import inputs as inputs_module
from regimekit.hooks.ahead import TOLERANCE, FutureRows
from regimekit.schema import Availability
from tests.markets import market
from tests.regimekit.hooks.fakes import PAIR
from tests.regimekit.hooks.test_inputs import inputs

NOW = datetime(2026, 1, 8, 6, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)


def rows(newest, count=4):
    return pd.Series(pd.date_range(end=newest, periods=count, freq=STEP))


def test_what_is_known_by_now_is_used_and_says_nothing(caplog):
    doubts = FutureRows()
    for minutes in (-60, 0, TOLERANCE.total_seconds() / 60):
        assert doubts.usable("oi", rows(NOW + timedelta(minutes=minutes)), STEP, NOW)
    assert doubts.usable("oi", rows(NOW)[:0], STEP, NOW)
    assert not caplog.records


@given(st.integers(1, 20), st.lists(st.integers(0, 600), max_size=20))
def test_invented_rows_are_not_used_when_their_time_comes(ahead, minutes):
    """Freqtrade keeps them and asks again two steps after the newest."""
    doubts, told = FutureRows(), rows(NOW + ahead * STEP)
    assert not doubts.usable("oi", told, STEP, NOW)
    for later in sorted(minutes):
        now = NOW + timedelta(minutes=later)
        usable = doubts.usable("oi", told, STEP, now)
        assert usable == (now >= NOW + (ahead + 2) * STEP)


def test_each_change_is_logged_once_and_series_are_apart(caplog):
    caplog.set_level(logging.WARNING)
    doubts, told = FutureRows(), rows(NOW + 2 * STEP)
    for minute in range(0, 90, 5):
        doubts.usable("BTC oi", told, STEP, NOW + timedelta(minutes=minute))
        assert doubts.usable("ETH oi", rows(NOW), STEP, NOW + timedelta(minutes=minute))
    begun, over = (record.getMessage() for record in caplog.records)
    assert begun == (
        "BTC oi has rows up to 2026-01-08 06:30, ahead of the clock; it is not used before "
        "2026-01-08 07:00 UTC."
    )
    assert over == "BTC oi has no rows ahead of the clock any more and is used again."


def test_a_candle_counts_from_its_close():
    """The one that has just opened is ahead; Freqtrade asks again when the next one closed."""
    doubts = FutureRows()
    assert doubts.usable("BTC 15m", rows(NOW - STEP), STEP, NOW, STEP)
    assert not doubts.usable("BTC 15m", rows(NOW), STEP, NOW, STEP)
    assert not doubts.usable("BTC 15m", rows(NOW), STEP, NOW + STEP, STEP)
    assert doubts.usable("BTC 15m", rows(NOW + STEP), STEP, NOW + 2 * STEP, STEP)


STATES = ["state_1h", "state_4h", "funding_state", "oi_state"]


@pytest.mark.parametrize(
    ("mode", "early", "outage"),
    [
        (RunMode.DRY_RUN, timedelta(hours=1), True),
        (RunMode.DRY_RUN, timedelta(0), False),
        (RunMode.BACKTEST, timedelta(hours=1), False),
    ],
)
def test_candles_ahead_of_the_clock_are_an_outage_live_only(monkeypatch, mode, early, outage):
    shown = market(40, seed=1)
    closes = shown.candles["date"].iloc[-1].to_pydatetime() + STEP
    monkeypatch.setattr(inputs_module, "clock", lambda: closes - early)
    bot = inputs(shown)
    bot.config["runmode"] = mode
    joined = bot.with_market_inputs(shown.candles, PAIR).iloc[-1]
    missing = joined[["state_1h", "state_4h"]] == Availability.OUTAGE
    assert missing.all() == outage
    assert (joined["oi_state"] == Availability.OUTAGE) == outage


def test_open_interest_of_the_future_leaves_candles_alone(monkeypatch):
    shown = market(40, seed=1)
    closes = shown.candles["date"].iloc[-1].to_pydatetime() + STEP
    monkeypatch.setattr(inputs_module, "clock", lambda: closes)
    bot = inputs(shown)
    bot.config["runmode"] = RunMode.DRY_RUN
    ask = bot.dp.get_pair_dataframe

    def with_future(pair, timeframe, candle_type=""):
        found = ask(pair, timeframe, candle_type)
        if candle_type != "open_interest":
            return found
        ahead = found.iloc[[-1]].assign(date=found["date"].iloc[-1] + 4 * STEP)
        return pd.concat([found, ahead], ignore_index=True)

    bot.dp.get_pair_dataframe = with_future
    joined = bot.with_market_inputs(shown.candles, PAIR).iloc[-1]
    assert joined["oi_state"] == Availability.OUTAGE
    assert joined["state_1h"] != Availability.OUTAGE

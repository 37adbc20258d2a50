"""A strategy of the pack is not built for real money without an acknowledgement."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException

from regimekit.hooks.base import PackStrategy
from regimekit.live import OVERLAY, VARIABLE

MINE = {"live": {"account": "sub-1", "overlay": OVERLAY}}


class Idle(PackStrategy):
    timeframe = "15m"
    stoploss = -0.5

    def populate_indicators(self, dataframe, metadata):
        return dataframe


def build(runmode, dry_run, regimekit=MINE):
    return Idle({"runmode": runmode, "dry_run": dry_run, "regimekit": regimekit})


@pytest.fixture
def accepted(monkeypatch):
    def accept(days, account="sub-1"):
        until = datetime.now(tz=UTC).date() + timedelta(days=days)
        monkeypatch.setenv(VARIABLE, f"I accept the loss of {account} until {until}")

    monkeypatch.delenv(VARIABLE, raising=False)
    return accept


def test_live_trading_is_refused_without_it(accepted):
    with pytest.raises(OperationalException, match=rf"not acknowledged: {VARIABLE} is not set"):
        build(RunMode.LIVE, False)


def test_who_is_refused_is_not_led_to_a_dry_run_on_the_database_of_real_trades(accepted):
    with pytest.raises(OperationalException, match="set dry_run to true and take another database"):
        build(RunMode.LIVE, False)


def test_live_trading_is_refused_without_the_overlay(accepted):
    accepted(5)
    with pytest.raises(OperationalException, match=r"config/live.json is not loaded"):
        build(RunMode.LIVE, False, {"live": {"account": "sub-1"}})


@pytest.mark.parametrize(("days", "account"), [(-1, "sub-1"), (31, "sub-1"), (5, "sub-2")])
def test_live_trading_is_refused_with_a_wrong_one(accepted, days, account):
    accepted(days, account)
    with pytest.raises(OperationalException, match="Live trading is not acknowledged"):
        build(RunMode.LIVE, False)


def test_live_trading_begins_with_it_and_says_so(accepted, caplog):
    accepted(5)
    build(RunMode.LIVE, False)
    assert "the loss of sub-1 is accepted until" in caplog.text


def test_the_run_mode_decides_where_the_two_contradict_each_other(accepted):
    with pytest.raises(OperationalException, match="not acknowledged"):
        build(RunMode.LIVE, True)


def test_a_run_mode_that_trades_counts_as_live_where_dry_run_is_false(accepted):
    with pytest.raises(OperationalException, match="not acknowledged"):
        build(RunMode.DRY_RUN, False)


@pytest.mark.parametrize("mode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.OTHER, RunMode.PLOT])
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_sends_no_orders_needs_none(accepted, mode, dry_run):
    build(mode, dry_run, {})


def test_a_dry_run_needs_none(accepted):
    build(RunMode.DRY_RUN, True, {})

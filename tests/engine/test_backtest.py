"""The real backtest engine: laws over its trades, then golden runs."""

import json
import shutil
from typing import Any

import pytest

from regimekit.schema import parse_entry_tag
from tests.described import overlay
from tests.engine.bot import Bot
from tests.engine.golden import GOLDEN, RUNS, summary

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("backtest")]

ROUTES = {"trending:momentum", "ranging:mean_reversion", "volatile:breakout"}


@pytest.fixture(scope="module")
def shipped(exchange, simulated, tmp_path_factory):
    """The shipped defaults, without a single -c option."""
    return Bot(exchange, simulated, tmp_path_factory.mktemp("shipped")).backtest(typed=True)


@pytest.fixture(scope="module")
def described(exchange, simulated, tmp_path_factory):
    """The described settings, which trade more and in every regime."""
    bot = Bot(exchange, simulated, tmp_path_factory.mktemp("described"))
    return bot.backtest(settings=RUNS["described"])


@pytest.fixture(params=RUNS)
def golden_run(request):
    """One of `RUNS` after the other: its name, and how it went."""
    return request.param, *request.getfixturevalue(request.param)


def test_backtests_without_failing_callbacks(golden_run):
    _, run, result = golden_run
    assert run.ok, run.explain()
    assert result["total_trades"] == len(result["trades"]) > 10


def test_every_entry_says_why(golden_run):
    _, _, result = golden_run
    tags = {trade["enter_tag"] for trade in result["trades"]}
    assert tags <= ROUTES
    for tag in tags:
        parse_entry_tag(tag)


def test_every_sub_strategy_trades(described):
    assert {trade["enter_tag"] for trade in described[1]["trades"]} == ROUTES


def test_both_sides_trade(golden_run):
    _, _, result = golden_run
    assert {trade["is_short"] for trade in result["trades"]} == {True, False}


def test_loss_at_the_stop_stays_within_the_budget(golden_run):
    _, _, result = golden_run
    stopped = [trade for trade in result["trades"] if trade["exit_reason"] == "stop_loss"]
    assert stopped
    # Equity never exceeds its peak; funding and the tick of the stop are not in the budget.
    most = max(result["starting_balance"], result["csum_max"]) * 0.01
    assert all(trade["profit_abs"] - trade["funding_fees"] > -1.01 * most for trade in stopped)


def test_exits_are_the_same_at_1x_and_5x(bot):
    def exits(leverage: int) -> list[tuple[Any, ...]]:
        run, result = bot.backtest(
            settings={
                "max_open_trades": 4,
                "regimekit": overlay({"risk": {"target_leverage": leverage}}),
            }
        )
        assert run.ok, run.explain()
        assert {trade["leverage"] for trade in result["trades"]} == {float(leverage)}
        keys = ("pair", "open_date", "close_date", "open_rate", "close_rate", "exit_reason")
        return [tuple(trade[key] for key in keys) for trade in result["trades"]]

    once = exits(1)
    assert len(once) > 20
    assert once == exits(5)


def test_without_open_interest_and_taker_flow_only_the_squeeze_filter_falls_silent(
    described, bot, bot_on, simulated, tmp_path
):
    """A backtest without the files runs all the same, as if that filter were off."""
    without = shutil.ignore_patterns("*-open_interest.feather", "regimekit")
    shutil.copytree(simulated, tmp_path / "market", ignore=without)
    run, blind = bot_on(tmp_path / "market").backtest(settings=RUNS["described"])
    assert run.ok, run.explain()
    assert "No history for BTC/USDT:USDT, open_interest, 15m found." in run.log
    off = overlay({"squeeze": {"enabled": False}})
    run, unfiltered = bot.backtest(settings={"regimekit": off})
    assert run.ok, run.explain()
    assert summary(blind) == summary(unfiltered)
    assert summary(blind) != summary(described[1]), "a market in which the filter decides"


def test_golden_backtest_stands(golden_run):
    """Trades of the simulated market, recorded in golden.json with how they were made.

    A change here is a change of what the strategy trades: say why in CHANGELOG.md, then record it
    anew with the command in the file.
    """
    name, _, result = golden_run
    assert summary(result) == json.loads(GOLDEN.read_text())["expected"][name]

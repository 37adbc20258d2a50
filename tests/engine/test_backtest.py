"""The real backtest engine: laws over its trades, then a golden run."""

import json
import shutil
from typing import Any

import pytest

from regimekit.schema import parse_entry_tag
from tests.engine.bot import Bot
from tests.engine.golden import GOLDEN, summary

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("backtest")]


def same_candle_reentries(trades: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return entries in the candle in which an older trade of the pair was closed."""
    return [
        (trade["pair"], trade["open_date"])
        for trade in trades
        for older in trades
        if older["pair"] == trade["pair"]
        and older["open_date"] < trade["open_date"]
        and older["close_date"] == trade["open_date"]
    ]


@pytest.fixture(scope="module")
def shipped(exchange, simulated, tmp_path_factory):
    """The shipped defaults, without a single -c option."""
    return Bot(exchange, simulated, tmp_path_factory.mktemp("shipped")).backtest()


def test_bare_command_backtests_without_failing_callbacks(shipped):
    run, result = shipped
    assert run.ok, run.explain()
    assert result["total_trades"] == len(result["trades"]) > 20


def test_every_entry_says_why(shipped):
    _, result = shipped
    routes = {"trending:momentum", "ranging:mean_reversion", "volatile:breakout"}
    tags = {trade["enter_tag"] for trade in result["trades"]}
    assert tags <= routes
    for tag in tags:
        parse_entry_tag(tag)


def test_both_sides_trade(shipped):
    _, result = shipped
    assert {trade["is_short"] for trade in result["trades"]} == {True, False}


EAGER = {
    "momentum": {"momentum_min_confidence": 0.3},
    "mean_reversion": {"mean_reversion_min_confidence": 0.3},
    "breakout": {"breakout_min_confidence": 0.3},
}


def test_no_entry_in_the_candle_of_the_pairs_last_exit(bot):
    run, gated = bot.backtest(settings={"regimekit": EAGER})
    assert run.ok, run.explain()
    assert same_candle_reentries(gated["trades"]) == []
    # Without the gate the engine does fill them, at a price from before the exit.
    run, ungated = bot.backtest(settings={"regimekit": {**EAGER, "trade_history": False}})
    assert run.ok, run.explain()
    assert same_candle_reentries(ungated["trades"])


def test_loss_at_the_stop_stays_within_the_budget(shipped):
    _, result = shipped
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
                "regimekit": {"risk": {"target_leverage": leverage}},
            }
        )
        assert run.ok, run.explain()
        assert {trade["leverage"] for trade in result["trades"]} == {float(leverage)}
        keys = ("pair", "open_date", "close_date", "open_rate", "close_rate", "exit_reason")
        return [tuple(trade[key] for key in keys) for trade in result["trades"]]

    assert exits(1) == exits(5)


def test_missing_open_interest_and_taker_flow_change_no_trade(shipped, bot_on, simulated, tmp_path):
    """They are shown and decide nothing yet; a backtest without the files runs all the same."""
    without = shutil.ignore_patterns("*-open_interest.feather", "regimekit")
    shutil.copytree(simulated, tmp_path / "market", ignore=without)
    run, result = bot_on(tmp_path / "market").backtest()
    assert run.ok, run.explain()
    assert "No history for BTC/USDT:USDT, open_interest, 15m found." in run.log
    assert summary(result) == summary(shipped[1])


def test_golden_backtest_stands(shipped):
    """Trades of the simulated market, recorded in golden/ with how they were made.

    A change here is a change of what the strategy trades: say why in CHANGELOG.md, then record it
    anew with the command in the file.
    """
    _, result = shipped
    assert summary(result) == json.loads(GOLDEN.read_text())["expected"]

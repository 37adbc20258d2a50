"""The losses as Freqtrade finds them, calls them, and sends them to its workers."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.resolvers.hyperopt_resolver import HyperOptLossResolver

from regimekit.evaluation import losses
from regimekit.evaluation.loss_settings import LossSettings
from tests.regimekit.evaluation.trials import DAY, START, candles, daily, table, trial

ROOT = Path(__file__).resolve().parents[2]
LOSSES = {
    "RobustSharpe": losses.robust_sharpe,
    "DrawdownExpectancy": losses.drawdown_expectancy,
    "DeflatedSharpe": losses.deflated_sharpe_z,
}
MADE = [40, -15, 0, 25, -30, 10, 5] * 4
PAIR = "BTC/USDT:USDT"


@pytest.fixture(autouse=True)
def without_compiled_files(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def loaded(name):
    """Load a loss as hyperopt does, from a working directory that is not ours."""
    config = {
        "hyperopt_loss": name,
        "hyperopt_path": str(ROOT / "hyperopts"),
        "user_data_dir": ROOT / "user_data",
        "timeframe": "15m",
    }
    return HyperOptLossResolver.load_hyperoptloss(config)


def given(**changes):
    """What Freqtrade hands to a loss after an epoch."""
    trades = changes.pop("results", daily(MADE))
    return {
        "results": trades,
        "trade_count": len(trades),
        "min_date": START.to_pydatetime(),
        "max_date": (START + len(MADE) * DAY).to_pydatetime(),
        "config": {"timeframe": "15m", "epochs": 60, **changes.pop("config", {})},
        "processed": {PAIR: candles(1)},
        "backtest_stats": {},
        "starting_balance": 1_000,
        **changes,
    }


def test_every_file_is_a_loss_of_its_own_name():
    files = {path.stem for path in (ROOT / "hyperopts").glob("[!_]*.py")}
    assert files == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gets_all_that_it_needs(name):
    asked = {"folds": 3, "max_drawdown": 0.02, "earlier_trials": 7, "least_trades_a_month": 90}
    expected = LOSSES[name](trial(daily(MADE), days=len(MADE), epochs=60), LossSettings(**asked))
    assert loaded(name).hyperopt_loss_function(**given(config={"loss": asked})) == expected
    default = LOSSES[name](trial(daily(MADE), days=len(MADE), epochs=60), LossSettings())
    assert loaded(name).hyperopt_loss_function(**given()) == default
    assert default != expected


@pytest.mark.parametrize("name", LOSSES)
def test_closed_spans_of_the_configuration_count(name):
    span = (START + 7 * DAY, START + 14 * DAY)
    closed = [[moment.isoformat() for moment in span]]
    expected = LOSSES[name](
        trial(daily(MADE), days=len(MADE), epochs=60, closed=[span]), LossSettings()
    )
    value = loaded(name).hyperopt_loss_function(**given(config={"loss": {"closed": closed}}))
    assert value == expected


def test_the_timeframe_is_that_of_the_configuration():
    """On candles of an hour the distance of another one is the last that was known."""
    frame = candles(1, stop_distance=np.arange(1.0, 97.0))[::4]
    trades = table({"opened": START + DAY / 2, "closed": START + DAY, "profit_abs": 45.0})
    called = given(
        results=trades,
        processed={PAIR: frame},
        config={"timeframe": "1h", "loss": {"least_trades_a_month": 0}},
    )
    assert loaded("DrawdownExpectancy").hyperopt_loss_function(**called) == -1.0


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_setting_ends_the_search_with_one_line(name):
    with pytest.raises(OperationalException, match=r"^loss\.fold is not a setting; did you mean"):
        loaded(name).hyperopt_loss_function(**given(config={"loss": {"fold": 3}}))


def test_a_trade_without_r_ends_the_search_with_one_line():
    trades = daily(MADE).assign(initial_stop_loss_abs=np.nan)
    with pytest.raises(OperationalException, match=r"^the stop of BTC/USDT:USDT opened at 2026-01"):
        loaded("DrawdownExpectancy").hyperopt_loss_function(**given(results=trades))


@pytest.mark.parametrize("name", LOSSES)
def test_an_epoch_that_traded_nothing_has_a_loss(name):
    assert 0 < loaded(name).hyperopt_loss_function(**given(results=table())) < 100


def test_losses_find_the_pack_in_a_checkout_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "path", [])
    source = ROOT / "hyperopts" / "_pack_path.py"
    exec(compile(source.read_text(), source, "exec"), {"__file__": str(source)})  # noqa: S102
    assert sys.path == [str(ROOT)]

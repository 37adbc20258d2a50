"""The strategies to compare with: no candle knows the future, and both sides are treated alike."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from experiments.identity import ROOT
from tests.markets import candle_frame, reflected

NAMES = ("ATRBreakout", "Supertrend")
SIGNALS = ["enter_long", "enter_short", "exit_long", "exit_short"]


def load(name):
    path = ROOT / "experiments" / "strategies" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)({})


@pytest.fixture(scope="module", params=NAMES)
def strategy(request):
    return load(request.param)


@pytest.fixture(scope="module")
def candles():
    return candle_frame(600, seed=5)


def signals(strategy, candles):
    frame = strategy.populate_indicators(candles.copy(), {"pair": "X"})
    frame = strategy.populate_entry_trend(frame, {"pair": "X"})
    frame = strategy.populate_exit_trend(frame, {"pair": "X"})
    return frame.reindex(columns=SIGNALS).fillna(0).astype(int)


def test_each_signal_occurs(strategy, candles):
    assert (signals(strategy, candles).sum() > 5).all()


@pytest.mark.parametrize("bars", [101, 257, 400, 599])
def test_the_future_changes_no_signal(strategy, candles, bars):
    whole = signals(strategy, candles)
    pd.testing.assert_frame_equal(whole[:bars], signals(strategy, candles[:bars]))


def test_startup_candles_are_enough(strategy, candles):
    start = strategy.startup_candle_count
    late = signals(strategy, candles[100:].reset_index(drop=True))[start:]
    whole = signals(strategy, candles)[100 + start :]
    same = (late.to_numpy() == whole.to_numpy()).mean()
    assert same > 0.99


def test_a_short_is_a_long_in_the_mirror(strategy, candles):
    right, mirrored = signals(strategy, candles), signals(strategy, reflected(candles))
    settled = slice(strategy.startup_candle_count, None)
    for one, other in (("enter_long", "enter_short"), ("exit_long", "exit_short")):
        ours, theirs = right[one].to_numpy()[settled], mirrored[other].to_numpy()[settled]
        assert np.array_equal(ours, theirs)


def test_supertrend_turns_where_its_line_is_crossed():
    rising = np.r_[np.full(30, 100.0), np.linspace(100, 160, 30), np.linspace(160, 80, 30)]
    frame = pd.DataFrame({"open": rising, "high": rising + 1, "low": rising - 1, "close": rising})
    found = signals(load("Supertrend"), frame)
    assert found["enter_long"][45:60].all()
    assert found["exit_long"][75:].all()
    assert found["enter_short"][75:].all()


def test_no_signal_while_warming_up(strategy, candles):
    assert not signals(strategy, candles)[:9].to_numpy().any()


class Wallet:
    def get_total_stake_amount(self):
        return 10_000.0


def test_stake_and_leverage_are_those_of_the_conservative_profile(strategy):
    strategy.wallets = Wallet()
    order = ("X", None, 100.0, 1.0, 5.0)
    assert strategy.custom_stake_amount(*order, 9_000.0, 3.0, None, "long") == 500.0
    assert strategy.custom_stake_amount(*order, 300.0, 3.0, None, "long") == 300.0
    assert strategy.leverage("X", None, 100.0, 1.0, 50.0, None, "short") == 3.0
    assert strategy.leverage("X", None, 100.0, 1.0, 2.0, None, "short") == 2.0

"""The order of trades: bounds, cases that can be counted by hand, and a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.evaluation import order, resampling
from regimekit.evaluation.order import deepest_drawdown, trade_order, wallet_returns
from regimekit.evaluation.resampling import redrawn_days

returns = st.lists(st.integers(-90, 90).map(lambda x: x / 100), min_size=10, max_size=25)


def loop_drawdown(values):
    wallet = highest = 1.0
    deepest = 0.0
    for value in values:
        wallet *= max(0.0, 1.0 + value)
        highest = max(highest, wallet)
        deepest = min(deepest, wallet / highest - 1.0)
    return deepest


@given(returns)
@settings(max_examples=50)
def test_drawdown_matches_the_trade_by_trade_definition(values):
    values = np.array(values)
    assert deepest_drawdown(values) == pytest.approx(loop_drawdown(values), abs=1e-12)
    both = deepest_drawdown(np.stack([values, values[::-1]]))
    assert both[1] == pytest.approx(loop_drawdown(values[::-1]), abs=1e-12)


@given(returns)
@settings(max_examples=30)
def test_no_order_is_better_than_its_worst_trade_or_worse_than_all_losses_in_a_row(values):
    found = trade_order(values, resamples=50)
    values = np.array(values)
    shallowest, deepest = min(0.0, values.min()), np.prod(1 + values[values < 0]) - 1
    for drawdown in (found.drawdown, *found.shuffled):
        assert deepest - 1e-12 <= drawdown <= shallowest + 1e-12
    assert found.trades == len(values)
    assert 0 <= found.deeper <= 1
    assert found.shuffled.is_monotonic_increasing
    assert found.profit.is_monotonic_increasing
    for name in ("shuffled", "redrawn"):
        assert found.beyond[name].is_monotonic_decreasing


@given(st.lists(st.integers(-400, 400).map(float), max_size=15))
@settings(max_examples=50)
def test_wallet_returns_multiply_to_the_wallet(profits):
    wallet, expected = 1000.0, []
    for profit in profits:
        expected.append(max(-1.0, profit / wallet) if wallet > 0 else 0.0)
        wallet = wallet + profit if wallet > 0 else wallet
    found = wallet_returns(profits, 1000.0)
    np.testing.assert_allclose(found, expected)
    assert 1000 * np.prod(1 + found) == pytest.approx(max(0.0, wallet), abs=1e-6)


def test_a_lost_wallet_stays_lost():
    assert wallet_returns([-50, -70, 500], 100.0).tolist() == [-0.5, -1.0, 0.0]
    assert float(deepest_drawdown(np.array([0.5, -1.2, 9.0]))) == -1.0


def test_drawdown_by_hand():
    # 1.2, 0.9, 0.99, 0.792 below 1.2
    assert float(deepest_drawdown(np.array([0.2, -0.25, 0.1, -0.2]))) == pytest.approx(-0.34)
    assert float(deepest_drawdown(np.array([-0.1, 0.5]))) == pytest.approx(-0.1)
    assert float(deepest_drawdown(np.array([0.1, 0.5]))) == 0.0


@pytest.mark.parametrize(
    ("losses", "drawdown", "deeper"), [((3, 4), -0.19, 0.1), ((3, 6), -0.1, 0.6)]
)
def test_two_losses_among_ten_trades_meet_in_one_of_five_orders(losses, drawdown, deeper):
    values = np.ones(10)  # each gain doubles the wallet, so only neighbors add up
    values[list(losses)] = -0.1
    found = trade_order(values, depths=(0.05, 0.15, 0.25))
    assert found.drawdown == pytest.approx(drawdown)
    # those as deep as what happened count half
    assert found.deeper == pytest.approx(deeper, abs=0.02)
    assert found.beyond["shuffled"].tolist() == pytest.approx([1.0, 0.2, 0.0], abs=0.02)
    assert found.shuffled[0.05] == pytest.approx(-0.19)
    assert found.shuffled[0.50] == pytest.approx(-0.10)


def test_redraws_match_a_plain_loop():
    values = 0.03 * np.random.default_rng(3).standard_normal(40)
    found = trade_order(values, resamples=60, seed=5, depths=(0.1,))
    drawn = values[redrawn_days(40, found.block, resamples=60, seed=5)]
    falls = [loop_drawdown(row) for row in drawn]
    ends = [np.prod(1 + row) - 1 for row in drawn]
    np.testing.assert_allclose(found.redrawn, np.quantile(falls, found.redrawn.index))
    np.testing.assert_allclose(found.profit, np.quantile(ends, found.profit.index))
    assert found.loss_probability == np.mean(np.array(ends) < 0)
    assert found.beyond.loc[0.1, "redrawn"] == np.mean(np.array(falls) <= -0.1)
    assert found.profit[0.05] < found.profit[0.95]


def test_depth_that_is_just_met_counts():
    found = trade_order([0.0] * 9 + [-0.5], depths=(0.5,), resamples=20)
    assert found.beyond.loc[0.5, "shuffled"] == 1.0
    assert found.deeper == 0.5


def test_losses_alone_fall_as_deep_in_any_order():
    found = trade_order([-0.01 * n for n in range(1, 14)], resamples=50)
    assert found.deeper == 0.5
    idle = trade_order([0.0] * 12, resamples=20)
    assert (idle.drawdown, idle.deeper, idle.loss_probability) == (0.0, 0.5, 0.0)


def test_losses_in_a_row_are_redrawn_in_blocks():
    storm = np.concatenate([np.full(60, 0.01), np.full(60, -0.01)])
    calm = np.random.default_rng(1).permutation(storm)
    assert trade_order(storm, resamples=50).block > trade_order(calm, resamples=50).block
    unlucky = trade_order(storm, resamples=200)
    assert unlucky.deeper < 0.01
    assert unlucky.redrawn[0.05] < unlucky.shuffled[0.05]


def test_chunks_make_up_the_whole(monkeypatch):
    values = 0.02 * np.random.default_rng(1).standard_normal(12)
    whole = trade_order(values, resamples=50)
    for module in (order, resampling):
        monkeypatch.setattr(module, "CELLS", 12 * 7)
    parts = trade_order(values, resamples=50)
    assert parts.shuffled.tolist() == whole.shuffled.tolist()
    assert parts.profit.tolist() == whole.profit.tolist()
    assert parts.deeper == whole.deeper


def test_seed_decides():
    values = 0.02 * np.random.default_rng(1).standard_normal(30)
    one, same, other = (trade_order(values, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert one.shuffled.tolist() == same.shuffled.tolist()
    assert one.profit.tolist() == same.profit.tolist()
    assert one.shuffled.tolist() != other.shuffled.tolist()


def test_few_trades_say_nothing():
    assert trade_order([0.01] * 9) is None
    assert trade_order([0.01] * 10, resamples=5).loss_probability == 0.0


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match="finite numbers"):
        trade_order([0.01] * 10 + [np.nan])
    with pytest.raises(ValueError, match=r"fractions above 0, was \(-0\.1,\)"):
        trade_order([0.01] * 10, depths=(-0.1,))
    with pytest.raises(ValueError, match="balance must be above 0, was 0"):
        wallet_returns([1.0], 0.0)

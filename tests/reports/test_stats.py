"""Statistics that promise no more than the trades give."""

import math

import numpy as np
import pandas as pd
import pytest

from regimekit.reports.stats import mean_r_interval, profit_factor


def results(values, per_day=1):
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(
        np.arange(len(values)) // per_day, "D"
    )
    return pd.DataFrame({"opened_at": days, "r_multiple": values})


def test_the_interval_is_repeatable_and_contains_the_mean():
    trades = results(np.random.default_rng(0).normal(0.2, 1.0, 80))
    one, other = mean_r_interval(trades), mean_r_interval(trades)
    assert one == other
    assert one.low < trades["r_multiple"].mean() < one.high


def test_a_clear_edge_excludes_zero_and_noise_does_not():
    assert not mean_r_interval(results([1.0, 1.2, 0.8] * 10)).covers_zero
    assert mean_r_interval(results([1.0, -1.0] * 15)).covers_zero


def test_trades_of_one_day_count_as_one_bet():
    values = np.random.default_rng(0).normal(0, 1, 30).repeat(5)
    together, apart = mean_r_interval(results(values, per_day=5)), mean_r_interval(results(values))
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


@pytest.mark.parametrize("values", [[], [1.0], [math.nan] * 20, [1.0, 2.0, 3.0]])
def test_too_little_gives_no_interval(values):
    assert not mean_r_interval(results(np.array(values, dtype=float))).known


@pytest.mark.parametrize(
    ("profits", "factor"), [([3.0, -1.0, -1.0], 1.5), ([1.0], math.inf), ([-1.0], 0.0)]
)
def test_profit_factor(profits, factor):
    assert profit_factor(pd.Series(profits)) == factor


def test_no_trades_have_no_profit_factor():
    assert math.isnan(profit_factor(pd.Series([], dtype=float)))

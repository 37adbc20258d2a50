"""Statistics that promise no more than the trades give."""

import doctest
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.reports import stats
from regimekit.reports.stats import (
    RESAMPLES,
    Interval,
    day_totals,
    interval_of,
    mean_r_interval,
    profit_factor,
    wilson,
)


def results(values, per_day=1):
    """Entries of `per_day` a day, three hours apart."""
    number = np.arange(len(values))
    opened = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(number // per_day, "D")
    opened += pd.to_timedelta(number % per_day * 3, "h")
    return pd.DataFrame({"opened_at": opened, "r_multiple": values})


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


def test_examples():
    assert doctest.testmod(stats).failed == 0


def test_resamples_hold_as_many_days_as_there_were():
    moments = results([1.0] * 40, per_day=4)["opened_at"]
    drawn = day_totals(moments, np.ones((40, 1)))
    assert drawn.shape == (RESAMPLES, 1)
    assert set(drawn[:, 0]) == {40.0}  # ten days of four, whichever they are


def test_a_statistic_that_often_does_not_exist_has_no_interval():
    samples = np.concatenate([np.zeros(900), np.full(100, math.nan)])
    assert not interval_of(samples).known
    assert interval_of(samples[:940]) == Interval(0.0, 0.0)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_wilson_interval_holds_the_share_and_mirrors(hits, misses):
    total = hits + misses
    interval, other = wilson(hits, total), wilson(misses, total)
    if not total:
        assert not interval.known
        return
    assert 0.0 <= interval.low <= hits / total <= interval.high <= 1.0
    assert interval.low == pytest.approx(1.0 - other.high)
    assert interval.high - interval.low <= 1.0 / math.sqrt(total) * 2


def test_wilson_is_not_the_normal_approximation():
    assert wilson(10, 10).low == pytest.approx(
        0.7224672001371107
    )  # R: prop.test(10, 10, correct=F)

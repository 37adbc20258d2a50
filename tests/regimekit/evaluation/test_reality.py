"""White's and Hansen's tests: bounds, agreement with the t-test, and what poor candidates do."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from regimekit.evaluation.reality import reality_check, superior_ability


def noise(days, trials, seed=0):
    return 0.01 * np.random.default_rng(seed).standard_normal((days, trials))


@pytest.mark.parametrize("seed", range(4))
def test_bounds_enclose_the_consistent_value(seed):
    candidates = noise(150, 6, seed) + np.linspace(-0.004, 0.001, 6)
    found = reality_check(np.zeros(150), candidates, resamples=200, seed=seed)
    assert 0.0 <= found.superior.lower <= found.superior.consistent <= found.superior.upper <= 1.0
    assert 0.0 <= found.white <= 1.0
    assert found.compared == 6
    assert found == reality_check(np.zeros(150), candidates, resamples=200, seed=seed)
    alone = superior_ability(np.zeros(150), candidates, resamples=200, seed=seed)
    assert found.superior == alone
    assert found != reality_check(np.zeros(150), candidates, resamples=200, seed=seed + 9)


def test_one_candidate_is_a_test_of_its_mean():
    for seed in range(6):
        values = noise(250, 1, seed)
        found = reality_check(np.zeros(250), values, resamples=1000)
        expected = ttest_1samp(values[:, 0], 0.0, alternative="greater").pvalue
        for p in (found.white, found.superior.upper):
            assert p == pytest.approx(expected, abs=0.08)


def test_what_both_earned_cancels_out():
    benchmark, apart = noise(120, 1, 5)[:, 0], noise(120, 3, 6)
    alone = reality_check(np.zeros(120), apart, resamples=200)
    found = reality_check(benchmark, apart + benchmark[:, np.newaxis], resamples=200)
    assert found.superior.consistent == pytest.approx(alone.superior.consistent, abs=0.01)


def test_order_of_candidates_says_nothing():
    candidates = noise(100, 5, 2)
    found = reality_check(np.zeros(100), candidates, resamples=200)
    assert found == reality_check(np.zeros(100), candidates[:, ::-1], resamples=200)


def test_an_edge_is_found_and_noise_is_not():
    candidates = noise(300, 8)
    assert reality_check(np.zeros(300), candidates, resamples=300).superior.consistent > 0.05
    candidates[:, 3] += 0.003
    found = reality_check(np.zeros(300), candidates, resamples=300)
    assert max(found.superior.consistent, found.white) < 0.01


def test_poor_and_noisy_candidates_hide_an_edge_from_white_only():
    """Hansen (2005): the reality check is sensitive to irrelevant alternatives."""
    good = noise(300, 1, 1) + 0.0018
    poor = 10 * noise(300, 30, 2) - 0.05
    found = reality_check(np.zeros(300), np.hstack([good, poor]), resamples=300)
    assert found.superior.consistent < 0.05 < found.white
    assert found.superior.upper > found.superior.consistent


def test_candidates_like_the_benchmark_are_left_out():
    benchmark, other = noise(100, 1, 1), noise(100, 1, 2)
    both = reality_check(benchmark[:, 0], np.hstack([benchmark, other]), resamples=200)
    assert both.compared == 1
    assert both == reality_check(benchmark[:, 0], other, resamples=200)
    none = reality_check(benchmark[:, 0], benchmark)
    assert none.compared == 0
    assert np.isnan([none.white, *astuple(none.superior)]).all()


def test_few_days_say_nothing():
    assert np.isnan(reality_check(np.zeros(19), noise(19, 2)).superior.consistent)
    assert np.isfinite(reality_check(np.zeros(20), noise(20, 2), resamples=50).superior.consistent)
    assert reality_check(np.zeros(0), np.zeros((0, 2))).compared == 0


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match=r"cover the 30 days of the benchmark, was \(31, 2\)"):
        reality_check(np.zeros(30), noise(31, 2))
    with pytest.raises(ValueError, match="must be finite numbers"):
        reality_check(np.zeros(30), np.full((30, 2), np.nan))

"""Sharpe ratios: laws, hand-worked cases and the numbers of the papers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from regimekit.evaluation.sharpe import (
    Moments,
    deflated_sharpe,
    expected_best_sharpe,
    independent_trials,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_ratio,
    sharpe_ratios,
)

returns = st.lists(st.floats(-0.2, 0.2).map(lambda x: round(x, 6)), min_size=3, max_size=40)
small = st.integers(-300, 300).map(lambda x: x / 1000)


def normal(sharpe, periods=250):
    return Moments(sharpe, 0.0, 3.0, periods)


# Laws


@given(returns, st.floats(0.1, 50))
@settings(max_examples=40)
def test_sharpe_ignores_scale_and_mirrors_with_the_sign(values, scale):
    values = np.array(values)
    assert sharpe_ratio(scale * values) == pytest.approx(sharpe_ratio(values), abs=1e-6)
    assert sharpe_ratio(-values) == pytest.approx(-sharpe_ratio(values), abs=1e-9)


@given(returns)
@settings(max_examples=40)
def test_moments_of_a_sample_are_possible_and_probabilities_are_some(values):
    moments = Moments.of(values)
    assert moments.periods == len(values)
    assert moments.sharpe == sharpe_ratio(values)
    assert 0.0 <= probabilistic_sharpe(values) <= 1.0
    # What is likely above zero is as likely below it when mirrored
    mirrored = probabilistic_sharpe([-value for value in values])
    assert mirrored == pytest.approx(1.0 - probabilistic_sharpe(values), abs=1e-9)


@given(small, small, st.integers(5, 3000))
def test_probability_falls_with_the_benchmark(sharpe, benchmark, periods):
    moments = normal(sharpe, periods)
    below = probabilistic_sharpe(moments, benchmark=benchmark)
    assert below >= probabilistic_sharpe(moments, benchmark=benchmark + 0.01)
    assert probabilistic_sharpe(moments, benchmark=sharpe) == pytest.approx(0.5)
    assert (below > 0.5) == (sharpe > benchmark)


@given(st.floats(0.02, 0.3), st.integers(50, 3000))
def test_length_and_benign_tails_make_a_gain_more_certain(sharpe, periods):
    plain = probabilistic_sharpe(normal(sharpe, periods))
    assert plain <= probabilistic_sharpe(normal(sharpe, 2 * periods))
    assert plain >= probabilistic_sharpe(Moments(sharpe, -1.0, 3.0, periods))
    assert plain >= probabilistic_sharpe(Moments(sharpe, 0.0, 9.0, periods))
    assert plain <= probabilistic_sharpe(Moments(sharpe, 1.0, 3.0, periods))


@given(st.floats(0.02, 0.3), st.floats(-0.1, 0.01), st.floats(0.6, 0.999), st.floats(-2, 2))
def test_after_the_minimum_track_record_the_probability_is_the_confidence(
    sharpe, benchmark, confidence, skew
):
    kurtosis = 3.0 + skew**2
    moments = Moments(sharpe, skew, kurtosis, 1)
    periods = minimum_track_record(moments, benchmark=benchmark, confidence=confidence)
    then = Moments(sharpe, skew, kurtosis, periods)
    assert probabilistic_sharpe(then, benchmark=benchmark) == pytest.approx(confidence)


@given(st.floats(1, 1e6), st.floats(1, 10), st.floats(0, 2))
def test_best_of_more_trials_is_expected_higher(trials, more, spread):
    few = expected_best_sharpe(trials, spread)
    assert 0.0 <= few <= expected_best_sharpe(trials * more, spread) + 1e-12
    assert expected_best_sharpe(trials, 3 * spread) == pytest.approx(3 * few)


@given(returns, st.floats(1, 1e5), st.floats(0, 0.2))
@settings(max_examples=40)
def test_deflated_is_probabilistic_against_the_best_by_luck(values, trials, spread):
    deflated = deflated_sharpe(values, trials=trials, spread=spread)
    assert deflated.benchmark == expected_best_sharpe(trials, spread)
    assert deflated.probability == probabilistic_sharpe(values, benchmark=deflated.benchmark)
    assert deflated.probability == pytest.approx(norm.cdf(deflated.z))


def test_one_trial_is_not_deflated():
    values = np.random.default_rng(1).normal(0.001, 0.01, 200)
    deflated = deflated_sharpe(values, trials=1)
    assert deflated.benchmark == 0.0
    assert deflated.probability == probabilistic_sharpe(values)


@given(st.integers(0, 20), st.integers(2, 12))
def test_independent_trials_lie_between_one_and_all(seed, trials):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((60, 1))
    matrix = rng.standard_normal((60, trials)) + seed / 5 * shared
    count = independent_trials(matrix)
    assert 1.0 <= count <= trials
    assert independent_trials(5 * matrix[:, ::-1] + 1) == pytest.approx(count)


# By hand


def test_sharpe_by_hand():
    # mean 2/3 %, standard deviation 1.52753 %
    assert sharpe_ratio([0.01, -0.01, 0.02]) == pytest.approx(0.436436, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[], [0.3], [0.0] * 9, [0.01] * 9])
def test_what_does_not_move_proves_nothing(values):
    assert sharpe_ratio(values) == 0.0
    assert probabilistic_sharpe(values) == 0.5
    assert minimum_track_record(values) == math.inf
    assert deflated_sharpe(values, trials=100).probability <= 0.5


def test_sharpe_along_an_axis():
    matrix = np.array([[0.01, 0.0], [-0.01, 0.0], [0.02, 0.0]])
    assert sharpe_ratios(matrix, axis=0).tolist() == [sharpe_ratio(matrix[:, 0]), 0.0]
    assert sharpe_ratios(matrix.T).tolist() == sharpe_ratios(matrix, axis=0).tolist()
    assert sharpe_ratios(np.zeros((4, 1))).tolist() == [0.0] * 4


def test_moments_by_hand():
    # Deviations -1, -1, -1, 3: variance 3, third moment 24/4, fourth 84/4
    moments = Moments.of([0.0, 0.0, 0.0, 4.0])
    assert moments.skew == pytest.approx(6 / 3**1.5)
    assert moments.kurtosis == pytest.approx(21 / 9)
    assert moments.sharpe == pytest.approx(0.5)
    # The heaviest possible left or right tail: no doubt is left between the two outcomes' odds
    assert moments.variance == pytest.approx((1 - 0.5 * moments.skew / 2) ** 2)
    assert moments.standard_error == pytest.approx(math.sqrt(moments.variance / 3))


def test_no_doubt_at_all():
    certain = Moments(1.0, 2.0, 5.0, 100)  # 1 - 2 + (5 - 1) / 4
    assert certain.standard_error == 0.0
    assert probabilistic_sharpe(certain, benchmark=0.9) == 1.0
    assert probabilistic_sharpe(certain, benchmark=1.1) == 0.0
    assert probabilistic_sharpe(certain, benchmark=1.0) == 0.5


def test_spread_of_worthless_trials_is_the_error_of_their_estimates():
    rng = np.random.default_rng(2)
    worthless = sharpe_ratios(rng.standard_normal((4000, 101)))
    assert worthless.std() == pytest.approx(1 / math.sqrt(100), rel=0.05)
    values = rng.standard_normal(101)
    assert deflated_sharpe(values, trials=50).benchmark == expected_best_sharpe(50, 0.1)


def test_best_of_noise_is_what_was_expected():
    rng = np.random.default_rng(1)
    best = sharpe_ratios(rng.standard_normal((1500, 40, 60))).max(axis=1).mean()
    assert best == pytest.approx(expected_best_sharpe(40, 1 / math.sqrt(59)), rel=0.03)


@pytest.mark.parametrize(("trials", "off"), [(2, -0.079), (5, 0.025), (100, 0.009), (1000, 0.004)])
def test_expected_best_against_the_exact_integral(trials, off):
    exact = quad(lambda x: trials * x * norm.pdf(x) * norm.cdf(x) ** (trials - 1), -9, 9)[0]
    assert expected_best_sharpe(trials, 1.0) / exact - 1 == pytest.approx(off, abs=0.001)


def test_independent_trials_by_hand():
    # Orthogonal pairs; the second pair repeats the first: two of six pairs correlate fully
    one, other = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    matrix = np.column_stack([one, other, 2 * one, other + 5])
    assert independent_trials(matrix) == pytest.approx(1 / 3 + 2 / 3 * 4)
    assert independent_trials(np.column_stack([one, one, one])) == pytest.approx(1.0)
    assert independent_trials(np.column_stack([one, other])) == pytest.approx(2.0)
    assert independent_trials(np.column_stack([one, -one])) == pytest.approx(2.0)
    assert independent_trials(np.column_stack([one, other, np.ones(4)])) == pytest.approx(2.0)
    assert independent_trials(np.ones((4, 3))) == 0.0
    assert independent_trials(np.column_stack([one, np.ones(4)])) == 1.0


# Published


def test_deflated_sharpe_paper_example():
    """Bailey and López de Prado (2014), "A numerical example"."""
    spread = math.sqrt(0.5 / 250)
    found = Moments(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
    deflated = deflated_sharpe(found, trials=100, spread=spread)
    assert deflated.benchmark == pytest.approx(0.1132, abs=5e-5)
    assert deflated.probability == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(found, trials=46, spread=spread).probability == pytest.approx(
        0.9505, abs=5e-5
    )
    plain = Moments(found.sharpe, 0.0, 3.0, 1250)
    assert deflated_sharpe(plain, trials=88, spread=spread).probability == pytest.approx(
        0.9505, abs=5e-4
    )


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_minimum_track_record_paper_example(a_year, years):
    """Bailey and López de Prado (2012), "Numerical examples": 2 a year against 1, normal."""
    moments = normal(2 / math.sqrt(a_year), 1)
    periods = minimum_track_record(moments, benchmark=1 / math.sqrt(a_year))
    assert periods / a_year == pytest.approx(years, abs=0.005)


def test_minimum_track_record_paper_example_with_tails():
    """The same with the monthly tails of hedge funds."""
    moments = Moments(2 / math.sqrt(12), -0.72, 5.78, 1)
    months = minimum_track_record(moments, benchmark=1 / math.sqrt(12))
    assert months / 12 == pytest.approx(4.99, abs=0.005)


def test_probabilistic_sharpe_paper_example():
    """Bailey and López de Prado (2012), two years of months with a ratio of 1.585 a year."""
    assert probabilistic_sharpe(normal(0.458, 24)) == pytest.approx(0.982, abs=5e-4)
    with_tails = Moments(0.458, -2.448, 10.164, 24)
    assert probabilistic_sharpe(with_tails) == pytest.approx(0.913, abs=5e-4)


# Refusals


@pytest.mark.parametrize("values", [[0.1, math.nan], [[0.1, 0.2]], [0.1, math.inf]])
def test_returns_must_be_a_row_of_numbers(values):
    with pytest.raises(ValueError, match="one row of finite numbers"):
        sharpe_ratio(values)


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match=r"was 0\.5 with a skew of 0"):
        Moments(0.1, 0.0, 0.5, 10)
    with pytest.raises(ValueError, match=r"must not be negative, was -1"):
        expected_best_sharpe(10, -1)
    for confidence in (0.5, 1.0):
        with pytest.raises(ValueError, match=r"above 0\.5 and below 1"):
            minimum_track_record([0.1, 0.2, 0.1], confidence=confidence)
    with pytest.raises(ValueError, match="shape"):
        independent_trials(np.ones(3))

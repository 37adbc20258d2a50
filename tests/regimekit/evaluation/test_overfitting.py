"""Cross-validation of the choice between trials: laws, a case by hand, noise and a true edge."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from regimekit.evaluation import overfitting
from regimekit.evaluation.overfitting import (
    fitting_blocks,
    mean_return,
    probability_of_overfitting,
)
from regimekit.evaluation.sharpe import sharpe_ratios


def noise(days, trials, seed=0):
    return 0.01 * np.random.default_rng(seed).standard_normal((days, trials))


def test_case_by_hand():
    # Blocks of two days; what each trial earned in each, in 128ths
    earned = np.array([[4, 2, 0, 1], [1, 1, 1, 1], [0, -2, 3, 2]])
    returns = np.repeat(earned, 2, axis=1).T / 256
    found = probability_of_overfitting(returns, blocks=4, metric=mean_return)
    # halves 01, 02, 03, 12, 13, 23: best are A, A, A, A and B alike, A, C
    assert (found.in_sample * 512).tolist() == [6, 4, 5, 2, 3, 5]
    assert (found.out_of_sample * 512).tolist() == [1, 3, 2, (5 + 2) / 2, 4, -2]
    # ranks 1, 3, 2.5 (A and B alike), 2.25 (A is 3, B is 1.5), 3, 1 of 3
    odds = [1 / 3, 3, 2.5 / 1.5, 2.25 / 1.75, 3, 1 / 3]
    np.testing.assert_allclose(found.logits, np.log(odds))
    assert found.pbo == pytest.approx(2 / 6)
    assert found.loss_probability == pytest.approx(1 / 6)
    assert found.slope == pytest.approx((37 - 25 * 11.5 / 6) / (115 - 625 / 6))
    assert (found.combinations, found.trials) == (6, 3)


@pytest.mark.parametrize("days", [24, 27])
def test_parity_with_the_definition(days):
    returns = noise(days, 7, seed=3)
    returns[:12, 2] = 0.0  # idle in whole halves
    blocks = [
        np.array(rows) for rows in np.split(returns, np.linspace(0, days, 5).astype(int)[1:4])
    ]
    inside, outside, below = [], [], []
    for chosen in combinations(range(4), 2):
        past = np.concatenate([blocks[block] for block in chosen])
        future = np.concatenate([blocks[block] for block in range(4) if block not in chosen])
        best = int(np.argmax(sharpe_ratios(past.T)))
        inside.append(sharpe_ratios(past.T)[best])
        outside.append(sharpe_ratios(future.T)[best])
        poorer = np.count_nonzero(sharpe_ratios(future.T) < outside[-1])
        below.append(poorer < 3 or 0.5 * (poorer == 3))
    found = probability_of_overfitting(returns, blocks=4)
    np.testing.assert_allclose(found.in_sample, inside, rtol=1e-9)
    np.testing.assert_allclose(found.out_of_sample, outside, rtol=1e-9, atol=1e-12)
    assert found.pbo == pytest.approx(np.mean(below))
    assert found.slope == pytest.approx(linregress(inside, outside).slope)


@given(st.integers(0, 1000), st.integers(2, 9), st.sampled_from([2, 4, 6]))
@settings(max_examples=25)
def test_order_and_scale_of_trials_say_nothing(seed, trials, blocks):
    rng = np.random.default_rng(seed)
    # Coarse numbers, idle trials and copies make ties
    returns = np.round(rng.normal(size=(24, trials)), 0) / 64
    found = probability_of_overfitting(returns, blocks=blocks)
    other = probability_of_overfitting(2 * returns[:, rng.permutation(trials)], blocks=blocks)
    copied = probability_of_overfitting(np.hstack([returns, returns[:, :2]]), blocks=blocks)
    for it in (other, copied):
        np.testing.assert_array_equal(it.logits, found.logits)
        assert (it.pbo, it.trials) == (found.pbo, found.trials)
    assert 0.0 <= found.pbo <= 1.0 or found.trials < 2
    assert found.combinations == (math.comb(blocks, blocks // 2) if found.trials > 1 else 0)


@pytest.mark.parametrize("trials", [2, 3, 20])
def test_noise_is_a_coin_flip(trials):
    found = [probability_of_overfitting(noise(96, trials, seed), blocks=6) for seed in range(200)]
    assert np.mean([it.pbo for it in found]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([it.loss_probability for it in found]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([it.slope for it in found]) < -0.2  # halves of one time compensate


def test_a_true_edge_is_found_again():
    returns = noise(400, 40)
    returns[:, 7] += 0.003
    found = probability_of_overfitting(returns, blocks=8)
    assert found.pbo < 0.02
    assert found.loss_probability < 0.02


def test_full_overfit_of_the_paper():
    """Bailey et al. (2017), test case "full overfit": every trial has Sharpe ratio 0 in all."""
    returns = noise(1000, 100)
    found = probability_of_overfitting(returns - returns.mean(axis=0), blocks=8)
    assert found.pbo == 1.0
    assert found.loss_probability == 1.0
    assert found.slope == pytest.approx(-1.0, abs=0.1)


def test_trials_that_cannot_be_told_apart_are_no_choice():
    for returns in (np.zeros((40, 5)), np.repeat(noise(40, 1), 4, axis=1), noise(40, 1)):
        found = probability_of_overfitting(returns, blocks=4)
        assert math.isnan(found.pbo)
        assert found.trials == 1
        assert found.combinations == 0


def test_idle_halves_choose_nobody():
    # Neither trades in the first half: both are as good a choice there
    returns = np.zeros((8, 2))
    returns[4:, 0], returns[4:, 1] = [0.01, 0.02, 0.01, 0.03], [-0.01, 0.01, -0.02, 0.01]
    found = probability_of_overfitting(returns, blocks=2)
    assert found.logits[0] == 0.0
    assert found.out_of_sample[0] == pytest.approx(sharpe_ratios(returns[4:].T).mean())
    assert found.pbo == 0.5
    assert found.loss_probability == 0.0  # to stay idle is no loss


def test_steady_returns_do_not_move():
    for steady in np.arange(1, 60) / 1000:  # some leave a rounding error of their squares
        days = np.full((14, 2), steady)
        days[:7, 1] = 0.0
        assert probability_of_overfitting(days, blocks=2).in_sample.tolist() == [0.0, 0.0]


def test_chunks_make_up_the_whole(monkeypatch):
    returns = noise(60, 5)
    whole = probability_of_overfitting(returns, blocks=6)
    monkeypatch.setattr(overfitting, "CELLS", 15)
    parts = probability_of_overfitting(returns, blocks=6)
    np.testing.assert_array_equal(parts.logits, whole.logits)
    assert parts.pbo == whole.pbo


@pytest.mark.parametrize(("days", "blocks"), [(9, 0), (10, 2), (39, 6), (80, 16), (999, 16)])
def test_fitting_blocks(days, blocks):
    assert fitting_blocks(days) == blocks


def test_impossible_arguments_are_named():
    for blocks in (3, 0, 22):
        with pytest.raises(ValueError, match=f"even, from 2 to 20, was {blocks}"):
            probability_of_overfitting(noise(100, 3), blocks=blocks)
    with pytest.raises(ValueError, match="31 days are too few for 16 blocks"):
        probability_of_overfitting(noise(31, 3))
    assert probability_of_overfitting(noise(32, 3), blocks=16).combinations == 12_870
    for returns in (np.ones(30), np.full((40, 2), np.nan)):
        with pytest.raises(ValueError, match="matrix"):
            probability_of_overfitting(returns)

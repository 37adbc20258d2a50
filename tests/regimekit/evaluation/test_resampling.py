"""Redrawn days against what is known of iid and autoregressive series, with fixed seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.evaluation import resampling
from regimekit.evaluation.resampling import block_length, redrawn_chunks, redrawn_days


def autoregressive(days, seed, *, keeps=0.5):
    shocks = np.random.default_rng(seed).standard_normal(days + 200)
    values = np.zeros_like(shocks)
    for day in range(1, len(shocks)):
        values[day] = keeps * values[day - 1] + shocks[day]
    return values[200:]


def test_blocks_have_the_length_that_was_asked_for():
    places = redrawn_days(500, 5, resamples=400)
    assert places.shape == (400, 500)
    assert places.min() == 0
    assert places.max() == 499
    follows = (places[:, 1:] == (places[:, :-1] + 1) % 500).mean()
    # a block ends with probability 1/5, and the next begins just there once in 500
    assert follows == pytest.approx(0.8 + 0.2 / 500, abs=0.005)


def test_every_day_is_drawn_equally_often():
    counts = np.bincount(redrawn_days(50, 4, resamples=4000).ravel(), minlength=50)
    assert counts / counts.mean() == pytest.approx(np.ones(50), abs=0.1)


def test_what_neighbors_share_lengthens_the_blocks():
    rough = block_length(np.random.default_rng(3).standard_normal(700))
    assert rough < block_length(autoregressive(700, 3, keeps=0.7))
    assert block_length(np.zeros(700)) == 1


def test_quiet_days_that_follow_quiet_days_lengthen_the_blocks():
    rng = np.random.default_rng(3)
    clustered = rng.standard_normal(700) * np.exp(autoregressive(700, 4, keeps=0.9) / 3)
    assert block_length(clustered) > 2 * block_length(rng.permutation(clustered))


def test_longest_block_is_taken():
    one = np.random.default_rng(1).standard_normal(400)
    other = autoregressive(400, 2, keeps=0.8)
    assert block_length(one, other) == max(block_length(one), block_length(other))


def test_spread_of_an_autoregressive_mean_is_found():
    keeps, days = 0.5, 700
    true = np.sqrt((1 / (1 - keeps**2)) * (1 + keeps) / (1 - keeps) / days)
    found, naive = [], []
    for seed in range(20):
        values = autoregressive(days, seed, keeps=keeps)
        for spreads, block in ((found, block_length(values)), (naive, 1)):
            places = redrawn_days(days, block, resamples=300, seed=seed)
            spreads.append(values[places].mean(axis=1).std())
    assert np.mean(found) / true == pytest.approx(0.95, abs=0.12)
    assert np.mean(naive) / true < 0.65  # what single days would claim


@pytest.mark.filterwarnings("error")
def test_series_that_hardly_ever_move_have_a_length():
    rare = np.zeros(30)
    rare[29] = -0.5
    assert 1 <= block_length(rare) <= 30


@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 9))
@settings(max_examples=20)
def test_resamples_are_made_of_the_days_there_are(days, block, seed):
    places = redrawn_days(days, block, resamples=7, seed=seed)
    assert places.shape == (7, days)
    assert 0 <= places.min() <= places.max() < days
    np.testing.assert_array_equal(places, redrawn_days(days, block, resamples=7, seed=seed))
    other = redrawn_days(40, block, resamples=7, seed=99)
    assert not np.array_equal(redrawn_days(40, block, resamples=7, seed=seed), other)


def test_chunks_are_bounded_and_make_up_the_whole(monkeypatch):
    whole = redrawn_days(30, 3, resamples=11)
    monkeypatch.setattr(resampling, "CELLS", 120)
    chunks = list(redrawn_chunks(30, 3, resamples=11))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(chunks), whole)

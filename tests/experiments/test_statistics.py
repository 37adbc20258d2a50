"""The statistics against what is known of iid and autoregressive series, with fixed seeds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.statistics import (
    DAYS_A_YEAR,
    any_better,
    best_by_luck,
    block_length,
    daily_returns,
    difference,
    performance,
    redrawn_days,
    sharpe_ratio,
)

wallets = st.lists(st.floats(1.0, 1e6), min_size=2, max_size=40)


def noise(days, seed, *, sharpe=0.0):
    """Daily returns of 1 % spread around the mean of a yearly Sharpe ratio."""
    return 0.01 * (
        np.random.default_rng(seed).standard_normal(days) + sharpe / np.sqrt(DAYS_A_YEAR)
    )


def autoregressive(days, seed, *, keeps=0.5):
    shocks = np.random.default_rng(seed).standard_normal(days + 200)
    values = np.zeros_like(shocks)
    for day in range(1, len(shocks)):
        values[day] = keeps * values[day - 1] + shocks[day]
    return values[200:]


@given(wallets)
def test_daily_returns_multiply_to_the_whole(wallet):
    returns = daily_returns(pd.Series(wallet))
    assert len(returns) == len(wallet) - 1
    assert np.prod(1 + returns) == pytest.approx(wallet[-1] / wallet[0], rel=1e-9)


def test_a_lost_wallet_stays_lost():
    assert daily_returns(pd.Series([100.0, 50.0, -3.0, 0.0, 7.0])).tolist()[:3] == [-0.5, -1.0, 0.0]


def test_sharpe_by_hand():
    # mean 2/3 %, standard deviation 1.52753 %
    returns = np.array([0.01, -0.01, 0.02])
    assert float(sharpe_ratio(returns)) == pytest.approx(8.3381, abs=1e-4)


def test_idle_days_lower_the_sharpe_ratio():
    busy = noise(100, 1, sharpe=3)
    idle = np.concatenate([busy, np.zeros(100)])
    assert 0 < float(sharpe_ratio(idle)) < float(sharpe_ratio(busy))
    assert float(sharpe_ratio(np.zeros(50))) == 0.0


@given(st.integers(0, 50), st.floats(0.1, 50))
def test_sharpe_ignores_scale_and_mirrors_with_the_sign(seed, scale):
    returns = noise(60, seed, sharpe=2)
    assert sharpe_ratio(scale * returns) == pytest.approx(sharpe_ratio(returns))
    assert sharpe_ratio(-returns) == pytest.approx(-sharpe_ratio(returns))


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
    one, other = noise(400, 1), autoregressive(400, 2, keeps=0.8)
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


def test_sharpe_interval_covers_the_truth_as_often_as_it_says():
    true, inside = 1.0, 0
    for seed in range(200):
        interval = performance(
            noise(365, seed, sharpe=true), resamples=300, seed=seed
        ).sharpe.interval
        inside += interval.low <= true <= interval.high
    assert 0.90 <= inside / 200 <= 0.985


def test_interval_encloses_the_value_and_narrows_with_time():
    short, long = (performance(noise(days, 4, sharpe=1)) for days in (100, 1600))
    for it in (short, long):
        assert it.sharpe.interval.low < it.sharpe.value < it.sharpe.interval.high
        assert it.profit.interval.low < it.profit.value < it.profit.interval.high
    wide, narrow = (it.sharpe.interval.high - it.sharpe.interval.low for it in (short, long))
    assert narrow < wide / 2


def test_few_days_have_no_interval():
    assert not performance(noise(19, 1)).sharpe.interval.known
    assert performance(noise(20, 1)).sharpe.interval.known


def test_same_input_gives_the_same_interval():
    assert performance(noise(200, 5)) == performance(noise(200, 5))


def test_difference_changes_sign_with_its_sides():
    one, other = noise(300, 1, sharpe=1), noise(300, 2)
    forth, back = difference(one, other), difference(other, one)
    assert forth.sharpe.value == pytest.approx(-back.sharpe.value)
    assert forth.sharpe.interval.low == pytest.approx(-back.sharpe.interval.high)
    assert forth.yearly.interval.high == pytest.approx(-back.yearly.interval.low)


def test_pairing_cancels_what_the_market_did():
    market = noise(500, 1)
    better = market + noise(500, 2) / 50 + 0.0002
    paired = difference(better, market)
    assert paired.distinguishable
    assert paired.yearly.value == pytest.approx(365 * (better - market).mean())
    own = performance(better).sharpe.interval
    gap = paired.sharpe.interval
    assert gap.high - gap.low < (own.high - own.low) / 10


def test_noise_is_rarely_distinguishable():
    found = sum(
        difference(noise(300, seed), noise(300, seed + 1000), resamples=300).distinguishable
        for seed in range(100)
    )
    assert found <= 12  # two intervals of 95 % that say almost the same


def test_a_difference_on_few_days_is_no_evidence():
    default = noise(300, 1)
    variant = default.copy()
    variant[:9] += 0.01
    assert not difference(variant, default).sharpe.interval.known
    variant[9] += 0.01
    assert difference(variant, default).sharpe.interval.known


def test_difference_refuses_other_days():
    with pytest.raises(ValueError, match="cover 30 days and the other 31"):
        difference(noise(30, 1), noise(31, 1))


def test_the_best_of_worthless_variants_is_not_called_better():
    default = noise(400, 0)
    small = [
        any_better(
            noise(400, seed), [noise(400, 100 * seed + k) for k in range(1, 11)], resamples=300
        )
        for seed in range(1, 21)
    ]
    assert sum(p < 0.05 for p in small) <= 3
    variants = [noise(400, k) for k in range(1, 11)]
    assert any_better(default, [*variants, default + 0.002 + noise(400, 99) / 10]) < 0.05


def test_variants_with_the_same_trades_are_not_tested():
    assert np.isnan(any_better(noise(100, 1), [noise(100, 1)]))


def test_luck_of_many_tries():
    # The best of 17 tries on 92 days of noise
    assert best_by_luck(17, 92) == pytest.approx(3.6, abs=0.05)
    rng = np.random.default_rng(1)
    drawn = sharpe_ratio(rng.standard_normal((2000, 17, 92))).max(axis=1).mean()
    assert best_by_luck(17, 92) == pytest.approx(drawn, rel=0.03)
    assert best_by_luck(1, 92) == 0.0

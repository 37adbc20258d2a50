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
    daily_returns,
    difference,
    performance,
    sharpe_ratio,
)

wallets = st.lists(st.floats(1.0, 1e6), min_size=2, max_size=40)


def noise(days, seed, *, sharpe=0.0):
    """Daily returns of 1 % spread around the mean of a yearly Sharpe ratio."""
    return 0.01 * (
        np.random.default_rng(seed).standard_normal(days) + sharpe / np.sqrt(DAYS_A_YEAR)
    )


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

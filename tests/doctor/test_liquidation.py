"""Distances to liquidation by notional: by hand, as laws, and against Freqtrade's own formula."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from doctor.liquidation import Tier, asked_leverage, tiers_of, true_distance, walk
from regimekit.risk.leverage import liquidation_distance
from regimekit.schema import Side
from regimekit.settings import Settings, settings_from

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "DOGE/USDT:USDT", "ONE/USDT:USDT")
FLAT = Tier(0, 50_000, 0.01, 0.0, 50)


def test_distance_by_hand():
    # 20x, 1 %: (0.05 - 0.01) / (1 - 0.01) and / (1 + 0.01)
    assert true_distance(20, 1_000, FLAT, Side.LONG) == pytest.approx(0.04 / 0.99)
    assert true_distance(20, 1_000, FLAT, Side.SHORT) == pytest.approx(0.04 / 1.01)
    # 300 off the margin of a position of 10,000 is 3 % of it
    with_amount = Tier(0, 50_000, 0.02, 300.0, 50)
    assert true_distance(20, 10_000, with_amount, Side.LONG) == pytest.approx(0.06 / 0.98)
    assert true_distance(200, 1_000, FLAT, Side.LONG) == 0


@given(st.sampled_from(PAIRS), st.integers(1, 50), st.floats(1, 1e7), st.sampled_from(list(Side)))
def test_the_position_is_worth_its_maintenance_margin_at_liquidation(
    pair, leverage, notional, side
):
    tier = next((t for t in tiers_of(pair) if t.low < notional <= t.high), None)
    assume(tier is not None)
    distance = true_distance(leverage, notional, tier, side)
    assume(distance > 0)
    worth = notional * (1 - side.sign * distance)  # of the position when price has moved so far
    left = notional / leverage - notional * distance
    assert left == pytest.approx(worth * tier.maintenance_rate - tier.maintenance_amount, abs=1e-6)


@given(st.sampled_from(PAIRS), st.integers(1, 50), st.sampled_from(list(Side)))
def test_within_a_tier_a_larger_position_is_liquidated_earlier(pair, leverage, side):
    for tier in tiers_of(pair):
        notionals = [tier.low + (tier.high - tier.low) * share for share in (0.01, 0.3, 0.7, 1)]
        distances = [true_distance(leverage, notional, tier, side) for notional in notionals]
        assert distances == sorted(distances, reverse=True)


@given(st.sampled_from(PAIRS), st.integers(1, 20), st.sampled_from(list(Side)))
def test_the_strategys_own_bound_is_never_the_more_daring_one(pair, leverage, side):
    for tier in tiers_of(pair):
        assumed = liquidation_distance(leverage, 0.9 / tier.most_leverage, side)
        assert assumed <= true_distance(leverage, tier.high, tier, side) + 1e-12


def test_tiers_go_on_where_the_one_before_ends():
    for pair in PAIRS:
        tiers = tiers_of(pair)
        assert tiers[0].low == 0
        for below, above in pairwise(tiers):
            assert below.high == above.low
            assert below.most_leverage >= above.most_leverage
            # maintenance margin does not jump at the edge
            at_edge = [
                below.high * t.maintenance_rate - t.maintenance_amount for t in (below, above)
            ]
            assert math.isclose(*at_edge, rel_tol=1e-6)
    assert tiers_of("NOCOIN/USDT:USDT") == ()


def test_leverage_is_asked_for_the_stake_that_freqtrade_proposes():
    tiers = (Tier(0, 10_000, 0.01, 0, 50), Tier(10_000, 50_000, 0.02, 100, 25))
    assert asked_leverage(tiers, 200) == 50
    assert asked_leverage(tiers, 201) == 25
    assert asked_leverage(tiers, 1e9) == 25


def test_default_settings_keep_every_stop_well_inside_for_any_usual_capital():
    for pair in PAIRS:
        cases = list(walk(tiers_of(pair), Settings(), 100_000, 5_000))
        assert {case.side for case in cases} == set(Side)
        assert max(case.used for case in cases) <= 0.6


def test_a_stake_that_hides_the_tier_is_found_at_the_notional_that_the_caps_allow():
    settings = settings_from(
        {
            "risk": {"base_fraction": 0.5, "equity_at_risk": 0.05, "target_leverage": 25},
            "exits": {"min_stop": 0.001},
        }
    )
    tiers = tiers_of("ONE/USDT:USDT")
    daring = [case for case in walk(tiers, settings, 1e6, 10) if not case.refused]
    worst = max(daring, key=lambda case: case.used)
    assert worst.used > 1
    assert worst.notional <= 1e6 * 0.05 / worst.stop
    # The same capital, with the tier looked up for the largest stake: nothing comes near.
    honest = [case for case in walk(tiers, settings, 1e6, 5e5) if not case.refused]
    assert max(case.used for case in honest) <= 0.75

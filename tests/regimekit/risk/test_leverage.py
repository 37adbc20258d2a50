"""The stop lies well before the liquidation price, or there is no leverage and no trade."""

import json
import math
from pathlib import Path

import freqtrade.exchange
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.leverage import TIER_MAINTENANCE_SHARE, liquidation_distance, safe_leverage
from regimekit.schema import Side

sides = st.sampled_from(Side)
fractions = st.floats(1e-5, 0.99)
leverages = st.floats(1, 150)
JUNK = [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e308, -1e308, 5e-324]
anything = st.floats() | st.sampled_from(JUNK)


def binance_liquidation_price(side, entry, leverage, maintenance_rate, amount=3.0):
    """Binance's formula for an isolated one-way position, maintenance amount left out."""
    margin = amount * entry / leverage
    return (margin - side.sign * amount * entry) / (amount * maintenance_rate - side.sign * amount)


@given(sides, leverages, st.floats(0.001, 0.5))
def test_distance_is_that_of_the_formula_of_binance(side, leverage, maintenance_rate):
    price = binance_liquidation_price(side, 100.0, leverage, maintenance_rate)
    expected = max(0.0, side.sign * (100.0 - price) / 100.0)
    distance = liquidation_distance(leverage, maintenance_rate, side)
    assert distance == pytest.approx(expected, abs=1e-12)


def test_distance_by_hand():
    assert liquidation_distance(10, 0.01, Side.LONG) == pytest.approx(0.09 / 0.99)
    assert liquidation_distance(10, 0.01, Side.SHORT) == pytest.approx(0.09 / 1.01)
    assert liquidation_distance(100, 0.02, Side.LONG) == 0.0


@given(sides, fractions, leverages, leverages, st.floats(0.1, 0.75))
def test_the_largest_leverage_at_which_the_stop_holds(side, stop, wanted, tier_maximum, buffer):
    leverage = safe_leverage(stop, side, wanted=wanted, tier_maximum=tier_maximum, buffer=buffer)
    rate = TIER_MAINTENANCE_SHARE / tier_maximum

    def holds(leverage):
        return stop < buffer * liquidation_distance(leverage, rate, side)

    assert isinstance(leverage, int)
    assert 0 <= leverage <= min(wanted, tier_maximum)
    assert leverage == 0 or holds(leverage)
    more = leverage + 1
    within_rounding = stop * (1 + 1e-9) >= buffer * liquidation_distance(more, rate, side)
    assert more > min(wanted, tier_maximum) or not holds(more) or within_rounding


@given(sides, anything, anything, anything, anything)
def test_whatever_comes_in_a_safe_leverage_or_none_comes_out(side, stop, wanted, tier, buffer):
    leverage = safe_leverage(stop, side, wanted=wanted, tier_maximum=tier, buffer=buffer)
    assert isinstance(leverage, int)
    if leverage:
        assert 1 <= leverage <= min(wanted, tier)
        assert stop < buffer * liquidation_distance(leverage, TIER_MAINTENANCE_SHARE / tier, side)


@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 0.0, -1.0])
@pytest.mark.parametrize("place", range(4))
def test_an_argument_that_is_no_positive_number_gives_no_leverage(junk, place):
    good = [0.02, 3.0, 50.0, 0.6]
    stop, wanted, tier, buffer = [*good[:place], junk, *good[place + 1 :]]
    assert safe_leverage(stop, Side.LONG, wanted=wanted, tier_maximum=tier, buffer=buffer) == 0


CASES = {  # stop, wanted, tier maximum -> leverage of a long, of a short; buffer 0.6
    "room enough": ((0.02, 3, 50), 3, 3),
    # Maintenance 0.9 / 50 = 0.018: long 0.6 * (1/19 - 0.018) / 0.982 = 0.02116 holds 0.02 and 1/20
    # gives 0.01955; short 0.6 * (1/19 - 0.018) / 1.018 = 0.02041 and 1/20 gives 0.01886.
    "classic is lowered": ((0.02, 25, 50), 19, 19),
    # 0.9 / 20 = 0.045: long 0.6 * (1/13 - 0.045) / 0.955 = 0.02006; short with 1/12 0.0220.
    "the tier allows less": ((0.02, 25, 20), 13, 12),
    "not even 1x": ((0.60, 3, 50), 0, 0),
    "a fraction is rounded down": ((0.02, 2.9, 50), 2, 2),
}


@pytest.mark.parametrize(("arguments", "long", "short"), CASES.values(), ids=CASES)
def test_leverage_by_hand(arguments, long, short):
    stop, wanted, tier = arguments
    for side, expected in zip(Side, (long, short), strict=True):
        found = safe_leverage(stop, side, wanted=wanted, tier_maximum=tier, buffer=0.6)
        assert found == expected


def test_no_number_is_too_large_to_be_answered_at_once():
    assert safe_leverage(1e-300, Side.LONG, wanted=1e308, tier_maximum=1e308, buffer=0.6) >= 0


def test_no_tier_of_binance_asks_for_more_maintenance_than_assumed():
    tiers = Path(freqtrade.exchange.__file__).with_name("binance_leverage_tiers.json")
    for pair, levels in json.loads(tiers.read_text()).items():
        for level in levels:
            assumed = TIER_MAINTENANCE_SHARE / level["maxLeverage"]
            assert level["maintenanceMarginRate"] <= assumed + 1e-9, (pair, level["tier"])

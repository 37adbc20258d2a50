"""One plan per trade: its stop never loosens, its levels are prices, it survives a restart."""

import inspect
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.schema import Side
from regimekit.settings import ExitSettings
from tests.described import described

ENTRY, DISTANCE, ATR, FEE = 100.0, 2.0, 1.0, 0.0005
TRAILING, FIXED = described().exits, described(exits={"hybrid_trail": False}).exits

sides = st.sampled_from(Side)
exit_settings = st.builds(
    ExitSettings,
    break_even=st.booleans(),
    break_even_r=st.floats(0.3, 10),
    hybrid_trail=st.booleans(),
    trail_atr=st.floats(0.8, 40),
)
# What a market may ask of a trail from one look to the next.
factors = st.floats(0.05, 4) | st.sampled_from([1.0, math.nan])
squeeze_widths = st.just(0.0) | st.floats(0.8, 10)


def planned(side=Side.LONG, exits=TRAILING, **changes) -> ExitPlan:
    arguments = {"stop_distance": DISTANCE, "target_rr": 2.0, "atr": ATR, "fee": FEE} | changes
    return plan_exit(side, arguments.pop("entry", ENTRY), settings=exits, **arguments)


@st.composite
def plans(draw):
    entry = draw(st.floats(0.01, 1e5))
    return plan_exit(
        draw(sides),
        entry,
        stop_distance=entry * draw(st.floats(0.001, 0.4)),
        target_rr=draw(st.floats(0.5, 10)),
        atr=draw(st.just(math.nan) | st.floats(0.0001, 0.2).map(lambda share: share * entry)),
        fee=draw(st.floats(0, 0.002)),
        settings=draw(exit_settings),
        squeeze_atr=draw(squeeze_widths),
        regime="trending",
        sub_strategy="momentum",
        confidence=draw(st.just(math.nan) | st.floats(0, 1)),
    )


@settings(max_examples=300)
@given(plans(), st.lists(st.floats(0.5, 2), min_size=1, max_size=30))
def test_the_stop_never_loosens(plan, moves):
    sign, best, stop = plan.side.sign, plan.entry, plan.stop
    for move in moves:
        best = sign * max(sign * best, sign * plan.entry * move)
        after = plan.stop_at(best)
        assert sign * (after - stop) >= 0
        stop = after


@given(plans(), st.floats(0.2, 5), factors, st.booleans())
def test_the_stop_never_lies_beyond_the_best_price(plan, move, factor, squeezed):
    best = plan.side.sign * max(plan.side.sign * plan.entry, plan.side.sign * plan.entry * move)
    assert plan.side.sign * (best - plan.stop_at(best, factor=factor, squeezed=squeezed)) >= 0


@given(plans(), st.lists(st.floats(0.5, 2), min_size=2, max_size=2), factors, st.booleans())
def test_a_better_price_never_asks_for_a_looser_stop(plan, moves, factor, squeezed):
    sign = plan.side.sign
    worse, better = sorted(sign * plan.entry * move for move in moves)
    looser, tighter = (
        plan.stop_at(sign * best, factor=factor, squeezed=squeezed) for best in (worse, better)
    )
    assert sign * (tighter - looser) >= 0


@settings(max_examples=200)
@given(plans(), st.lists(st.tuples(st.floats(0.5, 2), factors, st.booleans()), max_size=30))
def test_a_stop_that_only_tightens_ends_at_the_tightest_whatever_was_asked(plan, looks):
    sign, best, placed = plan.side.sign, plan.entry, plan.stop
    asked = [placed]
    for move, factor, squeezed in looks:
        best = sign * max(sign * best, sign * plan.entry * move)
        asked.append(plan.stop_at(best, factor=factor, squeezed=squeezed))
        assert sign * (asked[-1] - plan.stop) >= 0
        if plan.tightens(placed, asked[-1]):
            placed = asked[-1]
    assert placed == sign * max(sign * stop for stop in asked)


@given(plans(), st.floats(0.2, 5), factors, st.booleans())
def test_no_trail_is_closer_than_noise(plan, move, factor, squeezed):
    best = plan.entry * move
    stop = plan.stop_at(best, factor=factor, squeezed=squeezed)
    least = 0.8 * plan.atr if plan.atr > 0 else 0.8 * plan.risk
    fixed = (plan.stop, plan.break_even_stop)
    assert stop in fixed or plan.side.sign * (best - stop) >= least * (1 - 1e-9)


@given(plans(), st.floats(0.2, 5), factors, factors)
def test_a_wider_trail_is_never_the_tighter_stop(plan, move, one, other):
    assume(not (math.isnan(one) or math.isnan(other)))
    best, sign = plan.entry * move, plan.side.sign
    narrow, wide = (plan.stop_at(best, factor=factor) for factor in sorted((one, other)))
    assert sign * (narrow - wide) >= 0


@given(plans(), st.floats(0.2, 5), factors)
def test_a_squeeze_tightens_or_leaves_alone(plan, move, factor):
    best = plan.entry * move
    free = plan.stop_at(best, factor=factor)
    squeezed = plan.stop_at(best, factor=factor, squeezed=True)
    assert plan.side.sign * (squeezed - free) >= 0
    if plan.squeeze_trail == 0:
        assert squeezed == free


@given(plans(), st.floats(0.2, 5), st.booleans())
def test_a_factor_that_is_not_known_leaves_the_trail_as_planned(plan, move, squeezed):
    best = plan.entry * move
    planned_stop = plan.stop_at(best, squeezed=squeezed)
    for factor in (1.0, math.nan, 0.0, -1.0):
        assert plan.stop_at(best, factor=factor, squeezed=squeezed) == planned_stop


@given(plans(), st.floats(0.2, 5))
def test_a_worse_price_than_the_entry_moves_no_stop(plan, move):
    sign = plan.side.sign
    worse = sign * min(sign * plan.entry, sign * plan.entry * move)
    assume(plan.break_even_trigger != plan.entry)
    assert plan.stop_at(worse) == plan.stop


@given(plans(), st.floats(0, 1))
def test_before_its_triggers_the_stop_is_the_initial_one(plan, share):
    nearest = min((plan.break_even_trigger, plan.target), key=lambda p: abs(p - plan.entry))
    best = plan.entry + share * 0.999 * (nearest - plan.entry)
    assume(best != nearest)
    assert plan.stop_at(best) == plan.stop


@given(sides, st.floats(0.01, 1e5), st.floats(0, 0.002))
def test_break_even_pays_both_fees_exactly(side, entry, fee):
    plan = planned(side, entry=entry, stop_distance=0.02 * entry, fee=fee)
    leave = plan.break_even_stop
    paid = max(fee, TRAILING.taker_fee)  # a stop is a market order, whatever the entry paid
    net = side.sign * (leave - entry) - paid * entry - paid * leave
    assert net == pytest.approx(0.0, abs=1e-12 * entry)


@given(plans())
def test_the_stop_of_break_even_never_lies_beyond_the_price_that_moves_it(plan):
    sign = plan.side.sign
    assert sign * (plan.break_even_trigger - plan.break_even_stop) >= -1e-12 * plan.entry
    assert sign * (plan.break_even_stop - plan.entry) >= 0 or plan.break_even_stop == plan.stop


@given(
    st.floats(0.001, 0.1),
    st.floats(0.5, 10),
    exit_settings,
    st.floats(0.5, 1.5),
    squeeze_widths,
    factors,
    st.booleans(),
)
def test_a_short_is_the_mirrored_long(
    distance, target_rr, exits, move, squeeze_atr, factor, squeezed
):
    exits = replace(exits, taker_fee=0.0)  # fees are a share of the price, which the mirror changes

    def both_stops(side, best):
        plan = plan_exit(
            side,
            1.0,
            stop_distance=distance,
            target_rr=target_rr,
            atr=distance / 2,
            fee=0.0,
            settings=exits,
            squeeze_atr=squeeze_atr,
        )
        return plan.stop_at(best, factor=factor, squeezed=squeezed), plan.r_multiple(best)

    long_stop, long_r = both_stops(Side.LONG, move)
    short_stop, short_r = both_stops(Side.SHORT, 2.0 - move)
    assert short_r == pytest.approx(long_r)
    # Within rounding of a trigger the two may fall on either side of it.
    close_call = min(abs(move - 1 - r * distance) for r in (exits.break_even_r, target_rr))
    if close_call > 1e-9:
        assert short_stop == pytest.approx(2.0 - long_stop)


BY_HAND = {  # best price of a long from 100 -> stop; R is 2, target 104, trail 2.5
    "at entry": (100.0, 98.0),
    "just before break-even": (103.59, 98.0),
    "at 1.8 R": (103.6, 100 * 1.0005 / 0.9995),
    "just before the target": (103.99, 100 * 1.0005 / 0.9995),
    "at the target the trail is armed": (104.0, 101.5),
    "beyond it the stop follows": (110.0, 107.5),
}


@pytest.mark.parametrize(("best", "stop"), BY_HAND.values(), ids=BY_HAND)
def test_stops_by_hand(best, stop):
    assert planned().stop_at(best) == pytest.approx(stop)


def test_arming_a_wide_trail_does_not_give_up_break_even():
    wide = planned(exits=replace(TRAILING, trail_atr=10.0))
    assert wide.stop_at(104.0) == wide.break_even_stop


ASKED = {  # best price of a long from 100, what the market asks -> stop; squeeze trail 1.2
    "a factor before the target": (103.0, 0.5, False, 98.0),
    "a factor below 1 narrows the armed trail": (104.0, 0.8, False, 102.0),
    "a factor above 1 widens it": (110.0, 1.2, False, 107.0),
    "it is never closer than 0.8 ATR": (110.0, 0.1, False, 109.2),
    "a squeeze trails from the entry on": (100.0, 1.0, True, 98.8),
    "a squeeze below the entry": (99.5, 1.0, True, 98.3),
    "a squeeze far below keeps the initial stop": (99.0, 1.0, True, 98.0),
    "a squeeze beyond the target": (110.0, 1.0, True, 108.8),
    "the tighter of both": (110.0, 0.4, True, 109.0),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("best", "factor", "squeezed", "stop"), ASKED.values(), ids=ASKED)
def test_what_the_market_asks_for_by_hand(best, factor, squeezed, stop, side):
    plan = planned(side, squeeze_atr=1.2)
    mirror = (lambda price: price) if side is Side.LONG else (lambda price: 2 * ENTRY - price)
    asked = plan.stop_at(mirror(best), factor=factor, squeezed=squeezed)
    assert asked == pytest.approx(mirror(stop))


@pytest.mark.parametrize("side", Side)
def test_a_fixed_target_has_no_trail_for_a_factor_to_change(side):
    plan = planned(side, FIXED)
    best = ENTRY + side.sign * 20
    assert plan.stop_at(best, factor=0.3) == plan.break_even_stop


@pytest.mark.parametrize(
    ("squeeze_atr", "width"), [(0.0, 0.0), (0.1, 0.8), (0.8, 0.8), (1.0, 1.0), (3.0, 3.0)]
)
def test_a_squeeze_trail_is_switched_off_by_0_and_never_closer_than_noise(squeeze_atr, width):
    assert planned(squeeze_atr=squeeze_atr).squeeze_trail == width


@pytest.mark.parametrize("side", Side)
def test_without_break_even_the_stop_waits_for_the_target(side):
    plan = planned(side, replace(TRAILING, break_even=False))
    assert plan.stop_at(ENTRY + side.sign * 3.99) == plan.stop
    assert plan.stop_at(ENTRY + side.sign * 4.0) == pytest.approx(ENTRY + side.sign * 1.5)


def test_levels_by_hand():
    long, short = planned(Side.LONG), planned(Side.SHORT)
    assert (long.least_trail, short.least_trail) == (0.8, 0.8)
    assert (long.stop, long.target, long.risk, long.trail) == (98.0, 104.0, 2.0, 2.5)
    assert (short.stop, short.target, short.risk, short.trail) == (102.0, 96.0, 2.0, 2.5)
    assert short.break_even_stop == pytest.approx(100 * 0.9995 / 1.0005)


@pytest.mark.parametrize(
    ("side", "price", "r"),
    [(Side.LONG, 103.0, 1.5), (Side.LONG, 98.0, -1.0), (Side.SHORT, 96.0, 2.0)],
)
def test_r_by_hand(side, price, r):
    assert planned(side).r_multiple(price) == r


def test_without_the_hybrid_trail_the_target_moves_no_stop():
    plan = planned(exits=FIXED)
    assert plan.trail == 0.0
    assert plan.stop_at(200.0) == plan.break_even_stop


@pytest.mark.parametrize("atr", [math.nan, 0.0, -1.0, math.inf])
def test_without_an_atr_every_trail_is_one_r_wide(atr):
    plan = planned(atr=atr, squeeze_atr=1.2)
    assert plan.stop_at(110.0) == plan.stop_at(110.0, factor=0.1) == 108.0
    assert plan.stop_at(103.0, squeezed=True) == 101.0
    assert planned(atr=atr).squeeze_trail == 0.0


def test_a_trigger_inside_the_fees_is_moved_out_of_them():
    plan = planned(fee=0.02)
    assert plan.break_even_trigger == plan.break_even_stop > ENTRY + 1.8 * DISTANCE


@pytest.mark.parametrize("side", Side)
def test_only_a_stop_closer_to_the_price_is_a_tighter_one(side):
    closer, placed, farther = (ENTRY - side.sign * distance for distance in (1.9, 2.0, 2.1))
    answers = [planned(side).tightens(placed, stop) for stop in (closer, placed, farther)]
    assert answers == [True, False, False]


def test_nothing_about_a_plan_knows_of_leverage():
    for function in (plan_exit, ExitPlan, ExitPlan.stop_at, ExitPlan.r_multiple):
        assert "leverage" not in inspect.signature(function).parameters


@pytest.mark.parametrize(
    ("entry", "distance"),
    [
        (100.0, 0.0),
        (100.0, -1.0),
        (100.0, 100.0),
        (100.0, math.nan),
        (100.0, math.inf),
        (math.nan, 1.0),
        (0.0, 1.0),
    ],
)
def test_a_stop_that_cannot_be_placed_is_refused(entry, distance):
    with pytest.raises(ValueError, match="stop_distance must lie between 0 and the entry price"):
        planned(entry=entry, stop_distance=distance)


@given(plans())
def test_a_plan_survives_being_stored_as_json(plan):
    stored = json.loads(json.dumps(plan.to_dict(), allow_nan=False))
    # assert_equal takes NaN for equal to NaN
    np.testing.assert_equal(asdict(ExitPlan.from_dict(stored)), asdict(plan))


@given(plans(), st.floats(0.2, 5), factors, st.booleans())
def test_a_plan_of_an_earlier_version_is_followed_as_it_was_made(plan, move, factor, squeezed):
    stored = plan.to_dict()
    del stored["least_trail"], stored["squeeze_trail"]
    earlier, best = ExitPlan.from_dict(stored), plan.entry * move
    planned_stop = plan.stop_at(best)
    assert earlier.stop_at(best) == planned_stop
    asked = earlier.stop_at(best, factor=factor, squeezed=squeezed)
    assert plan.side.sign * (asked - planned_stop) <= 0


def test_a_plan_of_an_earlier_version_by_hand():
    stored = planned(squeeze_atr=1.2).to_dict()
    del stored["least_trail"], stored["squeeze_trail"]
    earlier = ExitPlan.from_dict(stored)
    assert earlier.stop_at(103.0, squeezed=True) == 98.0
    assert earlier.stop_at(110.0, factor=0.1, squeezed=True) == 107.5
    assert earlier.stop_at(110.0, factor=2.0) == 105.0


PRICES = [
    *("entry", "stop", "target", "break_even_trigger", "break_even_stop", "trail"),
    *("least_trail", "squeeze_trail"),
]
DAMAGED = {
    "empty": {},
    "a list": [],
    "an unknown side": planned().to_dict() | {"side": "up"},
    "no side": planned().to_dict() | {"side": None},
    "no stop": {name: value for name, value in planned().to_dict().items() if name != "stop"},
    "no trail": {name: value for name, value in planned().to_dict().items() if name != "trail"},
    "no regime": {name: value for name, value in planned().to_dict().items() if name != "regime"},
    "a confidence in words": planned().to_dict() | {"confidence": "high"},
    "a stop at the entry": planned().to_dict() | {"stop": ENTRY},
    "a stop on the wrong side": planned().to_dict() | {"stop": 101.0},
} | {
    f"{name} is {value!r}": planned().to_dict() | {name: value}
    for name in PRICES
    for value in (None, "100", math.nan, math.inf, [])
}


@pytest.mark.parametrize("stored", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_plan_is_refused(stored):
    with pytest.raises(ValueError, match="stored exit plan"):
        ExitPlan.from_dict(stored)

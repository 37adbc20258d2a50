"""Barrier outcomes: the bar-by-bar definition, and laws that hold for any market."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.barriers import Barrier, Candles, Outcomes, barrier_outcomes

FIELDS = ("open", "high", "low", "close")


@st.composite
def markets(draw, least=1):
    """Candles on a coarse grid, so that prices often meet a barrier exactly; some are missing."""
    steps = st.integers(-6, 6)
    length = draw(st.integers(least, 30))
    price, rows = 100.0, []
    for _ in range(length):
        opens = price + draw(st.integers(-2, 2))
        close = opens + draw(steps)
        high = max(opens, close) + draw(st.integers(0, 4))
        low = min(opens, close) - draw(st.integers(0, 4))
        blank = draw(st.integers(0, 40)) == 0
        rows.append([math.nan] * 4 if blank else [opens, high, low, close])
        price = close
    return Candles(*np.array(rows, dtype=float).T)


@st.composite
def cases(draw):
    market = draw(markets())
    count = draw(st.integers(0, 6))
    numbers = st.sampled_from([1.0, 2.0, 3.0, 5.5, math.nan])

    def column(values, dtype):
        return np.array([draw(values) for _ in range(count)], dtype=dtype)

    rows = column(st.integers(0, len(market.close) - 1), np.int64)
    arguments = rows, column(st.sampled_from([1, -1]), int), column(numbers, float)
    return market, (*arguments, column(numbers, float)), draw(st.integers(1, 12))


def one_by_one(candles, row, side, distance, target, *, most_bars, fee):
    """The definition: walk from candle to candle until something ends the trade."""
    undecided = math.nan, Barrier.UNDECIDED, math.nan
    if math.isnan(distance) or math.isnan(target) or row + 1 >= len(candles.close):
        return undecided
    entry = candles.open[row + 1]
    stop, goal = entry - side * distance, entry + side * target * distance
    for held in range(1, most_bars + 1):
        if row + held >= len(candles.close):
            return undecided
        opens, high, low, close = (getattr(candles, name)[row + held] for name in FIELDS)
        if math.isnan(opens) or math.isnan(entry):
            return undecided
        if (low <= stop) if side > 0 else (high >= stop):
            price, barrier = min(stop, opens) if side > 0 else max(stop, opens), Barrier.STOP
        elif (high >= goal) if side > 0 else (low <= goal):
            price, barrier = goal, Barrier.TARGET
        elif held == most_bars:
            price, barrier = close, Barrier.TIME
        else:
            continue
        paid = fee * entry + fee * price
        return (side * (price - entry) - paid) / distance, barrier, float(held)
    raise AssertionError("the last candle decides")


def same(one: Outcomes, other: Outcomes):
    np.testing.assert_allclose(one.r, other.r, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(one.barrier, other.barrier)
    np.testing.assert_array_equal(one.bars, other.bars)


@given(cases(), st.sampled_from([0.0, 0.001]))
def test_all_at_once_is_one_by_one(case, fee):
    market, entries, most_bars = case
    found = barrier_outcomes(market, *entries, most_bars=most_bars, fee=fee)
    rows = zip(*entries, strict=True)
    walked = [one_by_one(market, *row, most_bars=most_bars, fee=fee) for row in rows]
    columns = np.array(walked, dtype=float).reshape(-1, 3).T
    same(found, Outcomes(*columns))


@given(cases())
def test_a_short_in_the_mirror_is_a_long(case):
    market, (rows, sides, *levels), most_bars = case
    mirror = Candles(200 - market.open, 200 - market.low, 200 - market.high, 200 - market.close)
    same(
        barrier_outcomes(market, rows, sides, *levels, most_bars=most_bars),
        barrier_outcomes(mirror, rows, -sides, *levels, most_bars=most_bars),
    )


@given(cases(), st.sampled_from([0.25, 8.0, 1024.0]), st.sampled_from([0.0, 0.001]))
def test_the_unit_of_prices_does_not_matter(case, unit, fee):
    market, (rows, sides, distance, target), most_bars = case
    scaled = Candles(*(getattr(market, name) * unit for name in FIELDS))
    same(
        barrier_outcomes(market, rows, sides, distance, target, most_bars=most_bars, fee=fee),
        barrier_outcomes(
            scaled, rows, sides, distance * unit, target, most_bars=most_bars, fee=fee
        ),
    )


@given(cases(), st.data())
def test_what_is_decided_never_changes(case, data):
    market, entries, most_bars = case
    cut = data.draw(st.integers(1, len(market.close)))
    known = entries[0] < cut
    entries = [values[known] for values in entries]
    past = Candles(*(getattr(market, name)[:cut] for name in FIELDS))
    before = barrier_outcomes(past, *entries, most_bars=most_bars)
    after = barrier_outcomes(market, *entries, most_bars=most_bars)
    decided = before.barrier != Barrier.UNDECIDED
    for name in ("r", "barrier", "bars"):
        np.testing.assert_array_equal(getattr(before, name)[decided], getattr(after, name)[decided])
    # And it is decided as soon as its last candle is there.
    complete = entries[0] + after.bars < cut
    np.testing.assert_array_equal(decided, complete)


@given(cases())
def test_results_lie_between_the_barriers(case):
    market, entries, most_bars = case
    found = barrier_outcomes(market, *entries, most_bars=most_bars)
    target, stopped = entries[3], found.barrier == Barrier.STOP
    assert (found.r[stopped] <= -1).all()
    reached = found.barrier == Barrier.TARGET
    np.testing.assert_allclose(found.r[reached], target[reached])
    in_time = found.barrier == Barrier.TIME
    assert (found.bars[in_time] == most_bars).all()
    assert ((found.r[in_time] > -1) & (found.r[in_time] < target[in_time])).all()
    undecided = found.barrier == Barrier.UNDECIDED
    np.testing.assert_array_equal(np.isnan(found.r), undecided)
    np.testing.assert_array_equal(np.isnan(found.bars), undecided)


def market(*rows):
    return Candles(*np.array(rows, dtype=float).T)


SIGNAL = (100, 100, 100, 100)


@pytest.mark.parametrize(
    ("candles", "r", "barrier", "bars"),
    [
        ([(100, 104, 99, 103)], 2.0, Barrier.TARGET, 1),
        ([(100, 101, 98, 99)], -1.0, Barrier.STOP, 1),
        ([(100, 104, 98, 103)], -1.0, Barrier.STOP, 1),  # both: the stop came first
        ([(100, 101, 99, 101), (97, 99, 96, 98)], -1.5, Barrier.STOP, 2),  # opened beyond it
        ([(100, 101, 99, 101), (106, 107, 105, 106)], 2.0, Barrier.TARGET, 2),  # never better
        ([(100, 101, 99, 101), (101, 102, 100, 101), (101, 103, 100, 103)], 1.5, Barrier.TIME, 3),
        ([(100, 101, 99, 101), (101, 102, 100, 101)], math.nan, Barrier.UNDECIDED, math.nan),
        ([], math.nan, Barrier.UNDECIDED, math.nan),
    ],
)
def test_by_hand(candles, r, barrier, bars):
    # Bought at 100 with a stop at 98 and a target at 104, for three candles at most.
    found = barrier_outcomes(market(SIGNAL, *candles), [0], 1, 2.0, 2.0, most_bars=3)
    np.testing.assert_array_equal([found.r[0], found.barrier[0], found.bars[0]], [r, barrier, bars])


def test_fees_are_taken_in_r():
    # 0.1 % of 100 and of 104, over a risk of 2.
    found = barrier_outcomes(
        market(SIGNAL, (100, 104, 99, 103)), [0], 1, 2.0, 2.0, most_bars=3, fee=0.001
    )
    assert found.r[0] == pytest.approx(2.0 - 0.204 / 2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": [2]}, r"rows must lie in 0\.\.1"),
        ({"rows": [-1]}, "rows must lie in"),
        ({"sides": 0}, r"sides must be \+1 or -1"),
        ({"stop_distance": 0.0}, "stop_distance must be > 0 or NaN"),
        ({"target_r": -1.0}, "target_r must be > 0 or NaN"),
        ({"most_bars": 0}, "most_bars must be at least 1, was 0"),
        ({"fee": -0.1}, "fee must be a fraction"),
    ],
)
def test_the_impossible_is_refused(changes, words):
    arguments = {"rows": [0], "sides": 1, "stop_distance": 2.0, "target_r": 2.0, "most_bars": 3}
    with pytest.raises(ValueError, match=words):
        barrier_outcomes(market(SIGNAL, SIGNAL), **(arguments | changes))

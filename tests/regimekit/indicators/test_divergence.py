"""Divergences at swing points, which exist only once they are confirmed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.indicators.divergence import divergence

WING, FRESH = 2, 4
small = st.integers(0, 6).map(float)
price_and_oscillator = st.lists(st.tuples(small, small), min_size=1, max_size=60)


def mark(low, oscillator):
    """Marks of a market whose candles are single prices."""
    price = pd.Series(low, dtype=float)
    return divergence(price, price, pd.Series(oscillator, dtype=float), wing=WING, fresh=FRESH)


def bar_by_bar(price, oscillator):
    """The definition: at each bar, look back for the pivots confirmed by then."""

    def diverged(price, oscillator, bar):
        pivots = [
            middle
            for middle in range(WING, bar - WING + 1)
            if price[middle] == min(price[middle - WING : middle + WING + 1])
        ]
        if len(pivots) < 2 or bar - (pivots[-1] + WING) >= FRESH:
            return False
        before, last = pivots[-2:]
        return price[last] < price[before] and oscillator[last] > oscillator[before]

    marks = []
    for bar in range(len(price)):
        bullish = diverged(price, oscillator, bar)
        bearish = diverged([-p for p in price], [-o for o in oscillator], bar)
        marks.append(float(bullish) - float(bearish) if bar >= 2 * WING else np.nan)
    return marks


# bar         0  1  2  3  4  5  6  7  8   9  10  11  12
LOWER_LOW = [9, 8, 5, 8, 9, 8, 4, 8, 9, 10, 11, 12, 13]
HIGHER_RSI = [50, 40, 20, 40, 50, 40, 30, 40, 50, 50, 50, 50, 50]


def test_a_pivot_does_not_exist_before_it_is_confirmed():
    marks = mark(LOWER_LOW, HIGHER_RSI)
    assert not marks[6:8].any()  # bar 6 is the low; nobody knows until bar 8 has closed
    assert marks[8] == 1.0


def test_a_divergence_stands_while_it_is_fresh():
    assert mark(LOWER_LOW, HIGHER_RSI)[8:].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]


def test_a_lower_low_with_a_lower_oscillator_is_no_divergence():
    falling = [50, 40, 30, 40, 50, 40, 20, 40, 50, 50, 50, 50, 50]
    assert not mark(LOWER_LOW, falling)[4:].any()


def test_a_higher_high_with_a_lower_oscillator_is_bearish():
    marks = mark([-price for price in LOWER_LOW], [-value for value in HIGHER_RSI])
    assert marks[8] == -1.0


@given(price_and_oscillator)
def test_matches_the_bar_by_bar_definition(rows):
    price, oscillator = zip(*rows, strict=True)
    np.testing.assert_array_equal(mark(price, oscillator), bar_by_bar(price, oscillator))


@given(price_and_oscillator, st.data())
def test_never_looks_ahead(rows, data):
    cut = data.draw(st.integers(1, len(rows)))
    price, oscillator = zip(*rows, strict=True)
    whole, prefix = mark(price, oscillator), mark(price[:cut], oscillator[:cut])
    np.testing.assert_array_equal(whole[:cut], prefix)


@given(price_and_oscillator)
def test_upside_down_it_diverges_the_other_way(rows):
    price, oscillator = np.array(rows).T
    np.testing.assert_array_equal(mark(-price, -oscillator), -mark(price, oscillator))


@pytest.mark.parametrize("known_from", [0, 3, 6, 10])
def test_it_is_unknown_while_the_oscillator_is(known_from):
    oscillator = np.where(np.arange(13) < known_from, np.nan, HIGHER_RSI)
    marks = mark(LOWER_LOW, oscillator)
    assert int(marks.notna().to_numpy().argmax()) == max(2 * WING, known_from)

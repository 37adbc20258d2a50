"""Ranges, bodies and reversal candles, computed by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.indicators.levels import resistance, reversal_candle, signed_body, support
from tests.markets import candle_frames, reflected

prices = st.lists(st.floats(1, 1000), min_size=1, max_size=40).map(pd.Series)


@given(prices, st.integers(1, 8))
def test_levels_match_the_bar_by_bar_definition(price, bars):
    highest, lowest = [], []
    for bar in range(len(price)):
        before = price[max(0, bar - bars) : bar]
        enough = len(before) == bars
        highest.append(before.max() if enough else np.nan)
        lowest.append(before.min() if enough else np.nan)
    np.testing.assert_array_equal(resistance(price, bars=bars), highest)
    np.testing.assert_array_equal(support(price, bars=bars), lowest)


def test_a_level_does_not_contain_the_candle_that_is_measured_against_it():
    high = pd.Series([1.0, 2.0, 9.0])
    assert resistance(high, bars=2).tolist()[-1] == 2.0


CANDLES = {  # open, high, low, close -> signed body
    "all body, rising": ((10, 14, 10, 14), 1.0),
    "all body, falling": ((14, 14, 10, 10), -1.0),
    "half body": ((11, 14, 10, 13), 0.5),
    "doji": ((12, 14, 10, 12), 0.0),
    "flat": ((12, 12, 12, 12), 0.0),
}


@pytest.mark.parametrize(("candle", "body"), CANDLES.values(), ids=CANDLES)
def test_signed_body(candle, body):
    assert signed_body(*(pd.Series([float(price)]) for price in candle)).tolist() == [body]


FALLING, RISING, FLAT = (12, 12, 10, 10), (10, 12, 10, 12), (11, 11, 11, 11)
PAIRS = {  # the candle before, the candle, its mark
    "bullish engulfing": (FALLING, (10, 13, 10, 13), 1),
    "closes at the open before, not above": (FALLING, (10, 12, 10, 12), 0),
    "opens above the close before": (FALLING, (10.5, 13, 10.5, 13), 0),
    "engulfs a rising candle": (RISING, (10, 13, 10, 13), 0),
    "bearish engulfing": (RISING, (12, 12, 9, 9), -1),
    "bullish pin bar": (FLAT, (11, 12, 6, 11.5), 1),
    "lower wick of half the range": (FLAT, (10, 12, 8, 12), 1),
    "lower wick below half the range": (FLAT, (9.9, 12, 8, 12), 0),
    "close in the upper third, just": (FLAT, (11, 12, 9, 11), 1),
    "close below the upper third": (FLAT, (10.9, 12, 9, 10.9), 0),
    "bearish pin bar": (FLAT, (7, 12, 6, 6.5), -1),
    "bullish engulfing with a bearish wick": (FALLING, (10, 18.5, 9.8, 12.6), 0),
    "flat": (FALLING, (10, 10, 10, 10), 0),
}


@pytest.mark.parametrize(("before", "candle", "mark"), PAIRS.values(), ids=PAIRS)
def test_reversal_candle(before, candle, mark):
    columns = np.array([before, candle], dtype=float).T
    marks = reversal_candle(*map(pd.Series, columns))
    assert np.isnan(marks[0])
    assert marks[1] == mark


@given(candle_frames(60))
def test_a_reversal_upside_down_reverses_the_other_way(candles):
    def marks(frame):
        return reversal_candle(frame["open"], frame["high"], frame["low"], frame["close"])

    pd.testing.assert_series_equal(marks(reflected(candles)), -marks(candles))

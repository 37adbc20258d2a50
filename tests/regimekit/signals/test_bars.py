"""The mirror that makes a short the same rule as a long, and the weighing of evidence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from regimekit.indicators.frame import indicator_columns
from regimekit.settings import BreakoutSettings, MeanReversionSettings, MomentumSettings
from regimekit.signals.bars import Bars, weigh
from regimekit.signals.breakout import breakout
from regimekit.signals.mean_reversion import mean_reversion
from regimekit.signals.momentum import momentum
from tests.markets import candle_frame, candle_frames, reflected
from tests.regimekit.signals.evidence import NAMES, any_bars

# A margin is a fraction of price, which a reflection changes; none leaves the sign, which it keeps.
RULES = [
    (momentum, MomentumSettings()),
    (mean_reversion, MeanReversionSettings()),
    (breakout, BreakoutSettings(break_margin=0.0)),
]


@settings(max_examples=40)
@given(any_bars())
def test_mirroring_twice_changes_nothing(bars):
    twice = bars.mirrored().mirrored()
    for name in NAMES:
        np.testing.assert_array_equal(getattr(twice, name), getattr(bars, name))


@settings(max_examples=40)
@given(candle_frames(200))
def test_mirrored_bars_are_the_bars_of_the_mirrored_market(candles):
    mirrored = Bars.from_frame(indicator_columns(candles)).mirrored()
    reflection = Bars.from_frame(indicator_columns(reflected(candles, at=1024.0)))
    for name in NAMES:
        one, other = getattr(mirrored, name), getattr(reflection, name)
        if name.startswith("ema"):
            one = one + 1024.0
        elif name.startswith("break"):
            one, other = np.sign(one), np.sign(other)
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule.__name__ for rule, _ in RULES])
@settings(max_examples=40)
@given(candles=candle_frames(200))
def test_a_short_is_as_confident_as_a_long_in_the_mirrored_market(number, candles):
    rule, options = RULES[number]
    short = rule(Bars.from_frame(indicator_columns(candles)).mirrored(), options)
    long = rule(Bars.from_frame(indicator_columns(reflected(candles))), options)
    np.testing.assert_allclose(short, long, rtol=0, atol=1e-9)


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule.__name__ for rule, _ in RULES])
def test_the_markets_of_these_tests_give_signals_of_both_sides(number):
    rule, options = RULES[number]
    bars = Bars.from_frame(indicator_columns(candle_frame(2000, seed=5)))
    assert np.nanmax(rule(bars, options)) > 0.3
    assert np.nanmax(rule(bars.mirrored(), options)) > 0.3


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule.__name__ for rule, _ in RULES])
@settings(max_examples=40)
@given(bars=any_bars())
def test_confidence_lies_between_0_and_1_or_is_unknown(number, bars):
    rule, options = RULES[number]
    confidence = rule(bars, options)
    assert (np.isnan(confidence) | ((confidence >= 0) & (confidence <= 1))).all()


def test_weighing_clips_and_waits_for_the_trigger():
    yes, no = np.array([True]), np.array([False])
    known = np.array([1.0])
    assert weigh(yes, [(0.7, yes), (0.7, yes)], known).tolist() == [1.0]
    assert weigh(yes, [(0.2, yes), (-0.7, yes)], known).tolist() == [0.0]
    assert weigh(no, [(0.7, yes)], known).tolist() == [0.0]


@pytest.mark.parametrize("trigger", [True, False])
def test_weighing_an_unknown_input_gives_an_unknown_confidence(trigger):
    holds = np.array([trigger])
    assert np.isnan(weigh(holds, [(0.7, holds)], np.array([1.0]), np.array([np.nan]))).all()


def test_bars_take_their_columns_by_name():
    frame = pd.DataFrame({name: [float(number)] for number, name in enumerate(NAMES)})
    bars = Bars.from_frame(frame)
    assert [getattr(bars, name)[0] for name in NAMES] == list(range(len(NAMES)))

"""Regimes switch at their thresholds, hold between them, and are never guessed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.regime import age, classify, confirm, latch
from regimekit.schema import Regime
from regimekit.settings import RegimeSettings

UNKNOWN, RANGING, TRENDING, VOLATILE = (int(regime) for regime in Regime)

adx_values = st.floats(0, 60) | st.sampled_from([np.nan, 20.0, 22.0, 25.0])
ratio_values = st.floats(0.5, 3) | st.sampled_from([np.nan, 1.2, 1.5])
adx_series = st.lists(adx_values, min_size=1, max_size=80).map(pd.Series)
bars = st.lists(st.tuples(adx_values, ratio_values, adx_values), min_size=1, max_size=80)
regime_codes = st.lists(st.sampled_from(Regime), max_size=60).map(
    lambda codes: np.array(codes, dtype=np.int8)
)
regime_frames = bars.map(lambda rows: pd.DataFrame(rows, columns=["adx", "ratio", "adx_4h"]))


@given(adx_series)
def test_latch_matches_the_bar_by_bar_definition(adx):
    state, expected = False, []
    for value in adx:
        state = True if value > 25 else False if value < 20 else state
        expected.append(state)
    assert latch(adx, enter=25, leave=20).tolist() == expected


@given(adx_series, st.data())
def test_latch_never_looks_ahead(adx, data):
    cut = data.draw(st.integers(1, len(adx)))
    whole = latch(adx, enter=25, leave=20)
    pd.testing.assert_series_equal(whole[:cut], latch(adx[:cut], enter=25, leave=20))


@given(st.lists(st.floats(20, 25), min_size=1, max_size=40), st.booleans())
def test_latch_does_not_flicker_between_its_thresholds(idle, began_above):
    first = 30.0 if began_above else 10.0
    assert set(latch(pd.Series([first, *idle]), enter=25, leave=20)) == {began_above}


def test_latch_refuses_to_leave_above_where_it_enters():
    with pytest.raises(ValueError, match="leave=26 with enter=25"):
        latch(pd.Series([1.0]), enter=25, leave=26)


@given(regime_frames)
def test_classify_matches_the_bar_by_bar_definition(frame):
    trending = volatile = False
    expected = []
    for adx, ratio in zip(frame["adx"], frame["ratio"], strict=True):
        trending = True if adx > 25 else False if adx < 20 else trending
        volatile = True if ratio > 1.5 else False if ratio < 1.2 else volatile
        if np.isnan(adx) or np.isnan(ratio):
            expected.append(UNKNOWN)
        else:
            expected.append(VOLATILE if volatile else TRENDING if trending else RANGING)
    regime = classify(frame["adx"], frame["ratio"], RegimeSettings())
    assert regime.tolist() == expected
    assert regime.dtype == np.int8


@given(regime_frames, st.data())
def test_regimes_never_look_ahead(frame, data):
    cut = data.draw(st.integers(1, len(frame)))

    def regime(rows):
        own = classify(rows["adx"], rows["ratio"], RegimeSettings())
        return confirm(own, rows["adx_4h"], least_adx=22)

    pd.testing.assert_series_equal(regime(frame)[:cut], regime(frame[:cut]))


@given(regime_codes)
def test_age_matches_the_bar_by_bar_definition(regime):
    expected = []
    for bar, code in enumerate(regime):
        lasts = bar > 0 and code == regime[bar - 1]
        expected.append(expected[-1] + 1 if lasts else 0)
    assert age(regime).tolist() == expected
    assert age(regime).dtype == np.int32


@given(regime_codes, st.data())
def test_age_never_looks_ahead(regime, data):
    cut = data.draw(st.integers(0, len(regime)))
    assert age(regime)[:cut].tolist() == age(regime[:cut]).tolist()


def test_an_outage_of_one_bar_makes_a_regime_new():
    regime = np.array([TRENDING, TRENDING, UNKNOWN, TRENDING, TRENDING], dtype=np.int8)
    assert age(regime).tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("regime", "adx_4h", "confirmed"),
    [
        (TRENDING, 21.9, RANGING),
        (TRENDING, 22.0, TRENDING),
        (TRENDING, 40.0, TRENDING),
        (RANGING, 10.0, RANGING),
        (RANGING, 40.0, RANGING),
        (VOLATILE, 10.0, VOLATILE),
        (UNKNOWN, 40.0, UNKNOWN),
        (TRENDING, np.nan, UNKNOWN),
        (RANGING, np.nan, UNKNOWN),
        (VOLATILE, np.nan, UNKNOWN),
    ],
)
def test_only_a_trend_needs_the_four_hours_and_every_regime_needs_to_know_them(
    regime, adx_4h, confirmed
):
    own = pd.Series([regime], dtype=np.int8)
    assert confirm(own, pd.Series([adx_4h]), least_adx=22).tolist() == [confirmed]

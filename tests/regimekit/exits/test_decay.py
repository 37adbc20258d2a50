"""A move is dying when its momentum shrinks bar by bar and RSI comes down from high."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.exits.decay import dying
from regimekit.settings import ExitSettings

NAN = np.nan
DEFAULTS = ExitSettings()

histograms = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, NAN])
rsis = st.sampled_from([20.0, 55.0, 60.0, 60.5, 70.0, 90.0, NAN])
# Falling series as well as arbitrary ones: three bars in a row seldom shrink by chance.
falling = st.lists(st.tuples(histograms, rsis), min_size=1, max_size=40).map(
    lambda rows: sorted(rows, reverse=True)
)
arbitrary = st.lists(st.tuples(histograms, rsis), min_size=1, max_size=40)
series = (arbitrary | falling | st.builds(lambda one, two: one + two, arbitrary, falling)).map(
    lambda rows: tuple(np.array(rows, dtype=float).T)
)
decay_settings = st.builds(
    ExitSettings, decay_bars=st.sampled_from([1, 2, 3, 50]), decay_rsi=st.sampled_from([50.0, 60.0])
)


@given(series, decay_settings)
def test_matches_the_bar_by_bar_definition(market, exits):
    histogram, rsi = market
    expected, shrunk = [], 0
    for bar in range(len(rsi)):
        shrunk = shrunk + 1 if bar > 0 and histogram[bar] < histogram[bar - 1] else 0
        before = rsi[bar - exits.decay_bars] if bar >= exits.decay_bars else NAN
        from_high = rsi[bar] < before and before > exits.decay_rsi
        expected.append(bool(shrunk >= exits.decay_bars and histogram[bar] > 0 and from_high))
    assert dying(histogram, rsi, exits).tolist() == expected


@given(series, decay_settings, st.data())
def test_never_looks_ahead(market, exits, data):
    histogram, rsi = market
    cut = data.draw(st.integers(0, len(rsi)))
    alone = dying(histogram[:cut], rsi[:cut], exits)
    assert dying(histogram, rsi, exits)[:cut].tolist() == alone.tolist()


@given(series, decay_settings)
def test_no_market_is_dying_upward_and_downward_at_once(market, exits):
    histogram, rsi = market
    assert not (dying(histogram, rsi, exits) & dying(-histogram, 100.0 - rsi, exits)).any()


@given(series, decay_settings, st.sampled_from([1e-6, 1e6]))
def test_the_unit_of_price_does_not_matter(market, exits, unit):
    histogram, rsi = market
    assert dying(histogram * unit, rsi, exits).tolist() == dying(histogram, rsi, exits).tolist()


BY_HAND = {  # histogram, RSI of the last bars -> dying on the last of them
    "three shrink, from 61": ([4, 3, 2, 1], [61, 60, 59, 58], True),
    "only two shrink": ([3, 3, 2, 1], [61, 60, 59, 58], False),
    "one grew in between": ([4, 2, 3, 1], [61, 60, 59, 58], False),
    "the histogram is no longer positive": ([3, 2, 1, 0], [61, 60, 59, 58], False),
    "RSI came from 60": ([4, 3, 2, 1], [60, 59, 58, 57], False),
    "RSI came from high, rose and is lower": ([4, 3, 2, 1], [61, 80, 70, 60], True),
    "RSI is where it was": ([4, 3, 2, 1], [61, 60, 59, 61], False),
    "RSI was high only in between": ([4, 3, 2, 1], [59, 80, 70, 58], False),
    "a histogram is missing": ([4, NAN, 2, 1], [61, 60, 59, 58], False),
    "the first histogram is missing": ([NAN, 3, 2, 1], [61, 60, 59, 58], False),
    "RSI is missing now": ([4, 3, 2, 1], [61, 60, 59, NAN], False),
    "RSI was missing then": ([4, 3, 2, 1], [NAN, 60, 59, 58], False),
    "too few bars": ([3, 2, 1], [61, 60, 59], False),
}


@pytest.mark.parametrize(("histogram", "rsi", "dies"), BY_HAND.values(), ids=BY_HAND)
def test_by_hand(histogram, rsi, dies):
    answer = dying(np.array(histogram, dtype=float), np.array(rsi, dtype=float), DEFAULTS)
    assert answer.tolist() == [False] * (len(rsi) - 1) + [dies]


@pytest.mark.parametrize("length", [0, 1, 2, 26, 49, 50])
def test_fewer_bars_than_are_asked_for_are_not_dying(length):
    fading = np.linspace(2, 1, length)
    assert dying(fading, 40 * fading, ExitSettings(decay_bars=50)).tolist() == [False] * length


def test_it_goes_on_dying_for_as_long_as_it_shrinks():
    fading = np.linspace(2, 1, 8)
    assert dying(fading, 45 * fading, DEFAULTS).tolist() == [False] * 3 + [True] * 5

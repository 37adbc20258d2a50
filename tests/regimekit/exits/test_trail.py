"""What regime and volatility ask of a trail's width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.exits.trail import trail_factor
from regimekit.schema import Regime
from regimekit.settings import ExitSettings

NAN = np.nan
UNKNOWN, RANGING, TRENDING, VOLATILE = Regime
ON = ExitSettings(volatility_trail=True)

a_factor = st.floats(0.3, 3)
switched_on = st.builds(
    ExitSettings,
    volatility_trail=st.just(True),
    trail_ranging=a_factor,
    trail_trending=a_factor,
    trail_volatile=a_factor,
    trail_calm=a_factor,
    trail_wild=a_factor,
)
market = st.lists(
    st.tuples(st.sampled_from(Regime), st.floats(0, 1) | st.just(NAN)), min_size=1, max_size=30
)


def factors(rows, exits: ExitSettings) -> np.ndarray:
    regime, rank = zip(*rows, strict=True)
    return trail_factor(np.array(regime, dtype=np.int8), np.array(rank), exits)


@given(market, switched_on)
def test_each_bar_is_decided_by_itself(rows, exits):
    alone = [factors([row], exits)[0] for row in rows]
    assert factors(rows, exits).tolist() == alone


@given(market, switched_on)
def test_a_factor_is_a_positive_number_whatever_is_missing(rows, exits):
    answer = factors(rows, exits)
    assert np.isfinite(answer).all()
    assert (answer > 0).all()


@given(market)
def test_switched_off_it_asks_for_nothing(rows):
    assert (factors(rows, ExitSettings(volatility_trail=False)) == 1.0).all()


@given(st.sampled_from(Regime), st.floats(0, 1), st.floats(0, 1), switched_on)
def test_it_lies_between_calm_and_wild_in_the_order_of_the_rank(regime, one, other, exits):
    low, high = sorted([one, other])
    calm, lower, higher, wild = factors(
        [(regime, 0.0), (regime, low), (regime, high), (regime, 1.0)], exits
    )
    rises = 1 if exits.trail_wild >= exits.trail_calm else -1
    slack = 1e-12
    assert rises * (lower - calm) >= -slack
    assert rises * (higher - lower) >= -slack
    assert rises * (wild - higher) >= -slack


@pytest.mark.parametrize(
    ("regime", "rank", "factor"),
    [
        (RANGING, 0.0, 0.8 * 0.85),
        (RANGING, 1.0, 0.8 * 1.3),
        (TRENDING, 0.0, 1.2 * 0.85),
        (TRENDING, 1.0, 1.2 * 1.3),
        (TRENDING, 0.5, 1.2 * 1.075),
        (VOLATILE, 0.0, 0.85),
        (VOLATILE, 1.0, 1.3),
        (UNKNOWN, 0.0, 0.85),
        (RANGING, NAN, 0.8),
        (TRENDING, NAN, 1.2),
        (VOLATILE, NAN, 1.0),
        (UNKNOWN, NAN, 1.0),
    ],
)
def test_by_hand(regime, rank, factor):
    assert factors([(regime, rank)], ON) == pytest.approx([factor])


def test_each_regime_has_a_factor_of_its_own():
    exits = ExitSettings(
        volatility_trail=True, trail_ranging=0.5, trail_trending=2.0, trail_volatile=3.0
    )
    rows = [(RANGING, NAN), (TRENDING, NAN), (VOLATILE, NAN), (UNKNOWN, NAN)]
    assert factors(rows, exits).tolist() == [0.5, 2.0, 3.0, 1.0]

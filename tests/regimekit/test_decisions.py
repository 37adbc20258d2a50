"""Decisions of single bars whose inputs are written by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.decisions import decision_columns, entry_tags, regime_labels
from regimekit.schema import Availability, Regime, parse_entry_tag
from regimekit.settings import (
    ExitSettings,
    FilterSettings,
    MeanReversionSettings,
    MomentumSettings,
    Settings,
)
from tests.regimekit.signals.evidence import NEUTRAL

# A trend that everything confirms: momentum 0.20 + 0.15 + 0.15 + 0.15 + 0.10 = 0.75, and both
# higher timeframes agree, which makes 0.95.
TREND = NEUTRAL | {
    "close": 100.0,
    "atr": 1.0,
    "adx": 30.0,
    "atr_ratio": 1.0,
    "ema_fast": 102.0,
    "ema_mid": 101.0,
    "ema_slow": 100.0,
    "rsi_fast": 60.0,
    "macd_hist": 0.1,
    "volume_ratio": 1.6,
    "obv_flow": 0.2,
    "trend_1h": 1.0,
    "trend_4h": 1.0,
    "adx_4h": 30.0,
    "state_1h": Availability.OK,
    "state_4h": Availability.OK,
    "funding_rate_8h": 0.0001,
    "funding_state": Availability.OK,
}
BREAK = TREND | {"atr_ratio": 2.0, "break_up": 0.003, "body": 0.8, "rsi": 60.0, "volume_ratio": 2.1}
STRETCHED = {"bb_percent": -0.2, "rsi": 20.0, "reversal": 1.0, "rsi_divergence": 1.0}
REVERSION = TREND | STRETCHED | {"adx": 15.0}
FLAT = Settings(filters=FilterSettings(alignment_bonus=0.0))


def decide(row, settings=None, **changes) -> pd.Series:
    frame = pd.DataFrame([row | changes])
    return decision_columns(frame, settings or Settings()).iloc[0]


@pytest.mark.parametrize(
    ("row", "regime", "confidence", "distance", "target"),
    [
        (TREND, Regime.TRENDING, 0.95, 2.0, 2.0),
        (BREAK, Regime.VOLATILE, 1.0, 2.0, 2.0),
        (REVERSION, Regime.RANGING, 1.0, 2.0, 1.2),
        (TREND | {"atr": 4.0}, Regime.TRENDING, 0.95, 6.0, 2.0),
        (REVERSION | {"atr": 4.0}, Regime.RANGING, 1.0, 4.8, 1.2),
    ],
)
def test_each_regime_enters_by_its_own_rules(row, regime, confidence, distance, target):
    decided = decide(row)
    assert decided["entry"] == 1
    assert decided["regime"] == regime
    assert decided["confidence_long"] == pytest.approx(confidence)
    assert decided["stop_distance"] == pytest.approx(distance)
    assert decided["target_rr"] == target


def test_a_confidence_below_the_least_enters_nothing():
    assert decide(TREND, FLAT)["confidence_long"] == pytest.approx(0.75)
    assert decide(TREND, FLAT)["entry"] == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trend_1h": -1.0, "trend_4h": -1.0}, "direction_allows_long"),
        ({"trend_1h": np.nan, "state_1h": Availability.STALE}, "inputs_ok"),
        ({"trend_4h": np.nan, "state_4h": Availability.OUTAGE}, "inputs_ok"),
        ({"funding_rate_8h": np.nan, "funding_state": Availability.STALE}, "funding_allows_long"),
    ],
)
def test_a_filter_that_refuses_says_so_in_its_own_column(change, why):
    decided = decide(TREND, **change)
    assert decided["entry"] == 0
    assert not decided[why]
    assert decide(TREND)[why]


def test_funding_blocks_only_where_its_policy_is_to_block():
    abstaining = Settings(filters=FilterSettings(funding_outage="abstain"))
    outage = {"funding_rate_8h": np.nan, "funding_state": Availability.OUTAGE}
    decided = decide(TREND, abstaining, **outage)
    assert (decided["entry"], decided["inputs_ok"]) == (1, True)


def test_a_crowded_side_needs_more_to_enter():
    assert decide(TREND, funding_rate_8h=0.002)["confidence_long"] == pytest.approx(0.80)
    assert decide(TREND, funding_rate_8h=-0.002)["confidence_long"] == 1.0


def test_a_bonus_makes_no_signal_where_there_is_none():
    decided = decide(TREND, ema_fast=99.0)
    assert decided["signal_long"] == decided["confidence_long"] == 0.0


def test_no_least_confidence_turns_no_signal_into_an_entry():
    everything = Settings(momentum=MomentumSettings(momentum_min_confidence=0.0))
    assert decide(TREND, everything, ema_fast=100.5)["entry"] == 0


@pytest.mark.parametrize(("atr", "entry"), [(10.0, 1), (10.01, 0)])
def test_a_stop_too_far_away_to_be_placed_refuses_the_entry(atr, entry):
    assert decide(TREND, atr=atr)["entry"] == entry  # 1.5 ATR, at most 15 % of 100


def test_a_stop_is_at_least_its_least_distance_away():
    near = Settings(exits=ExitSettings(min_stop=0.05))
    assert decide(TREND, near)["stop_distance"] == pytest.approx(5.0)


def test_a_tie_between_the_sides_enters_neither():
    # Below its band for a long, overbought for a short: as much evidence for one as for the other.
    torn = NEUTRAL | {"bb_percent": -0.2, "rsi": 80.0, "volume_ratio": 1.6}
    tied = TREND | torn | {"adx": 15.0, "trend_1h": 0.0, "trend_4h": 0.0}
    lax = Settings(mean_reversion=MeanReversionSettings(mean_reversion_min_confidence=0.1))
    undecided = decide(tied, lax)
    assert undecided["confidence_long"] == undecided["confidence_short"] == pytest.approx(0.37)
    assert undecided["entry"] == 0
    assert decide(tied, lax, obv_flow=0.1)["entry"] == 1
    assert decide(tied, lax, obv_flow=-0.1)["entry"] == -1


@pytest.mark.parametrize("name", ["adx", "atr_ratio", "adx_4h", "atr", "macd_hist", "close"])
def test_an_unknown_indicator_enters_nothing(name):
    assert decide(TREND, **{name: np.nan})["entry"] == 0


@given(st.lists(st.tuples(st.sampled_from(Regime), st.integers(-1, 1)), min_size=1, max_size=20))
def test_a_tag_names_the_reason_of_each_entry(rows):
    regime, entry = zip(*rows, strict=True)
    tags = entry_tags(pd.Series(regime, dtype=np.int8), pd.Series(entry, dtype=np.int8))
    for code, entered, tag in zip(regime, entry, tags, strict=True):
        if entered and code is not Regime.UNKNOWN:
            assert parse_entry_tag(tag)[0] is code
        else:
            assert pd.isna(tag)


def test_regimes_have_readable_names():
    codes = pd.Series([-1, 0, 1, 2], dtype=np.int8)
    assert regime_labels(codes).tolist() == ["unknown", "ranging", "trending", "volatile"]

"""A trade explains itself: why it was opened, and what ends it."""

import math
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.hooks.notes import change, levels, price, signal_row, why
from regimekit.schema import Side
from tests.described import described

OPENED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
TELEGRAM_FORMAT = set("*`[")  # and _, which our tags hold, between backticks


def planned(side: Side = Side.LONG, **changes) -> ExitPlan:
    arguments = {
        "stop_distance": 840.0,
        "target_rr": 2.0,
        "atr": 560.0,
        "fee": 0.0005,
        "settings": described().exits,
        "regime": "trending",
        "sub_strategy": "momentum",
        "confidence": 0.86,
    } | changes
    return plan_exit(side, 42_000.0, **arguments)


ROW = {
    "min_confidence": 0.78,
    "signal_long": 0.81,
    "trend_1h": 1.0,
    "trend_4h": 1.0,
    "direction_bonus_long": 0.2,
    "funding_bonus_long": -0.15,
    "squeeze_bonus_long": 0.0,
}


def test_why_adds_up():
    assert why(planned(), ROW) == (
        "trending:momentum, confidence 0.86 (needs 0.78): "
        "signal 0.81, 1h and 4h agree +0.20, funding -0.15"
    )


@pytest.mark.parametrize(
    ("side", "trend_1h", "trend_4h", "said"),
    [
        (Side.LONG, 1.0, 0.0, "1h agrees +0.10"),
        (Side.LONG, -1.0, 1.0, "4h agrees +0.10"),
        (Side.SHORT, -1.0, 1.0, "1h agrees +0.10"),
        (Side.SHORT, 0.0, -1.0, "4h agrees +0.10"),
        (Side.SHORT, math.nan, math.nan, "direction +0.10"),
    ],
)
def test_only_what_goes_with_the_trade_agrees(side, trend_1h, trend_4h, said):
    row = {"trend_1h": trend_1h, "trend_4h": trend_4h, f"direction_bonus_{side}": 0.1}
    assert why(planned(side), row) == f"trending:momentum, confidence 0.86: {said}"


def test_the_other_side_is_no_reason():
    assert why(planned(Side.SHORT), ROW) == "trending:momentum, confidence 0.86 (needs 0.78)"


def test_the_uncrowded_side_is_a_reason():
    row = {"squeeze_bonus_long": 0.05}
    assert why(planned(), row) == "trending:momentum, confidence 0.86: squeeze +0.05"


@pytest.mark.parametrize("row", [{}, dict.fromkeys(ROW, math.nan), dict.fromkeys(ROW)])
def test_what_is_missing_is_left_out(row):
    assert why(planned(), row) == "trending:momentum, confidence 0.86"


def test_a_trade_without_a_signal_says_so():
    plan = planned(regime="unknown", sub_strategy="unknown", confidence=math.nan)
    assert why(plan, ROW) == "opened without a signal"


def test_levels_of_a_long():
    assert levels(planned(atr=600.0, squeeze_atr=1.0)) == (
        "stop 41,160 (-2.0 %), target 43,680 (+4.0 %, 2.0 R), break-even at 43,512, "
        "trail 2.5 ATR, 1.0 ATR while its side is crowded"
    )


def test_levels_of_a_short():
    assert levels(planned(Side.SHORT)) == (
        "stop 42,840 (+2.0 %), target 40,320 (-4.0 %, 2.0 R), break-even at 40,488, trail 2.5 ATR"
    )


def test_levels_without_break_even_and_trail():
    fixed = described(exits={"break_even": False, "hybrid_trail": False}).exits
    assert levels(planned(settings=fixed)) == (
        "stop 41,160 (-2.0 %), target 43,680 (+4.0 %, 2.0 R), closes at the target"
    )


def test_a_trail_without_an_atr_is_a_price():
    assert levels(planned(atr=math.nan)).endswith("trail 840")


@given(
    st.sampled_from(Side),
    st.floats(1e-3, 0.4),
    st.floats(0.5, 2.4),
    st.floats(0, 1) | st.just(math.nan),
    st.dictionaries(st.sampled_from(sorted(ROW)), st.floats(-1, 1) | st.just(math.nan)),
)
def test_any_trade_has_one_short_line_that_telegram_shows_as_it_is(
    side, distance, reward, confidence, row
):
    plan = planned(side, stop_distance=distance * 42_000.0, target_rr=reward, confidence=confidence)
    for text in (why(plan, row), levels(plan)):
        assert text.isascii()
        assert len(text) < 200
        assert not TELEGRAM_FORMAT & set(text)
        assert not re.search("nan|inf|None|\n", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (41_200.0, "41,200"),
        (83_154.3, "83,154.3"),
        (1_234_567.0, "1,234,567"),
        (100.0, "100"),
        (0.4129, "0.4129"),
        (0.00001234, "0.00001234"),
        (43_699.999999999, "43,700"),
        (99_999.97, "100,000"),
        (0.0, "0"),
        (math.nan, "unknown"),
        (math.inf, "unknown"),
    ],
)
def test_prices_have_the_digits_that_matter(value, text):
    assert price(value) == text


@given(st.floats(1e-7, 1e7))
def test_a_price_reads_back_within_its_digits(value):
    assert float(price(value).replace(",", "")) == pytest.approx(value, rel=1e-5)


def test_change_is_that_of_the_price():
    assert change(100.0, 98.0) == "-2.0 %"
    assert change(50.0, 75.0) == "+50.0 %"


def frame(unit="ms"):
    dates = pd.date_range("2026-01-05 07:00", periods=4, freq="15min", tz="UTC").as_unit(unit)
    return pd.DataFrame({"date": dates, "close": [1.0, 2.0, 3.0, 4.0]})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("late", [0, 1, 899])
def test_the_row_is_that_of_the_candle_that_closed_last(unit, late):
    row = signal_row(frame(unit), OPENED + timedelta(seconds=late), 900)
    assert row["close"] == 4.0
    assert signal_row(frame(unit), OPENED - timedelta(seconds=1), 900)["close"] == 3.0


@pytest.mark.parametrize("moment", [OPENED + timedelta(minutes=15), OPENED - timedelta(hours=1)])
def test_a_candle_that_is_not_there_has_no_row(moment):
    assert signal_row(frame(), moment, 900) == {}
    assert signal_row(frame().iloc[:0], moment, 900) == {}


def test_a_candle_that_is_missing_in_between_has_no_row():
    assert signal_row(frame().drop(index=2), OPENED - timedelta(seconds=1), 900) == {}


def test_a_row_of_the_frame_is_read_like_any_other():
    shown = frame().assign(**{name: np.float64(value) for name, value in ROW.items()})
    assert why(planned(), signal_row(shown, OPENED, 900)) == why(planned(), ROW)

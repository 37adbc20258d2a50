"""R, excursions and exit kinds, by law and by hand."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.reports.plans import with_plans
from regimekit.reports.trades import trade_table
from regimekit.schema import Regime
from regimekit.settings import ExitSettings
from tests.reports.builders import PAIR, START, STEP, decided, record

EXITS = ExitSettings()  # break-even at 1.8 R, trail of 2.5 ATR


def planned(*records, frame=None, exits=EXITS):
    frames = {PAIR: decided() if frame is None else frame}
    return with_plans(trade_table(records), frames, exits, timeframe=STEP.to_pytimedelta())


def only(*args, **kwargs):
    return planned(*args, **kwargs).iloc[0]


prices = st.floats(94.0, 112.0, allow_nan=False)


@st.composite
def moves(draw):
    """Low, exit and high of a trade that opened at 100."""
    low, exit_, high = sorted(draw(st.tuples(prices, prices, prices)))
    return {"min_rate": min(low, 100.0), "close_rate": exit_, "max_rate": max(high, 100.0)}


def mirrored(move):
    return {
        "min_rate": 200.0 - move["max_rate"],
        "close_rate": 200.0 - move["close_rate"],
        "max_rate": 200.0 - move["min_rate"],
        "is_short": True,
    }


@given(moves())
def test_a_mirrored_short_measures_what_the_long_does(move):
    long, short = only(record(**move)), only(record(**mirrored(move)))
    for column in ("r_gross", "mae", "mfe", "target_r"):
        assert short[column] == pytest.approx(long[column], abs=1e-9)


@given(moves(), st.floats(1.0, 25.0))
def test_leverage_changes_no_r(move, leverage):
    columns = ["r_gross", "r_multiple", "mae", "mfe", "stop", "target", "exit"]
    one, other = only(record(**move)), only(record(**move, leverage=leverage))
    pd.testing.assert_series_equal(one[columns], other[columns])


@given(moves(), st.booleans())
def test_a_result_lies_between_its_excursions(move, short):
    trade = only(record(**(mirrored(move) if short else move)))
    assert trade["mae"] <= trade["r_gross"] <= trade["mfe"]
    assert trade["mae"] <= 0 <= trade["mfe"]


def test_r_and_excursions_by_hand():
    # Bought at 100 with a stop at 98: 99 is half an R against, 106 three for, 104 two gained.
    trade = only(record())
    assert (trade["stop"], trade["target"], trade["target_r"]) == (98.0, 104.0, 2.0)
    assert (trade["mae"], trade["mfe"], trade["r_gross"]) == (-0.5, 3.0, 2.0)
    # 2 coins: 8.00 gained, 0.204 fees, 0.01 funding; 4.00 were at risk.
    assert trade["r_multiple"] == pytest.approx((8.0 - 0.204 - 0.01) / 4.0)


@pytest.mark.parametrize(
    ("best", "reason", "kind"),
    [
        (103.5, "trailing_stop_loss", "trailing_stop_loss"),  # 1.75 R: nothing has moved yet
        (103.6, "trailing_stop_loss", "break_even"),  # 1.8 R
        (103.9, "trailing_stop_loss", "break_even"),
        (104.0, "trailing_stop_loss", "trail"),  # the target arms it: 104 - 2.5 > 100.1
        (110.0, "trailing_stop_loss", "trail"),
        (110.0, "stop_loss", "stop_loss"),
        (110.0, "force_exit", "force_exit"),
        (110.0, "", "unknown"),
    ],
)
@pytest.mark.parametrize("short", [False, True])
def test_a_moved_stop_is_told_apart(best, reason, kind, short):
    move = {"min_rate": 99.5, "close_rate": 100.2, "max_rate": best}
    trade = record(**(mirrored(move) if short else move), exit_reason=reason)
    assert only(trade)["exit"] == kind


def test_the_signal_is_the_candle_that_had_closed_at_the_entry():
    frame = decided(stop_distance=math.nan)
    opened = START + pd.Timedelta(hours=30)
    frame.loc[frame["date"] == opened - STEP, "stop_distance"] = 4.0
    assert only(record(opened=opened), frame=frame)["stop"] == 96.0
    # A fill within a candle belongs to the same signal.
    later = opened + pd.Timedelta(minutes=10)
    assert only(record(opened=later), frame=frame)["stop"] == 96.0


@pytest.mark.parametrize(
    ("trade", "frame", "reason"),
    [
        (record(enter_tag="force_entry"), decided(), "entry tag is not one of this pack"),
        (record(pair="CCC/USDT:USDT"), decided(), "no candles of the pair"),
        (record(opened=START), decided(), "no candle had just closed at the entry"),
        (record(), decided().iloc[:50], "no candle had just closed at the entry"),
        (record(), decided(Regime.RANGING), "candles do not give the signal of the trade"),
        (record(open_rate=111.0), decided(), "candles do not contain the price of the entry"),
        (record(), decided(stop_distance=math.nan), "stop_distance must lie between"),
    ],
)
def test_an_unknown_r_is_named_and_never_zero(trade, frame, reason):
    unknown = only(trade, frame=frame)
    assert unknown["r_unknown"].startswith(reason)
    assert unknown[["r_gross", "r_multiple", "mae", "mfe"]].isna().all()
    assert unknown["exit"] == "trailing_stop_loss"


def test_an_open_trade_has_a_plan_and_no_result():
    trade = only(record(is_open=True, profit_abs=None))
    assert (trade["exit"], trade["r_unknown"], trade["stop"]) == ("still_open", "still open", 98.0)
    assert math.isnan(trade["r_multiple"])


def test_no_trades_give_an_empty_table_of_the_same_columns():
    empty, full = planned(), planned(record())
    assert list(empty.columns) == list(full.columns)
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()

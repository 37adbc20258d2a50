"""R, excursions and exit kinds, by law and by hand."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.adaptive import adapt
from regimekit.reports.entries import with_entries
from regimekit.reports.plans import adaptation_at, past_trades, with_plans
from regimekit.reports.trades import trade_table
from regimekit.schema import Regime
from tests.described import described
from tests.reports.builders import PAIR, START, STEP, decided, record

SETTINGS = described()  # break-even at 1.8 R, trail of 2.5 ATR, 1 ATR while squeezed
TIMEFRAME = STEP.to_pytimedelta()


def planned(*records, frame=None, settings=SETTINGS):
    frames = {PAIR: decided() if frame is None else frame}
    entries = with_entries(trade_table(records), frames, timeframe=TIMEFRAME)
    return with_plans(entries, frames, settings, timeframe=TIMEFRAME)


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


def test_without_break_even_only_the_trail_moves_a_stop():
    settings = described(exits={"break_even": False})
    move = {"min_rate": 99.5, "close_rate": 100.2}
    kinds = [
        only(record(**move, max_rate=best), settings=settings)["exit"] for best in (103.9, 104.0)
    ]
    assert kinds == ["trailing_stop_loss", "trail"]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(
    ("squeezed", "best", "kind"),
    [
        (1.0, 101.0, "squeeze_trail"),  # 100 is tighter than 98, long before break-even
        (-1.0, 101.0, "trailing_stop_loss"),  # the other side's trouble
        (math.nan, 101.0, "trailing_stop_loss"),  # nobody knows
        (1.0, 104.0, "squeeze_trail"),  # 103 is tighter than the trail's 101.5
    ],
)
def test_a_trail_that_squeeze_risk_tightened_is_told_apart(squeezed, best, kind, short):
    move = {"min_rate": 99.5, "close_rate": 100.2, "max_rate": best}
    frame = decided(squeeze_risk=-squeezed if short else squeezed)
    trade = record(**(mirrored(move) if short else move))
    assert only(trade, frame=frame)["exit"] == kind
    off = described(squeeze={"tighten": False})
    calm = "trail" if best >= 104 else "trailing_stop_loss"
    assert only(trade, frame=frame, settings=off)["exit"] == calm


def test_squeeze_risk_counts_from_the_candle_after_it_was_seen():
    opened = START + pd.Timedelta(hours=30)
    move = {"min_rate": 99.5, "close_rate": 100.2, "max_rate": 101.0, "hours": 5.0}
    closed = opened + pd.Timedelta(hours=5)
    for seen, kind in ((closed - STEP, "squeeze_trail"), (closed, "trailing_stop_loss")):
        frame = decided(squeeze_risk=0.0)
        frame.loc[frame["date"] == seen, "squeeze_risk"] = 1.0
        assert only(record(**move, opened=opened), frame=frame)["exit"] == kind


def test_the_first_to_tighten_most_names_the_exit():
    # Squeezed early at a best of 101 (stop 100), the trail later reaches 104 - 2.5 = 101.5.
    frame = decided(squeeze_risk=0.0, high=101.0)
    opened = START + pd.Timedelta(hours=30)
    frame.loc[frame["date"] <= opened + 2 * STEP, "squeeze_risk"] = 1.0
    frame.loc[frame["date"] >= opened + 8 * STEP, "high"] = 104.0
    trade = record(opened=opened, min_rate=99.5, close_rate=101.5, max_rate=104.0)
    assert only(trade, frame=frame)["exit"] == "trail"


def test_a_wider_market_widens_the_trail():
    # At a best of 104.5 a trail of 2.5 ATR stops at 102; of 5 ATR it is behind break-even.
    move = {"min_rate": 99.5, "close_rate": 102.0, "max_rate": 104.5}
    assert only(record(**move), frame=decided(trail_factor=1.0))["exit"] == "trail"
    assert only(record(**move), frame=decided(trail_factor=2.0))["exit"] == "break_even"


def history(count, **changes):
    """Trades that ended one after the other, an hour each, before 30:00."""
    first = START + pd.Timedelta(hours=2)
    return [
        record(opened=first + pd.Timedelta(hours=number), hours=1.0, **changes)
        for number in range(count)
    ]


def test_stop_and_target_follow_the_results_before():
    trades = planned(*history(12, close_rate=104.0), record(close_rate=104.0, hours=6.0))
    adaptation = adapt(trades["profit_ratio"].iloc[:12] / 3.0, SETTINGS.adaptive, target_rr=2.0)
    assert adaptation.stop > 1.0
    assert adaptation.reward > 1.0
    last = trades.iloc[-1]
    assert 100.0 - last["stop"] == pytest.approx(2.0 * adaptation.stop)
    assert last["target_r"] == pytest.approx(2.0 * adaptation.reward)
    # The first had no results to look back on.
    assert (trades["stop"].iloc[0], trades["target_r"].iloc[0]) == (98.0, 2.0)


@pytest.mark.parametrize(
    "settings", [described(trade_history=False), described(adaptive={"enabled": False})]
)
def test_a_layer_that_is_off_changes_nothing(settings):
    last = planned(*history(12), record(hours=6.0), settings=settings).iloc[-1]
    assert (last["stop"], last["target_r"]) == (98.0, 2.0)


def test_only_results_of_the_same_sub_strategy_before_the_candle_count():
    other = history(12, enter_tag="ranging:mean_reversion")
    trades = trade_table([*history(12), *other, record(is_open=True)])
    past = past_trades(trades)
    opened = (START + pd.Timedelta(hours=13)).to_pydatetime()  # the eleventh closes just then
    found = adaptation_at(past, "momentum", opened, SETTINGS)
    results = trades.loc[trades["sub_strategy"] == "momentum", "profit_ratio"].iloc[:10] / 3.0
    assert found == adapt(results, SETTINGS.adaptive, target_rr=2.0)


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

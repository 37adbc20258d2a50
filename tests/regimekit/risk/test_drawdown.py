"""Drawdown of realized equity, however often it is asked on the way."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.drawdown import DrawdownTracker

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = FIRST + 1000 * HOUR


@dataclass(eq=False)  # a trade is that trade, as in Freqtrade
class Closed:
    close_profit_abs: float | None
    close_date_utc: datetime = FIRST
    open_date_utc: datetime = FIRST
    pair: str = "BTC/USDT:USDT"
    enter_tag: str | None = None
    leverage: float = 1.0
    close_profit: float | None = None


def hourly(values):
    """One trade closed each hour."""
    return [Closed(value, FIRST + hour * HOUR) for hour, value in enumerate(values)]


profits = st.lists(st.floats(-90, 90), max_size=40).map(hourly)


def from_scratch(closed, starting_equity=1000.0):
    """The definition: walk through all trades."""
    equity = peak = starting_equity
    for trade in closed:
        equity += trade.close_profit_abs
        peak = max(peak, equity)
    return pytest.approx((peak - equity) / peak, abs=1e-9)


def asked(tracker, closed, before=LATER):
    return tracker.drawdown(closed, 1000.0, before)


@given(profits, st.lists(st.integers(0, 40), max_size=10).map(sorted))
def test_asking_on_the_way_gives_what_a_walk_through_all_trades_gives(closed, counts):
    tracker = DrawdownTracker()
    for count in counts:
        assert asked(tracker, closed[:count]) == from_scratch(closed[:count])


@given(profits, st.lists(st.integers(0, 45), max_size=10))
def test_only_trades_closed_before_the_moment_count_in_whatever_order_one_asks(closed, hours):
    tracker = DrawdownTracker()
    for hour in hours:
        assert asked(tracker, closed, FIRST + hour * HOUR) == from_scratch(closed[:hour])


@given(profits, profits)
def test_another_list_belongs_to_another_run(before, after):
    tracker = DrawdownTracker()
    asked(tracker, before)
    assert asked(tracker, after) == from_scratch(after)


@given(profits)
def test_a_database_that_is_read_anew_gives_the_same(closed):
    tracker = DrawdownTracker()
    for count in (len(closed) // 2, len(closed)):
        fresh = hourly([trade.close_profit_abs for trade in closed[:count]])
        assert asked(tracker, fresh) == from_scratch(fresh)


@given(profits)
def test_a_run_that_begins_without_trades_knows_nothing_of_the_one_before(closed):
    tracker = DrawdownTracker()
    asked(tracker, hourly([-400.0] * 10))
    assert asked(tracker, []) == 0.0
    assert asked(tracker, closed) == asked(DrawdownTracker(), closed)


def test_by_hand():
    closed = hourly([100.0, -50.0, -60.0, 300.0, -129.0])
    expected = [0.0, 50 / 1100, 110 / 1100, 0.0, 129 / 1290]
    tracker = DrawdownTracker()
    found = [asked(tracker, closed[: count + 1]) for count in range(5)]
    assert found == pytest.approx(expected)


def test_a_trade_that_closed_at_the_very_moment_is_not_known_yet():
    closed = hourly([-100.0, -100.0])
    assert asked(DrawdownTracker(), closed, FIRST) == 0.0
    assert asked(DrawdownTracker(), closed, FIRST + HOUR) == pytest.approx(0.1)


def test_a_trade_without_a_date_of_its_close_is_not_closed():
    assert asked(DrawdownTracker(), [Closed(-100.0, None)]) == 0.0


@pytest.mark.parametrize("unknown", [math.nan, None])
def test_an_unknown_profit_is_not_taken_for_none(unknown):
    assert math.isnan(asked(DrawdownTracker(), hourly([unknown, 5.0])))


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan])
def test_equity_must_be_above_0(equity):
    with pytest.raises(ValueError, match="starting_equity must be above 0"):
        DrawdownTracker().drawdown([], equity, LATER)

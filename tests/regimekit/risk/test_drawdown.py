"""Drawdown of realized equity, however often it is asked on the way."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.drawdown import DrawdownTracker


@dataclass
class Closed:
    close_profit_abs: float | None


profits = st.lists(st.floats(-90, 90) | st.none(), max_size=40).map(
    lambda values: [Closed(value) for value in values]
)


def from_scratch(closed, starting_equity):
    """The definition: walk through all trades."""
    equity = peak = starting_equity
    for trade in closed:
        equity += trade.close_profit_abs or 0.0
        peak = max(peak, equity)
    return (peak - equity) / peak


@given(profits, st.lists(st.integers(0, 40), max_size=10).map(sorted))
def test_asking_on_the_way_gives_what_a_walk_through_all_trades_gives(closed, asked):
    tracker = DrawdownTracker()
    for count in asked:
        found = tracker.drawdown(closed[:count], 1000.0)
        assert found == pytest.approx(from_scratch(closed[:count], 1000.0), abs=1e-9)


@given(profits, profits)
def test_a_shorter_list_belongs_to_another_run(before, after):
    tracker = DrawdownTracker()
    tracker.drawdown([*after, *before, Closed(-1.0)], 1000.0)
    found = tracker.drawdown(after, 1000.0)
    assert found == pytest.approx(from_scratch(after, 1000.0), abs=1e-9)


@given(profits)
def test_a_run_that_begins_without_trades_knows_nothing_of_the_one_before(closed):
    tracker = DrawdownTracker()
    tracker.drawdown([Closed(-400.0)] * 10, 1000.0)
    assert tracker.drawdown([], 1000.0) == 0.0
    assert tracker.drawdown(closed, 1000.0) == DrawdownTracker().drawdown(closed, 1000.0)


def test_by_hand():
    closed = [Closed(profit) for profit in (100.0, -50.0, -60.0, 300.0, -129.0)]
    expected = [0.0, 50 / 1100, 110 / 1100, 0.0, 129 / 1290]
    tracker = DrawdownTracker()
    found = [tracker.drawdown(closed[: count + 1], 1000.0) for count in range(5)]
    assert found == pytest.approx(expected)


def test_an_unknown_profit_is_not_taken_for_none():
    assert math.isnan(DrawdownTracker().drawdown([Closed(math.nan)], 1000.0))


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan])
def test_equity_must_be_above_0(equity):
    with pytest.raises(ValueError, match="starting_equity must be above 0"):
        DrawdownTracker().drawdown([], equity)

"""What is left without the best."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.reports.concentration import concentration
from regimekit.reports.entries import with_entries
from regimekit.reports.plans import with_plans
from regimekit.reports.trades import trade_table
from regimekit.settings import Settings
from tests.reports.builders import START, STEP, record

PAIRS = [f"{name}/USDT:USDT" for name in "ABCDEFG"]


def table(records):
    step = STEP.to_pytimedelta()
    return with_plans(with_entries(trade_table(records), {}, timeframe=step), {}, Settings(),
                      timeframe=step)  # fmt: skip


def made(profit, pair=PAIRS[0], day=0):
    return record(
        profit_abs=profit, pair=pair, opened=START + pd.Timedelta(days=day, hours=3), hours=30.0
    )


any_trade = st.builds(
    made, st.integers(-50, 50).map(float), st.sampled_from(PAIRS), st.integers(0, 8)
)


@given(st.lists(any_trade, max_size=20))
def test_what_is_taken_and_what_is_left_make_the_whole(records):
    trades = table(records)
    for part in concentration(trades, 1000.0).without:
        assert part.taken + part.rest.profit == pytest.approx(trades["profit_abs"].sum())
        assert part.removed <= min(5, part.available)
        assert part.removed == part.available or part.removed in (1, 5)


@given(st.lists(any_trade, max_size=20))
def test_no_other_choice_takes_more(records):
    trades = table(records)
    best = sorted(trades["profit_abs"], reverse=True)[:5]
    found = {(part.unit, part.removed): part for part in concentration(trades, 1000.0).without}
    if len(records) >= 5:
        assert found["trade", 5].taken == pytest.approx(sum(best))


def test_by_hand():
    records = [made(90.0, PAIRS[0], 0), made(-30.0, PAIRS[0], 1), made(10.0, PAIRS[1], 1)]
    found = concentration(table(records), 1000.0)
    kept = {(part.unit, part.removed): part.rest.profit for part in found.without}
    assert kept == {
        ("trade", 1): -20.0,
        ("trade", 3): 0.0,
        ("pair", 1): 10.0,  # the first pair made 60
        ("pair", 2): 0.0,
        ("day", 1): -20.0,  # of the entry: both others were entered on the second
        ("day", 2): 0.0,
    }
    assert found.top_share == pytest.approx(0.9)


def test_without_a_winner_there_is_no_share():
    assert math.isnan(concentration(table([made(-1.0)]), 1000.0).top_share)

"""The candle that decided a trade, and what its filters said."""

import math

import pandas as pd
import pytest

from regimekit.reports.entries import NO_ROW, with_entries
from regimekit.reports.trades import trade_table
from regimekit.schema import Availability
from tests.reports.builders import OTHER_PAIR, PAIR, START, STEP, decided, record

OPENED = START + pd.Timedelta(hours=30)
OK = {"funding_state": int(Availability.OK)}


def entry(frame, **changes):
    trades = trade_table([record(opened=OPENED, **changes)])
    return with_entries(trades, {PAIR: frame}, timeframe=STEP.to_pytimedelta()).iloc[0]


def test_the_row_is_that_of_the_candle_before_the_entry():
    frame = decided(confidence_long=0.5)
    frame.loc[frame["date"] == OPENED - STEP, "confidence_long"] = 0.8
    found = entry(frame)
    assert frame["date"][found["signal_row"]] == OPENED - STEP
    assert (found["confidence"], found["hour"]) == (0.8, "06")


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(
    ("trends", "verdict"),
    [
        ((1, 1), "both agree"),
        ((1, -1), "one agrees"),
        ((0, 1), "one agrees"),
        ((-1, 0), "none agrees"),
        ((-1, -1), "none agrees"),
        ((math.nan, 1), "unknown"),
    ],
)
def test_direction_counts_the_timeframes_on_the_side_of_the_trade(trends, verdict, short):
    sign = -1 if short else 1
    frame = decided(trend_1h=sign * trends[0], trend_4h=sign * trends[1])
    assert entry(frame, is_short=short)["direction"] == verdict


@pytest.mark.parametrize(
    ("bonus", "state", "verdict"),
    [
        (0.08, Availability.OK, "other side crowded"),
        (0.0, Availability.OK, "not crowded"),
        (-0.15, Availability.OK, "own side crowded"),
        (0.0, Availability.STALE, "unknown"),  # an outage is not a quiet market
        (0.0, Availability.OUTAGE, "unknown"),
    ],
)
def test_funding_by_the_sign_of_its_bonus(bonus, state, verdict):
    frame = decided(funding_bonus_long=bonus, funding_bonus_short=-9.0, funding_state=int(state))
    assert entry(frame)["funding"] == verdict


@pytest.mark.parametrize(
    ("risk", "short", "verdict"),
    [
        (1, False, "own side at risk"),
        (1, True, "other side at risk"),
        (-1, False, "other side at risk"),
        (0, False, "no risk"),
        (0, True, "no risk"),
        (math.nan, True, "unknown"),
    ],
)
def test_squeeze_risk_by_whose_it_is(risk, short, verdict):
    assert entry(decided(squeeze_risk=risk), is_short=short)["squeeze"] == verdict


def test_what_no_column_tells_is_unknown():
    found = entry(decided())
    names = ["direction", "funding", "squeeze", "order_book", "news"]
    assert set(found[names]) == {"unknown"}
    assert math.isnan(found["confidence"])


def test_a_trade_without_its_candle_has_no_verdicts():
    found = entry(decided(trend_1h=1.0, trend_4h=1.0), pair=OTHER_PAIR)
    assert (found["signal_row"], found["direction"]) == (NO_ROW, "unknown")
    assert found["signal_unknown"] == "no candles of the pair"
    assert found["hour"] == "06"  # that much the trade itself tells

"""What refused entries would have done: nothing lost, nothing counted twice, nothing invented."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.barriers import Barrier
from regimekit.reports.entries import with_entries
from regimekit.reports.refusals import column_refusals, ledger_refusals, taken_entries
from regimekit.reports.stats import Interval
from regimekit.reports.trades import trade_table
from regimekit.reports.vetoes import GateSummary, by_gate, measured, summarize_gate
from regimekit.schema import Gate, Side
from tests.reports.builders import FEE, OTHER_PAIR, PAIR, START, STEP, decided, record

TIMEFRAME = STEP.to_pytimedelta()
HOUR = pd.Timedelta(hours=1)


def market(**changes):
    """Candles that stand still at 100, with one R of 2 and a target of 4."""
    calm = {"open": 100.0, "high": 100.5, "low": 99.5, "confidence_long": 0.7}
    return decided(**(calm | changes))


def refused(frame, moments, gate=Gate.DIRECTION, side=Side.LONG):
    codes = np.where(frame["date"].isin(moments), int(gate), int(Gate.NONE))
    return frame.assign(**{f"refused_{side}": codes.astype(np.int8)})


def ledger(*rows):
    blank = dict.fromkeys(("confidence", "stop_distance", "target_rr"))
    return pd.DataFrame(
        [
            blank
            | {"at": at.isoformat(), "pair": PAIR, "side": "long", "gate": "cooldown"}
            | changes
            for at, changes in rows
        ]
    )


def outcome(rows, frame, fee=0.0):
    return measured(rows, {PAIR: frame}, timeframe=TIMEFRAME, fee=fee)


def test_a_refused_signal_becomes_an_entry_at_the_next_open():
    seen = START + 40 * HOUR
    frame = refused(market(), [seen])
    frame.loc[frame["date"] == seen + STEP, "open"] = 101.0
    frame.loc[frame["date"] == seen + 3 * STEP, "high"] = 105.0  # 101 + 4
    rows = column_refusals({PAIR: frame}, timeframe=TIMEFRAME)
    assert rows.iloc[0].to_dict() == {
        "at": seen + STEP,
        "pair": PAIR,
        "side": "long",
        "gate": "direction",
        "sub_strategy": "momentum",
        "confidence": 0.7,
        "stop_distance": 2.0,
        "target_rr": 2.0,
    }
    found = outcome(rows, frame, fee=FEE).iloc[0]
    assert found["barrier"] == Barrier.TARGET
    assert found["r"] == pytest.approx(2.0 - FEE * (101 + 105) / 2.0)


def test_a_short_is_measured_downward():
    seen = START + 40 * HOUR
    frame = refused(market(), [seen], side=Side.SHORT)
    frame.loc[frame["date"] == seen + 3 * STEP, "low"] = 96.0
    rows = column_refusals({PAIR: frame}, timeframe=TIMEFRAME)
    assert math.isnan(rows["confidence"][0])  # of the short, which nobody knows
    assert outcome(rows, frame)["r"].tolist() == [2.0]


def test_the_ledger_and_the_columns_speak_of_the_same_candle():
    seen = START + 40 * HOUR
    frame = refused(market(), [seen], gate=Gate.COOLDOWN)
    frame.loc[frame["date"] == seen + 3 * STEP, "low"] = 98.0
    columns = column_refusals({PAIR: frame}, timeframe=TIMEFRAME)
    written = ledger_refusals(ledger((seen + STEP, {})))  # its numbers are null
    for rows in (columns, written, pd.concat([columns, written])):
        found = outcome(rows, frame)
        assert (len(found), found["r"][0]) == (1, -1.0)


def test_levels_of_the_ledger_come_before_those_of_the_candle():
    at = START + 40 * HOUR
    frame = market()
    frame.loc[frame["date"] == at + STEP, "high"] = 101.5
    rows = ledger_refusals(ledger((at, {"stop_distance": 1.0, "target_rr": 1.5})))
    assert outcome(rows, frame)["r"].tolist() == [1.5]


def test_a_trade_goes_on_for_two_days():
    at = START + 40 * HOUR
    frame = market(close=100.0)
    frame.loc[frame["date"] == at + pd.Timedelta(days=2) - STEP, "close"] = 100.4
    found = outcome(ledger_refusals(ledger((at, {}))), frame).iloc[0]
    assert (found["barrier"], found["r"]) == (Barrier.TIME, pytest.approx(0.2))


@pytest.mark.parametrize(
    "row",
    [
        (START + pd.Timedelta(days=9), {}),  # the candles end before the trade does
        (START + pd.Timedelta(days=99), {}),
        (START, {}),  # no candle before it
        (START + 40 * HOUR + pd.Timedelta(minutes=1), {}),  # no candle opens then
        (START + 40 * HOUR, {"pair": OTHER_PAIR}),
    ],
)
def test_what_cannot_be_known_is_undecided(row):
    found = outcome(ledger_refusals(ledger(row)), market()).iloc[0]
    assert (found["barrier"], found["first"]) == (Barrier.UNDECIDED, True)
    assert math.isnan(found["r"])


def test_a_gap_in_the_candles_is_no_next_candle():
    at = START + 40 * HOUR
    frame = market()
    holed = frame[frame["date"] != at].reset_index(drop=True)
    rows = ledger_refusals(ledger((at, {}), (at + STEP, {})))
    assert outcome(rows, holed)["r"].isna().all()


def test_levels_that_are_no_distance_leave_a_row_undecided():
    at = START + 40 * HOUR
    for level in (0.0, math.nan):
        frame = market(stop_distance=level)
        assert outcome(ledger_refusals(ledger((at, {}))), frame)["r"].isna().all()


def test_refusals_close_together_are_one_setup():
    at = START + 40 * HOUR
    moments = [at, at + STEP, at + 5 * STEP, at + 10 * STEP]
    rows = ledger_refusals(
        ledger(
            *((moment, {}) for moment in moments),
            (at + STEP, {"side": "short"}),
            (at + STEP, {"gate": "hour"}),
        )
    )
    found = outcome(rows, market())
    own = found[(found["gate"] == "cooldown") & (found["side"] == "long")]
    assert own["first"].tolist() == [True, False, False, True]  # 15, 60 and 75 minutes apart
    assert found["first"].sum() == 4


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["hour", "day"])), max_size=30))
def test_every_refusal_is_in_exactly_one_gate(refusals):
    rows = ledger_refusals(
        ledger(*((START + number * STEP, {"gate": gate}) for number, gate in refusals))
    )
    found = outcome(rows, market())
    gates = by_gate(found)
    assert [row.gate for row in gates] == [
        gate for gate in ("hour", "day") if gate in {gate for _, gate in refusals}
    ]
    assert sum(row.refused for row in gates) == len(set(refusals))
    for row in gates:
        assert row.known <= row.setups <= row.refused


def test_no_refusals_are_no_rows():
    empty = outcome(pd.concat([column_refusals({PAIR: market()}, timeframe=TIMEFRAME),
                               ledger_refusals(None)]), market())  # fmt: skip
    assert empty.empty
    assert by_gate(empty) == []
    summary = summarize_gate("none", empty)
    assert summary.setups == 0
    assert math.isnan(summary.mean_r)


def test_a_damaged_row_is_left_out():
    at = START + 40 * HOUR
    damaged = {"pair": None}, {"side": "sideways"}, {"at": None}
    rows = ledger((at, {}), *((at, changes) for changes in damaged))
    assert len(ledger_refusals(rows)) == 1


def test_taken_entries_are_measured_like_refused_ones():
    opened = START + 40 * HOUR
    frame = refused(market(), [opened - STEP])
    frame.loc[frame["date"] == opened + STEP, "high"] = 104.0
    trades = trade_table([record(opened=opened), record(enter_tag="mine")])
    trades = with_entries(trades, {PAIR: frame}, timeframe=TIMEFRAME)
    taken = outcome(taken_entries(trades, {PAIR: frame}, timeframe=TIMEFRAME), frame)
    other = outcome(column_refusals({PAIR: frame}, timeframe=TIMEFRAME), frame)
    pd.testing.assert_frame_equal(taken.drop(columns="gate"), other.drop(columns="gate"))
    assert taken["r"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.5, -0.1, "earned its keep"),
        (0.1, 0.5, "cost money"),
        (-0.1, 0.5, "cannot tell"),
        (math.nan, math.nan, "cannot tell"),
    ],
)
def test_a_gate_is_judged_by_its_interval(low, high, verdict):
    row = GateSummary("hour", 3, 2, 2, 0.5, 0.2, Interval(low, high))
    assert row.verdict == verdict


def test_each_setup_counts_once_in_the_mean():
    at = START + 40 * HOUR
    frame = market()
    # The first setup's first refusal is stopped, its second would have won; the other wins.
    frame.loc[frame["date"] == at, "low"] = 98.0
    frame.loc[frame["date"] == at + 2 * STEP, "high"] = 104.0
    frame.loc[frame["date"] == at + 20 * HOUR, "high"] = 104.0
    moments = (at, at + STEP, at + 20 * HOUR)
    rows = outcome(ledger_refusals(ledger(*((moment, {}) for moment in moments))), frame)
    assert rows["r"].tolist() == [-1.0, 2.0, 2.0]
    row = summarize_gate("cooldown", rows)
    assert (row.refused, row.setups, row.mean_r, row.target_first) == (3, 2, 0.5, 0.5)

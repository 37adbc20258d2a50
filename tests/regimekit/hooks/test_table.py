"""The decision in force at a moment is that of the candle that closed last."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.table import DecisionTable
from regimekit.schema import Regime, Side
from tests.markets import START
from tests.regimekit.hooks.fakes import DECISION


def frame(bars: int) -> pd.DataFrame:
    dates = pd.date_range(START, periods=bars, freq="15min").as_unit("ms")
    return pd.DataFrame({"date": dates} | DECISION).assign(atr=np.arange(float(bars)))


@given(st.integers(0, 8), st.integers(-4000, 12_000), st.sampled_from(["ms", "us", "ns"]))
def test_matches_a_search_through_the_candles(bars, seconds, unit):
    candles = frame(bars)
    moment = (START + timedelta(seconds=seconds)).to_pydatetime()
    step = timedelta(minutes=15)
    in_force = [
        float(row.atr)
        for row in candles.itertuples()
        if row.date + step <= moment < row.date + 2 * step
    ]
    candles["date"] = candles["date"].dt.as_unit(unit)
    decision = DecisionTable.from_frame(candles, 900).at(moment)
    assert ([] if decision is None else [decision.atr]) == in_force


@pytest.mark.parametrize(
    ("seconds", "atr"),
    [(0, None), (899, None), (900, 0.0), (1799, 0.0), (1800, 1.0), (2700, 2.0), (3600, None)],
)
def test_edges(seconds, atr):
    decision = DecisionTable.from_frame(frame(3), 900).at(START + timedelta(seconds=seconds))
    assert (decision.atr if decision else None) == atr


@pytest.mark.parametrize("index", [[0, 1, 3], [0, 1, 1], [1, 0, 2]], ids=str)
def test_candles_that_do_not_tell_the_time_are_refused(index):
    with pytest.raises(ValueError, match="not evenly spaced"):
        DecisionTable.from_frame(frame(4).iloc[index], 900)


def test_every_column_of_a_decision_keeps_its_place_and_its_gaps():
    different = {name: float(place) for place, name in enumerate(DECISION)}
    different |= {"squeeze_risk": np.nan, "decay_short": True}
    row = pd.DataFrame([{"date": START} | different])
    decision = DecisionTable.from_frame(row, 900).at(START + timedelta(minutes=15))
    assert set(decision._fields) == set(DECISION)
    np.testing.assert_equal(decision._asdict(), different)


def test_a_decision_reads_like_one():
    decision = DecisionTable.from_frame(frame(1), 900).at(START + timedelta(minutes=15))
    assert decision.confidence(Side.LONG) == 0.9
    assert decision.confidence(Side.SHORT) == 0.1
    assert decision.sub_strategy == "momentum"
    assert decision._replace(regime=int(Regime.UNKNOWN)).sub_strategy == "unknown"


@given(st.integers(0, 8))
def test_the_newest_candle_is_the_last_one_with_a_decision(bars):
    table = DecisionTable.from_frame(frame(bars), 900)
    if not bars:
        assert table.last_close is None
        return
    assert table.last_close == START + timedelta(minutes=15) * bars
    assert table.at(table.last_close) == table.at(table.last_close + timedelta(seconds=899))
    assert table.at(table.last_close) is not None
    assert table.at(table.last_close + timedelta(minutes=15)) is None

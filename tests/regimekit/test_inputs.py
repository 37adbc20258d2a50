"""Higher timeframes and funding as each candle of 15m may know them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from regimekit.indicators.frame import trend_columns
from regimekit.inputs import HIGHER_TIMEFRAMES, funding_columns, higher_timeframe_columns
from regimekit.schema import Availability
from regimekit.settings import FilterSettings
from tests.markets import Market, market, markets

both = pytest.mark.parametrize("timeframe", HIGHER_TIMEFRAMES)


@both
@settings(max_examples=15)
@given(shown=markets(60))
def test_a_higher_candle_is_used_from_its_close_until_the_next(timeframe, shown: Market):
    candles = shown.higher[timeframe]
    joined = higher_timeframe_columns(shown.closes_at, candles, timeframe)
    own = trend_columns(candles)
    for bar, closed in shown.closes_at.items():
        complete = candles["date"] + pd.Timedelta(timeframe) <= closed
        newest = own[complete].iloc[-1]
        assert joined.loc[bar, [f"trend_{timeframe}", f"adx_{timeframe}"]].tolist() == [*newest]


@both
def test_a_missing_successor_makes_it_stale_at_once(timeframe):
    shown = market(60, seed=1)
    due = shown.candles["date"].iloc[0] + HIGHER_TIMEFRAMES[timeframe] * 2
    candles = shown.higher[timeframe]
    stopped = candles[candles["date"] + 2 * HIGHER_TIMEFRAMES[timeframe] <= due]
    joined = higher_timeframe_columns(shown.closes_at, stopped, timeframe)
    usable = shown.closes_at < due
    np.testing.assert_array_equal(joined[f"state_{timeframe}"] == Availability.OK, usable)
    np.testing.assert_array_equal(joined[f"adx_{timeframe}"].notna(), usable)
    assert (joined.loc[~usable, f"state_{timeframe}"] == Availability.STALE).all()


@both
def test_a_warming_up_trend_is_an_outage(timeframe):
    shown = market(20, seed=1)
    short = shown.higher[timeframe].iloc[-40:]  # the slow average needs 50
    joined = higher_timeframe_columns(shown.closes_at, short, timeframe)
    assert (joined[f"state_{timeframe}"] == Availability.OUTAGE).all()
    assert joined[f"adx_{timeframe}"].isna().all()


@both
def test_no_candles_at_all_are_an_outage(timeframe):
    shown = market(5, seed=1)
    empty = shown.higher[timeframe].iloc[:0]
    for nothing in (empty, pd.DataFrame()):
        joined = higher_timeframe_columns(shown.closes_at, nothing, timeframe)
        assert (joined[f"state_{timeframe}"] == Availability.OUTAGE).all()


def test_the_age_of_funding_has_its_own_limit():
    shown = market(60, seed=1)
    patient = funding_columns(
        shown.closes_at, shown.funding.iloc[:-2], FilterSettings(funding_max_age_hours=48)
    )
    hasty = funding_columns(
        shown.closes_at, shown.funding.iloc[:-2], FilterSettings(funding_max_age_hours=1)
    )
    assert (patient["funding_state"] == Availability.OK).all()
    old = patient["funding_age_hours"] > 1
    np.testing.assert_array_equal(hasty["funding_state"] == Availability.STALE, old)
    assert old.any()

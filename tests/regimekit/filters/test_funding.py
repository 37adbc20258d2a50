"""Funding per eight hours, known a minute after it was settled, against the crowded side."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.filters.funding import funding, funding_events
from regimekit.inputs import funding_columns
from regimekit.schema import Availability, Side
from regimekit.settings import FilterSettings

DAY = pd.Timestamp("2026-01-05", tz="UTC")
SETTINGS = FilterSettings()
DELAY = timedelta(minutes=1)
OUTAGE, STALE, OK = Availability


def rows(*settlements: tuple[float, float]) -> pd.DataFrame:
    """Freqtrade's funding rows from (hours after DAY, rate)."""
    hours = [hour for hour, _ in settlements]
    dates = pd.DatetimeIndex([DAY + timedelta(hours=hour) for hour in hours]).as_unit("ms")
    return pd.DataFrame({"date": dates, "funding_rate": [rate for _, rate in settlements]})


def at(moment: str, settlements: pd.DataFrame) -> pd.Series:
    """What is known of funding at the close of one candle."""
    closes_at = pd.Series([pd.Timestamp(f"2026-01-05 {moment}", tz="UTC")])
    return funding_columns(closes_at, settlements, SETTINGS).iloc[0]


@pytest.mark.parametrize(("interval", "factor"), [(8, 1), (4, 2), (2, 4), (1, 8)])
def test_rates_are_counted_per_eight_hours(interval, factor):
    events = funding_events(rows((0, 0.0001), (interval, 0.0002)), DELAY)
    assert np.isnan(events["funding_rate_8h"].iloc[0])
    assert events["funding_rate_8h"].iloc[1] == pytest.approx(0.0002 * factor)


def test_the_interval_of_a_pair_may_change():
    events = funding_events(rows((0, 1e-4), (8, 1e-4), (16, 1e-4), (20, 1e-4), (21, 1e-4)), DELAY)
    np.testing.assert_allclose(events["funding_rate_8h"], [np.nan, 1e-4, 1e-4, 2e-4, 8e-4])


def test_a_gap_in_the_records_is_not_a_long_interval():
    events = funding_events(rows((0, 1e-4), (8, 1e-4), (24, 1e-4), (32, 1e-4)), DELAY)
    np.testing.assert_allclose(events["funding_rate_8h"], [np.nan, 1e-4, np.nan, 1e-4])


@settings(max_examples=30)
@given(st.lists(st.integers(-900, 900), min_size=6, max_size=6))
def test_some_milliseconds_more_or_less_change_nothing(jitter):
    exact = rows(*[(8 * number, 1e-4 * number) for number in range(6)])
    jittered = exact.assign(date=exact["date"] + pd.to_timedelta(jitter, unit="ms"))
    pd.testing.assert_frame_equal(funding_events(jittered, DELAY), funding_events(exact, DELAY))


@settings(max_examples=30)
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4))
def test_order_and_repetition_do_not_matter(order, repeated):
    straight = rows(*[(8 * number, 1e-4 * number) for number in range(6)])
    tangled = straight.iloc[[*order, *repeated]]
    pd.testing.assert_frame_equal(
        funding_events(tangled, DELAY).reset_index(drop=True), funding_events(straight, DELAY)
    )


def test_no_rows_are_no_events():
    assert funding_events(rows(), DELAY).empty
    assert at("08:15", rows())["funding_state"] == OUTAGE


def test_a_settlement_is_unknown_to_the_candle_that_closes_on_it():
    settlements = rows((-8, 1e-4), (0, 1e-4), (8, 9e-4))
    assert at("08:00", settlements)["funding_rate_8h"] == pytest.approx(1e-4)
    assert at("08:15", settlements)["funding_rate_8h"] == pytest.approx(9e-4)


def test_the_last_settlement_counts_for_nine_hours():
    settlements = rows((-8, 1e-4), (0, 1e-4))
    assert at("09:00", settlements)["funding_state"] == OK
    assert at("09:15", settlements)["funding_state"] == STALE
    assert np.isnan(at("09:15", settlements)["funding_rate_8h"])


def test_the_first_settlement_is_an_outage_because_its_interval_is_unknown():
    assert at("01:00", rows((0, 1e-4)))["funding_state"] == OUTAGE


RATES = {  # rate per 8h -> bonus for longs, bonus for shorts
    0.0011: (-0.15, 0.08),
    0.0010: (0.0, 0.0),
    0.0: (0.0, 0.0),
    -0.0005: (0.0, 0.0),
    -0.0006: (0.08, -0.15),
}


@pytest.mark.parametrize(("rate", "bonuses"), RATES.items())
def test_the_crowded_side_pays_and_the_other_gains(rate, bonuses):
    for side, bonus in zip(Side, bonuses, strict=True):
        verdict = funding(np.array([rate]), np.array([OK], dtype=np.int8), side, SETTINGS)
        assert (verdict.allows.tolist(), verdict.bonus.tolist()) == ([True], [bonus])


@given(st.lists(st.floats(-0.01, 0.01), min_size=1, max_size=20))
def test_with_symmetric_thresholds_the_sides_are_mirror_images(rates):
    symmetric = FilterSettings(funding_crowded_long=0.001, funding_crowded_short=-0.001)
    state = np.full(len(rates), int(OK), dtype=np.int8)
    long = funding(np.array(rates), state, Side.LONG, symmetric)
    short = funding(-np.array(rates), state, Side.SHORT, symmetric)
    assert long.bonus.tolist() == short.bonus.tolist()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("state", [OUTAGE, STALE])
@pytest.mark.parametrize(("policy", "allowed"), [("block", False), ("abstain", True)])
def test_missing_funding_blocks_or_abstains_but_never_weighs(side, state, policy, allowed):
    policed = FilterSettings(funding_outage=policy)
    for rate in (np.nan, 0.01, -0.01):
        verdict = funding(np.array([rate]), np.array([state], dtype=np.int8), side, policed)
        assert (verdict.allows.tolist(), verdict.bonus.tolist()) == ([allowed], [0.0])

"""Funding is scored by what was paid over time, not by how often it was settled."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.derivatives.funding import funding_z
from regimekit.filters.funding import funding_events
from tests.markets import START

DELAY = timedelta(minutes=1)
WINDOW = timedelta(days=2)  # six settlements of eight hours
HOUR = pd.Timedelta("1h")

rates = st.lists(st.integers(-400, 400).map(lambda rate: rate / 2**17), min_size=12, max_size=30)


def rows(settlements: list[tuple[int, float]]) -> pd.DataFrame:
    """Freqtrade's funding rows from (hours after START, rate)."""
    date = START + pd.to_timedelta([hour for hour, _ in settlements], unit="h")
    return pd.DataFrame(
        {"date": date.as_unit("ms"), "funding_rate": [rate for _, rate in settlements]}
    )


def eight_hourly(values: list[float]) -> pd.DataFrame:
    return rows([(8 * number, value) for number, value in enumerate(values)])


def scores(funding: pd.DataFrame) -> pd.Series:
    """Scores by the hour of the settlement."""
    events = funding_events(funding, DELAY)
    hours = (events["known_at"] - DELAY - START) / HOUR
    return funding_z(events, WINDOW).set_axis(hours.astype(int))


def test_by_hand():
    scored = scores(eight_hourly([1e-4, 1e-4, 2e-4, 1e-4, 1e-4, 1e-4, 4e-4]))
    window = np.array([1, 2, 1, 1, 1, 4])
    expected = (4 - window.mean()) / window.std()
    np.testing.assert_allclose(scored, [np.nan] * 6 + [expected])


@given(rates)
def test_without_a_change_of_interval_all_settlements_weigh_the_same(values):
    scored = scores(eight_hourly(values)).to_numpy()
    for last in range(6, len(values)):
        window = np.array(values[last - 5 : last + 1])
        spread = window.std()
        expected = (values[last] - window.mean()) / spread if spread else np.nan
        np.testing.assert_allclose(scored[last], expected, atol=1e-6)


@given(rates, st.data())
def test_splitting_a_payment_over_shorter_intervals_changes_no_later_score(values, data):
    """A pair goes from 8h to 4h, 2h or 1h, and what longs pay per day stays what it was."""
    switch = data.draw(st.integers(1, len(values) - 1))
    parts = data.draw(st.sampled_from([2, 4, 8]))
    settled = [(8 * number, value) for number, value in enumerate(values[:switch])]
    for number, value in enumerate(values[switch:], start=switch):
        hours = [8 * number - 8 + 8 * (part + 1) // parts for part in range(parts)]
        settled += [(hour, value / parts) for hour in hours]
    plain, split = scores(eight_hourly(values)), scores(rows(settled))
    np.testing.assert_allclose(split[plain.index], plain, atol=1e-6)


@given(rates, st.integers(1, 30))
def test_later_settlements_change_nothing(values, known):
    whole, then = scores(eight_hourly(values)), scores(eight_hourly(values[:known]))
    pd.testing.assert_series_equal(then, whole.iloc[:known])


@given(rates, st.integers(0, 10))
def test_where_the_records_begin_does_not_matter(values, begin):
    whole = scores(eight_hourly(values))
    late = scores(eight_hourly(values).iloc[begin:])
    np.testing.assert_array_equal(late.iloc[7:], whole.iloc[begin + 7 :])


@given(rates)
def test_when_the_other_side_pays_the_score_turns(values):
    mirrored = scores(eight_hourly([-value for value in values]))
    np.testing.assert_array_equal(mirrored, -scores(eight_hourly(values)))


@given(rates, st.sampled_from([2.0, 0.25, 1024.0]))
def test_the_unit_of_the_rate_does_not_matter(values, unit):
    scaled = scores(eight_hourly([unit * value for value in values]))
    np.testing.assert_allclose(scaled, scores(eight_hourly(values)), atol=1e-9)


@settings(max_examples=30)
@given(
    st.lists(st.integers(-900, 900), min_size=12, max_size=12),
    st.permutations(range(12)),
    st.lists(st.integers(0, 11), max_size=5),
)
def test_jitter_order_and_repetition_do_not_matter(jitter, order, repeated):
    exact = eight_hourly([((5 * number) % 7) * 1e-5 for number in range(12)])
    jittered = exact.assign(date=exact["date"] + pd.to_timedelta(jitter, unit="ms"))
    tangled = jittered.iloc[[*order, *repeated]]
    pd.testing.assert_series_equal(scores(tangled), scores(exact))


def test_funding_that_does_not_vary_has_no_score():
    """At 0.01 % Binance clamps it for days."""
    assert scores(eight_hourly([1e-4] * 20)).isna().all()


def test_a_gap_in_the_records_costs_a_whole_window():
    values = [((5 * number) % 7) * 1e-5 for number in range(30)]
    scored = scores(eight_hourly(values).drop(index=12))
    missing = [hour // 8 for hour in scored.index[scored.isna()]]
    assert missing == [*range(6), *range(13, 19)]


def test_a_missing_rate_is_not_a_rate_of_zero():
    values = [((5 * number) % 7) * 1e-5 for number in range(30)]
    scored = scores(eight_hourly([*values[:12], np.nan, *values[13:]]))
    assert scored.iloc[12:18].isna().all()
    assert scored.iloc[18:].notna().all()


@pytest.mark.parametrize("values", [[], [1e-4]])
def test_too_few_settlements_have_no_score(values):
    scored = scores(eight_hourly(values))
    assert len(scored) == len(values)
    assert scored.isna().all()

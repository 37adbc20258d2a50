"""Windows are exact: what is outside leaves no trace, and a hole inside has no value."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.derivatives.windows import last_bars, last_span, on_grid, window_sum, zscore
from tests.markets import START

STEP = timedelta(minutes=15)

numbers = st.floats(-1e6, 1e6) | st.just(np.nan)
columns = st.lists(numbers, min_size=1, max_size=40).map(np.array)
widths = st.integers(1, 8)
# Numbers of grid steps at which a row is there.
sparse = st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True).map(sorted)


def dates(steps: list[int] | range) -> pd.Series:
    instants = START + pd.to_timedelta([15 * step for step in steps], unit="min")
    return pd.Series(instants.as_unit("ms"))


def window_by_window(values: np.ndarray, bars: int) -> np.ndarray:
    """The definition, one window at a time."""
    out = np.full(len(values), np.nan)
    for last in range(bars - 1, len(values)):
        window = values[last - bars + 1 : last + 1]
        if not np.isnan(window).any() and np.ptp(window) > 1e-6 * np.abs(window).max():
            out[last] = (values[last] - window.mean()) / window.std()
    return out


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=40), widths)
def test_a_score_is_distance_to_the_mean_in_standard_deviations(values, bars):
    values = np.array(values, dtype=float)
    scored = zscore(values, last_bars(dates(range(len(values))), bars, STEP))
    np.testing.assert_allclose(scored, window_by_window(values, bars), atol=1e-9)


@given(columns, widths)
def test_a_sum_is_there_exactly_when_all_of_its_window_is(values, bars):
    summed = window_sum(values, last_bars(dates(range(len(values))), bars, STEP))
    for last, total in enumerate(summed):
        window = values[max(last - bars + 1, 0) : last + 1]
        if len(window) < bars or np.isnan(window).any():
            assert np.isnan(total)
        else:
            assert total == pytest.approx(window.sum(), abs=1e-6)


@given(columns, widths, st.integers(0, 39), st.sampled_from([1e300, -np.inf, np.nan, 1e-300]))
def test_an_absurd_value_leaves_no_trace_outside_of_its_windows(values, bars, place, absurd):
    place %= len(values)
    bad = values.copy()
    bad[place] = absurd
    windows = last_bars(dates(range(len(values))), bars, STEP)
    touched = np.arange(len(values)) - place
    outside = (touched < 0) | (touched >= bars)
    for measure in (window_sum, zscore):
        np.testing.assert_array_equal(
            measure(bad, windows)[outside], measure(values, windows)[outside]
        )


@given(columns, widths, st.integers(1, 40), st.integers(0, 39))
def test_windows_know_neither_what_follows_nor_where_the_data_begin(values, bars, end, begin):
    end, begin = min(end, len(values)), begin % len(values)
    date = dates(range(len(values)))
    for measure in (window_sum, zscore):
        whole = measure(values, last_bars(date, bars, STEP))
        prefix = measure(values[:end], last_bars(date[:end], bars, STEP))
        np.testing.assert_array_equal(prefix, whole[:end])
        suffix = measure(values[begin:], last_bars(date[begin:], bars, STEP))
        np.testing.assert_array_equal(suffix[bars - 1 :], whole[begin + bars - 1 :])


@given(sparse, widths)
def test_a_window_is_complete_when_no_row_of_the_grid_is_missing(steps, bars):
    complete = last_bars(dates(steps), bars, STEP).complete
    for row, step in enumerate(steps):
        assert complete[row] == set(range(step - bars + 1, step + 1)).issubset(steps)


@given(sparse, widths)
def test_a_span_holds_the_rows_within_it_and_needs_an_older_one(steps, bars):
    windows = last_span(dates(steps), bars * STEP)
    for row, step in enumerate(steps):
        inside = [other for other in steps if step - bars < other <= step]
        assert steps[windows.first[row] : row + 1] == inside
        assert windows.complete[row] == any(other <= step - bars for other in steps)


@pytest.mark.parametrize("bars", [4, 7, 96])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-4, 123456.789])
def test_what_does_not_vary_has_no_score(constant, bars):
    """Also where the mean of equal numbers is not quite that number."""
    windows = last_bars(dates(range(100)), bars, STEP)
    assert np.isnan(zscore(np.full(100, constant), windows)).all()


def test_no_rows_have_no_windows():
    windows = last_bars(dates([]), 4, STEP)
    assert len(window_sum(np.empty(0), windows)) == len(zscore(np.empty(0), windows)) == 0


@given(st.lists(st.integers(-29_000, 29_000), min_size=5, max_size=5), st.permutations(range(5)))
def test_jitter_and_order_are_put_right(jitter, order):
    exact = pd.DataFrame({"date": dates(range(5)), "value": np.arange(5.0)})
    jittered = exact.assign(date=exact["date"] + pd.to_timedelta(jitter, unit="ms"))
    pd.testing.assert_frame_equal(on_grid(jittered.iloc[order], STEP), exact)


def test_rows_off_the_grid_or_without_a_date_are_none_of_the_series():
    rows = pd.DataFrame({"date": dates([0, 1, 2]), "value": [0.0, 1.0, 2.0]})
    rows.loc[1, "date"] += timedelta(minutes=7)
    rows.loc[2, "date"] = pd.NaT
    assert on_grid(rows, STEP)["value"].tolist() == [0.0]


def test_of_two_rows_for_a_date_the_one_a_bot_had_first_counts():
    rows = pd.DataFrame({"date": dates([0, 0]), "value": [2.0, 1.0]})
    rows["known_at"] = rows["date"] + pd.to_timedelta([60, 20], unit="min")
    assert on_grid(rows, STEP)["value"].tolist() == [1.0]
    assert on_grid(rows.drop(columns="known_at"), STEP)["value"].tolist() == [1.0]
    together = rows.assign(known_at=rows["date"] + STEP)
    assert on_grid(together, STEP)["value"].tolist() == [1.0]

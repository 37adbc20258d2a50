"""A candle sees the newest row that was known at its close, or nothing."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.alignment import candle_events, join_known, utc_nanoseconds
from regimekit.schema import Availability
from tests.markets import CANDLE, START

HOUR = timedelta(hours=1)
OUTAGE, STALE, OK = (int(state) for state in Availability)

# Seconds after START, so close together that equal stamps and exact hits are common.
seconds = st.integers(-200, 200)
numbers = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf])
event_rows = st.lists(st.tuples(seconds, numbers), max_size=12)
bar_seconds = st.lists(seconds, min_size=1, max_size=12).map(sorted)
ages = st.integers(0, 150).map(lambda age: timedelta(seconds=age))
units = st.sampled_from(["s", "ms", "us", "ns"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])


def stamps(offsets: list[int], unit: str = "ms", zone: str = "UTC") -> pd.Series:
    instants = START + pd.to_timedelta(np.array(offsets, dtype=float), unit="s")
    return pd.Series(pd.DatetimeIndex(instants).tz_convert(zone).as_unit(unit))


def events(rows: list[tuple[int, float]], unit: str = "ms", zone: str = "UTC") -> pd.DataFrame:
    known_at = stamps([offset for offset, _ in rows], unit, zone)
    return pd.DataFrame({"known_at": known_at, "value": [float(value) for _, value in rows]})


def bar_by_bar(bars: list[int], rows: list[tuple[int, float]], max_age: timedelta) -> pd.DataFrame:
    """The definition: look at each candle by itself."""
    out = []
    for closed in bars:
        known = [row for row in rows if row[0] <= closed]
        if not known:
            out.append((np.nan, np.nan, OUTAGE))
            continue
        newest = max(offset for offset, _ in known)
        value = [value for offset, value in known if offset == newest][-1]
        age = closed - newest
        if age > max_age.total_seconds():
            out.append((np.nan, age / 3600, STALE))
        elif not np.isfinite(value):
            out.append((np.nan, age / 3600, OUTAGE))
        else:
            out.append((value, age / 3600, OK))
    frame = pd.DataFrame(out, columns=["value", "age_hours", "state"])
    return frame.astype({"value": float, "age_hours": float, "state": np.int8})


@given(bar_seconds, event_rows, ages)
def test_matches_the_bar_by_bar_definition(bars, rows, max_age):
    joined = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    pd.testing.assert_frame_equal(joined, bar_by_bar(bars, rows, max_age))


@given(bar_seconds, st.lists(st.tuples(seconds, st.floats(-9, 9)), min_size=1, max_size=12), ages)
def test_usable_values_are_those_of_merge_asof(bars, rows, max_age):
    rows = sorted(rows, key=lambda row: row[0])
    joined = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    merged = pd.merge_asof(
        pd.DataFrame({"closes_at": stamps(bars)}),
        events(rows),
        left_on="closes_at",
        right_on="known_at",
        tolerance=max_age,
    )
    np.testing.assert_array_equal(joined["value"], merged["value"])


@given(bar_seconds, event_rows, ages, st.data())
def test_later_candles_change_no_earlier_answer(bars, rows, max_age, data):
    cut = data.draw(st.integers(1, len(bars)))
    whole = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    prefix = join_known(stamps(bars[:cut]), events(rows), values=["value"], max_age=max_age)
    pd.testing.assert_frame_equal(whole.iloc[:cut], prefix)


@given(seconds, event_rows, event_rows, ages)
def test_rows_known_only_after_the_close_do_not_exist(closed, rows, later, max_age):
    past = [row for row in rows if row[0] <= closed]
    future = [(closed + 1 + abs(offset), value) for offset, value in later]
    clean = join_known(stamps([closed]), events(past), values=["value"], max_age=max_age)
    mixed = join_known(stamps([closed]), events(future + past), values=["value"], max_age=max_age)
    pd.testing.assert_frame_equal(clean, mixed)


@given(bar_seconds, event_rows, ages, units, units, zones, zones)
def test_units_and_time_zones_of_the_stamps_do_not_matter(
    bars, rows, max_age, bar_unit, event_unit, bar_zone, event_zone
):
    plain = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    other = join_known(
        stamps(bars, bar_unit, bar_zone),
        events(rows, event_unit, event_zone),
        values=["value"],
        max_age=max_age,
    )
    pd.testing.assert_frame_equal(plain, other)


@given(bar_seconds, st.lists(st.tuples(seconds, numbers), max_size=12, unique_by=lambda r: r[0]))
def test_order_and_repetition_of_the_rows_do_not_matter(bars, rows):
    straight = join_known(stamps(bars), events(rows), values=["value"], max_age=HOUR)
    tangled = join_known(stamps(bars), events(rows[::-1] + rows), values=["value"], max_age=HOUR)
    pd.testing.assert_frame_equal(straight, tangled)


@given(bar_seconds, event_rows, ages)
def test_a_value_is_there_exactly_when_the_state_is_ok(bars, rows, max_age):
    joined = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    np.testing.assert_array_equal(joined["value"].notna(), joined["state"] == OK)


def test_of_many_rows_known_at_one_instant_the_last_counts():
    rows = events([(number % 7, float(number)) for number in range(500)])
    joined = join_known(stamps([3]), rows, values=["value"], max_age=HOUR)
    assert joined["value"].tolist() == [max(range(3, 500, 7))]


def test_a_row_counts_from_the_very_instant_it_is_known():
    joined = join_known(stamps([9, 10, 11]), events([(10, 7.0)]), values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OUTAGE, OK, OK]


def test_a_row_is_stale_only_beyond_its_maximum_age():
    late = stamps([3600, 3601])
    joined = join_known(late, events([(0, 7.0)]), values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OK, STALE]
    assert joined["age_hours"].tolist() == [1.0, 3601 / 3600]


def test_one_missing_value_makes_the_whole_row_an_outage():
    rows = events([(0, 7.0)]).assign(other=np.nan)
    joined = join_known(stamps([1]), rows, values=["value", "other"], max_age=HOUR)
    assert joined["state"].tolist() == [OUTAGE]
    assert joined[["value", "other"]].isna().all(axis=None)


def test_an_outage_is_not_hidden_by_an_older_good_row():
    rows = events([(0, 7.0), (10, np.nan)])
    joined = join_known(stamps([5, 15]), rows, values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OK, OUTAGE]


@pytest.mark.parametrize(
    "nothing",
    [events([]), pd.DataFrame(columns=["known_at", "value"])],
    ids=["typed", "untyped"],
)
def test_no_rows_at_all_are_an_outage(nothing):
    joined = join_known(stamps([1, 2]), nothing, values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OUTAGE, OUTAGE]
    assert joined[["value", "age_hours"]].isna().all(axis=None)


def test_a_row_without_a_time_is_never_known():
    rows = pd.DataFrame({"known_at": pd.to_datetime([None], utc=True), "value": [7.0]})
    joined = join_known(stamps([1]), rows, values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OUTAGE]


def test_the_answer_is_indexed_like_the_candles():
    bars = stamps([1, 2]).set_axis([40, 41])
    joined = join_known(bars, events([(0, 7.0)]), values=["value"], max_age=HOUR)
    assert joined.index.tolist() == [40, 41]


def test_a_candle_is_known_at_its_close():
    candles = pd.DataFrame({"date": stamps([0, 900]), "close": [1.0, 2.0]})
    known_at = candle_events(candles, CANDLE.to_pytimedelta())["known_at"]
    assert known_at.tolist() == [START + CANDLE, START + 2 * CANDLE]


def test_rows_before_the_first_known_one_are_not_filled_back():
    joined = join_known(
        stamps([0, 900, 1800]), events([(1200, 7.0)]), values=["value"], max_age=HOUR
    )
    assert joined["state"].tolist() == [OUTAGE, OUTAGE, OK]
    assert joined["value"].isna().tolist() == [True, True, False]


@given(st.lists(st.integers(-450, 449), min_size=8, max_size=8))
def test_rows_off_the_grid_of_the_candles_are_found_all_the_same(shifts):
    """Matching by equality would find none of them, and a back-fill would leak the first ones."""
    known = [900 * number + shift for number, shift in enumerate(shifts)]
    rows = events([(offset, float(number)) for number, offset in enumerate(known)])
    bars = [900 * number for number in range(8)]
    joined = join_known(stamps(bars), rows, values=["value"], max_age=HOUR)
    for bar, value in zip(bars, joined["value"], strict=True):
        seen = [number for number, offset in enumerate(known) if offset <= bar]
        assert np.isnan(value) if not seen else value == seen[-1]


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_milliseconds_of_jitter_lose_no_row(jitter):
    late = stamps([0, 900, 1800, 2700]) + pd.to_timedelta(jitter, unit="ms")
    rows = pd.DataFrame({"known_at": late, "value": [1.0, 2.0, 3.0, 4.0]})
    closes_at = stamps([1, 901, 1801, 2701])
    joined = join_known(closes_at, rows, values=["value"], max_age=HOUR)
    assert joined["value"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_an_old_value_does_not_stand_for_the_length_of_a_gap():
    rows = events([(0, 1.0), (20 * 3600, 2.0)])
    bars = [0, 3600, 3601, 19 * 3600, 20 * 3600]
    joined = join_known(stamps(bars), rows, values=["value"], max_age=HOUR)
    assert joined["state"].tolist() == [OK, OK, STALE, STALE, OK]
    assert joined["value"].notna().tolist() == [True, True, False, False, True]


def test_a_single_row_is_a_whole_series():
    joined = join_known(stamps([-1, 0, 1]), events([(0, 7.0)]), values=["value"], max_age=HOUR)
    assert joined["value"].tolist()[1:] == [7.0, 7.0]
    assert joined["state"].tolist() == [OUTAGE, OK, OK]


def test_many_rows_of_one_instant_add_no_candles():
    joined = join_known(stamps([1, 2]), events([(0, 1.0)] * 50), values=["value"], max_age=HOUR)
    assert len(joined) == 2


def test_a_late_row_does_not_replace_a_younger_one():
    """The row of minute 0 came at minute 9, when that of minute 5 was there already."""
    rows = pd.DataFrame(
        {
            "date": stamps([0, 300, 600]),
            "known_at": stamps([540, 310, 610]),
            "value": [1.0, 2.0, 3.0],
        }
    )
    joined = join_known(stamps([320, 550, 620]), rows, values=["value"], max_age=HOUR)
    assert joined["value"].tolist() == [2.0, 2.0, 3.0]


dated_rows = st.lists(
    st.tuples(seconds, seconds, st.floats(-9, 9)), max_size=12, unique_by=lambda row: row[0]
)


@given(bar_seconds, dated_rows)
def test_of_dated_rows_the_youngest_known_one_counts(bars, rows):
    frame = pd.DataFrame(
        {
            "date": stamps([date for date, _, _ in rows]),
            "known_at": stamps([known for _, known, _ in rows]),
            "value": [value for _, _, value in rows],
        }
    )
    joined = join_known(stamps(bars), frame, values=["value"], max_age=HOUR)
    for bar, value in zip(bars, joined["value"], strict=True):
        known = [(date, value) for date, known, value in rows if known <= bar]
        assert np.isnan(value) if not known else value == max(known)[1]


@given(bar_seconds, event_rows, ages)
def test_an_optional_value_may_be_missing_without_an_outage(bars, rows, max_age):
    plain = join_known(stamps(bars), events(rows), values=["value"], max_age=max_age)
    more = events(rows).assign(extra=np.nan, copy=lambda frame: frame["value"])
    joined = join_known(
        stamps(bars), more, values=["value"], optional=["extra", "copy"], max_age=max_age
    )
    pd.testing.assert_frame_equal(joined[plain.columns], plain)
    assert joined["extra"].isna().all()
    pd.testing.assert_series_equal(joined["copy"], plain["value"], check_names=False)


@given(bar_seconds, event_rows, st.integers(0, 255))
def test_what_a_provider_thought_of_a_row_is_not_asked_again(bars, rows, quality):
    """Its doubts are NaN already; a conflict that was settled leaves a usable value."""
    plain = join_known(stamps(bars), events(rows), values=["value"], max_age=HOUR)
    flagged = events(rows).assign(quality=quality)
    joined = join_known(stamps(bars), flagged, values=["value"], max_age=HOUR)
    pd.testing.assert_frame_equal(joined, plain)


@pytest.mark.parametrize("naive", ["closes_at", "known_at"])
def test_stamps_without_a_time_zone_are_refused(naive):
    bars, rows = stamps([1]).rename("closes_at"), events([(0, 7.0)])
    if naive == "closes_at":
        bars = bars.dt.tz_localize(None)
    else:
        rows["known_at"] = rows["known_at"].dt.tz_localize(None)
    with pytest.raises(ValueError, match=f"{naive} has no time zone; use"):
        join_known(bars, rows, values=["value"], max_age=HOUR)


def test_stamps_of_mixed_units_in_one_column_are_read():
    """FreqAI's live history is such a column of objects."""
    mixed = pd.Series([stamps([1], "ms")[0], stamps([2], "us")[0]], dtype=object)
    np.testing.assert_array_equal(utc_nanoseconds(mixed), utc_nanoseconds(stamps([1, 2])))


def test_the_cost_is_a_search_per_candle_and_not_a_walk_over_the_rows():
    bars = stamps(list(range(0, 900 * 40_000, 900)))
    rows = events([(300 * number, float(number)) for number in range(120_000)])
    joined = join_known(bars, rows, values=["value"], max_age=HOUR)
    np.testing.assert_array_equal(joined["value"], 3.0 * np.arange(40_000))

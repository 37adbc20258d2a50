"""Stored rows stay: laws of the merge, then each rule by hand."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import Span
from providers.errors import BadAnswerError, CorruptDataError, DataMissingError
from providers.storage.history import (
    History,
    RestatedError,
    append_recording,
    empty,
    merge,
    missing_labels,
)
from providers.storage.store import (
    read_dataset,
    read_frame,
    recording_folder,
    restated_path,
    store_path,
    write_frame,
)
from tests.providers.scripted import DATASET, HOUR, NOW, PAIR, START, rows

TWO = replace(DATASET, name="two", values={"value": DATASET.values["value"], "other": DATASET.values["value"]})  # fmt: skip # noqa: E501
EVENTS = replace(DATASET, name="events", step=None, keys=("value",))
HEADLINES = replace(DATASET, name="headlines", step=None, texts=("title",), keys=("title",))

finite = st.floats(-1e12, 1e12).map(lambda value: round(value, 3))
labels = st.integers(0, 60)
known = st.dictionaries(labels, finite, max_size=40)  # agrees with itself by construction


def frame_of(values: dict[int, float]) -> pd.DataFrame:
    return rows(sorted(values), [values[label] for label in sorted(values)])


def taken(*batches: dict[int, float]) -> pd.DataFrame:
    stored = empty(DATASET)
    for batch in batches:
        stored = merge(stored, frame_of(batch), DATASET, NOW).frame
    return stored


def part(data, whole: dict[int, float]) -> dict[int, float]:
    chosen = data.draw(st.sets(st.sampled_from(sorted(whole)))) if whole else set()
    return {label: whole[label] for label in chosen}


@settings(max_examples=40)
@given(known, st.data())
def test_the_order_of_batches_that_agree_does_not_matter(whole, data):
    batches = [part(data, whole) for _ in range(3)]
    shuffled = data.draw(st.permutations(batches))
    pd.testing.assert_frame_equal(taken(*batches), taken(*shuffled))


@settings(max_examples=50)
@given(known, st.data())
def test_taking_in_again_changes_nothing(whole, data):
    batches = [part(data, whole) for _ in range(2)]
    once = taken(*batches)
    again = merge(once, frame_of(batches[data.draw(st.integers(0, 1))]), DATASET, NOW)
    pd.testing.assert_frame_equal(again.frame, once)
    assert not again.changed
    assert again.restated.empty


@given(st.dictionaries(labels, finite | st.just(np.nan)), st.dictionaries(labels, finite))
def test_a_stored_number_is_never_altered_and_no_row_is_lost(stored, fresh):
    before = frame_of(stored)
    try:
        outcome = merge(before, frame_of(fresh), DATASET, NOW)
    except RestatedError:
        return
    after = outcome.frame
    assert after["date"].is_monotonic_increasing
    assert after["date"].is_unique
    assert len(after) == len(before) + outcome.appended
    values = after.set_index("date")["value"].reindex(before["date"]).to_numpy()
    had = before["value"].notna().to_numpy()
    assert (values[had] == before["value"].to_numpy()[had]).all()
    kept = before.set_index("date")["known_at"]
    assert (after.set_index("date")["known_at"].reindex(kept.index) >= kept).all()


@given(st.dictionaries(labels, finite, min_size=1), st.dictionaries(labels, finite, min_size=1))
def test_every_newcomer_is_stored_or_kept_as_restated(stored, fresh):
    before = frame_of(stored)
    try:
        outcome = merge(before, frame_of(fresh), DATASET, NOW)
    except RestatedError:
        return
    for label, value in fresh.items():
        date = START + label * HOUR
        there = outcome.frame.loc[outcome.frame["date"] == date, "value"].item()
        if not np.isclose(there, value, rtol=1e-9, atol=0):
            assert outcome.restated.loc[outcome.restated["date"] == date, "value"].item() == value


def test_a_blank_is_filled_and_known_no_earlier_than_it_was_fetched():
    stored = rows([0, 1], [1, np.nan], quality=1)
    outcome = merge(stored, rows([1], [5]), DATASET, NOW)
    assert outcome.filled == 1
    assert outcome.frame["value"].tolist() == [1, 5]
    assert outcome.frame["known_at"].tolist() == [START + HOUR, NOW]
    assert outcome.frame["quality"].tolist() == [1, 0]


def test_a_blank_filled_at_once_is_known_by_the_rule():
    outcome = merge(rows([0], [np.nan]), rows([0], [5]), DATASET, START)
    assert outcome.frame["known_at"].tolist() == [START + HOUR]


def test_a_blank_newcomer_neither_deletes_nor_contradicts():
    outcome = merge(rows([0], [5]), rows([0], [np.nan]), DATASET, NOW)
    assert outcome.frame["value"].tolist() == [5]
    assert not outcome.changed
    assert outcome.restated.empty


def both_values(one, other):
    return rows([0], [one]).assign(other=float(other))


def test_a_late_fill_does_not_take_the_rest_of_its_row_away_from_the_past():
    stored = both_values(1, np.nan)
    late = merge(stored, both_values(1, 2), TWO, NOW)
    assert late.frame["other"].isna().all()
    assert late.frame["known_at"].tolist() == [START + HOUR]
    soon = START + HOUR + DATASET.max_age
    in_time = merge(stored, both_values(1, 2), TWO, soon)
    assert in_time.frame["other"].tolist() == [2]
    assert in_time.frame["known_at"].tolist() == [soon]


def test_a_restated_row_is_kept_beside_and_the_stored_one_stays():
    stored = rows(range(10), range(10))
    outcome = merge(stored, rows([3, 4], [3, 99]), DATASET, NOW)
    assert outcome.frame["value"].tolist() == list(range(10))
    assert outcome.restated["value"].tolist() == [99]
    assert outcome.restated["fetched_at"].tolist() == [NOW]


@pytest.mark.parametrize(("relative", "differs"), [(0.9e-9, False), (1.2e-9, True)])
def test_the_tolerance_is_relative(relative, differs):
    outcome = merge(rows([0], [1e12]), rows([0], [1e12 * (1 + relative)]), DATASET, NOW)
    assert len(outcome.restated) == differs


def test_a_batch_of_shifted_stamps_is_refused_as_a_whole():
    stored = rows(range(48), range(48))
    shifted = rows(range(36, 60), range(30, 54))  # six hours late
    with pytest.raises(RestatedError) as refusal:
        merge(stored, shifted, DATASET, NOW)
    assert "hourly disagrees with stored history at 12 of 12 labels" in str(refusal.value)
    assert "stored rows are untouched" in str(refusal.value)
    assert isinstance(refusal.value, BadAnswerError)


def test_fewer_than_twelve_labels_or_half_of_them_are_no_proof():
    stored = rows(range(48), range(48))
    assert len(merge(stored, rows(range(11), [0, *[-1] * 10]), DATASET, NOW).restated) == 10
    half = [*range(6), *[-1] * 6]
    assert len(merge(stored, rows(range(12), half), DATASET, NOW).restated) == 6


def test_three_labels_none_of_which_agrees_are_enough():
    stored = rows(range(48), range(48))
    assert len(merge(stored, rows(range(2), [-1] * 2), DATASET, NOW).restated) == 2
    with pytest.raises(RestatedError, match="at 3 of 3 labels"):
        merge(stored, rows(range(3), [-1] * 3), DATASET, NOW)


def test_events_that_share_no_stamp_with_those_of_the_same_time_are_refused():
    settlements = replace(DATASET, name="settlements", step=None)
    eights = [8 * day for day in range(6)]
    stored = rows(eights, range(6))
    with pytest.raises(RestatedError, match="no stamp in common with stored history"):
        merge(stored, rows([at + 1 for at in eights], range(6)), settlements, NOW)
    # An interval that shortens keeps the old stamps; what comes after has nothing to agree with
    assert merge(stored, rows(range(0, 48, 4), range(12)), settlements, NOW).appended == 6
    assert merge(stored, rows([48, 52, 56], range(3)), settlements, NOW).appended == 3
    assert merge(stored, rows([1, 9], range(2)), settlements, NOW).appended == 2


def test_events_of_the_same_instant_are_told_apart_by_their_keys():
    stored = merge(empty(EVENTS), rows([0, 0, 1], [1, 2, 1]), EVENTS, NOW)
    assert stored.appended == 3
    again = merge(stored.frame, rows([0, 1, 1], [2, 1, 7]), EVENTS, NOW)
    assert again.appended == 1
    assert again.frame["value"].tolist() == [1, 2, 1, 7]


def test_words_are_kept_and_compared():
    one = rows([0, 0], [1, 1]).assign(title=["up", "down"])
    stored = merge(empty(HEADLINES), one, HEADLINES, NOW)
    assert sorted(stored.frame["title"]) == ["down", "up"]
    again = merge(stored.frame, one.assign(value=[1.0, 5.0]), HEADLINES, NOW)
    assert again.restated["title"].tolist() == ["down"]


def test_doubled_newcomers_are_stored_once():
    outcome = merge(empty(DATASET), rows([0, 0, 0], [1, 1, 2]), DATASET, NOW)
    assert outcome.frame["value"].tolist() == [1]
    assert outcome.appended == 1
    assert outcome.restated["value"].tolist() == [2]


def test_missing_labels_are_the_stretches_between():
    dates = rows([0, 1, 4, 5, 7], [0] * 5)["date"]
    hours = [(gap.start, gap.end) for gap in missing_labels(dates, HOUR)]
    assert hours == [
        (START + 2 * HOUR, START + 4 * HOUR),
        (START + 6 * HOUR, START + 7 * HOUR),
    ]


def test_a_history_reads_what_was_added_and_keeps_contradictions_once(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    assert history.read().empty
    history.add(rows([1, 0], [1, 0]), NOW)
    for _ in range(2):
        history.add(rows([1, 2], [9, 2]), NOW)
    assert history.read()["value"].tolist() == [0, 1, 2]
    beside = read_frame(restated_path(history.path))
    assert beside["value"].tolist() == [9]
    assert history.path == store_path(tmp_path, "hourly", PAIR, "1h")
    stored = read_frame(history.path)
    assert stored["date"].dtype == "datetime64[ms, UTC]"
    assert stored.columns.tolist() == ["date", "value", "known_at", "quality"]


def test_a_damaged_file_is_set_aside_with_its_checksum_and_begun_anew(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    for number in (1, 2):
        history.add(rows([0], [number]), NOW)
        damaged = history.path.read_bytes()[:-20] + b"x" * 20
        history.path.write_bytes(damaged)
        with pytest.raises(CorruptDataError):
            history.read()
        told = history.heal()
        aside = history.path.with_name(f"{history.path.name}.corrupt-{number}")
        assert aside.name in told
        assert aside.read_bytes() == damaged
        assert aside.with_name(f"{aside.name}.sha256").exists()
        assert history.read().empty
    assert history.heal() is None


def test_a_stored_file_of_another_shape_is_named(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    write_frame(rows([0], [1]).drop(columns="known_at"), history.path, checksum=True)
    with pytest.raises(CorruptDataError, match="has no column known_at, which hourly needs"):
        history.read()


def test_recordings_are_a_file_per_day_and_read_as_one(tmp_path):
    late = [START + 23 * HOUR, START + 25 * HOUR, START + 26 * HOUR]
    append_recording(tmp_path, EVENTS, PAIR, rows(late[:2], [1, 2]))
    outcome = append_recording(tmp_path, EVENTS, PAIR, rows(late[1:], [2, 3]))
    assert outcome.appended == 1
    days = sorted(
        path.name for path in recording_folder(tmp_path, "events", PAIR).glob("*.feather")
    )
    assert days == ["2026-01-01.feather", "2026-01-02.feather"]
    assert read_dataset(tmp_path, "events", PAIR)["value"].tolist() == [1, 2, 3]
    first = Span(START, START + timedelta(days=1))
    assert read_dataset(tmp_path, "events", PAIR, first)["value"].tolist() == [1]


def test_a_damaged_day_of_a_recording_is_begun_anew_and_the_others_stay(tmp_path):
    append_recording(tmp_path, EVENTS, PAIR, rows([0, 30], [1, 2]))
    day = recording_folder(tmp_path, "events", PAIR) / "2026-01-01.feather"
    day.write_bytes(b"torn")
    append_recording(tmp_path, EVENTS, PAIR, rows([1], [3]))
    assert read_dataset(tmp_path, "events", PAIR)["value"].tolist() == [3, 2]
    assert day.with_name("2026-01-01.feather.corrupt-1").read_bytes() == b"torn"


def test_what_is_recorded_is_kept_even_if_it_contradicts_widely(tmp_path):
    append_recording(tmp_path, DATASET, PAIR, rows(range(20), range(20)))
    append_recording(tmp_path, DATASET, PAIR, rows(range(20), [-1] * 20))
    assert read_dataset(tmp_path, "hourly", PAIR)["value"].tolist() == list(range(20))
    day = recording_folder(tmp_path, "hourly", PAIR) / "2026-01-01.feather"
    assert len(read_frame(restated_path(day))) == 20


def test_a_dataset_is_read_by_name_within_a_span(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(10), range(10)), NOW)
    history.add(rows(range(3), [0, 6, 7]), NOW)  # writes a file of contradictions beside it
    found = read_dataset(tmp_path, "hourly", PAIR, Span(START + 2 * HOUR, START + 4 * HOUR))
    assert found["value"].tolist() == [2, 3]
    with pytest.raises(DataMissingError, match=r"holds no hourly of ETH/USDT:USDT; fetch it with"):
        read_dataset(tmp_path, "hourly", "ETH/USDT:USDT")


def test_several_timeframes_need_a_name(tmp_path):
    History(tmp_path, DATASET, PAIR).add(rows([0], [1]), NOW)
    quarter = replace(DATASET, step=timedelta(minutes=15))
    History(tmp_path, quarter, PAIR).add(rows([0], [2]), NOW)
    with pytest.raises(DataMissingError, match="at 15m, 1h; name a timeframe"):
        read_dataset(tmp_path, "hourly", PAIR)
    assert read_dataset(tmp_path, "hourly", PAIR, timeframe="15m")["value"].tolist() == [2]


@settings(max_examples=12)
@given(st.lists(st.tuples(labels, finite), max_size=30), st.integers(1, 5))
def test_recording_in_batches_is_recording_at_once(tmp_path_factory, events, size):
    whole = rows([label for label, _ in events], [value for _, value in events])
    if whole.empty:
        return
    at_once, in_batches = tmp_path_factory.mktemp("once"), tmp_path_factory.mktemp("batches")
    append_recording(at_once, EVENTS, PAIR, whole)
    for start in range(0, len(whole), size):
        append_recording(in_batches, EVENTS, PAIR, whole[start : start + size])
    one, other = (read_dataset(folder, "events", PAIR) for folder in (at_once, in_batches))
    keys = ["date", "value"]
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )


def test_a_tolerance_of_a_dataset_is_absolute_and_only_its_own():
    exact, loose = DATASET, replace(DATASET, tolerance=0.5)
    stored, fresh = rows([0, 1], [1000, 0.1]), rows([0, 1], [1000.4, 0.7])
    assert len(merge(stored, fresh, exact, NOW).restated) == 2
    assert merge(stored, fresh, loose, NOW).restated["date"].tolist() == [stored["date"].iloc[1]]

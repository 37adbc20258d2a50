"""What lies in a data folder is counted, judged and named."""

import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from providers.contract import MARKET, Quality, Scope
from providers.errors import DataMissingError
from providers.registry import DATASETS
from providers.status import State, absent, duration_of, is_called, survey, words
from providers.storage.history import History, append_recording
from providers.storage.store import native_path, recording_folder, write_frame
from tests.providers.scripted import (
    DATASET,
    DAY,
    HOUR,
    NOW,
    OTHER,
    PAIR,
    START,
    entry,
    rows,
)

QUARTER = timedelta(minutes=15)
PUSHED = replace(DATASET, name="pushed", step=None, max_age=HOUR)
POLLED = replace(DATASET, name="polled", step=None, max_age=HOUR)
MOOD = replace(DATASET, name="mood", scope=Scope.MARKET)
ENTRIES = {
    "hourly": entry(),
    "pushed": entry(dataset=PUSHED, recorded=True),
    "polled": entry(dataset=POLLED, recorded=True, poll=HOUR),
    "mood": entry(dataset=MOOD),
}


def candles(datadir, timeframe, first, last, kind="futures", leave_out=(), pair=PAIR):
    dates = pd.date_range(first, last, freq=timeframe).difference(pd.DatetimeIndex(leave_out))
    stamps = pd.Series(dates).dt.as_unit("ms")
    frame = pd.DataFrame({"date": stamps, "open": 1.0, "close": 1.0, "volume": 0.0})
    write_frame(frame, native_path(datadir, pair, timeframe, kind))


def one(found, name, pair=PAIR):
    (series,) = [it for it in found if (it.name, it.pair) == (name, pair)]
    return series


def test_candles_are_fresh_until_two_timeframes_after_the_last_close(tmp_path):
    candles(tmp_path, "15min", START, START + DAY)
    native_path(tmp_path, PAIR, "15min").rename(native_path(tmp_path, PAIR, "15m"))
    closed = START + DAY + QUARTER
    fresh = one(survey(tmp_path, closed + 2 * QUARTER, {}), "futures-15m")
    assert (fresh.state, fresh.age) == (State.FRESH, 2 * QUARTER)
    stale = one(survey(tmp_path, closed + 3 * QUARTER, {}), "futures-15m")
    assert stale.state is State.STALE
    assert stale.problem == "the last row was known 00:45 ago, 00:30 is allowed; fetch it again"


def test_rows_after_the_given_time_do_not_count(tmp_path):
    candles(tmp_path, "1h", START, START + 10 * DAY)
    then = one(survey(tmp_path, START + DAY, {}), "futures-1h")
    assert (then.rows, then.last, then.state) == (25, START + DAY, State.FRESH)
    assert then.age == timedelta(0)  # the running candle closes later
    before = one(survey(tmp_path, START - DAY, {}), "futures-1h")
    assert before.problem == "no rows up to 2025-12-31 00:00"
    assert before.state is State.STALE


def test_gaps_are_counted_and_measured(tmp_path):
    out = [START + 3 * HOUR, START + 5 * HOUR, START + 6 * HOUR]
    candles(tmp_path, "1h", START, START + DAY, leave_out=out)
    found = one(survey(tmp_path, START + DAY, {}), "futures-1h")
    assert [(gap.start, gap.end) for gap in found.gaps] == [
        (START + 3 * HOUR, START + 4 * HOUR),
        (START + 5 * HOUR, START + 7 * HOUR),
    ]
    assert (found.missing, found.longest_gap) == (3, 2 * HOUR)


def test_mark_prices_at_funding_instants_are_whole_on_their_own_grid(tmp_path):
    candles(tmp_path, "8h", START, START + 4 * DAY, "mark")
    path = native_path(tmp_path, PAIR, "1h", "mark")
    native_path(tmp_path, PAIR, "8h", "mark").rename(path)
    found = one(survey(tmp_path, START + 4 * DAY + 8 * HOUR, {}), "mark-1h")
    assert (found.gaps, found.state) == ([], State.FRESH)
    candles(tmp_path, "1h", START, START + DAY, "mark", leave_out=[START + HOUR])
    assert len(one(survey(tmp_path, START + DAY, {}), "mark-1h").gaps) == 1


def test_funding_has_a_gap_only_beyond_eight_hours(tmp_path):
    hours = [0, 8, 16, 20, 24, 40]  # four-hourly for a while, then one is missing
    dates = pd.Series([START + hour * HOUR for hour in hours]).dt.as_unit("ms")
    frame = pd.DataFrame({"date": dates, "funding_rate": 1e-4})
    write_frame(frame, native_path(tmp_path, PAIR, "1h", "funding_rate"))
    found = one(survey(tmp_path, START + 48 * HOUR, {}), "funding_rate-1h")
    assert [(gap.start, gap.end) for gap in found.gaps] == [(START + 32 * HOUR, START + 40 * HOUR)]
    assert found.state is State.FRESH
    assert found.allowed == 8 * HOUR + timedelta(minutes=10)


def test_our_rows_are_judged_by_when_they_were_known_and_by_what_they_say(tmp_path):
    flags = [0, int(Quality.ZERO | Quality.BLANK), 0, 0]
    values = [1, float("nan"), 3, float("nan")]
    History(tmp_path, DATASET, PAIR).add(rows(range(4), values, quality=flags), NOW)
    found = one(survey(tmp_path, START + 6 * HOUR, ENTRIES), "hourly")
    assert found.age == 3 * HOUR  # the last number is of 02:00 and was known at 03:00
    assert found.state is State.FRESH
    assert found.quality == {"zero": 1, "blank": 1}
    late = one(survey(tmp_path, START + 6 * HOUR + QUARTER, ENTRIES), "hourly")
    assert late.state is State.STALE


def test_what_lies_beside_a_file_is_counted(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(4), range(4)), NOW)
    history.add(rows([1], [9]), NOW)
    history.path.write_bytes(b"torn")
    history.heal()
    history.add(rows(range(4), range(4)), NOW)
    found = one(survey(tmp_path, START + 4 * HOUR, ENTRIES), "hourly")
    assert found.quality == {"restated": 1, "set_aside": 1}


def test_a_damaged_file_is_corrupt_and_the_others_are_still_looked_at(tmp_path):
    candles(tmp_path, "1h", START, START + DAY)
    for pair in (PAIR, OTHER):
        History(tmp_path, DATASET, pair).add(rows(range(4), range(4)), NOW)
    path = History(tmp_path, DATASET, PAIR).path
    path.write_bytes(path.read_bytes()[:-1])
    found = survey(tmp_path, START + DAY, ENTRIES)
    corrupt = one(found, "hourly")
    assert corrupt.state is State.CORRUPT
    assert "differs from its checksum" in corrupt.problem
    assert {it.state for it in found} == {State.CORRUPT, State.FRESH, State.STALE}


def test_recordings_are_one_series_and_silence_is_a_gap_only_where_it_is_polled(tmp_path):
    hours = [0, 1, 30]
    for dataset in (PUSHED, POLLED):
        append_recording(tmp_path, dataset, PAIR, rows(hours, hours))
    found = survey(tmp_path, START + 31 * HOUR, ENTRIES)
    pushed, polled = one(found, "pushed"), one(found, "polled")
    assert (pushed.rows, pushed.first, pushed.last) == (3, START, START + 30 * HOUR)
    assert (len(pushed.gaps), len(polled.gaps), polled.missing) == (0, 1, 0)
    day = recording_folder(tmp_path, "polled", PAIR) / "2026-01-01.feather"
    day.write_bytes(b"torn")
    assert one(survey(tmp_path, START + 31 * HOUR, ENTRIES), "polled").state is State.CORRUPT


def test_series_are_chosen_by_pair_and_by_the_first_part_of_their_name(tmp_path):
    for pair in (PAIR, OTHER):
        candles(tmp_path, "1h", START, START + DAY, pair=pair)
        candles(tmp_path, "4h", START, START + DAY, pair=pair)
        History(tmp_path, DATASET, pair).add(rows(range(4), range(4)), NOW)
    found = survey(tmp_path, NOW, ENTRIES, pairs=[PAIR], datasets=["futures"])
    assert [(it.pair, it.name) for it in found] == [(PAIR, "futures-1h"), (PAIR, "futures-4h")]
    everything = survey(tmp_path, NOW, ENTRIES)
    assert [it.name for it in everything[:3]] == ["futures-1h", "futures-4h", "hourly"]
    assert is_called("futures-1h", "futures")
    assert not is_called("futures-1h", "fut")


def test_what_is_required_and_not_there_is_missing(tmp_path):
    History(tmp_path, DATASET, PAIR).add(rows(range(4), range(4)), NOW)
    History(tmp_path, MOOD, MARKET).add(rows(range(4), range(4)), NOW)
    found = survey(tmp_path, NOW, ENTRIES)
    lacking = absent(found, ["hourly", "mood", "polled"], [PAIR, OTHER])
    assert [(it.pair, it.name, it.state) for it in lacking] == [
        (OTHER, "hourly", State.MISSING),
        (PAIR, "polled", State.MISSING),
        (OTHER, "polled", State.MISSING),
    ]
    assert "scripts/backfill.py --datasets hourly" in lacking[0].problem


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataMissingError, match=r"nowhere does not exist; pass Freqtrade's data"):
        survey(tmp_path / "nowhere", NOW, {})


def test_a_series_is_json(tmp_path):
    candles(tmp_path, "1h", START, START + DAY, leave_out=[START + HOUR])
    told = json.loads(json.dumps(survey(tmp_path, START + DAY, {})[0].as_json()))
    assert told["longest_gap_seconds"] == 3600
    assert told["first"] == "2026-01-01T00:00:00+00:00"
    assert told["state"] == "fresh"


@pytest.mark.parametrize(
    ("timeframe", "length"),
    [
        ("5m", timedelta(minutes=5)),
        ("4h", 4 * HOUR),
        ("1d", DAY),
        ("1w", 7 * DAY),
        ("1M", 30 * DAY),
    ],
)
def test_timeframes_have_a_length(timeframe, length):
    assert duration_of(timeframe) == length


def test_durations_are_words():
    assert words(timedelta(days=3, hours=4, minutes=5)) == "3 d 04:05"
    assert words(timedelta(minutes=61)) == "01:01"


@pytest.mark.realdata
def test_the_recorded_folder_is_as_its_description_says(shared_data):
    found = survey(
        shared_data / "binance",
        pd.Timestamp("2026-03-01", tz="UTC"),
        DATASETS,
        pairs=["BTC/USDT:USDT", "BNB/USDT:USDT"],
    )
    assert {it.state for it in found} == {State.FRESH, State.STALE}
    bitcoin = one(found, "futures-15m", "BTC/USDT:USDT")
    assert (bitcoin.rows, len(bitcoin.gaps), bitcoin.state) == (11520, 0, State.FRESH)
    interest = one(found, "open_interest-5m", "BTC/USDT:USDT")
    assert (interest.rows, interest.missing) == (6365, 0)
    assert one(found, "funding_rate-1h", "BNB/USDT:USDT").state is State.STALE

"""Freqtrade's own files: exact snapshots, nothing lost, read by Freqtrade itself."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler, load_pair_history
from freqtrade.enums import CandleType, TradingMode

from providers.contract import Bounds
from providers.storage.history import History
from providers.storage.intake import Outcome
from providers.storage.native import (
    SNAPSHOTS,
    Natives,
    VenueError,
    choose_venue,
    write_funding_rate,
    write_open_interest,
)
from providers.storage.store import native_path, read_frame, write_frame
from tests.providers.scripted import DATASET, NOW, PAIR, START

MINUTE = timedelta(minutes=1)
OPEN_INTEREST = replace(
    DATASET,
    name="open_interest",
    values={"open_interest_amount": Bounds(), "open_interest_value": Bounds()},
    step=5 * MINUTE,
)
BYBIT = replace(
    OPEN_INTEREST, name="bybit_open_interest", values={"open_interest_amount": Bounds()}
)
FUNDING = replace(
    DATASET,
    name="funding_rate",
    step=None,
    values={"funding_rate": Bounds(), "funding_interval_hours": Bounds()},
)


def store(datadir, dataset, dates, **values) -> None:
    stamps = pd.Series(pd.DatetimeIndex(dates)).dt.as_unit("ms")
    frame = pd.DataFrame({"date": stamps, **values, "known_at": stamps + 5 * MINUTE, "quality": 0})
    History(datadir, dataset, PAIR).add(frame, NOW)


@pytest.fixture
def interest(tmp_path) -> pd.DatetimeIndex:
    """Two days of snapshots whose amount counts the minutes since START."""
    dates = pd.date_range(START, periods=2 * 288, freq="5min")
    minutes = np.arange(len(dates)) * 5.0
    store(
        tmp_path,
        OPEN_INTEREST,
        dates,
        open_interest_amount=minutes,
        open_interest_value=minutes * 2,
    )
    return dates


def native(datadir, timeframe, kind="open_interest") -> pd.DataFrame:
    return read_frame(native_path(datadir, PAIR, timeframe, kind))


@pytest.mark.parametrize(("timeframe", "step"), SNAPSHOTS.items())
def test_a_native_row_is_the_snapshot_at_its_stamp(interest, tmp_path, timeframe, step):
    write_open_interest(tmp_path, PAIR)
    frame = native(tmp_path, timeframe)
    assert frame.columns.tolist() == ["date", "open_interest_amount", "open_interest_value"]
    assert frame["date"].dtype == "datetime64[ms, UTC]"
    assert (frame.dtypes.iloc[1:] == "float64").all()
    assert frame["date"].tolist() == [date for date in interest if date == date.floor(step)]
    assert (frame["open_interest_amount"] == (frame["date"] - START) / MINUTE).all()


def test_blanks_are_left_out_and_nothing_is_filled(tmp_path):
    dates = [START, START + 15 * MINUTE, START + 30 * MINUTE, START + 40 * MINUTE]
    store(
        tmp_path,
        OPEN_INTEREST,
        dates,
        open_interest_amount=[1, np.nan, 3, 4],
        open_interest_value=[np.nan, np.nan, 30, 40],
    )
    write_open_interest(tmp_path, PAIR)
    frame = native(tmp_path, "15m")
    assert frame["date"].tolist() == [START, START + 30 * MINUTE]
    assert frame["open_interest_value"].isna().tolist() == [True, False]


def test_what_freqtrade_has_downloaded_stays(interest, tmp_path):
    theirs = pd.DataFrame(
        {
            "date": pd.Series(
                pd.DatetimeIndex([START - 15 * MINUTE, START, START + 15 * MINUTE])
            ).dt.as_unit("ms"),
            "open_interest_amount": [-15.0, 77.0, 15.0],
            "open_interest_value": np.nan,
        }
    )
    write_frame(theirs, native_path(tmp_path, PAIR, "15m", "open_interest"))
    written = write_open_interest(tmp_path, PAIR)[0]
    frame = native(tmp_path, "15m").set_index("date")
    assert frame["open_interest_amount"].iloc[:3].tolist() == [-15, 77, 15]
    assert frame["open_interest_value"].iloc[1:3].tolist() == [0, 30]  # their blanks, our values
    assert written.differing == 1
    assert written.appended == len(frame) - 3 == 2 * 96 - 2


def test_what_a_killed_writer_left_beside_its_file_is_swept(interest, tmp_path):
    path = native_path(tmp_path, PAIR, "15m", "open_interest")
    path.parent.mkdir(parents=True, exist_ok=True)
    left, foreign = path.with_name(f".{path.name}.ab12cd34"), path.with_name(".other.ab12cd34")
    for litter in (left, foreign):
        litter.write_text("half of it")
    write_open_interest(tmp_path, PAIR)
    assert not left.exists()
    assert foreign.exists(), "it is not ours"


def test_writing_again_changes_no_byte(interest, tmp_path):
    first = [file.path.read_bytes() for file in write_open_interest(tmp_path, PAIR)]
    stamps = [file.path.stat().st_mtime_ns for file in write_open_interest(tmp_path, PAIR)]
    again = write_open_interest(tmp_path, PAIR)
    assert [file.path.read_bytes() for file in again] == first
    assert [file.path.stat().st_mtime_ns for file in again] == stamps
    assert [file.appended for file in again] == [0, 0, 0]


def test_funding_is_dated_by_the_hour_and_the_first_of_it_counts(tmp_path):
    dates = [START, START + timedelta(hours=4, minutes=1), START + timedelta(hours=4, minutes=30)]
    store(
        tmp_path,
        FUNDING,
        [*dates, START + timedelta(hours=8)],
        funding_rate=[1e-4, 2e-4, 9e-4, np.nan],
        funding_interval_hours=np.nan,
    )
    write_funding_rate(tmp_path, PAIR)
    frame = native(tmp_path, "1h", "funding_rate")
    assert frame.columns.tolist() == ["date", "funding_rate"]
    assert frame["date"].tolist() == [START, START + timedelta(hours=4)]
    assert frame["funding_rate"].tolist() == [1e-4, 2e-4]


def test_the_older_layout_of_funding_is_understood(tmp_path):
    candles = dict.fromkeys(("open", "high", "low", "close", "volume"), 3e-4)
    dates = pd.Series(pd.DatetimeIndex([START])).dt.as_unit("ms")
    old = pd.DataFrame({"date": dates, **candles})
    write_frame(old, native_path(tmp_path, PAIR, "1h", "funding_rate"))
    later = [START, START + timedelta(hours=8)]
    store(tmp_path, FUNDING, later, funding_rate=[1e-4, 2e-4], funding_interval_hours=8.0)
    assert write_funding_rate(tmp_path, PAIR)[0].differing == 1
    assert native(tmp_path, "1h", "funding_rate")["funding_rate"].tolist() == [3e-4, 2e-4]


def test_a_damaged_native_file_is_set_aside_and_told(interest, tmp_path):
    path = native_path(tmp_path, PAIR, "1h", "open_interest")
    path.parent.mkdir()
    path.write_bytes(b"ARROW1 torn")
    natives = Natives(tmp_path, "binance")
    outcome = Outcome("open_interest", PAIR)
    natives.follow(outcome)
    assert len(outcome.problems) == 1
    assert f"kept as {path.name}.corrupt-1" in outcome.problems[0]
    assert path.with_name(f"{path.name}.corrupt-1").read_bytes() == b"ARROW1 torn"
    assert len(read_frame(path)) == 48
    assert natives.summary().startswith("Freqtrade's own files: 3 brought up to date, 252 rows")


def test_what_was_filled_later_is_left_out_for_no_bot_knew_it(tmp_path):
    dates = [START, START + 15 * MINUTE, START + 30 * MINUTE]
    blank = {"open_interest_amount": [1, np.nan, 3], "open_interest_value": [2, np.nan, 6]}
    store(tmp_path, OPEN_INTEREST, dates, **blank)
    late = {"open_interest_amount": [2.0], "open_interest_value": [4.0]}
    store(tmp_path, OPEN_INTEREST, dates[1:2], **late)
    stored = History(tmp_path, OPEN_INTEREST, PAIR).read()
    assert stored["open_interest_amount"].tolist() == [1, 2, 3]
    write_open_interest(tmp_path, PAIR)
    assert native(tmp_path, "15m")["date"].tolist() == [dates[0], dates[2]]


def test_a_settlement_that_was_filled_later_is_left_out(tmp_path):
    dates = [START, START + timedelta(hours=8)]
    store(tmp_path, FUNDING, dates, funding_rate=[1e-4, np.nan], funding_interval_hours=np.nan)
    store(tmp_path, FUNDING, dates[1:], funding_rate=[2e-4], funding_interval_hours=8.0)
    write_funding_rate(tmp_path, PAIR)
    assert native(tmp_path, "1h", "funding_rate")["date"].tolist() == dates[:1]


@pytest.mark.parametrize("column", ["date", "open_interest_amount"])
def test_a_native_file_of_other_types_is_set_aside_and_told(interest, tmp_path, column):
    path = native_path(tmp_path, PAIR, "1h", "open_interest")
    odd = {"date": pd.Series([START]).dt.as_unit("ms"), "open_interest_amount": 1.0}
    odd |= {"open_interest_value": 1.0}
    odd |= {"date": odd["date"].dt.tz_localize(None)} if column == "date" else {column: "many"}
    write_frame(pd.DataFrame(odd), path)
    outcome = Outcome("open_interest", PAIR)
    Natives(tmp_path, "binance").follow(outcome)
    assert f"kept as {path.name}.corrupt-1" in outcome.problems[0]
    assert len(read_frame(path)) == 48


def test_freqtrade_reads_the_files_and_lists_no_others(interest, tmp_path):
    dates = pd.date_range(START, periods=6, freq="8h")
    rates = {"funding_rate": 1e-4, "funding_interval_hours": 8.0}
    store(tmp_path, FUNDING, dates, **rates)
    write_open_interest(tmp_path, PAIR)
    write_funding_rate(tmp_path, PAIR)
    for timeframe, count in (("15m", 192), ("1h", 48), ("4h", 12)):
        loaded = load_pair_history(
            PAIR, timeframe, tmp_path, candle_type=CandleType.OPEN_INTEREST, data_format="feather"
        )
        pd.testing.assert_frame_equal(loaded, native(tmp_path, timeframe), check_dtype=False)
        assert len(loaded) == count
    funding = load_pair_history(
        PAIR, "1h", tmp_path, candle_type=CandleType.FUNDING_RATE, data_format="feather"
    )
    assert funding["funding_rate"].tolist() == [1e-4] * 6
    handler = get_datahandler(tmp_path, "feather")
    listed = handler.ohlcv_get_available_data(tmp_path, TradingMode.FUTURES)
    assert sorted((pair, timeframe, str(kind)) for pair, timeframe, kind in listed) == [
        (PAIR, "15m", "open_interest"),
        (PAIR, "1h", "funding_rate"),
        (PAIR, "1h", "open_interest"),
        (PAIR, "4h", "open_interest"),
    ]


def test_open_interest_of_two_venues_is_never_mixed(interest, tmp_path):
    choose_venue(tmp_path, "binance")
    write_open_interest(tmp_path, PAIR)
    store(tmp_path, BYBIT, [START, START + 15 * MINUTE], open_interest_amount=[5, 6])
    with pytest.raises(VenueError, match="hold that of binance, not of bybit; add --replace-nat"):
        choose_venue(tmp_path, "bybit")
    aside = choose_venue(tmp_path, "bybit", replace=True)
    assert [path.name for path in aside] == [
        f"BTC_USDT_USDT-{timeframe}-open_interest.feather.replaced-1"
        for timeframe in ("15m", "1h", "4h")
    ]
    write_open_interest(tmp_path, PAIR, "bybit")
    frame = native(tmp_path, "15m")
    assert frame["open_interest_amount"].tolist() == [5, 6]
    assert frame["open_interest_value"].isna().all()
    assert choose_venue(tmp_path, "bybit") == []
    with pytest.raises(VenueError):
        choose_venue(tmp_path, "binance")


def test_files_that_nobody_chose_are_the_exchanges_own(interest, tmp_path):
    write_open_interest(tmp_path, PAIR)
    with pytest.raises(VenueError, match="hold that of binance"):
        choose_venue(tmp_path, "bybit")
    assert choose_venue(tmp_path, "binance") == []

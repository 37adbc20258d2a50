"""Which pairs can be backtested over which period."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.coverage import (
    NEEDS,
    Period,
    futures_pairs,
    longest_period,
    parse_timerange,
    select_pairs,
)
from providers.errors import DataMissingError
from providers.storage.store import native_path, write_frame

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 3, 1, tzinfo=UTC)


def write_pair(datadir, pair, start=START, end=END):
    for need in NEEDS:
        step = pd.Timedelta("8h" if need.candle_type == "funding_rate" else need.timeframe)
        dates = pd.date_range(start, end, freq=step, inclusive="left")
        frame = pd.DataFrame({"date": dates, "open": np.ones(len(dates))})
        write_frame(frame, native_path(datadir, pair, need.timeframe, need.candle_type))


@given(st.dates(), st.integers(1, 3000))
def test_timerange_round_trip(day, days):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if day.year < 1000 or day.year > 9900:  # strftime does not pad years
        return
    period = Period(start, start + timedelta(days=days))
    assert parse_timerange(period.timerange) == period


@pytest.mark.parametrize("text", ["", "20260101", "20260101-", "2026-01-01", "20260101-20261301"])
def test_bad_timerange_is_refused(text):
    with pytest.raises(ValueError, match="expected YYYYMMDD-YYYYMMDD"):
        parse_timerange(text)


def test_longest_period_begins_after_the_slowest_warmup(tmp_path):
    write_pair(tmp_path, "BTC/USDT:USDT")
    period = longest_period(tmp_path)
    # 400 hours of 4h candles: 16 days and 16 hours, then the next midnight.
    assert period == Period(datetime(2026, 1, 18, tzinfo=UTC), END)
    usable, refused = select_pairs(tmp_path, period)
    assert usable == ("BTC/USDT:USDT",)
    assert not refused


def test_pairs_without_the_whole_period_are_left_out_with_a_reason(tmp_path):
    write_pair(tmp_path, "BTC/USDT:USDT")
    write_pair(tmp_path, "1000PEPE/USDT:USDT", end=END - timedelta(days=5))
    write_pair(tmp_path, "ETH/USDT:USDT", start=START + timedelta(days=5))
    assert futures_pairs(tmp_path) == ("1000PEPE/USDT:USDT", "BTC/USDT:USDT", "ETH/USDT:USDT")
    usable, refused = select_pairs(tmp_path, longest_period(tmp_path))
    assert usable == ("BTC/USDT:USDT",)
    assert "ends at 2026-02-23" in refused["1000PEPE/USDT:USDT"]
    assert "4h futures begins at 2026-01-06" in refused["ETH/USDT:USDT"]


def test_period_outside_the_data_names_what_they_cover(tmp_path):
    write_pair(tmp_path, "BTC/USDT:USDT")
    with pytest.raises(DataMissingError, match="the data cover 20260118-20260301"):
        select_pairs(tmp_path, parse_timerange("20250101-20250201"))


def test_file_of_another_name_is_passed_over(tmp_path):
    write_pair(tmp_path, "BTC/USDT:USDT")
    (tmp_path / "futures" / "BTC_USDT-15m-futures.feather").touch()
    assert futures_pairs(tmp_path) == ("BTC/USDT:USDT",)


def test_folder_without_a_complete_pair_says_what_to_download(tmp_path):
    write_pair(tmp_path, "BTC/USDT:USDT")
    native_path(tmp_path, "BTC/USDT:USDT", "1h", "mark").unlink()
    with pytest.raises(DataMissingError, match="freqtrade download-data"):
        longest_period(tmp_path)

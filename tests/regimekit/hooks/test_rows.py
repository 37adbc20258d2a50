"""A strategy reads what the store holds, notices when it changes, and never fails for it."""

import os
from datetime import timedelta

import pandas as pd
import pytest

from providers.datasets import order_book
from providers.storage.history import append_recording
from providers.storage.store import recording_folder, store_path, write_frame
from regimekit.hooks import rows as module
from regimekit.hooks.rows import StoreRows
from tests.derivatives import taker_flow_rows
from tests.markets import market
from tests.regimekit.hooks.fakes import PAIR

ROWS = taker_flow_rows(market(20, seed=1))


@pytest.fixture
def path(tmp_path):
    path = store_path(tmp_path, "taker_flow", PAIR, "15m")
    write_frame(ROWS, path, checksum=True)
    return path


def test_rows_are_those_of_the_store(path, tmp_path):
    pd.testing.assert_frame_equal(StoreRows(tmp_path, "15m").rows("taker_flow", PAIR), ROWS)


def test_a_replaced_file_is_read_again_and_an_untouched_one_is_not(path, tmp_path, monkeypatch):
    reads = []
    read = module.read_dataset
    monkeypatch.setattr(
        module, "read_dataset", lambda *args, **kwargs: reads.append(1) or read(*args, **kwargs)
    )
    store = StoreRows(tmp_path, "15m")
    for _ in range(3):
        assert len(store.rows("taker_flow", PAIR)) == 20
    # Another backtest of the same process asks the same file.
    assert len(StoreRows(tmp_path, "15m").rows("taker_flow", PAIR)) == 20
    assert len(reads) == 1
    write_frame(ROWS.iloc[:5], path, checksum=True)
    assert len(store.rows("taker_flow", PAIR)) == 5
    assert len(reads) == 2


def test_one_version_of_a_file_is_held_and_at_most_so_many_files(path, tmp_path, monkeypatch):
    versions = module._Versions(most=2)
    monkeypatch.setattr(module, "_VERSIONS", versions)
    store = StoreRows(tmp_path, "15m")
    for count in (5, 6, 7):
        write_frame(ROWS.iloc[:count], path, checksum=True)
        assert len(store.rows("taker_flow", PAIR)) == count
    assert [len(frame) for _, frame in versions._held.values()] == [7]
    for dataset in ("spot_taker_flow", "premium"):
        write_frame(ROWS, store_path(tmp_path, dataset, PAIR, "15m"), checksum=True)
        store.rows(dataset, PAIR)
    assert [key[1] for key in versions._held] == ["spot_taker_flow", "premium"]


def test_nothing_stored_is_an_empty_frame(tmp_path):
    for store in (StoreRows(tmp_path, "15m"), StoreRows(None, "15m")):
        assert store.rows("taker_flow", PAIR).empty
        assert store.rows("taker_flow", PAIR) is store.rows("order_book", PAIR)


def test_a_file_that_goes_away_is_missing_again(path, tmp_path):
    store = StoreRows(tmp_path, "15m")
    assert not store.rows("taker_flow", PAIR).empty
    path.unlink()
    assert store.rows("taker_flow", PAIR).empty


@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "naive", "undated"])
def test_a_damaged_file_counts_as_missing_and_is_logged_once(path, tmp_path, caplog, damage):
    content = path.read_bytes()
    if damage == "flipped":
        path.write_bytes(content[:400] + bytes([content[400] ^ 1]) + content[401:])
    elif damage == "truncated":
        path.write_bytes(content[:-100])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "naive":
        naive = {name: ROWS[name].dt.tz_localize(None) for name in ("date", "known_at")}
        write_frame(ROWS.assign(**naive), path, checksum=True)
    else:
        write_frame(ROWS.drop(columns="known_at"), path, checksum=True)
    store = StoreRows(tmp_path, "15m")
    for _ in range(3):
        assert store.rows("taker_flow", PAIR).empty
    assert len(caplog.records) == 1
    assert "taker_flow of BTC/USDT:USDT counts as missing" in caplog.text


DAYS = pd.date_range("2026-01-01", periods=4, freq="D", tz="UTC")


def recorded(*dates: pd.Timestamp, folder) -> None:
    stamps = pd.Series(pd.DatetimeIndex(dates)).dt.as_unit("ms")
    values = dict.fromkeys(order_book.DATASET.values, 1.0)
    rows = pd.DataFrame({"date": stamps} | values).assign(known_at=stamps, quality=0)
    append_recording(folder, order_book.DATASET, PAIR, rows)


def test_what_was_recorded_is_found_at_any_timeframe(tmp_path):
    recorded(*DAYS, folder=tmp_path)
    for timeframe in ("15m", "1h", "events"):
        rows = StoreRows(tmp_path, timeframe).rows("order_book", PAIR)
        assert rows["date"].tolist() == list(DAYS)
    assert StoreRows(tmp_path, "15m").rows("order_book", "ETH/USDT:USDT").empty


def test_a_bot_reads_the_latest_recorded_days_alone(tmp_path, path):
    recorded(*DAYS, folder=tmp_path)
    store = StoreRows(tmp_path, "15m")
    assert store.latest(2).rows("order_book", PAIR)["date"].tolist() == list(DAYS[2:])
    assert len(store.rows("order_book", PAIR)) == 4, "a backtest in the same process reads all"
    assert len(store.latest(2).rows("taker_flow", PAIR)) == 20, "what was fetched is one file"


def test_a_recording_that_goes_on_is_read_again_and_one_that_rests_is_not(tmp_path, monkeypatch):
    reads = []
    read = module.read_dataset
    monkeypatch.setattr(
        module, "read_dataset", lambda *args, **kwargs: reads.append(1) or read(*args, **kwargs)
    )
    recorded(DAYS[0], folder=tmp_path)
    folder = recording_folder(tmp_path, "order_book", PAIR)
    store = StoreRows(tmp_path, "15m")
    for _ in range(3):
        assert len(store.rows("order_book", PAIR)) == 1
    for count, date in enumerate([DAYS[0] + timedelta(minutes=1), DAYS[1]], start=2):
        recorded(date, folder=tmp_path)
        os.utime(folder, ns=(count, count))  # two writes may fall into one tick of its clock
        assert store.rows("order_book", PAIR)["date"].iloc[-1] == date
        assert len(reads) == count


def test_a_damaged_day_counts_as_missing(tmp_path, caplog):
    recorded(*DAYS, folder=tmp_path)
    day = recording_folder(tmp_path, "order_book", PAIR) / "2026-01-03.feather"
    day.write_bytes(day.read_bytes()[:-10])
    store = StoreRows(tmp_path, "15m")
    for _ in range(2):
        assert store.rows("order_book", PAIR).empty
    assert len(caplog.records) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_counts_as_missing(path, tmp_path):
    path.chmod(0)
    assert StoreRows(tmp_path, "15m").rows("taker_flow", PAIR).empty

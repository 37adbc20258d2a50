"""A strategy reads what the store holds, notices when it changes, and never fails for it."""

import os

import pandas as pd
import pytest

from providers.storage.store import store_path, write_frame
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_counts_as_missing(path, tmp_path):
    path.chmod(0)
    assert StoreRows(tmp_path, "15m").rows("taker_flow", PAIR).empty

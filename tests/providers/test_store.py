"""Files are old or new, never torn, and damage is noticed."""

import io
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import (
    file_stem,
    native_path,
    read_frame,
    replace_file,
    store_path,
    write_frame,
)

OLD = pd.DataFrame({"value": [1.0, 2.0, 3.0]})
NEW = pd.DataFrame({"value": [4.0, 5.0, 6.0, 7.0]})
SYSTEM_CALLS = [
    (os, "open"),
    (os, "fdopen"),
    (os, "fsync"),
    (Path, "chmod"),
    (Path, "replace"),
    (Path, "read_bytes"),
]
STEPS_OF_A_WRITE = 16  # with a checksum: three files, each opened, flushed, shared and renamed


class CrashError(OSError):
    """The disk is full, the folder read-only, or the process gone."""


def crash_at(monkeypatch, step: int) -> list[str]:
    """Let call number `step` to the operating system fail; return the calls made."""
    calls: list[str] = []

    def failing(name, original):
        def call(*args, **kwargs):
            calls.append(name)
            if len(calls) == step:
                raise CrashError(f"{name} failed")
            return original(*args, **kwargs)

        return call

    for owner, name in SYSTEM_CALLS:
        monkeypatch.setattr(owner, name, failing(name, getattr(owner, name)))
    return calls


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("old", [None, OLD], ids=["no file before", "an old file"])
@pytest.mark.parametrize("step", range(1, STEPS_OF_A_WRITE + 2))
def test_a_write_that_fails_at_any_step_leaves_old_or_new(
    step, old, checksum, tmp_path, monkeypatch
):
    path = tmp_path / "data.feather"
    if old is not None:
        write_frame(old, path, checksum=checksum)
    with monkeypatch.context() as patched:
        calls = crash_at(patched, step)
        failed = False
        try:
            write_frame(NEW, path, checksum=checksum)
        except CrashError:
            failed = True
    assert failed == (len(calls) >= step)
    if old is None and not path.exists():
        assert failed
    else:
        found = read_frame(path)
        assert found.equals(NEW) or (failed and old is not None and found.equals(old))
    assert {file.name for file in tmp_path.iterdir()} <= {"data.feather", "data.feather.sha256"}
    write_frame(NEW, path, checksum=checksum)
    assert read_frame(path).equals(NEW)


def test_the_steps_of_a_write_are_as_many_as_the_test_above_fails(tmp_path, monkeypatch):
    path = tmp_path / "data.feather"
    write_frame(OLD, path, checksum=True)
    with monkeypatch.context() as patched:
        calls = crash_at(patched, step=0)
        write_frame(NEW, path, checksum=True)
    assert len(calls) == STEPS_OF_A_WRITE


def test_a_file_is_on_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        calls = crash_at(patched, step=0)
        replace_file(tmp_path / "data", b"content")
    assert calls.index("fsync") < calls.index("replace")


@settings(max_examples=50)
@given(st.data())
def test_a_flipped_bit_is_caught(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("store") / "data.feather"
    write_frame(OLD, path, checksum=True)
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match="differs from its checksum; delete it and fetch"):
        read_frame(path)


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("kept", [0, 1, 8, 100])
def test_a_truncated_file_is_caught(kept, checksum, tmp_path):
    path = tmp_path / "data.feather"
    write_frame(OLD, path, checksum=checksum)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorruptDataError, match="delete it and fetch it again"):
        read_frame(path)


def test_a_checksum_of_something_else_is_caught(tmp_path):
    path = tmp_path / "data.feather"
    write_frame(OLD, path, checksum=True)
    sidecar = path.with_name("data.feather.sha256")
    sidecar.write_text("0" * 64)
    with pytest.raises(CorruptDataError, match="differs from its checksum"):
        read_frame(path)


def test_a_missing_file_is_named_with_the_way_out(tmp_path):
    with pytest.raises(DataMissingError) as refusal:
        read_frame(tmp_path / "none.feather")
    message = str(refusal.value)
    assert str(tmp_path / "none.feather") in message
    assert "freqtrade download-data" in message
    assert "\n" not in message


def test_a_reader_that_meets_a_writer_sees_old_or_new(tmp_path, monkeypatch):
    path = tmp_path / "data.feather"
    write_frame(OLD, path, checksum=True)
    read_bytes, met = Path.read_bytes, []

    def read_then_write(self):
        content = read_bytes(self)
        if not met:
            met.append(self)
            write_frame(NEW, path, checksum=True)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_then_write)
    assert read_frame(path).equals(NEW)


def test_freqtrade_reads_what_is_written(tmp_path):
    path = tmp_path / "futures" / "data.feather"
    write_frame(OLD, path)
    assert pd.read_feather(io.BytesIO(path.read_bytes())).equals(OLD)
    assert path.stat().st_mode & 0o777 == 0o644


def test_paths_are_those_of_freqtrade():
    data = Path("data")
    pair = "BTC/USDT:USDT"
    assert file_stem(pair) == "BTC_USDT_USDT"
    assert native_path(data, pair, "15m") == data / "futures/BTC_USDT_USDT-15m-futures.feather"
    assert native_path(data, "BTC/USDT", "1h", "spot") == data / "BTC_USDT-1h.feather"
    assert (
        native_path(data, pair, "1h", "funding_rate")
        == data / "futures/BTC_USDT_USDT-1h-funding_rate.feather"
    )
    assert (
        store_path(data, "taker_flow", pair, "15m")
        == data / "regimekit/taker_flow/BTC_USDT_USDT-15m.feather"
    )


@pytest.mark.realdata
def test_every_recorded_file_can_be_read(shared_data):
    paths = sorted((shared_data / "binance" / "futures").glob("BTC_*.feather"))
    assert paths
    for path in paths:
        assert not read_frame(path).empty

"""One writer per dataset; a dead one leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys

import pytest

from providers.errors import ProviderError
from providers.storage.lease import LeaseError, lease
from providers.storage.store import STORE_FOLDER

HOLDER = """
import sys, time
from pathlib import Path
from providers.storage.lease import lease
with lease(Path(sys.argv[1]), "open_interest"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path, repository):
    """Another process that holds the lease of open_interest in tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=repository,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_is_refused_and_told_who_the_first_is(holder, tmp_path):
    with pytest.raises(LeaseError) as refusal, lease(tmp_path, "open_interest"):
        pass
    assert re.fullmatch(
        rf"open_interest is being written by process {holder.pid} on \S+ since \S+; "
        rf"wait until it ends, or stop it with `kill {holder.pid}`",
        str(refusal.value),
    )
    assert isinstance(refusal.value, ProviderError)


def test_another_dataset_is_free(holder, tmp_path):
    with lease(tmp_path, "order_book"):
        pass


def test_a_killed_writer_holds_nothing_and_its_half_written_files_are_swept(holder, tmp_path):
    folder = tmp_path / STORE_FOLDER / "open_interest"
    half = folder / ".BTC_USDT_USDT-5m.feather.a1b2c3d4"
    day = folder / "BTC_USDT_USDT-events" / ".2026-01-01.feather.sha256.a1b2c3d4"
    day.parent.mkdir()
    kept = folder / "BTC_USDT_USDT-5m.feather"
    for file in (half, day, kept):
        file.write_bytes(b"content")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lease(tmp_path, "open_interest"):
        assert not half.exists()
        assert not day.exists()
        assert kept.exists()


def test_a_lease_ends_with_its_block_and_can_be_had_again(tmp_path):
    for _ in range(2):
        with (
            lease(tmp_path, "open_interest"),
            pytest.raises(LeaseError),
            lease(tmp_path, "open_interest"),
        ):
            pass
    folder = tmp_path / STORE_FOLDER / "open_interest"
    assert not (folder / ".writer.json").exists()


def test_an_unreadable_owner_is_still_a_refusal(holder, tmp_path):
    (tmp_path / STORE_FOLDER / "open_interest" / ".writer.json").write_text("{")
    refused = pytest.raises(LeaseError, match="by another process; wait until it ends")
    with refused, lease(tmp_path, "open_interest"):
        pass

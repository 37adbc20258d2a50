"""One writer per dataset: a lock that the system takes back when its owner dies.

A recorder of the order book and a backfill of open interest may run side by side; two writers of
the same dataset may not. Readers need no lock: files are replaced, never changed.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from providers.errors import ProviderError
from providers.storage.store import STORE_FOLDER, replace_file, sweep

LOCK = ".writer.lock"
OWNER = ".writer.json"


class LeaseError(ProviderError):
    """Somebody else is writing; the message names the process."""


def utc_now() -> pd.Timestamp:
    """Return the time."""
    return pd.Timestamp.now(tz="UTC")


@contextmanager
def lease(
    datadir: Path, dataset: str, clock: Callable[[], pd.Timestamp] = utc_now
) -> Iterator[None]:
    """Be the only writer of `dataset` in `datadir`.

    What a killed writer left half-written is swept away.

    Raises
    ------
    LeaseError
        Another process is; the message names it and the way out.
    """
    folder = datadir / STORE_FOLDER / dataset
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LeaseError(_refusal(folder, dataset)) from None
    try:
        sweep(folder)  # the only writer alive is this one
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": clock().isoformat()}
        replace_file(folder / OWNER, json.dumps(owner).encode())
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def _refusal(folder: Path, dataset: str) -> str:
    try:
        owner = json.loads((folder / OWNER).read_text())
        who = f"process {owner['pid']} on {owner['host']} since {owner['since']}"
        way = f"wait until it ends, or stop it with `kill {owner['pid']}`"
    except (OSError, ValueError, KeyError, TypeError):
        who, way = "another process", "wait until it ends"
    return f"{dataset} is being written by {who}; {way}"

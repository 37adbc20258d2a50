"""What workers do in tests, in place of a backtest; a worker imports it by name."""

import os
import signal
import sys
import tempfile
from pathlib import Path

from experiments.runs import ExperimentError, Job, Shelf


def keep(job: Job, shelf: Shelf, url: str) -> None:
    """Keep a folder that says where it came from."""
    folder = shelf.folder / job.key
    folder.mkdir(parents=True)
    (folder / "url").write_text(url)


def refuse(job: Job, shelf: Shelf, url: str) -> None:
    if job.name == "bad":
        raise ExperimentError("freqtrade backtesting ended with exit code 2: no such pair")
    keep(job, shelf, url)


def die(job: Job, shelf: Shelf, url: str) -> None:
    if job.name == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    keep(job, shelf, url)


def misbehave(job: Job, shelf: Shelf, url: str) -> None:
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - the traceback is expected
    raise LookupError("a defect")


def hang(job: Job, shelf: Shelf, url: str) -> None:
    """Begin something, say so, and wait to be stopped."""
    with tempfile.TemporaryDirectory(prefix=".run-", dir=shelf.folder):
        (shelf.folder / "pid").write_text(str(os.getpid()))
        signal.pause()

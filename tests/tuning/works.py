"""What workers do in tests instead of Freqtrade; importable by name, as a worker needs it."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from distributed import KilledWorker

from tuning.execution.outfit import Supplies
from tuning.jobs import Job, Search
from tuning.model import TuningError

OnEpochs = Callable[[int], None]


def files(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Finish at once, and tell of every epoch."""
    if isinstance(job, Search):
        for number in range(job.epochs):
            on_epochs(number + 1)
    return {"key": job.key.encode(), "source": supplies.source}


def noted(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Write down who did what below `data_url`."""
    Path(supplies.data_url, f"{job.key}.{os.getpid()}").touch()
    return {}


def third_dies(
    job: Search, supplies: Supplies, folder: Path, on_epochs: OnEpochs
) -> Mapping[str, bytes]:
    """Take the whole process along in the middle of the search of seed 3, the first time."""
    on_epochs(1)
    killed = Path(supplies.data_url, "killed")
    if job.seed == 3 and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return noted(job, supplies, folder, on_epochs)


def killed(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Fail as Dask says that the third worker in a row has died of a job."""
    raise KilledWorker(job.key, SimpleNamespace(host="10.0.0.2", address="tcp://10.0.0.2:4"), 2)


def refuses(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Say why there is nothing, as a failed search does."""
    raise TuningError(f"no epoch of {job.common.strategy} had a trade")


def breaks(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Fail as nobody expects."""
    raise OSError(28, "No space left on device")


def waits(job: Job, supplies: Supplies, folder: Path, on_epochs: OnEpochs) -> Mapping[str, bytes]:
    """Tell who does it, then go on until somebody ends it, and tell that."""
    Path(supplies.data_url, f"{job.key}.{os.getpid()}").touch()
    pause = threading.Event()
    try:
        while not pause.wait(0.02):
            on_epochs(1)
    finally:
        Path(supplies.data_url, f"{job.key}.ended").touch()
    return {}

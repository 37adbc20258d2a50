"""What a Dask worker needs to do jobs, and whether it is fit to: the worker's side of `cluster`.

A result depends on versions, so a worker that has others than the walk's is refused before it
gets a job. Source and data travel once per worker, not with each job.
"""

import os
import platform
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from distributed import Worker, WorkerPlugin, get_worker

from experiments.identity import engines, source_fingerprint
from tuning.execution.execute import execute
from tuning.execution.places import local_data, unpack_source
from tuning.jobs import Job, Search
from tuning.model import TuningError

# What runs in the worker's own process; the strategy and what it decides with come in the source.
CODE = (
    *("tuning/**/*.py", "experiments/*.py", "providers/**/*.py", "replay/**/*.py"),
    *("regimekit/*.py", "regimekit/reports/*.py", "regimekit/evaluation/*.py"),
    "regimekit/settings/*.py",
)
CACHE_VARIABLE = "REGIMEROUTER_CACHE"


@dataclass(frozen=True, slots=True)
class Supplies:
    """What all jobs of a walk are made with.

    Attributes
    ----------
    source : bytes
        What `places.pack_source` returned.
    data_url : str
        The candles, as a path or fsspec URL that every worker understands.
    data : str
        Their fingerprint.
    cache : str
        Where a worker keeps source and data for other walks; by default what the environment
        variable ``REGIMEROUTER_CACHE`` says there, else ``~/.cache/regimerouter``.
    """

    source: bytes
    data_url: str
    data: str
    cache: str = ""

    def cache_here(self) -> Path:
        """Return the cache on the machine where this is called."""
        named = self.cache or os.environ.get(CACHE_VARIABLE)
        if named:
            return Path(named)
        try:
            return Path.home() / ".cache" / "regimerouter"
        except RuntimeError as error:  # as in a container, for a user whom it does not know
            raise TuningError(
                f"there is no place for source and data ({error}); name one in {CACHE_VARIABLE}"
            ) from error


Work = Callable[[Job, Supplies, Path, Callable[[int], None]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of a job: its files, or why there are none."""

    files: Mapping[str, bytes] | None
    failure: str
    seconds: float
    worker: str


def perform(
    job: Job, supplies: Supplies, folder: Path, on_epochs: Callable[[int], None]
) -> Mapping[str, bytes]:
    """Do `job` with Freqtrade on this machine, in a private folder below `folder`."""
    cache = supplies.cache_here()
    tree = unpack_source(supplies.source, cache)
    datadir = local_data(supplies.data_url, supplies.data, cache)
    files = execute(job, tree=tree, datadir=datadir, work=folder, on_epochs=on_epochs)
    local_data(supplies.data_url, supplies.data, cache)  # nor did it change meanwhile
    return files


def versions() -> dict[str, str]:
    """Return what results depend on here, apart from source and data: versions and our own code."""
    python = ".".join(platform.python_version_tuple()[:2])
    code = source_fingerprint(patterns=CODE)
    return {"python": python, **engines(), "optuna": version("optuna"), "regimerouter": code}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return in words where `found` is not as `expected`."""
    return [
        f"{name} is {found.get(name, 'missing')}, expected {wanted}"
        for name, wanted in expected.items()
        if found.get(name) != wanted
    ]


class Outfit(WorkerPlugin):
    """Fits a worker out: checks its versions, then brings it the supplies.

    A worker that is fit offers as many units of the resource `name` as it has threads, and every
    job asks for one. Dask calls `setup` on workers that join later and on those that start anew.

    Parameters
    ----------
    name : str
        Unique; also the topic of messages to the client.
    expected : mapping
        What `versions` returned at the client.
    work : callable
        What is done with a job; importable by name.
    deaf : bool
        Whether Ctrl-C is left to the client, which shares the terminal.
    """

    def __init__(
        self, name: str, supplies: Supplies, expected: Mapping[str, str], work: Work, *, deaf: bool
    ) -> None:
        self.name, self.supplies, self.work, self.deaf = name, supplies, work, deaf
        self.expected = dict(expected)
        self.left, self.cancelled = False, set[str]()

    async def setup(self, worker: Worker) -> None:
        """Refuse the worker with a TuningError, or offer what jobs ask for."""
        if self.deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        wrong = differences(self.expected, versions())
        if wrong:
            message = (
                f"worker {worker.address} on {socket.gethostname()} is not fit: "
                f"{'; '.join(wrong)}; install there the same checkout and its lock file, or, if "
                "code was changed meanwhile, start the walk again"
            )
            worker.log_event(self.name, {"refused": message})
            raise TuningError(message)
        await worker.set_resources(**{self.name: worker.state.nthreads})

    async def teardown(self, worker: Worker) -> None:
        """Offer nothing any more, and end what runs."""
        self.left = True
        await worker.set_resources(**{self.name: 0})

    def transition(self, key: str, *states: str, **_: object) -> None:
        """Note the jobs that nobody waits for any more, as when the client has died."""
        if states == ("executing", "released"):
            self.cancelled.add(key)


def do(job: Job, name: str, key: str) -> Answer:
    """Do `job` in a worker that was fitted out under `name`; a TuningError is an answer too.

    Dask cannot end a thread, so a job that is canceled under its Dask `key` ends when it next
    tells how far it is.
    """
    worker = get_worker()
    outfit = worker.plugins[name]
    here = f"{socket.gethostname()}:{os.getpid()}"
    started, told = time.monotonic(), -1

    def on_epochs(epochs: int) -> None:
        nonlocal told
        if outfit.left or key in outfit.cancelled:
            raise TuningError("nobody waits for this job any more")
        if isinstance(job, Search) and epochs != told:
            told = epochs
            worker.log_event(name, {"key": job.key, "epochs": epochs})

    failure, files = "", None
    on_epochs(0)
    try:
        # Dask removes its folder when the worker ends, also one that was killed
        files = outfit.work(job, outfit.supplies, Path(worker.local_directory), on_epochs)
    except TuningError as error:
        failure = str(error)
    return Answer(files, failure, time.monotonic() - started, here)

"""Runs in parallel, each in a process of its own that can be stopped at any moment.

A worker never sees Ctrl-C: the terminal sends it to the whole group, and a traceback from each
worker would bury the message. The parent stops them with SIGTERM, at which a worker ends its
Freqtrade and removes what it had begun.
"""

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol

from experiments.runs import FAILURES, ExperimentError, Job, Shelf, execute

Work = Callable[[Job, Shelf, str], None]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOP_SECONDS = 20.0
TICK_SECONDS = 0.5


class Watcher(Protocol):
    """Is told how the runs go on."""

    def started(self, job: Job) -> None:
        """Learn that a run has begun."""

    def ended(self, job: Job, seconds: float, failure: str | None) -> None:
        """Learn that a run is over; `failure` says why it came to nothing."""

    def tick(self) -> None:
        """Learn that some time has passed."""


@dataclass(frozen=True, slots=True)
class _Active:
    job: Job
    process: SpawnProcess
    answer: Connection
    since: float


def run_all(
    jobs: Sequence[Job],
    shelf: Shelf,
    urls: Mapping[Path, str],
    *,
    workers: int,
    watcher: Watcher,
    vital: Collection[str] = (),
    work: Work = execute,
) -> dict[str, str]:
    """Make all `jobs`, `workers` at a time; return why those that failed did, by key.

    Parameters
    ----------
    urls : mapping
        The replay exchange of each data folder.
    vital : collection of str
        Keys of jobs without which the others are worth nothing.
    work : callable
        What a worker does with a job; importable by name.

    Raises
    ------
    ExperimentError
        A vital job failed; the others were stopped.
    """
    resource_tracker.ensure_running()  # starting it would undo the mask of the first worker
    waiting, failures = deque(jobs), dict[str, str]()
    active: dict[int, _Active] = {}
    try:
        while waiting or active:
            while waiting and len(active) < workers:
                with _undisturbed():
                    begun = _start(waiting.popleft(), shelf, urls, work)
                    active[begun.process.sentinel] = begun
                watcher.started(begun.job)
            ready = wait(list(active), timeout=TICK_SECONDS)
            for sentinel in [it for it in active if it in ready]:
                done = active.pop(sentinel)
                failure = _answer(done)
                if failure is not None:
                    failures[done.job.key] = failure
                watcher.ended(done.job, time.monotonic() - done.since, failure)
                if failure is not None and done.job.key in vital:
                    raise ExperimentError(
                        f"{done.job.period} {done.job.name} failed, so there is nothing to compare "
                        f"with: {failure}"
                    )
            watcher.tick()
    finally:
        with _undisturbed():
            _stop(active.values())
    return failures


def _start(job: Job, shelf: Shelf, urls: Mapping[Path, str], work: Work) -> _Active:
    # Not fork: this process has threads (the progress bar's)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_worker, args=(job, shelf, urls[job.datadir], theirs, work))
    process.start()
    theirs.close()
    return _Active(job, process, ours, time.monotonic())


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put signals off until the block ends, so that none falls between a start and its note.

    A process that is started here inherits the mask: it never sees Ctrl-C, and SIGTERM when it is
    ready for it.
    """
    heard: list[int] = []
    before = {it: signal.signal(it, lambda number, _: heard.append(number)) for it in SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for it, handler in before.items():
            signal.signal(it, handler)
    for number in heard:  # another thread may have taken it
        signal.raise_signal(number)


def _worker(job: Job, shelf: Shelf, url: str, answer: Connection, work: Work) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        work(job, shelf, url)
    except FAILURES as error:
        answer.send(str(error))


def _answer(done: _Active) -> str | None:
    """Return why a worker that has ended failed."""
    done.process.join()
    with done.answer:
        if done.answer.poll():
            try:
                return str(done.answer.recv())
            except EOFError:
                pass  # it said nothing
    code = done.process.exitcode
    return None if code == 0 else f"its process ended with exit code {code}; see what it printed"


def _stop(active: Iterable[_Active]) -> None:
    running = list(active)
    for it in running:
        it.process.terminate()
    for it in running:
        it.process.join(STOP_SECONDS)
        if it.process.is_alive():
            it.process.kill()
            it.process.join()
        it.answer.close()

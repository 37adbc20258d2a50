"""Runs in parallel: failures stay with their run, and stopping leaves nothing behind."""

import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from experiments import workers
from experiments.runs import ExperimentError, Job, Shelf
from experiments.workers import run_all
from tests.experiments import works
from tests.experiments.test_identity import JOB

URLS = {JOB.datadir: "http://127.0.0.1:1"}


@dataclass
class Watching:
    begun: list[str] = field(default_factory=list)
    over: dict[str, str | None] = field(default_factory=dict)
    most: int = 0

    def started(self, job: Job) -> None:
        self.begun.append(job.name)
        self.most = max(self.most, len(self.begun) - len(self.over))

    def ended(self, job: Job, seconds: float, failure: str | None) -> None:
        assert seconds >= 0
        self.over[job.name] = failure

    def tick(self) -> None:
        pass


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def jobs(*names):
    return [replace(JOB, name=name, timerange=name) for name in names]


def test_every_job_is_done_once_and_few_at_a_time(shelf):
    wanted, watching = jobs("a", "b", "c"), Watching()
    failures = run_all(wanted, shelf, URLS, workers=2, watcher=watching, work=works.keep)
    assert failures == {}
    assert watching.begun == ["a", "b", "c"]
    assert watching.over == dict.fromkeys("abc")
    assert watching.most == 2
    for job in wanted:
        assert (shelf.folder / job.key / "url").read_text() == URLS[JOB.datadir]


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (works.refuse, "ended with exit code 2: no such pair"),
        (works.die, "its process ended with exit code -9"),
    ],
)
def test_a_failure_is_told_and_stops_nothing_else(shelf, work, reason):
    wanted = jobs("bad", "good")
    failures = run_all(wanted, shelf, URLS, workers=1, watcher=Watching(), work=work)
    assert failures.keys() == {wanted[0].key}
    assert reason in failures[wanted[0].key]
    assert (shelf.folder / wanted[1].key).is_dir()


def test_a_failure_of_the_default_stops_the_rest(shelf):
    wanted, watching = jobs("good", "bad", "never"), Watching()
    with pytest.raises(ExperimentError, match="choose bad failed, so there is nothing to compare"):
        run_all(
            wanted, shelf, URLS, workers=1, watcher=watching, vital={wanted[1].key},
            work=works.refuse,
        )  # fmt: skip
    assert watching.begun == ["good", "bad"]


def test_a_defect_is_a_failure_too(shelf):
    (job,) = jobs("x")
    failures = run_all([job], shelf, URLS, workers=1, watcher=Watching(), work=works.misbehave)
    assert "exit code 1" in failures[job.key]


class Interrupting(Watching):
    """Presses Ctrl-C as soon as the worker is in the middle of its run."""

    def __init__(self, pid: Path) -> None:
        super().__init__()
        self.pid = pid

    def tick(self) -> None:
        if self.pid.exists() and self.pid.read_text():
            raise KeyboardInterrupt


def test_ctrl_c_ends_the_workers_and_what_they_began(shelf):
    pid = shelf.folder / "pid"
    with pytest.raises(KeyboardInterrupt):
        run_all(jobs("a", "b"), shelf, URLS, workers=1, watcher=Interrupting(pid), work=works.hang)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert [it.name for it in shelf.folder.iterdir()] == ["pid"]


def test_ctrl_c_during_a_start_is_heard_and_leaves_no_worker(shelf, monkeypatch):
    """The moment at which a process exists that nobody has noted."""
    pids = []
    real = workers._start

    def start(*arguments):
        begun = real(*arguments)
        pids.append(begun.process.pid)
        os.kill(os.getpid(), signal.SIGINT)
        return begun

    monkeypatch.setattr(workers, "_start", start)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_all(jobs("a"), shelf, URLS, workers=1, watcher=Watching(), work=works.hang)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert not list(shelf.folder.glob(".run-*"))


def test_our_own_ctrl_c_works_as_before(shelf):
    before = signal.getsignal(signal.SIGINT)
    run_all(jobs("a"), shelf, URLS, workers=1, watcher=Watching(), work=works.keep)
    assert signal.getsignal(signal.SIGINT) is before

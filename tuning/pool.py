"""Where jobs are done: the walk hands them out and takes what comes back, in any order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tuning.jobs import Job

Files = Mapping[str, bytes]  # of a finished job, by name


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that is over: `files` to keep, or `failure` that says why there are none."""

    job: Job
    files: Files | None
    failure: str
    seconds: float
    worker: str


@dataclass(frozen=True, slots=True)
class Advance:
    """A search that goes on: how many epochs it has finished."""

    key: str
    epochs: int


class Pool(Protocol):
    """Does jobs, each once; a job whose worker dies is done again by another."""

    @property
    def workers(self) -> int:
        """Return how many jobs run at a time now."""

    def submit(self, job: Job) -> None:
        """Take a job; one that was taken already is not done twice. Searches go first."""

    def wait(self, seconds: float) -> list[Finished | Advance]:
        """Return what has happened, after `seconds` at the latest; nothing is told twice."""


class Idle:
    """A pool for a walk of which everything is kept."""

    @property
    def workers(self) -> int:
        """Return 0."""
        return 0

    def submit(self, job: Job) -> None:
        """Refuse a job, which nobody would do."""
        raise LookupError(f"there is nobody to do job {job.key}")

    def wait(self, seconds: float) -> list[Finished | Advance]:
        """Return that nothing has happened."""
        del seconds
        return []

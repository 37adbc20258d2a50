"""Shows how far a walk is: epochs of the searches, what runs now, and how long it will take."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@dataclass(slots=True)
class _Spent:
    """Work time that went into so many epochs or backtests."""

    units: int = 0
    seconds: float = 0.0

    def add(self, units: int, seconds: float) -> None:
        self.units += units
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class _Search:
    """A search that runs: epochs it has finished, from its start to the last of them."""

    epochs: int
    since: float
    until: float


class WalkProgress:
    """A bar with the remaining time on a terminal, elsewhere a line for each job that is over.

    Time goes into epochs; what one takes is learned from searches that run and that are over. A
    backtest counts as much as an epoch until one is over.

    Parameters
    ----------
    searches, backtests : int
        How many are to be done; those that are kept already do not count.
    epochs : int
        Of each search.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        searches: int,
        epochs: int,
        backtests: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console, self.clock = console, clock
        self.searches, self.epochs, self.backtests = searches, epochs, backtests  # to do
        self.total, self.done, self.workers = searches + backtests, 0, 0
        self.running: dict[str, _Search] = {}
        self.searched, self.tested = _Spent(), _Spent()
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal or not self.total,
        )
        self.task = self.bar.add_task("", total=searches * epochs, more="epochs")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def advanced(self, name: str, epochs: int) -> None:
        """Count the epochs of a search; 0 when it starts, also when it has to start anew."""
        now = self.clock()
        since = self.running[name].since if epochs and name in self.running else now
        self.running[name] = _Search(epochs, since, now)

    def finished(self, name: str, seconds: float, failure: str) -> None:
        """Count a job that is over; say at once when it failed."""
        search = self.running.pop(name, None)
        if search is None:
            self.backtests -= 1
        else:
            self.searches -= 1
        self.done += 1
        if failure:
            self.console.print(f"FAILED {name}: {failure}", markup=False)
            return
        if search is None:
            self.tested.add(1, seconds)
        else:
            self.searched.add(self.epochs, seconds)
        if not self.console.is_terminal:
            left = self._left()
            line = f"{self.done}/{self.total} {name}: {seconds:.0f} s{left and f', {left}'}"
            self.console.print(line, markup=False)

    def tick(self, workers: int) -> None:
        """Show what runs now, and how long all will take with so many `workers`."""
        self.workers = workers
        running = ", ".join(self.running) or "backtests"
        more = ["epochs", f"{self.backtests} backtests to go", self._left()]
        self.bar.update(
            self.task,
            description=running if workers else "waiting for a worker",
            completed=(self.bar.tasks[0].total or 0) - self._epochs_left(),
            more=", ".join(it for it in more if it),
        )

    def remaining(self) -> float | None:
        """Return the seconds that all will still take; None while nothing tells."""
        spent, epochs = self.searched.seconds, self.searched.units
        for search in self.running.values():
            spent, epochs = spent + search.until - search.since, epochs + search.epochs
        known = self.tested if not epochs else _Spent(epochs, spent)
        tested = self.tested if self.tested.units else known
        if not known.units or not self.workers:
            return None
        work = self._epochs_left() * known.seconds / known.units
        work += self.backtests * tested.seconds / tested.units
        return work / max(min(self.workers, self.searches + self.backtests), 1)

    def _epochs_left(self) -> int:
        return self.searches * self.epochs - sum(it.epochs for it in self.running.values())

    def _left(self) -> str:
        seconds = self.remaining()
        return "" if seconds is None else f"about {timedelta(seconds=round(seconds))} left"

"""Shows an ablation: what it would do, and how far it is."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from experiments.ablation import Prepared
from experiments.periods import Sample
from experiments.runs import Job


class Shown:
    """Shows how far the runs are: a bar with the remaining time on a terminal, else a line each.

    Parameters
    ----------
    seconds : float or None
        How long such runs took before, where that is known.
    workers : int
        Runs at a time.
    """

    def __init__(
        self, console: Console, jobs: Sequence[Job], seconds: float | None, workers: int
    ) -> None:
        self.console, self.total, self.workers = console, len(jobs), workers
        self.took: list[float] = [] if seconds is None else [seconds]
        self.since: dict[str, float] = {}
        self.done = 0
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal or not jobs,
        )
        self.task = self.bar.add_task("", total=len(jobs), left="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def started(self, job: Job) -> None:
        """Name the run."""
        self.since[f"{job.period} {job.name}"] = time.monotonic()
        self.tick()

    def ended(self, job: Job, seconds: float, failure: str | None) -> None:
        """Count the run; say at once when it failed."""
        self.since.pop(f"{job.period} {job.name}")
        self.done += 1
        if failure is None:
            self.took.append(seconds)
        self.bar.update(self.task, completed=self.done)
        if failure is not None:
            self.console.print(f"FAILED {job.period} {job.name}: {failure}", markup=False)
        elif not self.console.is_terminal:
            line = f"{self.done}/{self.total} {job.period} {job.name}: {seconds:.0f} s"
            self.console.print(line, markup=False)

    def tick(self) -> None:
        """Show what runs now and how long it will all take."""
        left = self.remaining(time.monotonic())
        text = "" if left is None else f"about {timedelta(seconds=round(left))} left"
        self.bar.update(self.task, description=", ".join(self.since), left=text)

    def remaining(self, now: float) -> float | None:
        """Return the seconds that all runs will still take; None before one is finished."""
        if not self.took:
            return None
        usual = sum(self.took) / len(self.took)
        running = sum(max(usual - (now - since), 0.0) for since in self.since.values())
        waiting = (self.total - self.done - len(self.since)) * usual
        return (running + waiting) / max(min(self.workers, self.total - self.done), 1)


def plan_table(prepared: Prepared, sample: Sample) -> Table:
    """Return what would be run, and what is kept already."""
    reserved = ", reserved: looking spends it" if sample.reserved else ""
    table = Table(
        title=f"{escape(sample.name)} {sample.period.timerange}, {len(prepared.pairs)} pairs"
        f"{reserved}",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    for name in ("Group", "Name", "Becomes", "State"):
        table.add_column(name, no_wrap=True)
    for it in prepared.planned:
        state = "kept" if it.kept else "to run"
        label = "" if it.label == it.variant.name else it.label
        table.add_row(it.variant.group.value, escape(it.variant.name), escape(label), state)
    return table

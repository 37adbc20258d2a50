"""Shows a backfill: how far it is, and what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from providers.backfill import Question, Report
from providers.sources import Entry
from providers.storage.intake import Outcome

COUNTS = (
    *("zeros", "blanks", "invalid", "duplicates", "conflicts"),
    *("off_grid", "disordered", "dropped", "future"),
)
ALWAYS = ("Rows", "Added", "Gaps", "Problems")
PROBLEMS_SHOWN = 10  # per series; the rest is counted


class Shown:
    """Shows how far a backfill is: a bar on a terminal, else a line per series."""

    def __init__(self, series: int, questions: Sequence[Question]) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.console, self.series, self.number = console, series, 0
        self.rows, self.behind, self.current = 0, 0.0, 0.0
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        total = sum((question.length for question in questions), timedelta(0))
        self.task = self.bar.add_task("", total=max(1.0, total.total_seconds()), rate="")

    def begin(self, name: str, total: timedelta) -> None:
        """Name what is fetched now."""
        self.number += 1
        self.current = total.total_seconds()
        self.bar.update(self.task, description=f"{self.number}/{self.series} {name}")

    def advance(self, done: timedelta, rows: int) -> None:
        """Move the bar."""
        self.rows += rows
        elapsed = self.bar.tasks[0].elapsed or 0.0
        rate = f"{self.rows / elapsed:,.0f} rows/s" if elapsed > 1 else ""
        self.bar.update(self.task, advance=done.total_seconds(), rate=rate)

    def finish(self, outcome: Outcome) -> None:
        """Count the series as done, whatever of it could be had."""
        self.behind += self.current
        self.bar.update(self.task, completed=self.behind)
        if not self.console.is_terminal:
            problems = f", {len(outcome.problems)} problem(s)" if outcome.problems else ""
            self.console.print(
                f"{self.number}/{self.series} {outcome.dataset} {outcome.pair}: "
                f"{outcome.appended:,} added, {outcome.rows:,} rows{problems}",
                markup=False,
            )


def problem_lines(report: Report) -> Iterator[str]:
    """Yield what went wrong, a line each."""
    for outcome in report.outcomes:
        for problem in outcome.problems[:PROBLEMS_SHOWN]:
            yield f"{outcome.dataset} {outcome.pair}: {problem}"
        left = len(outcome.problems) - PROBLEMS_SHOWN
        if left > 0:
            yield f"{outcome.dataset} {outcome.pair}: {left:,} more like these"
    yield from report.problems


def summary_table(report: Report) -> Table:
    """Return what came for each series and what was found in it; empty columns are left out."""
    counted = {
        "Rows": [it.rows for it in report.outcomes],
        "Added": [it.appended for it in report.outcomes],
        "Gaps": [it.gaps for it in report.outcomes],
        "Filled": [it.filled for it in report.outcomes],
        **{_title(name): [it.found[name] for it in report.outcomes] for name in COUNTS},
        "Restated": [it.restated for it in report.outcomes],
        "Problems": [len(it.problems) for it in report.outcomes],
    }
    nowhere = [name for name, counts in counted.items() if name not in ALWAYS and not any(counts)]
    table = Table(box=None, header_style="dim", pad_edge=False, caption_justify="left")
    table.caption = f"None: {', '.join(nowhere).lower()}." if nowhere else None
    for name in ("Dataset", "Pair", "First", "Last"):
        table.add_column(name, no_wrap=True)
    shown = [name for name in counted if name not in nowhere]
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for row, it in enumerate(report.outcomes):
        ends = ["" if end is None else f"{end:%Y-%m-%d}" for end in (it.first, it.last)]
        cells = [f"{counted[name][row]:,}" for name in shown]
        table.add_row(escape(it.dataset), escape(it.pair), *ends, *cells)
    return table


def _title(count: str) -> str:
    return count.replace("_", "-").capitalize()


def plan_table(questions: Sequence[Question]) -> Table:
    """Return what would be asked."""
    table = Table(box=None, header_style="dim", pad_edge=False, show_footer=True)
    total = sum(question.requests for question in questions)
    for name in ("Dataset", "Pair", "Source", "From", "To"):
        table.add_column(name, no_wrap=True)
    table.add_column("Days", justify="right")
    table.add_column("About requests", footer=f"{total:,}", justify="right")
    for it in questions:
        days = f"{it.length / timedelta(days=1):,.1f}"
        ends = [f"{it.spans[0].start:%Y-%m-%d %H:%M}", f"{it.spans[-1].end:%Y-%m-%d %H:%M}"]
        table.add_row(it.dataset, escape(it.pair), it.source, *ends, days, f"{it.requests:,}")
    return table


def registry_list(entries: Iterable[Entry]) -> Group:
    """Return all datasets with unit and clock; a table would not fit an ordinary terminal."""
    parts: list[RenderableType] = []
    for it in entries:
        step = "events" if it.dataset.step is None else f"every {it.dataset.timeframe}"
        facts = [step, f"per {it.dataset.scope.value}"]
        facts += ["recorded only"] if it.recorded else []
        facts += [f"needs {it.key}"] if it.key else []
        parts.append(Text.assemble((it.dataset.name, "bold"), f"  {', '.join(facts)}"))
        parts.append(Padding(Text(it.dataset.summary), (0, 0, 0, 4)))
    return Group(*parts)

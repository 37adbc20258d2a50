"""A walk-forward for a terminal and as Markdown: the verdict, what decided, and every table."""

from collections.abc import Iterator
from itertools import chain

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tuning.model import Walk
from tuning.report.facts import facts, title
from tuning.report.sheet import Sheet
from tuning.report.sheets import sheets
from tuning.weighing.evidence import Evidence
from tuning.weighing.verdict import Level, Verdict

STYLES = {
    Level.REFUSED: "bold yellow",
    Level.NOTHING: "bold yellow",
    Level.AGAINST: "bold red",
    Level.WEAK: "bold yellow",
    Level.SUPPORTED: "bold green",
}


def terminal(walk: Walk, evidence: Evidence, verdict: Verdict) -> RenderableType:
    """Return everything for a rich console."""
    parts: list[RenderableType] = [
        Text(title(walk), style="bold"),
        Text(verdict.headline, style=STYLES[verdict.level]),
        *map(terminal_table, sheets(walk, evidence, verdict)),
        Text("What this cannot know", style="italic"),
    ]
    limits = [Padding(Text(f"- {limit}"), (0, 0, 0, 2)) for limit in verdict.limits]
    return Group(*chain(parts, limits))


def terminal_table(sheet: Sheet) -> Table:
    """Return a sheet as a table without borders; words may wrap, numbers may not."""
    table = Table(
        title=escape(sheet.title),
        caption=escape(sheet.caption) or None,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for place, head in enumerate(sheet.heads):
        words = place == 0 or place in sheet.words
        table.add_column(escape(head), justify="left" if words else "right", no_wrap=not words)
    for row in sheet.rows:
        table.add_row(*map(escape, row))
    return table


def markdown(walk: Walk, evidence: Evidence, verdict: Verdict) -> str:
    """Return everything as Markdown."""
    lines = [f"# {title(walk)}", "", f"**{_plain(verdict.headline)}**", ""]
    lines += chain.from_iterable(map(_section, sheets(walk, evidence, verdict)))
    lines += ["## What this cannot know", "", *(f"- {limit}" for limit in verdict.limits), ""]
    lines += ["## How it was made", ""]
    lines += [f"- {name}: {_plain(value)}" for name, value in facts(walk).items() if value]
    return "\n".join(lines) + "\n"


def _section(sheet: Sheet) -> Iterator[str]:
    rules = ("---" if place in {0, *sheet.words} else "---:" for place in range(len(sheet.heads)))
    yield from (f"## {sheet.title}", "", _line(sheet.heads), f"|{'|'.join(rules)}|")
    yield from map(_line, sheet.rows)
    yield ""
    if sheet.caption:
        yield from (_plain(sheet.caption), "")


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Return `text` in one line that no cell ends in and that no HTML begins in."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

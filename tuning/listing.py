"""What a walk would do, for the terminal: its folds, what is kept, what is left."""

from collections.abc import Iterable
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.table import Table

from providers.coverage import Period
from regimekit.reports.text import count
from tuning.folds import counted_days
from tuning.model import Mode
from tuning.walk import Outlook, Prepared, WalkForward

DAY = timedelta(days=1)


def plan_line(prepared: Prepared, outlook: Outlook) -> str:
    """Return in a sentence what the walk is and how much of it is left to do."""
    plan = prepared.plan
    return (
        f"{plan.strategy} with {plan.loss} over {plan.span.timerange}, "
        f"{count(len(plan.pairs), 'pair')}. Walk {prepared.digest}: of "
        f"{count(len(prepared.folds), 'fold')} with {count(plan.epochs, 'epoch')} each, "
        f"{outlook.kept} are searched; {count(outlook.backtests, 'backtest')} to make."
    )


def plan_table(prepared: Prepared, walks: WalkForward) -> Table:
    """Return the folds with their spans and whether their search is kept."""
    plan = prepared.plan
    table = Table(
        title=plan_line(prepared, walks.outlook(prepared)), box=SIMPLE_HEAD, title_justify="left"
    )
    for name in ("Fold", "Training", "Days", "Tests", "State"):
        table.add_column(name, no_wrap=True, justify="right" if name == "Days" else "left")
    if plan.mode is Mode.CPCV:
        table.add_column("Not learned from", no_wrap=True)
    for fold in prepared.folds:
        kept = walks.shelf.has(prepared.search(fold).key)
        cells = [
            str(fold.number),
            fold.train.timerange,
            str(counted_days(fold)),
            _spans(fold.tests),
            "kept" if kept else "to do",
        ]
        table.add_row(*cells, *([_spans(fold.closed)] if plan.mode is Mode.CPCV else []))
    return table


def _spans(periods: Iterable[Period]) -> str:
    return "\n".join(period.timerange for period in periods)

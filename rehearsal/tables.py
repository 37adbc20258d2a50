"""The comparison in the terminal."""

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from rehearsal.findings import Kind
from rehearsal.parity import Difference, Parity, shown

MOST_ROWS = 30  # of unexplained differences; the page has all
WORDS = {
    Kind.SIGNAL: "Decisions, a row per candle and pair",
    Kind.ENTRY: "Entries: trade, price, time, tag",
    Kind.SIZE: "Stake and leverage",
    Kind.PLAN: "Initial stop and exit plan",
    Kind.EXIT: "Exits: state, reason, time, price",
}


def parity_tables(parity: Parity) -> list[Table]:
    """Return what was compared, the causes, and the differences that nothing explains."""
    tables = [_totals(parity)]
    if parity.differences:
        tables.append(_causes(parity))
    if parity.unexplained:
        tables.append(_unexplained(parity))
    return tables


def cells(difference: Difference) -> tuple[str, ...]:
    """Return a difference as the columns that page and terminal share."""
    finding = difference.finding
    return (
        f"{finding.at:%m-%d %H:%M}",
        f"{finding.pair} {finding.side}".strip(),
        finding.kind.value,
        finding.what,
        shown(finding.live),
        shown(finding.backtest),
    )


def _totals(parity: Parity) -> Table:
    table = _table(f"LIVE AGAINST BACKTEST: {parity.strategy}", escape(parity.sentence))
    table.add_column("Compared")
    for head in ("Values", "Equal", "Explained", "Unexplained"):
        table.add_column(head, justify="right")
    for kind, total in parity.totals.items():
        left = f"[bold red]{total.unexplained:,}[/]" if total.unexplained else "0"
        table.add_row(
            WORDS[kind], f"{total.compared:,}", f"{total.equal:,}", f"{total.explained:,}", left
        )
    return table


def _causes(parity: Parity) -> Table:
    table = _table("CAUSES OF DIFFERENCES")
    table.add_column("Cause")
    table.add_column("Differences", justify="right")
    table.add_column("For example")
    for code, number in parity.causes.items():
        first = next(one for one in parity.differences if one.verdict.code == code)
        when, where, _, what, *_ = cells(first)
        proof = f": {first.verdict.evidence}" if first.verdict.evidence else ""
        table.add_row(code, f"{number:,}", escape(f"{when} {where}, {what}{proof}"))
    return table


def _unexplained(parity: Parity) -> Table:
    more = len(parity.unexplained) - MOST_ROWS
    table = _table("UNEXPLAINED", f"and {more:,} more, which the page lists" if more > 0 else "")
    for head in ("Candle", "Pair", "Kind", "What", "Live", "Backtest"):
        table.add_column(head)
    for one in parity.unexplained[:MOST_ROWS]:
        table.add_row(*map(escape, cells(one)))
    return table


def _table(title: str, caption: str = "") -> Table:
    return Table(
        title=title,
        caption=caption or None,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )

"""The core of the report for a terminal, as rich tables beside Freqtrade's own."""

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from regimekit.reports.columns import Column, money_digits
from regimekit.reports.study import Study
from regimekit.reports.text import name, number, percent
from regimekit.reports.wording import basis


def summary_tables(study: Study) -> list[Table]:
    """Return the trades by regime, sub-strategy and exit, and the R of each sub-strategy."""
    return [_by_exit(study), _r_summary(study)]


def _by_exit(study: Study) -> Table:
    digits = money_digits(study.run)
    columns = (
        Column("Trades", lambda row: f"{row.trades:,}"),
        Column("Won", lambda row: percent(row.win_rate, 0)),
        Column(study.run.currency, lambda row: number(row.profit, digits, signed=True)),
        Column("Exp. R", lambda row: number(row.expectancy_r, signed=True)),
    )
    table = _table("REGIME x SUB-STRATEGY x EXIT", study)
    for head in ("Regime", "Sub-strategy", "Exit"):
        table.add_column(head)
    for column in columns:
        table.add_column(column.title, justify="right")
    for (regime,), subtotal in study.groups("regime"):
        for (own, sub, exit_), summary in study.groups("regime", "sub_strategy", "exit"):
            if own == regime:
                cells = [column.cell(summary) for column in columns]
                table.add_row(*(escape(name(part)) for part in (own, sub, exit_)), *cells)
        cells = [column.cell(subtotal) for column in columns]
        table.add_row(escape(name(regime)), "", "all exits", *cells, style="bold", end_section=True)
    table.add_row("TOTAL", "", "", *(column.cell(study.total) for column in columns), style="bold")
    return table


def _r_summary(study: Study) -> Table:
    table = _table("RESULTS IN R, AFTER COSTS", study)
    table.add_column("Sub-strategy")
    for head in ("Trades", "Known", "Mean", "Median", "Worst", "Best", "MAE", "MFE"):
        table.add_column(head, justify="right")
    trades = study.trades
    parts = [
        (sub, trades[trades["sub_strategy"] == sub]) for (sub,), _ in study.groups("sub_strategy")
    ]
    for label, part in [*parts, ("TOTAL", trades)]:
        results = part["r_multiple"]
        numbers = (results.mean(), results.median(), results.min(), results.max(),
                   part["mae"].mean(), part["mfe"].mean())  # fmt: skip
        table.add_row(
            escape(name(label)),
            f"{len(part):,}",
            f"{results.notna().sum():,}",
            *(number(float(value), signed=True) for value in numbers),
            style="bold" if label == "TOTAL" else "",
        )
    return table


def _table(title: str, study: Study) -> Table:
    check = study.reconciliation
    verdict = "reconciles with Freqtrade's total"
    if not check.agrees:
        verdict = (
            f"DOES NOT RECONCILE: {number(check.profit)} in {check.trades:,} trades here, "
            f"{number(check.reported_profit)} in {check.reported_trades:,} in Freqtrade"
        )
    caption = f"{basis(study)}\n{verdict}"
    return Table(
        title=title,
        caption=escape(caption),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,  # without borders it fits 80 columns
        padding=(0, 1, 0, 0),
    )

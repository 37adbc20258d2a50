"""The core of the report for a terminal, as rich tables beside Freqtrade's own."""

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from regimekit.reports.columns import Column, money_digits
from regimekit.reports.study import Study
from regimekit.reports.text import count, name, number, percent, span
from regimekit.reports.verdicts import calibration_words, ledger_words
from regimekit.reports.wording import basis


def summary_tables(study: Study) -> list[Table]:
    """Return trades by exit, R by sub-strategy, and what the result and the gates stand on."""
    tables = [_by_exit(study), _r_summary(study)]
    if study.total.trades:
        tables.append(_without_best(study))
    if study.won.total:
        tables.append(_confidence(study))
    if study.gates:
        tables.append(_refusals(study))
    return tables


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


def _without_best(study: Study) -> Table:
    table = _table("WHAT THE RESULT HANGS ON", study, short=True)
    table.add_column("Without the best")
    for head in ("Trades left", study.run.currency, "Exp. R"):
        table.add_column(head, justify="right")
    for part in study.concentration.without:
        rest = part.rest
        table.add_row(
            count(part.removed, part.unit),
            f"{rest.trades:,}",
            number(rest.profit, money_digits(study.run), signed=True),
            number(rest.expectancy_r, signed=True),
        )
    return table


def _confidence(study: Study) -> Table:
    table = _table("DOES CONFIDENCE RANK SIGNALS?", study, short=True)
    table.caption = escape(calibration_words(study))
    table.add_column("Confidence of")
    for head in ("Number", "Good", "Right order", "95 %"):
        table.add_column(head, justify="right")
    for label, found in (
        ("trades: profit", study.won),
        ("all signals: target first", study.target_first),
    ):
        if found.total:
            table.add_row(
                label,
                f"{found.total:,}",
                percent(found.hits / found.total, 0),
                percent(found.auc, 0),
                span(found.auc_interval, lambda share: percent(share, 0)),
            )
    return table


def _refusals(study: Study) -> Table:
    table = _table("WHAT REFUSED ENTRIES WOULD HAVE DONE, R AFTER FEES", study, short=True)
    if missing := ledger_words(study):
        table.caption = escape(missing)
    table.add_column("Gate")
    heads = ["Setups", "Mean"] if study.simulated else ["Setups", "Mean", "95 %"]
    for head in heads:
        table.add_column(head, justify="right")
    if not study.simulated:
        table.add_column("Verdict")
    for row in (*study.gates, study.taken):
        taken = row is study.taken
        cells = [
            "taken" if taken else escape(name(row.gate)),
            f"{row.setups:,}",
            number(row.mean_r, signed=True),
            span(row.interval, lambda r: number(r, signed=True)),
            "" if taken else row.verdict,
        ]
        table.add_row(*cells[: len(table.columns)], style="bold" if taken else "")
    return table


def _table(title: str, study: Study, *, short: bool = False) -> Table:
    """Return an empty table; a `short` one follows others that have told basis and check."""
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
        caption=None if short else escape(caption),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,  # without borders it fits 80 columns
        padding=(0, 1, 0, 0),
    )

"""The tables of the page: the same columns for every grouping, and the check of the total."""

from collections.abc import Iterable, Sequence

from regimekit.reports.breakdown import Summary, breakdown, with_periods
from regimekit.reports.columns import Column, cost_columns, summary_columns
from regimekit.reports.run import changed_settings
from regimekit.reports.study import Study
from regimekit.reports.text import count, name, number, safe
from regimekit.reports.wording import basis

FILTERS = {
    "direction": "Direction, 1h and 4h",
    "funding": "Funding",
    "squeeze": "Squeeze risk",
    "order_book": "Order book",
    "news": "News",
}

Rows = Iterable[tuple[Sequence[str], Summary]]


def exit_table(study: Study) -> str:
    """Return regime x sub-strategy x exit with subtotals, and whether the total reconciles."""
    caption = (
        "Exits are Freqtrade's reasons; a stop that had moved is told apart as break even, trail "
        "or squeeze trail from the exit plan of the trade. R is gross before fees and funding and "
        "net after them; durations are means."
    )
    heads = ("Regime", "Sub-strategy", "Exit")
    keys = ("regime", "sub_strategy", "exit")
    columns = summary_columns(study.run)
    table = _nested(study, heads, keys, columns, "all exits", caption)
    return basis_line(study) + table + _reconciliation(study)


def filter_table(study: Study) -> str:
    """Return what each filter had said about the trades; each filter's rows make up the total."""
    columns = summary_columns(study.run)
    body = []
    for key, title in FILTERS.items():
        rows = [
            _row((title if not place else "", verdict), summary, columns)
            for place, ((verdict,), summary) in enumerate(study.groups(key))
        ]
        body.append(f"<tbody>{''.join(rows)}</tbody>")
    caption = (
        "What each filter said in the candle that decided the trade. Each filter's rows add up to "
        "the total; what it refused is below, under refused entries."
    )
    heads = ("Filter", "Verdict")
    return basis_line(study) + _frame(
        heads, columns, "".join(body), _foot(study, columns, len(heads)), caption
    )


def hour_table(study: Study) -> str:
    """Return results by hour of entry, behind a switch."""
    table = group_table(study, ("Hour of entry, UTC",), study.groups("hour"))
    return f"<details><summary>By hour of entry</summary>{table}</details>"


def period_tables(study: Study) -> str:
    """Return results by month, and by ISO week behind a switch."""
    trades, start = with_periods(study.trades), study.run.starting_balance
    months = group_table(study, ("Month",), breakdown(trades, ("month",), start))
    weeks = group_table(study, ("ISO week",), breakdown(trades, ("week",), start))
    return f"{months}<details><summary>By week</summary>{weeks}</details>"


def cost_table(study: Study) -> str:
    """Return what fees and funding took from each side and sub-strategy, and whether it is all."""
    heads, keys = ("Side", "Sub-strategy"), ("side", "sub_strategy")
    columns = cost_columns(study.run)
    table = _nested(
        study, heads, keys, columns, "all", "Gross, fees and funding add up to the profit."
    )
    return basis_line(study) + table + _cost_check(study)


def settings_table(study: Study) -> str:
    """Return the settings that are not the default."""
    changed = changed_settings(study.run.settings)
    if not changed:
        return "<p>Every setting has its default, that of the conservative profile.</p>"
    rows = "".join(
        f'<tr><th scope="row">{safe(key)}</th><td>{safe(value)}</td><td>{safe(default)}</td></tr>'
        for key, value, default in changed
    )
    return (
        '<div class="scroll"><table><caption>Settings that differ from their default</caption>'
        '<thead><tr><th scope="col" class="text">Setting</th><th scope="col">Value</th>'
        f'<th scope="col">Default</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def group_table(
    study: Study,
    heads: Sequence[str],
    rows: Rows,
    columns: Sequence[Column] | None = None,
) -> str:
    """Return a table with a row for each of `rows` and a total."""
    columns = columns or summary_columns(study.run)
    body = "".join(_row([name(part) for part in key], summary, columns) for key, summary in rows)
    table = _frame(heads, columns, f"<tbody>{body}</tbody>", _foot(study, columns, len(heads)))
    return basis_line(study) + table


def basis_line(study: Study) -> str:
    """Return the line that belongs beside every profit figure."""
    return f'<p class="basis">{safe(basis(study))}</p>'


def paragraph(text: str) -> str:
    """Return `text` as a paragraph, escaped."""
    return f"<p>{safe(text)}</p>"


def _nested(
    study: Study,
    heads: Sequence[str],
    keys: Sequence[str],
    columns: Sequence[Column],
    all_of_them: str,
    caption: str,
) -> str:
    """Return a table grouped by `keys`, with a subtotal for each value of the first."""
    outer, *inner = keys
    body = []
    for (value,), subtotal in study.groups(outer):
        trades = study.trades[study.trades[outer] == value]
        lines = [
            _row([name(part) for part in (value, *key)], summary, columns)
            for key, summary in breakdown(trades, inner, study.run.starting_balance)
        ]
        blank = [""] * (len(inner) - 1)
        lines.append(_row([name(value), *blank, all_of_them], subtotal, columns, "subtotal"))
        body.append(f"<tbody>{''.join(lines)}</tbody>")
    foot = _foot(study, columns, len(heads))
    return _frame(heads, columns, "".join(body), foot, caption)


def _cost_check(study: Study) -> str:
    """Tell whether the fills, fees and funding of the closed trades make up their profit."""
    left, digits = study.total.unexplained, max(study.run.decimals, 2)
    if abs(left) <= study.reconciliation.tolerance:
        return (
            '<p class="agrees">The prices of the fills, less these fees, with this funding, give '
            "Freqtrade's profit: no cost is missing.</p>"
        )
    amount = f"{number(left, digits, signed=True)} {study.run.currency}"
    return (
        f'<p class="differs" role="alert">{safe(amount)} of the profit come neither from the '
        "prices of the fills nor from fees or funding.</p>"
    )


def _reconciliation(study: Study) -> str:
    check = study.reconciliation
    digits, currency = max(study.run.decimals, 2), study.run.currency
    ours, theirs = (
        f"{number(profit, digits, signed=True)} {currency} in {count(trades, 'trade')}"
        for profit, trades in (
            (check.profit, check.trades),
            (check.reported_profit, check.reported_trades),
        )
    )
    if check.agrees:
        return f'<p class="agrees">Reconciles with Freqtrade: {safe(theirs)}.</p>'
    return (
        f'<p class="differs" role="alert">Does not reconcile: these tables add up to {safe(ours)}, '
        f"Freqtrade reports {safe(theirs)}. Trust neither before you know why.</p>"
    )


def _frame(
    heads: Sequence[str], columns: Sequence[Column], body: str, foot: str, caption: str = ""
) -> str:
    head = "".join(f'<th scope="col" class="text">{safe(title)}</th>' for title in heads)
    head += "".join(f'<th scope="col">{safe(column.title)}</th>' for column in columns)
    shown = f"<caption>{safe(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{shown}<thead><tr>{head}</tr></thead>{body}'
        f"<tfoot>{foot}</tfoot></table></div>"
    )


def _foot(study: Study, columns: Sequence[Column], width: int) -> str:
    return _row(["Total", *[""] * (width - 1)], study.total, columns)


def _row(key: Sequence[str], summary: Summary, columns: Sequence[Column], kind: str = "") -> str:
    first, *rest = key
    cells = f'<th scope="row">{safe(first)}</th>'
    cells += "".join(f'<td class="text">{safe(part)}</td>' for part in rest)
    for column in columns:
        value = column.sign(summary) if column.sign else 0.0
        tone = ' class="gain"' if value > 0 else ' class="loss"' if value < 0 else ""
        cells += f"<td{tone}>{safe(column.cell(summary))}</td>"
    return f"<tr{f' class={kind}' if kind else ''}>{cells}</tr>"

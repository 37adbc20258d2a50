"""A comparison as a table: for the terminal, as Markdown, as HTML, and as JSON.

Every number stands with its interval, and below every table with how many variants were tried.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from experiments.comparison import CHOICES, Comparison, Row
from experiments.statistics import LEAST_APART, Estimate
from experiments.variants import Group
from regimekit.evaluation.resampling import RESAMPLES
from regimekit.reports.text import count, number, percent, safe
from regimekit.reports.theme import STYLE

Cell = Callable[[Row], str]

INTERVAL = "95 %"

COLUMNS: dict[str, Cell] = {
    "Profit": lambda row: percent(row.performance.profit.value, 1, signed=True),
    INTERVAL: lambda row: _span(row.performance.profit, 100, 0),
    "Sharpe": lambda row: number(row.performance.sharpe.value, signed=True),
    f"{INTERVAL} ": lambda row: _span(row.performance.sharpe, 1, 1),
    "Drawdown": lambda row: percent(row.outcome.drawdown, 1),
    "Profit/DD": lambda row: number(row.profit_per_drawdown, signed=True),
    "Trades": lambda row: f"{row.outcome.trades:,}",
    "Costs": lambda row: percent(row.outcome.fees + row.outcome.funding, 1),
    "Exposure": lambda row: number(row.outcome.exposure),
    "Δ Sharpe": lambda row: _gap(row, "sharpe", 1, 2),
    "Δ return": lambda row: _gap(row, "yearly", 100, 1),
    "Differs": lambda row: row.verdict,
}

INTERVALS = (
    f"Intervals: 95 %, stationary block bootstrap of daily returns, {RESAMPLES:,} resamples, block "
    "length after Politis and White. Differences (Δ) are paired: both variants are redrawn on the "
    "same days; Δ return is the mean of a year in percentage points. Differs: whether an interval "
    f"of Δ leaves zero out; too few days: they differ on fewer than {LEAST_APART}."
)
BIAS_TITLE = "Bias, not a choice"
BASELINE_TITLE = "For comparison"


def sections(comparison: Comparison) -> list[tuple[str, tuple[Row, ...]]]:
    """Return the rows under their headings, without empty ones; bias stands apart, and last."""
    order = [group for group in Group if group in CHOICES]
    parts = [
        ("Default", comparison.of(Group.DEFAULT)),
        *((f"One change: {group.value}", comparison.of(group)) for group in order),
        (BASELINE_TITLE, comparison.of(Group.BASELINE)),
        (BIAS_TITLE, comparison.of(Group.BIAS)),
    ]
    return [(title, rows) for title, rows in parts if rows]


def title(comparison: Comparison) -> str:
    """Return what was run on what."""
    sample = comparison.sample
    return (
        f"{sample.name}: {sample.period.start:%Y-%m-%d} to {sample.period.end:%Y-%m-%d}, "
        f"{comparison.days} days, {', '.join(pair.split('/')[0] for pair in comparison.pairs)}"
    )


def notes(comparison: Comparison) -> list[str]:
    """Return what must be known to read the table, a sentence or two each."""
    lines = []
    if comparison.base:
        lines.append(f"Default: the pack's, with {json.dumps(comparison.base)}.")
    lines += [_wallets(comparison), INTERVALS, *_multiplicity(comparison)]
    if comparison.of(Group.BASELINE):
        lines.append(
            "The baselines stake 5 % of equity a trade at 3x, as the default does at most, and "
            "were not tuned. Buy and hold means coins in equal parts, without leverage or funding. "
            "Exposure differs, so compare Sharpe and profit per drawdown, not profit."
        )
    if comparison.of(Group.BIAS):
        lines.append(
            f"{BIAS_TITLE}: it fills entries in the candle of an exit, at a price from before that "
            "exit. It shows what a careless backtest would have promised."
        )
    tries = comparison.tries
    lines.append(
        f"{count(tries.backtests, 'backtest')} of {comparison.sample.name} so far, "
        f"{tries.distinct:,} with results of their own (earlier invocations included). The best of "
        f"as many worthless independent ones would show a Sharpe of about "
        f"{number(comparison.luck)} over {comparison.days} days."
    )
    if comparison.sample.reserved:
        lines.append(
            f"{comparison.sample.name} is reserved: this was look number {tries.looks}, and each "
            "look spends it. What is chosen after a look at it was also chosen on it."
        )
    lines += [f"FAILED {label}: {reason}" for label, reason in comparison.failures.items()]
    return lines


def _wallets(comparison: Comparison) -> str:
    loose = [row.label for row in comparison.rows if not row.outcome.marked]
    text = (
        "Sharpe from daily wallets, days without trades included, open positions marked at 15m "
        "closes (funding when a trade closes), a year of 365 days. Drawdown at the same marks. "
        f"After {percent(comparison.fee, 3)} fee a side and funding: Costs, as a share of the "
        "starting balance. Exposure: mean notional over mean equity."
    )
    return text + (f" Closed trades only: {', '.join(loose)}." if loose else "")


def _multiplicity(comparison: Comparison) -> list[str]:
    compared = [row for row in comparison.of(*CHOICES) if not row.same]
    if len(compared) < 2:
        return []
    text = (
        f"{len(compared)} variants are compared with the default: about "
        f"{number(len(compared) * 0.05, 1)} would differ in either column by chance alone."
    )
    if not math.isnan(comparison.better):
        text += (
            " That none of them earns more than the default has p = "
            f"{number(comparison.better)} (Hansen's test for superior predictive ability)."
        )
    return [text]


def terminal_table(comparison: Comparison, *, narrow: bool = False) -> Table:
    """Return the table for a terminal; `narrow` puts intervals below their values."""
    table = Table(title=escape(title(comparison)), box=SIMPLE_HEAD, title_justify="left")
    table.add_column("Variant", no_wrap=True)
    for name in COLUMNS:
        if not (narrow and name.strip() == INTERVAL):
            table.add_column(name.strip(), justify="left" if name == "Differs" else "right")
    for heading, rows in sections(comparison):
        table.add_row(escape(heading), style="dim")
        for number_, row in enumerate(rows, 1):
            cells = _stacked(row) if narrow else [cell(row) for cell in COLUMNS.values()]
            shown = [escape(cell) for cell in (f"  {row.label}", *cells)]
            table.add_row(*shown, end_section=number_ == len(rows))
    return table


def _stacked(row: Row) -> list[str]:
    cells: list[str] = []
    for name, cell in COLUMNS.items():
        if name.strip() == INTERVAL:
            cells[-1] += f"\n{cell(row)}"
        else:
            cells.append(cell(row).replace(" [", "\n["))
    return cells


def markdown(comparisons: Sequence[Comparison]) -> str:
    """Return all tables with their notes as Markdown."""
    parts = []
    for comparison in comparisons:
        lines = [f"## {title(comparison)}", ""]
        lines.append(f"| Variant | {' | '.join(name.strip() for name in COLUMNS)} |")
        lines.append(f"|---|{'---:|' * (len(COLUMNS) - 1)}---|")
        for heading, rows in sections(comparison):
            lines.append(f"| *{heading}* |{' |' * len(COLUMNS)}")
            for row in rows:
                cells = [row.label, *(cell(row) for cell in COLUMNS.values())]
                lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
        lines += ["", *(f"- {note}" for note in notes(comparison)), ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def html(comparisons: Sequence[Comparison]) -> str:
    """Return all tables with their notes as a page that needs no network."""
    body = "".join(_html_section(comparison) for comparison in comparisons)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ablation</title>'
        f"<style>{STYLE}</style></head><body><h1>Ablation</h1>{body}</body></html>"
    )


def _html_section(comparison: Comparison) -> str:
    heads = "".join(f'<th scope="col">{safe(name.strip())}</th>' for name in COLUMNS)
    rows = []
    for heading, members in sections(comparison):
        rows.append(
            f'<tr class="subtotal"><th scope="row" colspan="{len(COLUMNS) + 1}">'
            f"{safe(heading)}</th></tr>"
        )
        for row in members:
            cells = "".join(f"<td>{safe(cell(row))}</td>" for cell in COLUMNS.values())
            rows.append(f'<tr><th scope="row">{safe(row.label)}</th>{cells}</tr>')
    said = "".join(f"<li>{safe(note)}</li>" for note in notes(comparison))
    return (
        f'<h2>{safe(title(comparison))}</h2><div class="scroll"><table><thead><tr>'
        f'<th class="text" scope="col">Variant</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div><ul>{said}</ul>"
    )


def document(comparisons: Sequence[Comparison]) -> str:
    """Return everything as JSON, unrounded; what is unknown is null."""
    content = [_document(comparison) for comparison in comparisons]
    return json.dumps(_known(content), indent=1, allow_nan=False)


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "period": comparison.sample.name,
        "timerange": comparison.sample.period.timerange,
        "pairs": comparison.pairs,
        "days": comparison.days,
        "base": comparison.base,
        "tries": dataclasses.asdict(comparison.tries),
        "best_by_luck": comparison.luck,
        "p_nothing_better": comparison.better,
        "failures": dict(comparison.failures),
        "rows": [_row_document(row) for row in comparison.rows],
        "notes": notes(comparison),
    }


def _row_document(row: Row) -> dict[str, Any]:
    facts = dataclasses.asdict(row)
    facts["group"] = row.group.value
    return {**facts, "profit_per_drawdown": row.profit_per_drawdown, "verdict": row.verdict}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _span(estimate: Estimate, scale: float, digits: int) -> str:
    interval = estimate.interval
    if not interval.known:
        return ""
    ends = (number(end * scale, digits, signed=True) for end in (interval.low, interval.high))
    return f"[{', '.join(ends)}]"


def _gap(row: Row, name: str, scale: float, digits: int) -> str:
    if row.against is None or row.same:
        return ""
    estimate: Estimate = getattr(row.against, name)
    value = number(estimate.value * scale, digits, signed=True)
    return f"{value} {_span(estimate, scale, digits)}".strip()

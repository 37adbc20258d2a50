"""The sections that ask how far a result can be trusted: refusals, confidence, concentration."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from regimekit.reports.calibration import Calibration
from regimekit.reports.columns import money_digits
from regimekit.reports.concentration import Without
from regimekit.reports.inputs_seen import InputSeen
from regimekit.reports.study import Study
from regimekit.reports.tables import basis_line, paragraph
from regimekit.reports.text import UNKNOWN, count, name, number, percent, safe, span
from regimekit.reports.verdicts import (
    calibration_words,
    concentration_words,
    gate_words,
    input_words,
    ledger_words,
)
from regimekit.reports.vetoes import HORIZON, SAME_SETUP, GateSummary

NO_CANDLES = "No candles were at hand, so nothing can be said about entries that were not made."


def refusals_section(study: Study) -> str:
    """Return what each filter and gate refused, and what that would have done."""
    if not study.gates:
        return paragraph("No refused entry is known." if study.frames else NO_CANDLES)
    apart = SAME_SETUP // timedelta(minutes=1)
    caption = (
        "One row a gate, in the order in which they are asked: each sees what those above let "
        f"pass. Refusals of a pair and side within {apart} minutes are one setup, measured at its "
        "first refusal: entered at the next candle's open, closed at the signal's stop or target, "
        "whichever comes first (the stop, if one candle holds both), or after "
        f"{HORIZON.days} days. After fees, without funding, break even and trail; the trades that "
        "were taken are measured alike. Intervals are 95 %, by resampling days; of twenty gates "
        "that do nothing, one would look decided by chance."
    )
    heads = ("Gate", "Refused", "Setups", "Measured", "Target first", "Mean R", "95 % interval")
    rows = [_gate_row(row, study) for row in (*study.gates, study.taken)]
    verdicts = not study.simulated
    table = table_of(
        (*heads, "Verdict") if verdicts else heads,
        [row if verdicts else row[:-1] for row in rows],
        caption,
        text=(7,),
        foot=1,
    )
    missing = ledger_words(study)
    noted = paragraph(missing) if missing else ""
    return paragraph(gate_words(study)) + noted + basis_line(study) + table


def confidence_section(study: Study) -> str:
    """Return words and bins of the calibration; the figure is the page's."""
    parts = (
        ("trades: a profit", study.won),
        ("all signals, refused ones too: target first", study.target_first),
    )
    caption = (
        "Right order: of a signal that turned out well and one that did not, how often the better "
        "one had more confidence; a coin has 50 %. Brier: mean squared error if confidence were "
        "read as a probability, beside that of always naming the share that turned out well; less "
        "is better. Intervals are 95 %, by resampling days."
    )
    heads = ("Confidence of", "Number", "Turned out well", "Right order", "95 % interval", "Brier",
             "Of the share", "Gain, 95 % interval")  # fmt: skip
    rows = [_calibration_row(title, found) for title, found in parts if found.total]
    body = paragraph(calibration_words(study)) + table_of(heads, rows, caption)
    for title, found in parts:
        if found.total:
            body += (
                f"<details><summary>By confidence: {safe(title)}</summary>{_bins(found)}</details>"
            )
    return body


def _calibration_row(title: str, found: Calibration) -> tuple[str, ...]:
    return (
        title,
        f"{found.total:,}",
        percent(found.hits / found.total),
        percent(found.auc),
        span(found.auc_interval, percent),
        number(found.brier, 3),
        number(found.base_brier, 3),
        span(found.brier_gain, lambda gain: number(gain, 3, signed=True)),
    )


def _bins(found: Calibration) -> str:
    heads = ("Confidence", "Number", "Turned out well", "Share", "95 % interval (Wilson)")
    rows = [
        (
            f"{number(group.low)} to {number(group.high)}",
            f"{group.total:,}",
            f"{group.hits:,}",
            percent(group.share),
            span(group.interval, percent),
        )
        for group in found.bins
    ]
    return table_of(heads, rows)


def concentration_section(study: Study) -> str:
    """Return what is left of the result without its best trades, pairs and days."""
    currency, digits = study.run.currency, money_digits(study.run)
    heads = ("Without", f"They made, {currency}", "Trades left", f"Profit left, {currency}",
             "% of start", "Expectancy R, net")  # fmt: skip
    rows = [
        (
            _removed(part),
            number(part.taken, digits, signed=True),
            f"{part.rest.trades:,}",
            number(part.rest.profit, digits, signed=True),
            percent(part.rest.profit_share, 2, signed=True),
            number(part.rest.expectancy_r, signed=True),
        )
        for part in study.concentration.without
    ]
    words = "" if study.simulated else paragraph(concentration_words(study))
    return words + basis_line(study) + table_of(heads, rows, "Days are those of entry, UTC.")


def inputs_section(study: Study) -> str:
    """Return how often each input was there, and which filters were therefore silent."""
    heads = ("Input", "There", "Feeds", "When missing")
    rows = [(item.name, _seen(item), item.feeds, item.policy) for item in study.inputs]
    return "".join(map(paragraph, input_words(study))) + table_of(
        heads, rows, "Share of all candles of all pairs.", text=(2, 3)
    )


def table_of(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str = "",
    *,
    text: Sequence[int] = (),
    foot: int = 0,
) -> str:
    """Return a table; columns in `text` are words, the last `foot` rows its foot."""
    kinds = [' class="text"' if place == 0 or place in text else "" for place in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind}>{safe(title)}</th>'
        for kind, title in zip(kinds, heads, strict=True)
    )
    lines = []
    for first, *rest in rows:
        cells = f'<th scope="row">{safe(first)}</th>'
        cells += "".join(
            f"<td{kind}>{safe(cell)}</td>" for kind, cell in zip(kinds[1:], rest, strict=True)
        )
        lines.append(f"<tr>{cells}</tr>")
    edge = len(lines) - foot
    shown = f"<caption>{safe(caption)}</caption>" if caption else ""
    bottom = f"<tfoot>{''.join(lines[edge:])}</tfoot>" if foot else ""
    return (
        f'<div class="scroll"><table>{shown}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines[:edge])}</tbody>{bottom}</table></div>"
    )


def _gate_row(row: GateSummary, study: Study) -> tuple[str, ...]:
    taken = row is study.taken
    return (
        "taken, for comparison" if taken else name(row.gate),
        UNKNOWN if taken else f"{row.refused:,}",
        f"{row.setups:,}",
        f"{row.known:,}",
        percent(row.target_first),
        number(row.mean_r, signed=True),
        UNKNOWN if study.simulated else span(row.interval, lambda r: number(r, signed=True)),
        "" if taken else row.verdict,
    )


def _removed(part: Without) -> str:
    some = count(part.removed, f"best {part.unit}") if part.removed > 1 else f"best {part.unit}"
    return f"{some} of {part.available:,}"


def _seen(item: InputSeen) -> str:
    return "at order time" if item.order_time else percent(item.share)

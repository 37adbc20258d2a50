"""The head of the page: the result, what it supports, and under what it was made."""

from regimekit.reports.columns import money_digits
from regimekit.reports.inputs_seen import silent
from regimekit.reports.study import Study
from regimekit.reports.tables import basis_line, paragraph
from regimekit.reports.text import count, number, percent, safe
from regimekit.reports.verdicts import input_words
from regimekit.reports.wording import SIMULATED, conclusion, fee_rates


def header(study: Study) -> str:
    """Return the top of the page, down to the facts of the run."""
    run = study.run
    banner = f'<p class="banner" role="alert">{safe(SIMULATED)}</p>' if study.simulated else ""
    notes = "".join(map(paragraph, _notes(study)))
    noted = f'<div class="note">{notes}</div>' if notes else ""
    supports = (
        "" if study.simulated else f"<h2>What this run supports</h2>{paragraph(conclusion(study))}"
    )
    return (
        f"<header><h1>{safe(run.strategy)} backtest</h1>{banner}{_cards(study)}{supports}"
        f"{noted}{_facts(study)}</header>"
    )


def _cards(study: Study) -> str:
    run, total = study.run, study.total
    digits = money_digits(run)
    deepest = float(study.drawdown.min()) if len(study.drawdown) else float("nan")
    cards = (
        (
            f"Profit, {run.currency}",
            number(total.profit, digits, signed=True),
            f"{percent(total.profit_share, 2, signed=True)} of the start",
        ),
        (
            "Deepest drawdown",
            percent(deepest, 2),
            "open positions marked" if study.marked else "realized only",
        ),
        ("Trades", f"{total.trades:,}", f"{percent(total.win_rate)} won"),
        (
            "Expectancy, R per trade",
            number(total.expectancy_r, signed=True),
            f"before costs {number(total.mean_r, signed=True)}",
        ),
        ("Profit factor", number(study.profit_factor), "gains over losses"),
    )
    return (
        '<dl class="cards">'
        + "".join(
            f"<div><dt>{safe(label)}</dt><dd>{safe(value)}<small>{safe(note)}</small></dd></div>"
            for label, value, note in cards
        )
        + f"</dl>{basis_line(study)}"
    )


def _facts(study: Study) -> str:
    run = study.run
    digits = money_digits(run)
    open_trades = number(run.max_open_trades, 0) if run.max_open_trades >= 0 else "no limit"
    facts = {
        "Strategy": run.strategy,
        "Profile": run.settings.profile
        + (", tuned by a hyperopt parameter file" if run.parameters else ""),
        "Market": _market(study),
        "Period": f"{run.start:%Y-%m-%d %H:%M} to {run.end:%Y-%m-%d %H:%M} UTC",
        "Timeframe": run.timeframe
        + (f", filled on {run.timeframe_detail} candles" if run.timeframe_detail else ""),
        "Pairs": ", ".join(run.pairs),
        "Fees": f"{fee_rates(study)} per side",
        "Balance": f"{number(run.starting_balance, digits)} to "
        f"{number(run.final_balance, digits)} {run.currency}",
        "Open trades": f"at most {open_trades}, {count(run.rejected_signals, 'signal')} rejected",
        "Timerange": run.timerange,
        "Config files": ", ".join(run.config_files),
        "Variants tried": "" if study.variants is None else f"{study.variants:,}",
        "Command": study.command or "",
    }
    shown = "".join(
        f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in facts.items() if value
    )
    return f'<dl class="facts">{shown}</dl>'


def _market(study: Study) -> str:
    if study.simulated:
        return "simulated"
    return "recorded" if study.frames else "unknown, no candles were at hand"


def _notes(study: Study) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    unknown = study.r_unknown()
    notes = [
        f"R unknown for {count(sum(unknown.values()), 'trade')}: "
        + "; ".join(f"{reason} ({times:,})" for reason, times in unknown.items())
        + ". They count in every money figure and in no R figure."
    ] if unknown else []  # fmt: skip
    missing = [pair for pair in study.run.pairs if pair not in study.frames]
    if missing:
        notes.append(f"No candles were at hand for {', '.join(missing)}.")
    if not study.frames and not study.simulated:
        notes.append(
            "Without candles it is not known whether the market was recorded or simulated."
        )
    notes += input_words(study)[:1] if silent(study.inputs) else []
    still_open = study.total.trades - study.total.closed
    if still_open:
        notes.append(f"{count(still_open, 'trade')} still open at the end.")
    if not study.marked:
        notes.append(
            "Equity counts closed trades only, so it hides the drawdown of open positions."
        )
    return notes

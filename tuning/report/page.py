"""A walk-forward as one HTML file that needs nothing else: verdict, figures, tables, origin."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go

from providers.storage.store import replace_file
from regimekit.reports.shell import captioned, page
from regimekit.reports.text import count, number, percent, safe
from tuning.model import Walk
from tuning.report.facts import facts, title
from tuning.report.figures import degradation_figure, equity_figure, logit_figure, parameter_figure
from tuning.report.sheet import Sheet
from tuning.report.sheets import sheets
from tuning.weighing.evidence import Evidence
from tuning.weighing.reasons import chance
from tuning.weighing.refusal import uncounted
from tuning.weighing.verdict import Level, Verdict

Draw = Callable[[Evidence], go.Figure | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure: how it is drawn, and what its caption says."""

    identifier: str
    draw: Draw
    caption: str


FIGURES = {  # by the title of the sheet that they stand before
    "Out of sample": Shown(
        "plot-equity",
        equity_figure,
        "Each fold starts where the one before it ended; dotted lines are the borders of tests. "
        "Gray: days without a result, on which nothing is known.",
    ),
    "Luck and overfitting": Shown(
        "plot-logits",
        logit_figure,
        "Training days are halved in every way; the epoch that is best in one half is ranked among "
        "all epochs in the other. Left of the line it is one of the worse ones.",
    ),
    "In sample and out of sample": Shown(
        "plot-degradation",
        degradation_figure,
        "A point is a fold, a Sharpe ratio is a year's, from closed trades. On the dotted line the "
        "tests kept what the training promised.",
    ),
    "Parameters": Shown(
        "plot-parameters",
        parameter_figure,
        "Color: where in the range that was tried the chosen value lies; categories have none.",
    ),
}

OWN_STYLE = """
.verdict { border-left: 6px solid var(--alert-line); background: var(--panel);
  padding: .9rem 1.1rem; margin: 1.25rem 0; border-radius: 0 6px 6px 0; }
.verdict p { font-size: 1.15rem; font-weight: 600; margin: 0; }
.verdict small { display: block; font-size: .8125rem; color: var(--soft);
  text-transform: uppercase; letter-spacing: .04em; }
.verdict.supported { border-color: var(--gain); } .verdict.against { border-color: var(--loss); }
.cards dd small { white-space: normal; }
.wide table { font-size: .75rem; } .wide th, .wide td { padding: .3rem .35rem; }
td.long { white-space: normal; min-width: 16rem; text-align: left; }
.limits { padding-left: 1.1rem; max-width: 80ch; }
@media (max-width: 600px) {
  section table { font-size: .8125rem; } th, td { padding: .3rem .4rem; }
  th[scope="row"] { white-space: normal; } td.long { min-width: 11rem; }
}
"""
WRAPS = 30  # letters of a text beyond which a cell may break
WIDE = 10  # columns beyond which a table is set smaller


def write_page(walk: Walk, evidence: Evidence, verdict: Verdict, path: Path) -> None:
    """Write the page; what was there before is replaced at once or not at all.

    Raises
    ------
    OSError
        The folder is missing or full.
    """
    replace_file(path, build_page(walk, evidence, verdict).encode())


def build_page(walk: Walk, evidence: Evidence, verdict: Verdict) -> str:
    """Return the page as HTML."""
    sections = {
        sheet.title: _figure(sheet.title, evidence) + _table(sheet)
        for sheet in sheets(walk, evidence, verdict)
    }
    sections["What this cannot know"] = _limits(verdict)
    sections["How it was made"] = _facts(walk)
    return page(
        title(walk),
        header=_header(walk, evidence, verdict),
        sections=sections,
        footer="Times are UTC. A walk-forward tells what would have become of tuning again and "
        "again in the past; it promises nothing about what comes.",
        style=OWN_STYLE,
    )


def _header(walk: Walk, evidence: Evidence, verdict: Verdict) -> str:
    kind = verdict.level.name.lower()
    cards = "".join(
        f"<div><dt>{safe(head)}</dt><dd>{safe(value)}<small>{safe(note)}</small></dd></div>"
        for head, value, note in _cards(walk, evidence, verdict)
    )
    return (
        f"<header><h1>{safe(walk.plan.strategy)}: walk-forward</h1>"
        f'<p class="basis">{safe(title(walk))}</p>'
        f'<div class="verdict {kind}" role="alert"><small>Verdict: {safe(verdict.level.value)}'
        f"</small><p>{safe(verdict.headline)}</p></div>"
        f'<dl class="cards">{cards}</dl></header>'
    )


def _cards(walk: Walk, evidence: Evidence, verdict: Verdict) -> list[tuple[str, str, str]]:
    tuned, untuned = evidence.tuned, evidence.untuned
    known = walk.trials is not None and not uncounted(walk)
    cards = [
        (
            "Trials",
            f"{walk.trials.total:,}" if walk.trials is not None and known else "unknown",
            "everything that was ever tried" if known else "so there is no verdict",
        ),
        (
            "Profit out of sample",
            percent(tuned.performance.profit.value, 1, signed=True),
            f"untuned {percent(untuned.performance.profit.value, 1, signed=True)}",
        ),
        (
            "Sharpe ratio out of sample",
            number(tuned.performance.sharpe.value, signed=True),
            f"untuned {number(untuned.performance.sharpe.value, signed=True)}",
        ),
        ("Deepest drawdown", percent(tuned.drawdown), f"untuned {percent(untuned.drawdown)}"),
        (
            "Tested",
            count(evidence.days, "day"),
            f"{count(tuned.trades, 'trade')}, {count(len(evidence.folds), 'fold')}",
        ),
    ]
    if verdict.level is not Level.REFUSED:
        cards += [
            ("More than luck", chance(evidence.luck.deflated), "deflated Sharpe ratio, all trials"),
            ("Overfitting (PBO)", percent(evidence.overfitting, 0), "a coin has 50 %"),
        ]
    return cards


def _figure(name: str, evidence: Evidence) -> str:
    """Return the figure that belongs to the sheet `name`; empty without one."""
    shown = FIGURES.get(name)
    figure = shown.draw(evidence) if shown else None
    if shown is None or figure is None:
        return ""
    return captioned(figure, shown.identifier, shown.caption)


def _table(sheet: Sheet) -> str:
    head = "".join(
        f'<th scope="col"{" class=text" if place in {0, *sheet.words} else ""}>{safe(name)}</th>'
        for place, name in enumerate(sheet.heads)
    )
    body = "".join(
        f'<tr><th scope="row">{safe(first)}</th>'
        + "".join(_cell(cell, words=place in sheet.words) for place, cell in enumerate(rest, 1))
        + "</tr>"
        for first, *rest in sheet.rows
    )
    # Not inside the table: beside a wide one it would run out of a narrow window
    caption = f'<p class="soft">{safe(sheet.caption)}</p>' if sheet.caption else ""
    kind = "scroll wide" if len(sheet.heads) > WIDE else "scroll"
    return (
        f'{caption}<div class="{kind}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str, *, words: bool) -> str:
    kind = ("long" if len(text) > WRAPS else "text") if words else ""
    return f'<td class="{kind}">{safe(text)}</td>' if kind else f"<td>{safe(text)}</td>"


def _limits(verdict: Verdict) -> str:
    return f'<ul class="limits">{"".join(f"<li>{safe(it)}</li>" for it in verdict.limits)}</ul>'


def _facts(walk: Walk) -> str:
    shown = "".join(
        f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>"
        for name, value in facts(walk).items()
        if value
    )
    return f'<dl class="facts">{shown}</dl>'

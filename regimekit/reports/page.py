"""The report as one HTML file that needs nothing else: style, script and plotly are inside."""

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from regimekit.reports.chart import LONGEST, candle_figure, chart_pair
from regimekit.reports.evidence import (
    concentration_section,
    confidence_section,
    inputs_section,
    refusals_section,
)
from regimekit.reports.figures import (
    equity_figure,
    excursion_figure,
    r_histogram,
)
from regimekit.reports.header import header
from regimekit.reports.pivot import pivot_section
from regimekit.reports.reliability import reliability_figure
from regimekit.reports.study import Study
from regimekit.reports.tables import (
    basis_line,
    cost_table,
    exit_table,
    filter_table,
    group_table,
    hour_table,
    paragraph,
    period_tables,
    settings_table,
)
from regimekit.reports.text import count, day, number, percent, safe
from regimekit.reports.theme import SCRIPT, STYLE

NOT_MEASURED = "No trade could be measured in R."

PLOT_OPTIONS = {"displayModeBar": False, "responsive": True}


def build_report(study: Study, *, pair: str | None = None) -> str:
    """Return the whole report as HTML.

    Parameters
    ----------
    pair : str, optional
        Pair of the candle chart, by default the one with most trades; ValueError when it has no
        candles.
    """
    run = study.run
    chart = chart_pair(study, pair)
    sections = {
        "Equity and drawdown": _equity(study),
        "Regime, sub-strategy and exit": exit_table(study),
        "Filters and hours": filter_table(study) + hour_table(study),
        "Any combination": pivot_section(study),
        "Results in R": _results(study),
        "Excursions": _excursions(study),
        "Candles and regimes": _candles(study, chart),
        "Refused entries": refusals_section(study),
        "Confidence": _confidence(study),
        "Concentration": concentration_section(study),
        "Pairs": group_table(study, ("Pair",), study.groups("pair")),
        "Long and short": group_table(study, ("Side",), study.groups("side")),
        "Months and weeks": period_tables(study),
        "Costs": cost_table(study),
        "Data of the filters": inputs_section(study),
        "Settings": settings_table(study),
    }
    links = "".join(f'<li><a href="#{_anchor(title)}">{safe(title)}</a></li>' for title in sections)
    body = "".join(
        f'<section id="{_anchor(title)}"><h2>{safe(title)}</h2>{content}</section>'
        for title, content in sections.items()
    )
    title = f"{run.strategy}, {day(run.start)} to {day(run.end)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n"
        f"{header(study)}<nav aria-label='Sections'><ul>{links}</ul></nav>\n<main>{body}</main>\n"
        "<footer>Times are UTC. One R is the distance from the entry to the initial stop. A "
        "backtest fills orders at prices a live bot may not get.</footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _equity(study: Study) -> str:
    marked = (
        "Open positions are marked at every candle's close; funding is booked when a trade closes."
        if study.marked
        else "Closed trades only."
    )
    held = ""
    if study.benchmark is not None and len(study.benchmark):
        change = float(study.benchmark.iloc[-1]) / study.run.starting_balance - 1
        benchmark = study.benchmark_name[0].upper() + study.benchmark_name[1:]
        held = f" {benchmark}, over the same time: {percent(change, 2, signed=True)}."
    return basis_line(study) + _figure(equity_figure(study), "plot-equity", marked + held)


def _results(study: Study) -> str:
    if not study.total.r_known:
        return paragraph(NOT_MEASURED)
    interval = study.interval
    span = (
        f" The mean's 95 % interval is {number(interval.low, signed=True)} to "
        f"{number(interval.high, signed=True)} R."
        if interval.known and not study.simulated
        else ""
    )
    caption = (
        f"Result after fees and funding over what the initial stop would have lost, "
        f"{study.total.r_known:,} of {count(study.total.trades, 'trade')}.{span}"
    )
    return basis_line(study) + _figure(r_histogram(study), "plot-results", caption)


def _excursions(study: Study) -> str:
    if not study.total.r_known:
        return paragraph(NOT_MEASURED)
    caption = (
        "Freqtrade's extremes contain the whole candles of entry and exit, so a stopped trade can "
        "show more than 1 R against it. Prices before costs."
    )
    return _figure(excursion_figure(study), "plot-excursions", caption)


def _confidence(study: Study) -> str:
    if not (study.won.total or study.target_first.total):
        return paragraph("The confidence of no signal is known.")
    caption = (
        "Confidence after the filters of the deciding candle, in steps of 0.05, against the share "
        "that turned out well; bars are 95 % Wilson intervals. A curve that rises means that "
        "confidence ranks signals; on the dotted line it would be a probability."
    )
    return confidence_section(study) + _figure(
        reliability_figure(study), "plot-confidence", caption
    )


def _candles(study: Study, pair: str | None) -> str:
    if pair is None:
        return "<p>No candles were at hand; name their folder with --datadir.</p>"
    own = int((study.trades["pair"] == pair).sum())
    limit = (
        f" The chart holds the busiest {LONGEST.days} days."
        if study.run.days > LONGEST.days
        else ""
    )
    caption = (
        "Triangles are entries (up long, down short), crosses exits. The background is the "
        "regime that decided at each candle's close, trends confirmed on 4h. Stops and targets "
        f"can be switched on in the legend; drag to move, choose the span above.{limit}"
    )
    title = f'<p class="basis">{safe(pair)} \u00b7 {count(own, "trade")}</p>'
    return title + _figure(candle_figure(study, pair), "plot-candles", caption)


def _figure(figure: go.Figure, identifier: str, caption: str) -> str:
    # plotly escapes <, > and / in its JSON, so no text can end the script element.
    plot = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=identifier, config=PLOT_OPTIONS
    )
    return (
        f'<figure aria-describedby="{identifier}-caption">{plot}'
        f'<figcaption id="{identifier}-caption">{safe(caption)}</figcaption></figure>'
    )


def _anchor(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")

"""The report as one HTML file that needs nothing else: style, script and plotly are inside."""

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
from regimekit.reports.shell import captioned, page
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

NOT_MEASURED = "No trade could be measured in R."


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
    return page(
        f"{run.strategy}, {day(run.start)} to {day(run.end)}",
        header=header(study),
        sections=sections,
        footer="Times are UTC. One R is the distance from the entry to the initial stop. A "
        "backtest fills orders at prices a live bot may not get.",
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
    return basis_line(study) + captioned(equity_figure(study), "plot-equity", marked + held)


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
    return basis_line(study) + captioned(r_histogram(study), "plot-results", caption)


def _excursions(study: Study) -> str:
    if not study.total.r_known:
        return paragraph(NOT_MEASURED)
    caption = (
        "Freqtrade's extremes contain the whole candles of entry and exit, so a stopped trade can "
        "show more than 1 R against it. Prices before costs."
    )
    return captioned(excursion_figure(study), "plot-excursions", caption)


def _confidence(study: Study) -> str:
    if not (study.won.total or study.target_first.total):
        return paragraph("The confidence of no signal is known.")
    caption = (
        "Confidence after the filters of the deciding candle, in steps of 0.05, against the share "
        "that turned out well; bars are 95 % Wilson intervals. A curve that rises means that "
        "confidence ranks signals; on the dotted line it would be a probability."
    )
    return confidence_section(study) + captioned(
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
    return title + captioned(candle_figure(study, pair), "plot-candles", caption)

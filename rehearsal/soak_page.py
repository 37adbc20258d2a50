"""What a soak shows: a table for the terminal, and a page with a plot per measurement."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots
from rich.table import Table
from rich.text import Text

from regimekit.reports.theme import BLUE, ORANGE, STYLE
from rehearsal.soak import Outcome, Sample, column

_OWN_STYLE = """
tbody tr > * { vertical-align: top; }
td.why { text-align: left; white-space: normal; min-width: 18rem; }
"""
PLOTTED = {
    "rss": "resident memory, MB",
    "handles": "open handles",
    "threads": "threads",
    "files": "files",
    "folder": "folder, MB",
    "wal": "write-ahead log, MB",
    "lines": "log lines",
    "own_lines": "own log lines",
    "latency": "API latency, s",
    "loop_age": "age of the last loop, market min",
    "trades": "trades",
}


def soak_table(outcomes: Sequence[Outcome], title: str, *, reasons: bool = True) -> Table:
    """Return a row per bound: values, growth a day, bound, verdict, and where there is room why."""
    table = Table(title=title)
    table.add_column("measured")
    for name in ("start", "end", "worst", "growth a day", "bound"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    if reasons:
        table.add_column("why this bound", overflow="fold")
    for row in outcomes:
        table.add_row(
            PLOTTED.get(row.name, row.name),
            *(f"{value:.4g}" for value in (row.start, row.end, row.worst)),
            f"{row.growth:+.3g}",
            row.bound,
            Text("pass" if row.ok else "BROKEN", style="green" if row.ok else "bold red"),
            *([Text(row.why)] if reasons else []),
        )
    return table


def soak_page(samples: Sequence[Sample], outcomes: Sequence[Outcome], title: str) -> str:
    """Return one HTML page that needs nothing else; bands are hours with a fault in force."""
    broken = [PLOTTED.get(row.name, row.name) for row in outcomes if not row.ok]
    verdict = f"Broken: {', '.join(broken)}." if broken else "Every bound held."
    rows = "".join(
        f"<tr><th scope='row'>{escape(PLOTTED.get(row.name, row.name))}</th>"
        f"<td>{row.start:.4g}</td><td>{row.end:.4g}</td>"
        f"<td>{row.worst:.4g}</td><td>{row.growth:+.3g}</td><td>{escape(row.bound)}</td>"
        f"<td>{'pass' if row.ok else 'BROKEN'}</td>"
        f"<td class='why'>{escape(row.why)}</td></tr>"
        for row in outcomes
    )
    names = ("measured", "start", "end", "worst", "growth a day", "bound", "verdict", "why")
    titles = "".join(
        f"<th{' class=text' if name in {'measured', 'why'} else ''}>{name}</th>" for name in names
    )
    figure = _figure(samples).to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displayModeBar": False, "responsive": True},
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{_OWN_STYLE}</style><script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(verdict)} Shaded: a fault was in force.</p>"
        f"<div class='scroll'><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"
        f"</div>{figure}"
        "</body></html>"
    )


def _figure(samples: Sequence[Sample]) -> go.Figure:
    hours, faulty = column(samples, "hours"), column(samples, "faults") > 0
    figure = make_subplots(
        rows=len(PLOTTED), cols=1, shared_xaxes=True, vertical_spacing=0.02,
        subplot_titles=list(PLOTTED.values()),
    )  # fmt: skip
    for number, name in enumerate(PLOTTED, start=1):
        values = column(samples, name)
        figure.add_scatter(
            x=hours, y=values, mode="lines", line={"color": BLUE, "width": 1.5}, row=number, col=1
        )
    begun = None
    for at, on in zip([*hours, hours[-1]], [*faulty, False], strict=True):
        if on and begun is None:
            begun = at
        elif not on and begun is not None:
            figure.add_vrect(x0=begun, x1=at, fillcolor=ORANGE, opacity=0.15, line_width=0)
            begun = None
    figure.update_layout(
        height=170 * len(PLOTTED),
        showlegend=False,
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 40, "b": 40},
    )
    figure.update_xaxes(title_text="hours of market", row=len(PLOTTED), col=1)
    return figure

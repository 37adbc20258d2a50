"""What data there is, drawn over time: one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from regimekit.reports.figures import stamps, style
from regimekit.reports.shell import plot
from regimekit.reports.text import UNKNOWN, count, safe
from regimekit.reports.theme import GREEN, ORANGE, SCRIPT, STYLE, VERMILION

LANE_HEIGHT = 26  # pixels
MOST_GAPS = 400  # drawn per lane, the longest first; the table has the count
NARROWEST = 1 / 1200  # of the whole time; a narrower gap would not be seen between two bars

MILLISECOND = pd.Timedelta(milliseconds=1)

Gaps = Sequence[tuple[pd.Timestamp, pd.Timestamp]]

COLORS = {"fresh": GREEN, "stale": ORANGE, "corrupt": VERMILION, "missing": VERMILION}
MARKS = {"fresh": "\u2713", "stale": "\u25d4", "corrupt": "\u2717", "missing": "\u2717"}


@dataclass(frozen=True, slots=True)
class Lane:
    """One dataset of one pair.

    Attributes
    ----------
    state : str
        ``fresh``, ``stale``, ``corrupt`` or ``missing``.
    gaps : sequence of (Timestamp, Timestamp)
        Half-open stretches without rows between `first` and `last`.
    facts : mapping of str to str
        Columns of the table and lines of the hover text.
    """

    pair: str
    name: str
    state: str
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    gaps: Gaps = ()
    facts: dict[str, str] = field(default_factory=dict)


def coverage_page(lanes: Sequence[Lane], now: pd.Timestamp, folder: str) -> str:
    """Return the page as HTML; `lanes` in the order in which they are to be shown."""
    firsts = [lane.first for lane in lanes if lane.first is not None]
    start = min(firsts, default=now - pd.Timedelta(days=1))
    groups = [(pair, list(own)) for pair, own in groupby(lanes, key=lambda lane: lane.pair)]
    links = "".join(
        f'<li><a href="#pair-{n}">{safe(pair)}</a></li>' for n, (pair, _) in enumerate(groups)
    )
    body = "".join(
        f'<section id="pair-{n}"><h2>{safe(pair)}</h2>{_chart(own, n, start, now)}'
        f"{_table(own)}</section>"
        for n, (pair, own) in enumerate(groups)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Data coverage, {now:%Y-%m-%d %H:%M} UTC</title>\n<style>{STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n"
        f"<header><h1>Data coverage</h1>{_summary(lanes, now, folder)}</header>"
        f"<nav aria-label='Pairs'><ul>{links}</ul></nav>\n<main>{body}</main>\n"
        "<footer>Times are UTC. A bar holds rows, a tick marks missing ones; the orange line "
        "after a stale series reaches to the time of this page.</footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _summary(lanes: Sequence[Lane], now: pd.Timestamp, folder: str) -> str:
    states = [lane.state for lane in lanes]
    cards = "".join(
        f"<div><dt>{MARKS[state]} {state}</dt><dd>{states.count(state):,}</dd></div>"
        for state in COLORS
    )
    gaps = sum(len(lane.gaps) for lane in lanes)
    return (
        f'<p class="basis">{safe(folder)} \u00b7 {len(lanes):,} series \u00b7 '
        f"{count(gaps, 'gap')} \u00b7 as of {now:%Y-%m-%d %H:%M} UTC</p>"
        f'<dl class="cards">{cards}</dl>'
    )


def _chart(lanes: Sequence[Lane], number: int, start: pd.Timestamp, now: pd.Timestamp) -> str:
    figure = go.Figure()
    names = [f"{MARKS[lane.state]} {lane.name}" for lane in lanes]
    for name, lane in zip(names, lanes, strict=True):
        _draw(figure, name, lane, now - start, now)
    style(figure, height=70 + LANE_HEIGHT * len(lanes))
    figure.update_layout(
        barmode="overlay", bargap=0.35, showlegend=False, margin={"l": 190, "t": 12, "b": 40}
    )
    edges = stamps([start, now])
    figure.update_xaxes(type="date", range=edges)
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=names[::-1], automargin=True
    )
    return f"<figure>{plot(figure, f'plot-{number}')}</figure>"


def _draw(figure: go.Figure, name: str, lane: Lane, whole: pd.Timedelta, now: pd.Timestamp) -> None:
    if lane.first is None or lane.last is None:
        figure.add_scatter(
            x=stamps([now]), y=[name], mode="markers", hovertemplate=_hover(lane),
            marker={"symbol": "x", "color": COLORS[lane.state], "size": 9}, cliponaxis=False,
        )  # fmt: skip
        return
    parts = _covered(lane.first, lane.last, lane.gaps, whole * NARROWEST)
    figure.add_bar(
        orientation="h",
        y=[name] * len(parts),
        base=stamps(first for first, _ in parts),
        x=[(last - first) / MILLISECOND for first, last in parts],
        marker={"color": GREEN, "line": {"width": 0}},
        hovertemplate=_hover(lane),
    )
    if lane.state == "stale" and now > lane.last:
        figure.add_scatter(
            x=stamps([lane.last, now]), y=[name, name], mode="lines", hoverinfo="skip",
            line={"color": ORANGE, "width": 2, "dash": "dot"},
        )  # fmt: skip
    longest = sorted(lane.gaps, key=lambda gap: gap[0] - gap[1])[:MOST_GAPS]
    if longest:
        figure.add_scatter(
            x=stamps(first + (last - first) / 2 for first, last in longest),
            y=[name] * len(longest),
            mode="markers",
            marker={
                "symbol": "line-ns-open",
                "size": 14,
                "line": {"width": 2},
                "color": VERMILION,
            },
            text=[f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}" for first, last in longest],
            hovertemplate=f"<b>{safe(lane.name)}</b><br>missing %{{text}}<extra></extra>",
        )


def _covered(
    first: pd.Timestamp, last: pd.Timestamp, gaps: Gaps, narrowest: pd.Timedelta
) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the stretches with rows; gaps too narrow to be seen are left to their ticks."""
    parts, begin = [], first
    for gap, end in gaps:
        if end - gap >= narrowest:
            parts.append((begin, gap))
            begin = end
    return [*parts, (begin, last)]


def _hover(lane: Lane) -> str:
    lines = [f"{safe(key)}: {safe(value)}" for key, value in lane.facts.items() if value]
    text = "<br>".join([f"<b>{safe(lane.pair)} {safe(lane.name)}</b>", lane.state, *lines])
    return text.replace("%{", "%\u200b{") + "<extra></extra>"


def _table(lanes: Sequence[Lane]) -> str:
    columns = list(dict.fromkeys(key for lane in lanes for key in lane.facts))
    head = "".join(f'<th scope="col" class="text">{safe(key)}</th>' for key in columns)
    rows = "".join(
        f'<tr><th scope="row">{MARKS[lane.state]} {safe(lane.name)}</th>'
        f'<td class="text">{lane.state}</td>'
        + "".join(
            f'<td class="text">{safe(lane.facts.get(key) or UNKNOWN)}</td>' for key in columns
        )
        + "</tr>"
        for lane in lanes
    )
    return (
        '<details><summary>Figures</summary><div class="scroll"><table><thead><tr>'
        f'<th scope="col" class="text">Series</th><th scope="col" class="text">State</th>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )

"""The figures of the report, except the candle chart; each is a plain plotly figure.

Coordinates are lists of rounded numbers and short dates: half the bytes of plotly's own choice,
and readable by the page's script.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regimekit.reports.study import Study
from regimekit.reports.text import name, number, safe
from regimekit.reports.theme import (
    BLUE,
    GRAY,
    LOSS,
    SUB_STRATEGY_COLORS,
    VERMILION,
    WIN,
)

MOST_POINTS = 2_000
BIN_WIDTH = 0.25  # in R
GRID = "rgba(128, 128, 128, 0.22)"


def style(figure: go.Figure, *, height: int) -> go.Figure:
    """Give `figure` the look that all share; text takes the page's color in the browser."""
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 24, "t": 44, "b": 48},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        hoverlabel={"align": "left"},
        separators=".,",
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=GRID, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, linecolor=GRID, automargin=True)
    return figure


def stamps(moments: Iterable[Any]) -> list[str]:
    """Return moments as plotly reads them, to the minute, UTC."""
    return list(pd.DatetimeIndex(list(moments)).strftime("%Y-%m-%d %H:%M"))


def equity_figure(study: Study) -> go.Figure:
    """Draw equity against the benchmark, and the drawdown of the equity below."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.05)
    equity = _thinned(study.equity, "last")
    if study.benchmark is not None:
        held = _thinned(study.benchmark, "last")
        figure.add_scatter(
            x=stamps(held.index),
            y=held.round(2).tolist(),
            name=study.benchmark_name,
            line={"color": GRAY, "width": 1.5, "dash": "dot"},
        )
    figure.add_scatter(
        x=stamps(equity.index),
        y=equity.round(2).tolist(),
        name="equity, open positions marked" if study.marked else "equity, realized",
        line={"color": BLUE, "width": 2},
    )
    fall = _thinned(study.drawdown, "min") * 100
    figure.add_scatter(
        x=stamps(fall.index),
        y=fall.round(3).tolist(),
        name="drawdown of the equity",
        fill="tozeroy",
        line={"color": VERMILION, "width": 1},
        fillcolor="rgba(213, 94, 0, 0.25)",
        hovertemplate="%{y:.2f} %",
        row=2,
        col=1,
    )
    figure.update_layout(hovermode="x unified")
    figure.update_traces(hovertemplate="%{y:,.2f}", row=1, col=1)
    figure.update_yaxes(title_text=study.run.currency, tickformat=",", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", ticksuffix=" %", row=2, col=1)
    return style(figure, height=520)


def r_histogram(study: Study) -> go.Figure:
    """Stack the trades of each sub-strategy by their result in R; mark mean and median.

    At least one trade must have an R.
    """
    known = study.trades[study.trades["r_multiple"].notna()]
    results = known["r_multiple"].to_numpy(dtype=float)
    figure = go.Figure()
    first, last = np.floor(results.min() / BIN_WIDTH), np.floor(results.max() / BIN_WIDTH) + 1
    edges = np.arange(first, last + 1) * BIN_WIDTH
    tallest = int(np.histogram(results, edges)[0].max())
    for (sub_strategy,), _ in study.groups("sub_strategy"):
        own = known.loc[known["sub_strategy"] == sub_strategy, "r_multiple"]
        counts, _ = np.histogram(own, edges)
        figure.add_bar(
            x=(edges[:-1] + BIN_WIDTH / 2).tolist(),
            y=counts.tolist(),
            width=BIN_WIDTH * 0.92,
            name=name(sub_strategy),
            marker={"color": SUB_STRATEGY_COLORS.get(sub_strategy, GRAY)},
            customdata=[[low, low + BIN_WIDTH] for low in edges[:-1].tolist()],
            hovertemplate="%{customdata[0]:.2f} to %{customdata[1]:.2f} R: %{y}",
        )
    marks = (("mean", results.mean(), "solid"), ("median", np.median(results), "dash"))
    for label, value, dash in marks:
        figure.add_scatter(
            x=[float(value)] * 2,
            y=[0, tallest * 1.05],
            mode="lines",
            name=f"{label} {number(float(value), signed=True)} R",
            line={"color": BLUE, "width": 2, "dash": dash},
            hoverinfo="skip",
        )
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(title_text="result after costs, R", dtick=0.5 if last - first < 40 else 1)
    figure.update_yaxes(title_text="trades", rangemode="tozero")
    return style(figure, height=380)


def excursion_figure(study: Study) -> go.Figure:
    """Scatter how far each trade went for and against its position; one must have an R."""
    known = study.trades[study.trades["r_multiple"].notna()]
    figure = go.Figure()
    reach = float(max(-known["mae"].min(), known["mfe"].max(), 1.5)) * 1.05
    figure.add_scatter(
        x=[0, reach],
        y=[0, reach],
        mode="lines",
        name="as far for as against",
        line={"color": GRAY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    won = known["profit_abs"] > 0
    for label, part, color, symbol in (
        ("won", known[won], WIN, "circle"),
        ("lost", known[~won], LOSS, "x-thin-open"),
    ):
        figure.add_scatter(
            x=(-part["mae"]).round(3).tolist(),
            y=part["mfe"].round(3).tolist(),
            mode="markers",
            name=f"{label} ({len(part)})",
            marker={"color": color, "symbol": symbol, "size": 8, "opacity": 0.8, "line_width": 1.5},
            text=[hover(trade) for trade in part.to_dict("records")],
            hovertemplate="%{text}",
            hoverlabel={"namelength": 0},
        )
    figure.add_vline(x=1, line={"color": GRAY, "width": 1.5}, layer="below")
    figure.add_annotation(
        x=1, y=1, yref="paper", text="initial stop, \u22121 R", showarrow=False,
        xanchor="left", yanchor="top", xshift=4,
    )  # fmt: skip
    targets = _targets(known)
    for (target, label), (above, _) in zip(targets, [*targets[1:], (math.inf, "")], strict=True):
        figure.add_hline(
            y=target, line={"color": GRAY, "width": 1.5, "dash": "dash"}, layer="below"
        )
        near = above - target < 0.08 * reach  # then the label hangs below its line
        figure.add_annotation(
            x=1, xref="paper", y=target, text=label, showarrow=False,
            xanchor="right", yanchor="top" if near else "bottom",
        )  # fmt: skip
    room = [-0.03 * reach, reach]  # so that trades that never looked back stay whole
    figure.update_xaxes(title_text="against the position (MAE), R", range=room)
    figure.update_yaxes(title_text="in favor (MFE), R", range=room)
    return style(figure, height=460)


def hover(trade: Mapping[Any, Any]) -> str:
    """Return what a trade says when it is pointed at; plotly reads it as a kind of HTML."""
    closed = trade["closed_at"]
    lines = [
        f"<b>{safe(trade['pair'])}</b> {trade['side']}, {trade['leverage']:g}x",
        safe(trade["enter_tag"] or "no tag"),
        f"{trade['opened_at']:%Y-%m-%d %H:%M} at {trade['open_rate']:g}",
    ]
    if not pd.isna(closed):
        lines.append(f"{closed:%Y-%m-%d %H:%M} at {trade['close_rate']:g}")
    lines.append(
        f"{safe(name(trade['exit']))}, {number(trade['r_multiple'], signed=True)} R "
        f"(worst {number(trade['mae'])}, best {number(trade['mfe'], signed=True)})"
    )
    return "<br>".join(lines)


def _targets(known: pd.DataFrame) -> list[tuple[float, str]]:
    """Return each usual target in R with a label: which sub-strategies, and how far it moved.

    Recent results may have moved the target of every single trade, so the median stands for all.
    """
    aims: dict[float, list[str]] = {}
    for sub_strategy, targets in known.groupby("sub_strategy")["target_r"]:
        aims.setdefault(round(float(targets.median()), 1), []).append(str(sub_strategy))
    labels = []
    for usual, subs in sorted(aims.items()):
        targets = known.loc[known["sub_strategy"].isin(subs), "target_r"].round(1)
        moved = _moved(targets.min(), targets.max())
        names = ", ".join(sorted(map(name, subs)))
        labels.append((usual, f"target {number(usual, 1)} R{moved}: {names}"))
    return labels


def _moved(least: float, most: float) -> str:
    return f" ({number(least, 1)} to {number(most, 1)})" if least < most else ""


def _thinned(series: pd.Series, keep: str) -> pd.Series:
    """Return at most `MOST_POINTS` points: of each stretch the `keep` ('last', 'min') one."""
    if len(series) <= MOST_POINTS:
        return series
    stretch = np.arange(len(series)) // -(-len(series) // MOST_POINTS)
    groups = series.groupby(stretch)
    ends = pd.Series(series.index, index=series.index).groupby(stretch).last()
    return pd.Series(groups.agg(keep).to_numpy(), index=pd.DatetimeIndex(ends))

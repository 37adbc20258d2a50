"""The candle chart of one pair: regimes behind, trades on top."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from regimekit.decisions import regime_labels
from regimekit.reports.figures import hover, stamps, style
from regimekit.reports.study import Study
from regimekit.reports.theme import GRAY, LOSS, REGIME_COLORS, WIN
from regimekit.schema import Side

LONGEST = timedelta(days=60)  # of 15m candles: 5,760, which a browser still moves fluently
MOST_CANDLES = 5_760
IN_VIEW = timedelta(days=3)

_BUTTONS = [
    {"count": count, "step": "day", "stepmode": "backward", "label": label}
    for count, label in (
        (1, "1 day"),
        (3, "3 days"),
        (7, "1 week"),
        (14, "2 weeks"),
        (30, "30 days"),
    )
]


def chart_pair(study: Study, wanted: str | None = None) -> str | None:
    """Return the pair to draw: `wanted`, else the one with most trades; None without candles.

    Raises
    ------
    ValueError
        `wanted` has no candles.
    """
    if wanted is not None:
        if wanted not in study.frames:
            known = ", ".join(study.frames) or "none"
            raise ValueError(f"pair {wanted} has no candles to draw; pairs with candles: {known}")
        return wanted
    counts = study.trades["pair"].value_counts()
    drawable = [pair for pair in counts.index if pair in study.frames] or list(study.frames)
    return str(drawable[0]) if drawable else None


def candle_figure(study: Study, pair: str) -> go.Figure:
    """Draw up to 60 days of `pair` around its busiest time; its busiest three days are in view."""
    frame, trades = study.frames[pair], study.trades[study.trades["pair"] == pair]
    span = min(LONGEST, MOST_CANDLES * study.run.step)
    start = busiest(trades["opened_at"], span, study.run.start, study.run.end)
    frame = frame[(frame["date"] >= start) & (frame["date"] < start + span)]
    trades = trades[(trades["opened_at"] >= start) & (trades["opened_at"] < start + span)]
    figure = go.Figure()
    _add_regimes(figure, frame, study.run.step)
    _add_candles(figure, frame)
    _add_trades(figure, trades, start + span)
    _lay_out(figure, frame, busiest(trades["opened_at"], IN_VIEW, start, start + span))
    style(figure, height=640)
    # Above the chart is the range selector's place.
    return figure.update_layout(legend={"y": -0.08, "yanchor": "top"})


def busiest(
    opened_at: pd.Series, span: timedelta, first: pd.Timestamp, last: pd.Timestamp
) -> pd.Timestamp:
    """Return where the window of `span` with most entries begins, within `first` and `last`."""
    if opened_at.empty or first + span >= last:
        return first
    moments = pd.DatetimeIndex(opened_at).sort_values()
    entries = moments.searchsorted(moments + span) - np.arange(len(moments))
    busy = moments[int(entries.argmax())] - span / 14  # a little room before the first entry
    return max(first, min(busy, last - span))


def segments(labels: pd.Series) -> list[tuple[str, int, int]]:
    """Return each run of equal labels with the positions of its first and last bar.

    Examples
    --------
    >>> segments(pd.Series(["ranging", "trending", "trending"]))
    [('ranging', 0, 0), ('trending', 1, 2)]
    """
    runs: list[tuple[str, int, int]] = []
    for position, label in enumerate(labels):
        if runs and runs[-1][0] == label:
            runs[-1] = (label, runs[-1][1], position)
        else:
            runs.append((str(label), position, position))
    return runs


def _add_regimes(figure: go.Figure, frame: pd.DataFrame, step: timedelta) -> None:
    """Shade the background: one filled trace for each regime, whatever the number of changes."""
    opens, closes = stamps(frame["date"]), stamps(frame["date"] + step)
    runs = segments(regime_labels(frame["regime"]))
    for label, color in REGIME_COLORS.items():
        x: list[str | None] = []
        for _, first, last in (run for run in runs if run[0] == label):
            x += [opens[first], opens[first], closes[last], closes[last], None]
        if x:
            figure.add_scatter(
                x=x,
                y=[0, 1, 1, 0, None] * (len(x) // 5),
                mode="lines",
                line={"width": 0},
                fill="toself",
                fillcolor=color,
                opacity=0.22,
                name=f"{label} (4h-confirmed)" if label == "trending" else label,
                hoverinfo="skip",
            )


def _add_candles(figure: go.Figure, frame: pd.DataFrame) -> None:
    figure.add_candlestick(
        x=stamps(frame["date"]),
        **{name: frame[name].tolist() for name in ("open", "high", "low", "close")},
        name="candles",
        yaxis="y2",
        increasing={"line": {"color": "#8a929c", "width": 1}, "fillcolor": "rgba(0, 0, 0, 0)"},
        decreasing={"line": {"color": "#6a737d", "width": 1}, "fillcolor": "#6a737d"},
        showlegend=False,
    )


def _add_trades(figure: go.Figure, trades: pd.DataFrame, end: pd.Timestamp) -> None:
    """Join each entry to its exit; a trade that is still open ends level at the chart's end."""
    closed, won = trades["closed_at"].notna(), trades["profit_abs"] > 0
    trades = trades.assign(
        closed_at=trades["closed_at"].fillna(end),
        close_rate=trades["close_rate"].fillna(trades["open_rate"]),
        text=[hover(trade) for trade in trades.to_dict("records")],
    )
    for label, part, color, dash in (
        ("won", trades[closed & won], WIN, "solid"),
        ("lost", trades[closed & ~won], LOSS, "dot"),
        ("open", trades[~closed], GRAY, "dash"),
    ):
        line = {"color": color, "width": 2, "dash": dash}
        _add_lines(figure, part, ("open_rate", "close_rate"), f"{label} ({len(part)})", line)
        entry = [
            "triangle-up" if Side(side) is Side.LONG else "triangle-down" for side in part["side"]
        ]
        _add_marks(figure, part, ("opened_at", "open_rate"), color, entry, size=12)
        _add_marks(figure, part, ("closed_at", "close_rate"), color, ["x"] * len(part), size=8)
    for level, label, dash in (("stop", "initial stop", "solid"), ("target", "target", "dash")):
        line = {"color": GRAY, "width": 1.5, "dash": dash}
        planned = trades[trades[level].notna()]
        _add_lines(figure, planned, (level, level), label, line, visible="legendonly")


def _add_lines(
    figure: go.Figure,
    trades: pd.DataFrame,
    levels: tuple[str, str],
    label: str,
    line: dict[str, Any],
    **options: Any,
) -> None:
    """Draw a segment for each trade, from its entry to its exit, in a single trace."""
    x: list[str | None] = []
    y: list[float | None] = []
    begin, end = levels
    opened, closed = stamps(trades["opened_at"]), stamps(trades["closed_at"])
    for entry, exit_, first, last in zip(opened, closed, trades[begin], trades[end], strict=True):
        x += [entry, exit_, None]
        y += [float(first), float(last), None]
    if x:
        figure.add_scatter(
            x=x, y=y, mode="lines", name=label, line=line, yaxis="y2", hoverinfo="skip", **options
        )


def _add_marks(
    figure: go.Figure,
    trades: pd.DataFrame,
    at: tuple[str, str],
    color: str,
    symbols: list[str],
    *,
    size: int,
) -> None:
    moment, price = at
    figure.add_scatter(
        x=stamps(trades[moment]),
        y=trades[price].tolist(),
        mode="markers",
        marker={
            "color": color,
            "symbol": symbols,
            "size": size,
            "line": {"color": "#ffffff", "width": 1},
        },
        text=trades["text"].tolist(),
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        yaxis="y2",
    )


def _lay_out(figure: go.Figure, frame: pd.DataFrame, view: pd.Timestamp) -> None:
    seen = frame[(frame["date"] >= view) & (frame["date"] < view + IN_VIEW)]
    prices = None
    if len(seen):
        low, high = float(seen["low"].min()), float(seen["high"].max())
        prices = [low - 0.06 * (high - low), high + 0.06 * (high - low)]
    figure.update_layout(
        xaxis={
            "range": stamps([view, view + IN_VIEW]),
            "rangeslider": {"visible": False},
            "rangeselector": {
                "buttons": [*_BUTTONS, {"step": "all", "label": "all"}],
                "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom",
                "bgcolor": "rgba(128, 128, 128, 0.15)", "activecolor": "rgba(0, 114, 178, 0.45)",
            },
        },
        # Regimes fill the axis below, candles lie on the one above it.
        yaxis={"range": [0, 1], "visible": False, "fixedrange": True},
        yaxis2={
            "overlaying": "y", "side": "left", "tickmode": "auto",
            "range": prices, "separatethousands": True,
            "exponentformat": "none", "title": {"text": "price"},
        },
        dragmode="pan",
        hovermode="closest",
    )  # fmt: skip

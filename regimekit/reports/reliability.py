"""The reliability curve: what followed from each level of confidence."""

import plotly.graph_objects as go

from regimekit.reports.figures import style
from regimekit.reports.study import Study
from regimekit.reports.theme import BLUE, GRAY, ORANGE


def reliability_figure(study: Study) -> go.Figure:
    """Draw the share of good outcomes by confidence; something must be known of either kind."""
    figure = go.Figure()
    parts = (
        ("trades: made a profit", study.won, BLUE, "circle"),
        ("all signals: target first", study.target_first, ORANGE, "diamond"),
    )
    shown = [bin_.confidence for _, found, _, _ in parts for bin_ in found.bins]
    room = [min(shown) - 0.04, max(shown) + 0.04]
    figure.add_scatter(
        x=room, y=room, mode="lines", name="if it were a probability", hoverinfo="skip",
        line={"color": GRAY, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for label, found, color, symbol in parts:
        bins = found.bins
        figure.add_scatter(
            x=[round(bin_.confidence, 4) for bin_ in bins],
            y=[round(bin_.share, 4) for bin_ in bins],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [round(bin_.interval.high - bin_.share, 4) for bin_ in bins],
                "arrayminus": [round(bin_.share - bin_.interval.low, 4) for bin_ in bins],
                "thickness": 1.5,
            },
            mode="markers+lines",
            name=f"{label} ({found.total:,})",
            line={"color": color, "width": 1.5},
            marker={"color": color, "symbol": symbol, "size": 9},
            text=[f"{bin_.hits:,} of {bin_.total:,}" for bin_ in bins],
            hovertemplate="confidence %{x:.2f}: %{y:.0%}, %{text}<extra></extra>",
        )
    figure.update_xaxes(title_text="confidence at the entry", range=room, tickformat=".2f")
    figure.update_yaxes(title_text="share that turned out well", range=[0, 1], tickformat=".0%")
    return style(figure, height=400)

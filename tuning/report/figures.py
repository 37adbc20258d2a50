"""The figures of a walk-forward; each is a plain plotly figure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from providers.coverage import Period
from regimekit.reports.figures import stamps, style
from regimekit.reports.theme import BLUE, GRAY, GREEN, ORANGE, SKY, VERMILION
from tuning.weighing.choices import flat, place
from tuning.weighing.evidence import Evidence
from tuning.weighing.stitch import Leg, Path, growth

DAY = pd.Timedelta(days=1)
BINS = 40
LABELS = 12  # more folds than that and their numbers would overlap
SCALE = ((0.0, "#f7f3e8"), (0.5, SKY), (1.0, BLUE))


def equity_figure(evidence: Evidence) -> go.Figure:
    """Draw what the tuned and the untuned strategy made of their money, day by day.

    A line breaks where days are missing; the level behind the gap is that before it.
    """
    figure = go.Figure()
    for path in evidence.paths:
        if path is not evidence.path:
            _line(figure, path.tuned, "other paths", color=SKY, width=1, opacity=0.6)
    _line(figure, evidence.path.untuned, "untuned", color=ORANGE, width=1.5, dash="dot")
    _line(figure, evidence.path.tuned, "tuned", color=BLUE, width=2)
    _borders(figure, evidence.path)
    for gap in evidence.path.missing:
        _shade(figure, gap)
    figure.update_layout(hovermode="x unified")
    figure.update_yaxes(title_text="out of sample", ticksuffix=" %")
    return style(figure, height=460)


def logit_figure(evidence: Evidence) -> go.Figure | None:
    """Draw how the best of one half ranks in the other, all folds together; None when unknown."""
    logits = [fold.overfitting.logits for fold in evidence.folds if fold.overfitting is not None]
    values = np.concatenate([np.empty(0), *logits])
    if not len(values):
        return None
    reach = max(float(np.abs(values).max()), 1.0) * 1.02
    edges = np.linspace(-reach, reach, BINS + 1)
    # Each fold has the same weight, however many halves it has
    weights = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in logits if len(part)])
    shares = np.histogram(values, edges, weights=weights)[0] / weights.sum() * 100
    middles = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for name, side, color in (
        ("below the median", middles < 0, VERMILION),
        ("above the median", middles >= 0, GREEN),
    ):
        figure.add_bar(
            x=middles[side].round(3).tolist(),
            y=shares[side].round(3).tolist(),
            width=(edges[1] - edges[0]) * 0.92,
            name=name,
            marker={"color": color},
            hovertemplate="%{x:.2f}: %{y:.1f} %",
        )
    figure.add_vline(x=0, line={"color": GRAY, "width": 1.5})
    figure.update_layout(bargap=0, barmode="overlay")
    figure.update_xaxes(title_text="log odds of its rank in the other half")
    figure.update_yaxes(title_text="share of splits", ticksuffix=" %", rangemode="tozero")
    return style(figure, height=340)


def degradation_figure(evidence: Evidence) -> go.Figure | None:
    """Draw each fold's Sharpe ratio out of sample over that in sample; None without a fold."""
    folds = evidence.folds
    if not folds:
        return None
    promised = [round(fold.in_sample, 3) for fold in folds]
    kept = [round(fold.out_of_sample, 3) for fold in folds]
    low, high = min([*promised, *kept, 0.0]), max([*promised, *kept, 0.0])
    margin = 0.08 * (high - low or 1.0)
    room = [low - margin, high + margin]
    figure = go.Figure()
    figure.add_scatter(
        x=room, y=room, mode="lines", name="as promised", hoverinfo="skip",
        line={"color": GRAY, "width": 1, "dash": "dot"},
    )  # fmt: skip
    figure.add_scatter(
        x=promised,
        y=kept,
        mode="markers+text" if len(folds) <= LABELS else "markers",
        name="a fold",
        text=[str(fold.number) for fold in folds],
        textposition="top center",
        marker={"color": BLUE, "size": 9},
        hovertemplate="fold %{text}: %{x:.2f} in sample, %{y:.2f} out of sample<extra></extra>",
    )
    figure.add_hline(y=0, line={"color": GRAY, "width": 1})
    figure.update_xaxes(title_text="Sharpe ratio in sample", range=room)
    figure.update_yaxes(title_text="out of sample", range=room)
    return style(figure, height=400)


def parameter_figure(evidence: Evidence) -> go.Figure | None:
    """Draw where in its range each parameter lies, fold by fold; None when nothing was tuned."""
    names = [str(name) for name in evidence.stability.index]
    if not names:
        return None
    chosen = [flat(fold.parameters) for fold in evidence.folds]
    figure = go.Figure()
    figure.add_heatmap(
        x=[f"fold {fold.number}" for fold in evidence.folds],
        y=names,
        z=[[place(choice[name], evidence.ranges[name]) for choice in chosen] for name in names],
        text=[[f"{choice[name]}" for choice in chosen] for name in names],
        texttemplate="%{text}" if len(chosen) <= LABELS else None,
        zmin=0,
        zmax=1,
        colorscale=SCALE,
        xgap=2,
        ygap=2,
        colorbar={"tickvals": [0, 1], "ticktext": ["lowest tried", "highest"], "thickness": 12},
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    return style(figure, height=120 + 28 * len(names))


def _line(
    figure: go.Figure, returns: pd.Series, name: str, *, color: str, width: float,
    dash: str = "solid", opacity: float = 1.0,
) -> None:  # fmt: skip
    shown = name not in {trace.name for trace in figure.data}
    moments, levels = _points(returns)
    figure.add_scatter(
        x=moments, y=levels, mode="lines", name=name, legendgroup=name, showlegend=shown,
        connectgaps=False, opacity=opacity, line={"color": color, "width": width, "dash": dash},
        hovertemplate="%{y:+.2f} %",
    )  # fmt: skip


def _points(returns: pd.Series) -> tuple[list[str], list[float | None]]:
    """Return profit in percent at the end of each day; a run of days begins where the last ended.

    Runs are set apart by a point without a value.
    """
    moments: list[pd.Timestamp] = []
    levels: list[float | None] = []
    level = 1.0
    wallet = growth(returns)
    for day, after in zip(pd.DatetimeIndex(wallet.index), wallet.tolist(), strict=True):
        if not moments or day != moments[-1]:
            moments += [day, day]
            levels += [None, _percent(level)]
        level = after
        moments.append(day + DAY)
        levels.append(_percent(level))
    return stamps(moments), levels


def _percent(level: float) -> float:
    return round((level - 1.0) * 100, 3)


def _borders(figure: go.Figure, path: Path) -> None:
    """Mark where each fold's test begins."""
    for leg in path.legs:
        start = stamps([leg.tuned.period.start])[0]
        figure.add_vline(x=start, line={"color": GRAY, "width": 1, "dash": "dot"}, layer="below")
    if len(path.legs) <= LABELS:
        for leg in path.legs:
            figure.add_annotation(
                x=stamps([_middle(leg)])[0], y=0, yref="paper", text=f"fold {leg.number}",
                showarrow=False, yanchor="bottom",
            )  # fmt: skip


def _middle(leg: Leg) -> pd.Timestamp:
    period = leg.tuned.period
    return pd.Timestamp(period.start) + (period.end - period.start) / 2


def _shade(figure: go.Figure, gap: Period) -> None:
    left, right = stamps([gap.start, gap.end])
    figure.add_vrect(x0=left, x1=right, fillcolor=GRAY, opacity=0.25, line_width=0)

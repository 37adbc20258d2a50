"""What FreqUI draws onto the candles: regimes, squeeze risk, and the levels of open trades."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from freqtrade.persistence import Trade
from freqtrade.persistence.models import custom_data_rpc_wrapper
from numpy.typing import NDArray

from regimekit.exits.plan import ExitPlan
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.exits import PLAN_KEY
from regimekit.hooks.notes import change, price
from regimekit.hooks.plots import LONG, NEUTRAL, SHORT
from regimekit.schema import Regime

logger = logging.getLogger(__name__)

Annotation = dict[str, Any]  # one of Freqtrade's AnnotationType

# The newest of each; a browser draws a few hundred without a delay.
MOST_REGIMES, MOST_RISKS, MOST_TRADES = 200, 100, 10
# Lines go on past the last candle, into the room that FreqUI leaves there, so that a trade of the
# candle that is still open has its lines too.
CANDLES_AHEAD = 3
# A label over fewer candles would run into its neighbors.
LABELED_BARS = 12

# The colors of the report, faint enough that candles stay readable on any page.
REGIME_COLORS = {
    Regime.RANGING: "rgba(86, 180, 233, 0.10)",
    Regime.TRENDING: "rgba(230, 159, 0, 0.10)",
    Regime.VOLATILE: "rgba(204, 121, 167, 0.14)",
}
RISKS = {
    1: ("squeeze risk: longs crowded", "rgba(213, 94, 0, 0.35)"),
    -1: ("squeeze risk: shorts crowded", "rgba(0, 114, 178, 0.35)"),
}
REGIME_LEVEL, RISK_LEVEL, TRADE_LEVEL = 1, 2, 3  # what lies on top of what


class Run(NamedTuple):
    """Neighboring rows with the same value: the first, the last, and the value."""

    first: int
    last: int
    value: int


class Level(NamedTuple):
    """A price that an open trade waits for, or came from."""

    price: float
    label: str
    color: str
    line_style: str


def newest_runs(values: NDArray[np.float64], drawn: set[int], most: int) -> list[Run]:
    """Return the newest `most` runs of equal values among `drawn`, oldest first.

    Parameters
    ----------
    values : array of float
        Codes; NaN is drawn by nobody and ends a run.
    """
    if not len(values):
        return []
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lasts = np.r_[starts[1:], len(values)] - 1
    wanted = np.flatnonzero(np.isin(values[starts], list(drawn)))[-most:]
    return [Run(int(starts[i]), int(lasts[i]), int(values[starts[i]])) for i in wanted]


def regime_areas(frame: pd.DataFrame, step: timedelta) -> list[Annotation]:
    """Return an area of the full height for each run of a known regime."""
    regimes = frame["regime"].to_numpy(dtype=float)
    areas = []
    for run in newest_runs(regimes, set(map(int, REGIME_COLORS)), MOST_REGIMES):
        regime = Regime(run.value)
        area = _area(frame, run, step) | {"color": REGIME_COLORS[regime], "z_level": REGIME_LEVEL}
        if run.last - run.first + 1 >= LABELED_BARS:
            area["label"] = regime.label
        areas.append(area)
    return areas


def risk_areas(frame: pd.DataFrame, step: timedelta) -> list[Annotation]:
    """Return an area of the full height for each time that a side was crowded."""
    risks = frame["squeeze_risk"].to_numpy(dtype=float)
    areas = []
    for run in newest_runs(risks, set(RISKS), MOST_RISKS):
        label, color = RISKS[run.value]
        area = _area(frame, run, step)
        areas.append(area | {"color": color, "label": label, "z_level": RISK_LEVEL})
    return areas


def trade_levels(entry: float, stop: float | None, plan: ExitPlan | None) -> list[Level]:
    """Return entry, current stop and target of a trade, those that are known."""
    levels = [Level(entry, f"entry {price(entry)}", NEUTRAL, "solid")]
    if stop:
        label = f"stop {price(stop)} ({change(entry, stop)})"
        levels.append(Level(stop, label, SHORT, "dashed"))
    if plan is not None:
        reached = f"{plan.r_multiple(plan.target):.1f} R"
        label = f"target {price(plan.target)} ({change(entry, plan.target)}, {reached})"
        levels.append(Level(plan.target, label, LONG, "dashed"))
    return levels


def level_lines(levels: list[Level], start: datetime, end: datetime) -> list[Annotation]:
    """Return a horizontal line for each level."""
    return [
        {
            "type": "line",
            "label": level.label,
            "color": level.color,
            "start": start,
            "end": end,
            "y_start": float(level.price),
            "y_end": float(level.price),
            "width": 2,
            "line_style": level.line_style,
            "z_level": TRADE_LEVEL,
        }
        for level in levels
    ]


def _area(frame: pd.DataFrame, run: Run, step: timedelta) -> Annotation:
    dates = frame["date"]
    start, last = (dates.iloc[row].to_pydatetime() for row in (run.first, run.last))
    return {"type": "area", "start": start, "end": last + step}


class ChartAnnotations(PackStrategy):
    """Annotates the chart of a pair; the lines of trades only where a bot trades."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._charts_failing: set[str] = set()

    def plot_annotations(
        self,
        pair: str,
        start_date: datetime,
        end_date: datetime,
        dataframe: pd.DataFrame,
        **kwargs: Any,
    ) -> list[Annotation]:
        """Return areas and lines for FreqUI; none, and one line in the log, where that fails.

        Freqtrade would answer the request for the candles themselves with an error otherwise.
        """
        step = timedelta(seconds=self.timeframe_seconds)
        try:
            annotations = [
                *regime_areas(dataframe, step),
                *risk_areas(dataframe, step),
                *self._trade_lines(pair, start_date, end_date + CANDLES_AHEAD * step),
            ]
        except Exception:
            if pair not in self._charts_failing:
                logger.exception("The chart of %s is shown without annotations", pair)
            self._charts_failing.add(pair)
            return []
        self._charts_failing.discard(pair)
        return annotations

    def _trade_lines(self, pair: str, start: datetime, end: datetime) -> Iterator[Annotation]:
        """Yield the levels of the pair's open trades; a webserver has no trades of its own."""
        if self.config.get("runmode") not in LIVE:
            return
        trades = Trade.get_trades_proxy(pair=pair, is_open=True)
        for trade in trades[-MOST_TRADES:]:
            if not trade.open_rate or trade.open_date_utc >= end:
                continue
            plan = _stored_plan(trade)
            opened = max(trade.open_date_utc, start)
            levels = trade_levels(trade.open_rate, trade.stop_loss, plan)
            yield from level_lines(levels, opened, end)


# Gives back the database session that each request of FreqUI has of its own.
@custom_data_rpc_wrapper  # type: ignore[untyped-decorator]
def _stored_plan(trade: Trade) -> ExitPlan | None:
    """Return the plan that was stored at the fill, None where it is missing or damaged."""
    try:
        return ExitPlan.from_dict(trade.get_custom_data(PLAN_KEY) or {})
    except ValueError:
        return None  # the exits say so in the log

"""One run with everything that was recomputed for it; every view of the report reads this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regimekit.inputs import HIGHER_TIMEFRAMES
from regimekit.pipeline import analyze
from regimekit.reports.breakdown import Reconciliation, Summary, breakdown, reconcile, summarize
from regimekit.reports.equity import (
    buy_and_hold,
    closes_on_grid,
    drawdown_of,
    marked_equity,
    market_balance,
    realized_equity,
)
from regimekit.reports.plans import with_plans
from regimekit.reports.run import Run
from regimekit.reports.stats import Interval, mean_r_interval, profit_factor
from regimekit.reports.trades import trade_table

FUNDING = "funding_rate"

# By pair, then by timeframe or `FUNDING`; what is not there is missing.
Market = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True, slots=True)
class Study:
    """A run, its trades with R, its candles with decisions; build it with `study`.

    Attributes
    ----------
    frames : mapping of DataFrame
        By pair: the period's candles with indicator and decision columns.
    equity : Series
        Open positions marked at candle closes where `marked`, else realized profit only.
    benchmark : Series or None
        Buy and hold in equal parts, or Freqtrade's market change; `benchmark_name` says which.
    simulation : mapping or None
        The market simulator's manifest; None for recorded data.
    command : str or None
        The command of the run, where it is known.
    variants : int or None
        How many variants were tried before this one was reported, where it is known.
    """

    run: Run
    trades: pd.DataFrame
    frames: Mapping[str, pd.DataFrame]
    equity: pd.Series
    marked: bool
    benchmark: pd.Series | None
    benchmark_name: str
    total: Summary
    reconciliation: Reconciliation
    interval: Interval
    profit_factor: float
    simulation: Mapping[str, Any] | None
    command: str | None
    variants: int | None

    @property
    def simulated(self) -> bool:
        """Whether the prices were invented, so that profits mean nothing."""
        return self.simulation is not None

    @property
    def drawdown(self) -> pd.Series:
        """Return the drawdown of `equity`, a fraction <= 0."""
        return drawdown_of(self.equity)

    def groups(self, *by: str) -> list[tuple[tuple[str, ...], Summary]]:
        """Return the trades' `breakdown` by columns of the trade table."""
        return breakdown(self.trades, by, self.run.starting_balance)

    def r_unknown(self) -> dict[str, int]:
        """Return how many trades have no R, by reason."""
        reasons = self.trades.loc[self.trades["r_unknown"] != "", "r_unknown"]
        return {str(reason): int(count) for reason, count in reasons.value_counts().items()}


def study(
    run: Run,
    market: Market,
    *,
    market_change: pd.DataFrame | None = None,
    simulation: Mapping[str, Any] | None = None,
    command: str | None = None,
    variants: int | None = None,
) -> Study:
    """Recompute what the export leaves out: signals, exit plans, R, marked equity.

    Parameters
    ----------
    market : mapping
        Candles of each pair by timeframe (the run's own, 1h, 4h) and `FUNDING`, as in Freqtrade's
        native files. Pairs and series that are missing make R unknown, not wrong.
    market_change : DataFrame, optional
        Freqtrade's ``date`` and ``rel_mean``; the benchmark when there are no candles.
    """
    frames = {pair: frame for pair in market if (frame := _analyzed(run, market[pair])) is not None}
    trades = with_plans(trade_table(run.trades), frames, run.settings.exits, timeframe=run.step)
    closes = closes_on_grid(run, frames)
    marked = marked_equity(trades, run, closes)
    realized = realized_equity(trades, run, pd.DatetimeIndex(closes.index))
    held = buy_and_hold(run, closes)
    name = f"buy and hold, equal parts of {len(run.pairs)} pairs"
    return Study(
        run=run,
        trades=trades,
        frames={pair: _period(run, frame) for pair, frame in frames.items()},
        equity=realized if marked is None else marked,
        marked=marked is not None,
        benchmark=market_balance(run, market_change) if held is None else held,
        benchmark_name="market, Freqtrade's mean change" if held is None else name,
        total=summarize(trades, run.starting_balance),
        reconciliation=reconcile(trades, run),
        interval=mean_r_interval(trades),
        profit_factor=profit_factor(trades["profit_abs"]),
        simulation=simulation,
        command=command,
        variants=variants,
    )


def _analyzed(run: Run, series: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    candles = series.get(run.timeframe)
    if candles is None or candles.empty:
        return None
    nothing = candles.iloc[:0]
    higher = {name: series.get(name, nothing) for name in HIGHER_TIMEFRAMES}
    funding = series.get(FUNDING, pd.DataFrame({"date": nothing["date"], "funding_rate": []}))
    return analyze(candles, higher, funding, run.settings, timeframe=run.step)


def _period(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    inside = (frame["date"] >= run.start) & (frame["date"] < run.end)
    return frame[inside].reset_index(drop=True)

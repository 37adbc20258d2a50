"""One run with everything that was recomputed for it; every view of the report reads this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regimekit.barriers import Barrier
from regimekit.inputs import HIGHER_TIMEFRAMES
from regimekit.pipeline import analyze
from regimekit.reports.breakdown import Reconciliation, Summary, breakdown, reconcile, summarize
from regimekit.reports.calibration import Calibration, calibrate
from regimekit.reports.concentration import Concentration, concentration
from regimekit.reports.entries import with_entries
from regimekit.reports.equity import (
    buy_and_hold,
    closes_on_grid,
    drawdown_of,
    marked_equity,
    market_balance,
    realized_equity,
)
from regimekit.reports.inputs_seen import InputSeen, inputs_seen
from regimekit.reports.plans import with_plans
from regimekit.reports.refusals import column_refusals, ledger_refusals, taken_entries
from regimekit.reports.run import Run
from regimekit.reports.stats import Interval, mean_r_interval, profit_factor
from regimekit.reports.trades import trade_table
from regimekit.reports.vetoes import GateSummary, by_gate, measured, summarize_gate
from regimekit.schema import Gate

FUNDING = "funding_rate"
OPEN_INTEREST = "open_interest"
TAKER_FLOW, SPOT_TAKER_FLOW = "taker_flow", "spot_taker_flow"

# By pair, then by timeframe or one of the names above; what is not there is missing.
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
    ledger_rows : int or None
        Rows in the veto ledger of the run; None when there was no ledger.
    gates : tuple of GateSummary
        What each filter and gate refused, as far as columns and the ledger tell.
    taken : GateSummary
        The entries that were taken, measured like those that were refused.
    won, target_first : Calibration
        Confidence against profit of the trades, and against barriers for all signals.
    inputs : tuple of InputSeen
        How often each input of the decisions was there.
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
    ledger_rows: int | None
    gates: tuple[GateSummary, ...]
    taken: GateSummary
    won: Calibration
    target_first: Calibration
    concentration: Concentration
    inputs: tuple[InputSeen, ...]

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
    vetoes: pd.DataFrame | None = None,
) -> Study:
    """Recompute what the export leaves out: signals, exit plans, R, marked equity.

    Parameters
    ----------
    market : mapping
        Candles of each pair by timeframe (the run's own, 1h, 4h), `FUNDING` and `OPEN_INTEREST`,
        as in Freqtrade's native files; `TAKER_FLOW` and `SPOT_TAKER_FLOW` as in our store. Pairs
        and series that are missing make R unknown, not wrong.
    market_change : DataFrame, optional
        Freqtrade's ``date`` and ``rel_mean``; the benchmark when there are no candles.
    vetoes : DataFrame, optional
        The veto ledger of the run, as `ledger_refusals` reads it.
    """
    frames = {pair: frame for pair in market if (frame := _analyzed(run, market[pair])) is not None}
    entries = with_entries(trade_table(run.trades), frames, timeframe=run.step)
    trades = with_plans(entries, frames, run.settings, timeframe=run.step)
    inside = {pair: _period(run, frame) for pair, frame in frames.items()}
    refused = pd.concat(
        [column_refusals(inside, timeframe=run.step), ledger_refusals(vetoes)], ignore_index=True
    )
    fee = _fee(trades, run)
    refused = measured(refused, frames, timeframe=run.step, fee=fee)
    taken = measured(
        taken_entries(trades, frames, timeframe=run.step), frames, timeframe=run.step, fee=fee
    )
    closes = closes_on_grid(run, frames)
    marked = marked_equity(trades, run, closes)
    realized = realized_equity(trades, run, pd.DatetimeIndex(closes.index))
    held = buy_and_hold(run, closes)
    name = f"buy and hold, equal parts of {len(run.pairs)} pairs"
    return Study(
        run=run,
        trades=trades,
        frames=inside,
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
        ledger_rows=None if vetoes is None else len(vetoes),
        gates=tuple(by_gate(refused)),
        taken=summarize_gate(Gate.NONE.label, taken.assign(first=True)),
        won=calibrate(trades["opened_at"], trades["confidence"], _won(trades)),
        target_first=_target_first(pd.concat([taken, refused[refused["first"]]])),
        concentration=concentration(trades, run.starting_balance),
        inputs=inputs_seen(inside, run.settings),
    )


def _fee(trades: pd.DataFrame, run: Run) -> float:
    """Return what one side of a trade cost, as a fraction: what was paid, else the setting."""
    paid = float(trades["fee_open"].median())
    return paid if paid >= 0 else run.settings.exits.taker_fee


def _won(trades: pd.DataFrame) -> pd.Series:
    """Return 1 for a profit, 0 for a loss, NaN for a trade that is still open."""
    return trades["profit_abs"].gt(0).astype(float).where(trades["closed_at"].notna())


def _target_first(signals: pd.DataFrame) -> Calibration:
    ends = signals["barrier"]
    hit = ends.eq(int(Barrier.TARGET)).astype(float).where(ends.ne(int(Barrier.UNDECIDED)))
    return calibrate(signals["at"], signals["confidence"], hit)


def _analyzed(run: Run, series: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    candles = series.get(run.timeframe)
    if candles is None or candles.empty:
        return None
    nothing = candles.iloc[:0]
    higher = {name: series.get(name, nothing) for name in HIGHER_TIMEFRAMES}
    funding = series.get(FUNDING, pd.DataFrame({"date": nothing["date"], "funding_rate": []}))
    inputs = run.settings.inputs
    return analyze(
        candles,
        higher,
        funding,
        run.settings,
        timeframe=run.step,
        open_interest=series.get(OPEN_INTEREST) if inputs.open_interest else None,
        taker_flow=series.get(TAKER_FLOW) if inputs.taker_flow else None,
        spot_taker_flow=series.get(SPOT_TAKER_FLOW) if inputs.taker_flow else None,
    )


def _period(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    inside = (frame["date"] >= run.start) & (frame["date"] < run.end)
    return frame[inside].reset_index(drop=True)

"""Trades grouped, summed and checked against Freqtrade's total."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regimekit.reports.entries import DIRECTIONS, FUNDINGS, SQUEEZES
from regimekit.reports.plans import (
    BREAK_EVEN,
    MOMENTUM_DECAY,
    SQUEEZE_TRAIL,
    STILL_OPEN,
    TRAIL,
)
from regimekit.reports.run import Run
from regimekit.reports.trades import OTHER
from regimekit.schema import Regime

# The order a trader thinks in; what is not named here follows alphabetically.
_ORDER = {
    "regime": [*(regime.label for regime in (*Regime,)[1:]), Regime.UNKNOWN.label, OTHER],
    "exit": [
        *("stop_loss", BREAK_EVEN, TRAIL, SQUEEZE_TRAIL, "roi", MOMENTUM_DECAY, "exit_signal"),
        *("force_exit", STILL_OPEN),
    ],
    "side": ["long", "short"],
    "direction": [*DIRECTIONS],
    "funding": [*FUNDINGS],
    "squeeze": [*SQUEEZES],
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set of trades did; a mean over nothing is NaN.

    Attributes
    ----------
    trades, closed, wins, r_known : int
        Trades; those that closed; those that closed with a profit; those whose R is known.
    profit, profit_share : float
        After all costs: stake currency, and as a fraction of the starting balance.
    mean_r : float
        Mean move of the price in R, before costs.
    expectancy_r : float
        Mean result in R, after fees and funding.
    gross_profit, fees, funding_fees : float
        Stake currency. Fees are paid (>= 0); funding is received (> 0) or paid (< 0).
    unexplained : float
        Profit of the closed trades that neither fills, fees nor funding account for, stake
        currency; anything but dust means that a cost is missing.
    duration : Timedelta
        Mean time in the market; NaT when nothing closed.
    """

    trades: int
    closed: int
    wins: int
    r_known: int
    profit: float
    profit_share: float
    mean_r: float
    expectancy_r: float
    gross_profit: float
    fees: float
    funding_fees: float
    unexplained: float
    duration: Any

    @property
    def win_rate(self) -> float:
        """Return the share of closed trades that made a profit; NaN when none closed."""
        return self.wins / self.closed if self.closed else float("nan")


def summarize(trades: pd.DataFrame, starting_balance: float) -> Summary:
    """Sum up `trades`, the result of `with_plans` or a part of it."""
    profit = float(trades["profit_abs"].sum())
    return Summary(
        trades=len(trades),
        closed=int(trades["closed_at"].notna().sum()),
        wins=int((trades["closed_at"].notna() & (trades["profit_abs"] > 0)).sum()),
        r_known=int(trades["r_multiple"].notna().sum()),
        profit=profit,
        profit_share=profit / starting_balance if starting_balance else float("nan"),
        mean_r=float(trades["r_gross"].mean()),
        expectancy_r=float(trades["r_multiple"].mean()),
        gross_profit=float(trades["gross_profit"].sum()),
        fees=float(trades["fees"].sum()),
        funding_fees=float(trades["funding_fees"].sum()),
        unexplained=float((trades["gross_profit"] - trades["price_gain"]).sum()),
        duration=trades["duration"].mean(),
    )


def breakdown(
    trades: pd.DataFrame, by: Sequence[str], starting_balance: float
) -> list[tuple[tuple[str, ...], Summary]]:
    """Return key and summary of every group; each trade is in exactly one of them."""
    if trades.empty:
        return []
    groups = {
        tuple(str(part) for part in key): summarize(group, starting_balance)
        for key, group in trades.groupby(list(by), sort=False, dropna=False)
    }
    return sorted(groups.items(), key=lambda item: [*map(rank, by, item[0])])


def with_periods(trades: pd.DataFrame) -> pd.DataFrame:
    """Return `trades` with the ``month`` and ISO ``week`` in which each closed, UTC."""
    closed = trades["closed_at"]
    return trades.assign(
        month=closed.dt.strftime("%Y-%m").fillna(STILL_OPEN),
        week=closed.dt.strftime("%G-W%V").fillna(STILL_OPEN),
    )


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Our total beside Freqtrade's."""

    profit: float
    reported_profit: float
    trades: int
    reported_trades: int
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether count and profit are the same to the last decimal Freqtrade counts."""
        # Written so that NaN does not agree.
        close = abs(self.profit - self.reported_profit) <= self.tolerance
        return close and self.trades == self.reported_trades


def reconcile(trades: pd.DataFrame, run: Run) -> Reconciliation:
    """Compare the grand total of `trades` with Freqtrade's ``profit_total_abs``."""
    return Reconciliation(
        profit=float(trades["profit_abs"].sum()),
        reported_profit=run.profit_total,
        trades=len(trades),
        reported_trades=run.total_trades,
        tolerance=0.5 * 10.0 ** -max(run.decimals, 2),
    )


def rank(column: str, value: str) -> tuple[int, str]:
    """Return where `value` stands among those of a column of the trade table."""
    order = _ORDER.get(column, [])
    return (order.index(value) if value in order else len(order), value)

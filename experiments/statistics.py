"""How far a Sharpe ratio, a profit and a difference of two of them carry.

Daily returns are redrawn in blocks, as `regimekit.evaluation.resampling` says. Two variants are
redrawn on the same days, so that what the market did to both cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.evaluation.reality import superior_ability
from regimekit.evaluation.resampling import (
    LEAST_DAYS,
    RESAMPLES,
    SEED,
    block_length,
    redrawn_days,
)
from regimekit.evaluation.sharpe import expected_best_sharpe, sharpe_ratios
from regimekit.reports.stats import CONFIDENCE, Interval

DAYS_A_YEAR = 365  # crypto trades on weekends
LEAST_APART = 10  # days on which two variants differ, below which their difference is anecdote

Array = NDArray[np.float64]

ALIKE = 1e-9  # daily returns that differ by less come from the same trades

UNKNOWN = Interval(float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % confidence interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Performance:
    """What daily returns came to: Sharpe ratio a year, total profit as a fraction."""

    sharpe: Estimate
    profit: Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """One variant less another on the same days: Sharpe ratio, mean return a year."""

    sharpe: Estimate
    yearly: Estimate

    @property
    def distinguishable(self) -> bool:
        """Whether zero lies outside the interval of either."""
        return any(
            part.interval.known and not part.interval.covers_zero
            for part in (self.sharpe, self.yearly)
        )


def daily_returns(equity: pd.Series) -> pd.Series:
    """Return the fraction won or lost each day; 0 once nothing is left.

    Parameters
    ----------
    equity : Series
        Wallet at the end of each day, days without trades included; the first is the start.
    """
    wallet = equity.clip(lower=0.0)
    before = wallet.shift(1)
    return (wallet / before.where(before > 0) - 1.0).iloc[1:].fillna(0.0)


def sharpe_ratio(returns: Array) -> Array:
    """Return mean over standard deviation of daily returns, annualized; 0 where nothing moves.

    Parameters
    ----------
    returns : array, shape (..., n_days)
    """
    return np.asarray(sharpe_ratios(returns) * np.sqrt(DAYS_A_YEAR))


def performance(returns: Array, *, resamples: int = RESAMPLES, seed: int = SEED) -> Performance:
    """Estimate Sharpe ratio and profit of daily returns, shape (n_days,)."""
    sharpe, profit = float(sharpe_ratio(returns)), float(np.prod(1.0 + returns) - 1.0)
    if len(returns) < LEAST_DAYS:
        return Performance(Estimate(sharpe, UNKNOWN), Estimate(profit, UNKNOWN))
    places = redrawn_days(len(returns), block_length(returns), resamples=resamples, seed=seed)
    drawn = returns[places]
    return Performance(
        Estimate(sharpe, _middle(sharpe_ratio(drawn))),
        Estimate(profit, _middle(np.prod(1.0 + drawn, axis=-1) - 1.0)),
    )


def difference(
    returns: Array, other: Array, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Difference:
    """Estimate by how much `returns` beat `other` on the same days, both shape (n_days,)."""
    if returns.shape != other.shape:
        raise ValueError(f"returns cover {len(returns)} days and the other {len(other)}")
    apart = returns - other
    sharpe = float(sharpe_ratio(returns) - sharpe_ratio(other))
    yearly = float(apart.mean() * DAYS_A_YEAR)
    if len(returns) < LEAST_DAYS or np.count_nonzero(np.abs(apart) > ALIKE) < LEAST_APART:
        return Difference(Estimate(sharpe, UNKNOWN), Estimate(yearly, UNKNOWN))
    block = block_length(returns, other, apart)
    places = redrawn_days(len(returns), block, resamples=resamples, seed=seed)
    gaps = sharpe_ratio(returns[places]) - sharpe_ratio(other[places])
    return Difference(
        Estimate(sharpe, _middle(gaps)),
        Estimate(yearly, _middle(apart[places].mean(axis=-1) * DAYS_A_YEAR)),
    )


def any_better(
    default: Array, variants: Sequence[Array], *, resamples: int = RESAMPLES, seed: int = SEED
) -> float:
    """Return the p-value that no variant has a higher mean return than the default.

    Hansen's test knows how many variants were compared; a small value says that the best of them
    is better than luck would make the best of as many. NaN with too little to compare.
    """
    if not variants:
        return float("nan")
    columns = np.column_stack(variants)
    return superior_ability(default, columns, resamples=resamples, seed=seed).consistent


def best_by_luck(tries: int, days: int) -> float:
    """Return the Sharpe ratio to expect of the best of `tries` worthless strategies.

    For independent ones over `days` days; related variants reach less.
    """
    spread = np.sqrt(DAYS_A_YEAR / days) if days > 1 else 0.0
    return expected_best_sharpe(tries, float(spread))


def _middle(values: Array) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))

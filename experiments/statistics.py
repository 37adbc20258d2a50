"""How far a Sharpe ratio, a profit and a difference of two of them carry.

Daily returns are redrawn in blocks of random length, which keeps what neighboring days have in
common: positions last longer than a day, and quiet days follow quiet days. Two variants are redrawn
on the same days, so that what the market did to both cancels out.

References
----------
Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. *JASA* 89.
Politis, D. N. and White, H. (2004), corrected by Patton, Politis and White (2009). Automatic
block-length selection for the dependent bootstrap. *Econometric Reviews* 23 and 28.
Hansen, P. R. (2005). A test for superior predictive ability. *JBES* 23.
Bailey, D. H. and López de Prado, M. (2014). The deflated Sharpe ratio. *JPM* 40.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from arch.bootstrap import SPA, StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray
from scipy.stats import norm

from regimekit.reports.stats import CONFIDENCE, Interval

DAYS_A_YEAR = 365  # crypto trades on weekends
RESAMPLES = 2_000
LEAST_DAYS = 20  # fewer say nothing about their own spread
LEAST_APART = 10  # days on which two variants differ, below which their difference is anecdote
SEED = 1

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
    spread = returns.std(axis=-1, ddof=1)
    moves = spread > 1e-12
    ratio = np.divide(returns.mean(axis=-1), spread, out=np.zeros_like(spread), where=moves)
    return np.asarray(ratio * np.sqrt(DAYS_A_YEAR))


def block_length(*series: Array) -> int:
    """Return the mean length of blocks, in whole days, that suits all of `series`.

    A Sharpe ratio depends on the mean and on the spread, so both the returns and their squares
    are asked, and the longest answer is taken.
    """
    longest = 1
    for values in series:
        for part in (values, values**2):
            if np.ptp(part) > 0:
                wanted = float(optimal_block_length(part)["stationary"].iloc[0])
                longest = max(longest, math.ceil(wanted) if math.isfinite(wanted) else 1)
    return longest


def redrawn_days(
    days: int, block: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.int64]:
    """Return which day stands in each place of each resample.

    Returns
    -------
    array, shape (resamples, days)
        Positions 0 to ``days - 1``, in runs of `block` days on average that wrap around.
    """
    scheme = StationaryBootstrap(block, np.arange(days), seed=seed)
    return np.stack([drawn[0] for drawn, _ in scheme.bootstrap(resamples)])


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
    moving = [returns for returns in variants if np.ptp(returns - default) > 0]
    if not moving or len(default) < LEAST_DAYS:
        return float("nan")
    losses = -np.column_stack(moving)
    test = SPA(
        -default,
        losses,
        block_size=block_length(*(returns - default for returns in moving)),
        reps=resamples,
        bootstrap="stationary",
        seed=seed,
    )
    test.compute()
    return float(test.pvalues["consistent"])


def best_by_luck(tries: int, days: int) -> float:
    """Return the Sharpe ratio to expect of the best of `tries` worthless strategies.

    For independent ones over `days` days; related variants reach less.
    """
    if tries < 2 or days < 2:
        return 0.0
    gamma = float(np.euler_gamma)
    highest = (1 - gamma) * norm.ppf(1 - 1 / tries) + gamma * norm.ppf(1 - 1 / (tries * np.e))
    return float(highest * np.sqrt(DAYS_A_YEAR / days))


def _middle(values: Array) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))

"""How often the best trial of one half of the time is a poor one in the other half.

Combinatorially symmetric cross-validation cuts time into blocks and takes every half of them once
as the past, the rest as the future. It judges the choosing, not the strategy: among trials of
which none earns anything a good choice still is a good choice, so read it beside the results.

References
----------
Bailey, D. H., Borwein, J. M., López de Prado, M. and Zhu, Q. J. (2017). The probability of
backtest overfitting. *Journal of Computational Finance* 20.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import linregress, rankdata

from regimekit.evaluation.sharpe import STILL

FloatArray = NDArray[np.float64]

# A measure of a union of blocks from the returns' sums and sums of squares, shape (n_unions,
# n_trials), and the number of days, shape (n_unions, 1)
Metric = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

BLOCKS = 16
MOST_BLOCKS = 20  # 184,756 combinations
LEAST_DAYS = 2  # of a block
CELLS = 2_000_000  # of one chunk of combinations


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What choosing by the past came to.

    Attributes
    ----------
    pbo : float
        Probability of backtest overfitting: how often the trial that was best in one half lies
        below the median of all trials in the other half; exactly at the median counts half. 0.5
        is what choosing among noise comes to.
    logits : array, shape (n_combinations,)
        Log odds of the chosen trial's relative rank in the other half; below 0 is below the median.
    in_sample, out_of_sample : array, shape (n_combinations,)
        The metric of the chosen trial in the half it was chosen by and in the other.
    slope : float
        Of `out_of_sample` over `in_sample`: below 0 the better it looked, the worse it became.
    loss_probability : float
        How often the chosen trial lost in the other half.
    trials : int
        Those that differ from each other; below two there is no choice and everything is NaN.
    """

    pbo: float
    logits: FloatArray
    in_sample: FloatArray
    out_of_sample: FloatArray
    slope: float
    loss_probability: float
    trials: int

    @property
    def combinations(self) -> int:
        """Return in how many ways time was halved."""
        return len(self.logits)


def sharpe(sums: FloatArray, squares: FloatArray, days: FloatArray) -> FloatArray:
    """Return the Sharpe ratio per day, as `sharpe.sharpe_ratios` does from the returns."""
    mean = sums / days
    variance = (squares - sums * mean) / (days - 1)
    # What is left of two equal numbers is rounding in proportion to them
    moves = variance > np.maximum(STILL**2, 1e-12 * mean**2)
    return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1.0)), 0.0)


def mean_return(sums: FloatArray, squares: FloatArray, days: FloatArray) -> FloatArray:  # noqa: ARG001
    """Return the mean return per day."""
    return sums / days


def fitting_blocks(days: int, *, least: int = 5) -> int:
    """Return the most blocks, even and up to `BLOCKS`, that have `least` days each; 0 for none."""
    return min(BLOCKS, days // least // 2 * 2)


def probability_of_overfitting(
    returns: FloatArray, *, blocks: int = BLOCKS, metric: Metric = sharpe
) -> Overfitting:
    """Estimate how much the best of many trials owes to the time it was chosen by.

    Parameters
    ----------
    returns : array, shape (n_days, n_trials)
        Daily returns of all trials on the same days: every one that could have been chosen, the
        poor ones too. Trials with equal returns are one trial.
    blocks : int
        Even, 2 to 20; blocks differ by a day where `n_days` does not divide. Long enough to hold
        whole trades: what a position earns on both sides of a cut is learned from there.
    metric : callable
        By which trials are chosen and judged; it must follow from sums (see `Metric`).

    Returns
    -------
    Overfitting
        Where several trials are best at once, as when none traded, each is as good a choice, and
        their ranks and results are averaged.

    Raises
    ------
    ValueError
        `returns` is not a finite matrix, or `blocks` does not suit its length.
    """
    _check(returns, blocks)
    # Equal columns would otherwise hold several ranks; sorted, their order says nothing either
    distinct = np.unique(returns + 0.0, axis=1)
    trials = distinct.shape[1]
    if trials < 2:
        none = np.empty(0)
        return Overfitting(math.nan, none, none, none, math.nan, math.nan, trials)
    cuts = np.linspace(0, len(returns), blocks + 1).astype(int)
    sums, squares = (np.add.reduceat(part, cuts[:-1]) for part in (distinct, distinct**2))
    days = np.diff(cuts).astype(float)[:, np.newaxis]

    def measure(half: FloatArray) -> FloatArray:
        return metric(half @ sums, half @ squares, half @ days)

    halves, step = _halves(blocks), max(1, CELLS // trials)
    chunks = [halves[start : start + step] for start in range(0, len(halves), step)]
    parts = [_chosen(measure(half), measure(1.0 - half)) for half in chunks]
    ranks, inside, outside = (np.concatenate(column) for column in zip(*parts, strict=True))
    relative = ranks / (trials + 1)
    below = np.heaviside(np.round(0.5 - relative, 12), 0.5)
    slope = linregress(inside, outside).slope if np.ptp(inside) > 0 else math.nan
    return Overfitting(
        pbo=float(below.mean()),
        logits=np.log(relative / (1 - relative)),
        in_sample=inside,
        out_of_sample=outside,
        slope=float(slope),
        loss_probability=float((outside < 0).mean()),
        trials=trials,
    )


def _halves(blocks: int) -> FloatArray:
    """Return every choice of half of the blocks as a row of zeros and ones, in order."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    halves = np.zeros((len(chosen), blocks))
    np.put_along_axis(halves, chosen, 1.0, axis=1)
    return halves


def _chosen(inside: FloatArray, outside: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rank outside (1 is worst), metric inside and metric outside of each row's best."""
    highest = inside.max(axis=1, keepdims=True)
    share = (inside == highest).astype(float)
    share /= share.sum(axis=1, keepdims=True)
    ranks = rankdata(outside, axis=1)
    return (share * ranks).sum(axis=1), highest[:, 0], (share * outside).sum(axis=1)


def _check(returns: FloatArray, blocks: int) -> None:
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise ValueError(
            "returns must be a matrix (n_days, n_trials) of finite numbers, was "
            f"{returns.shape}; fill idle days with 0"
        )
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"blocks must be even, from 2 to {MOST_BLOCKS}, was {blocks}")
    if len(returns) < LEAST_DAYS * blocks:
        raise ValueError(
            f"{len(returns)} days are too few for {blocks} blocks of at least {LEAST_DAYS} days; "
            "take fewer blocks (see fitting_blocks) or a longer time"
        )

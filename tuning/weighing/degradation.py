"""What each fold promised in its training and what came of it, measured in the same way.

A search sees no open positions at their price, only what closed trades made, so both sides are
realized returns here: profit of the trades closed on a day over the wallet before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from experiments.statistics import RESAMPLES, sharpe_ratio
from providers.coverage import Period
from regimekit.evaluation.overfitting import Overfitting, fitting_blocks, probability_of_overfitting
from regimekit.evaluation.reality import Reality, reality_check
from regimekit.evaluation.sharpe import independent_trials
from tuning.model import FoldResult, Parameters
from tuning.weighing.stitch import chained, realized_returns

Array = NDArray[np.float64]

LEAST_BLOCKS = 4  # halved in six ways; fewer say next to nothing
LEAST_PAIRS = 4  # three folds are in order by chance one time in six


@dataclass(frozen=True, slots=True, eq=False)
class FoldEvidence:
    """A fold's training beside its tests; Sharpe ratios a year, realized.

    Attributes
    ----------
    in_sample, out_of_sample, untuned : float
        Sharpe ratio of the chosen epoch in training, of it in the tests, and of the untuned
        strategy in the tests.
    profit, untuned_profit : float
        Out of sample, a fraction of the wallet; several tests are chained.
    drawdown : float
        Deepest out of sample, a fraction <= 0.
    overfitting : Overfitting or None
        Of the epochs, in training; None where it is too short.
    reality : Reality
        That no epoch earned more in training than doing nothing.
    independent : float
        As how many independent trials the epochs count that are alike.
    """

    number: int
    train: Period
    tests: tuple[Period, ...]
    parameters: Parameters
    epochs: int
    trades_in_sample: int
    trades: int
    in_sample: float
    out_of_sample: float
    untuned: float
    profit: float
    untuned_profit: float
    drawdown: float
    overfitting: Overfitting | None
    reality: Reality
    independent: float
    seconds: float

    @property
    def pbo(self) -> float:
        """Return the probability of backtest overfitting; NaN where it is not known."""
        return math.nan if self.overfitting is None else self.overfitting.pbo


def fold_evidence(result: FoldResult, *, resamples: int = RESAMPLES) -> FoldEvidence:
    """Return what the training of a fold promised and what its tests kept."""
    tuned = chained(map(realized_returns, result.tested))
    untuned = chained(map(realized_returns, result.untuned))
    returns = np.column_stack([epoch.returns for epoch in result.epochs])
    return FoldEvidence(
        number=result.fold.number,
        train=result.fold.train,
        tests=result.fold.tests,
        parameters=result.chosen.parameters,
        epochs=len(result.epochs),
        trades_in_sample=result.chosen.trades,
        trades=sum(it.outcome.trades for it in result.tested),
        in_sample=float(sharpe_ratio(np.array(result.chosen.returns))),
        out_of_sample=float(sharpe_ratio(tuned)),
        untuned=float(sharpe_ratio(untuned)),
        profit=float(np.prod(1.0 + tuned) - 1.0),
        untuned_profit=float(np.prod(1.0 + untuned) - 1.0),
        drawdown=min(it.outcome.drawdown for it in result.tested),
        overfitting=_overfitting(returns),
        reality=reality_check(np.zeros(len(returns)), returns, resamples=resamples),
        independent=independent_trials(returns),
        seconds=result.seconds,
    )


def rank_correlation(folds: Sequence[FoldEvidence]) -> float:
    """Return whether folds that promised more kept more: Spearman's, -1 to 1.

    NaN with fewer than `LEAST_PAIRS` folds, or where one side is the same for all.
    """
    promised = np.array([fold.in_sample for fold in folds])
    kept = np.array([fold.out_of_sample for fold in folds])
    if len(folds) < LEAST_PAIRS or np.ptp(promised) == 0 or np.ptp(kept) == 0:
        return math.nan
    return float(spearmanr(promised, kept).statistic)


def _overfitting(returns: Array) -> Overfitting | None:
    blocks = fitting_blocks(len(returns))
    return probability_of_overfitting(returns, blocks=blocks) if blocks >= LEAST_BLOCKS else None

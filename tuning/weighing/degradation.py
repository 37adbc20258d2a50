"""What each fold promised in its training and what came of it, measured in the same way.

A search sees no open positions at their price, only what closed trades made, so both sides are
realized returns here: profit of the trades closed on a day over the wallet before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from experiments.statistics import sharpe_ratio
from providers.coverage import Period
from regimekit.evaluation.overfitting import Overfitting, fitting_blocks, probability_of_overfitting
from regimekit.evaluation.reality import Reality, reality_check
from regimekit.evaluation.resampling import RESAMPLES
from regimekit.evaluation.sharpe import independent_trials
from tuning.model import Epoch, FoldResult, Parameters, Tested
from tuning.weighing.stitch import chained, realized_returns

Array = NDArray[np.float64]

LEAST_BLOCKS = 4  # halved in six ways; fewer say next to nothing
LEAST_BLOCK_DAYS = 5
BLOCK_PER_HOLDING = 2  # mean times that a trade is open
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
        Of the epochs that traded, in training; None where it is too short for blocks that
        suit how long trades were open.
    reality : Reality
        That no epoch earned more in training than doing nothing.
    held : float
        Days that a trade of the tests was open on average, tuned and untuned; 0 without one.
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
    held: float
    independent: float
    seconds: float

    @property
    def pbo(self) -> float:
        """Return the probability of backtest overfitting; NaN where it is not known."""
        return math.nan if self.overfitting is None else self.overfitting.pbo

    @property
    def loss_probability(self) -> float:
        """Return how often what one half chose lost in the other; NaN where it is not known."""
        return math.nan if self.overfitting is None else self.overfitting.loss_probability


def fold_evidence(result: FoldResult, *, resamples: int = RESAMPLES) -> FoldEvidence:
    """Return what the training of a fold promised and what its tests kept."""
    tuned = chained(map(realized_returns, result.tested))
    untuned = chained(map(realized_returns, result.untuned))
    returns = np.column_stack([epoch.returns for epoch in result.epochs])
    held = held_days([*result.tested, *result.untuned])
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
        overfitting=_overfitting(result.epochs, held),
        reality=reality_check(np.zeros(len(returns)), returns, resamples=resamples),
        held=held,
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


def held_days(tests: Sequence[Tested]) -> float:
    """Return for how many days the trades of `tests` were open on average; 0 without one."""
    opened, closed = (
        pd.DatetimeIndex([moment for test in tests for moment in test.trades[name]])
        for name in ("opened_at", "closed_at")
    )
    return float(np.mean((closed - opened) / pd.Timedelta(days=1))) if len(opened) else 0.0


def _overfitting(epochs: Sequence[Epoch], held: float) -> Overfitting | None:
    # Epochs without a trade cannot be chosen; among losing ones to stand still would look skilled
    traded = [epoch.returns for epoch in epochs if epoch.trades]
    if not traded:
        return None
    returns = np.column_stack(traded)
    # One position is closed by some epochs before a cut and by others after it. Who was early is
    # best in one half and lacks that gain in the other, though none chose better than any other.
    least = max(LEAST_BLOCK_DAYS, math.ceil(BLOCK_PER_HOLDING * held))
    blocks = fitting_blocks(len(returns), least=least)
    return probability_of_overfitting(returns, blocks=blocks) if blocks >= LEAST_BLOCKS else None

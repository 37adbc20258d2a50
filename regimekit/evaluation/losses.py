"""Losses for hyperopt: what an epoch is worth, as one number, the lower the better.

Each is finite and within ``±(LIMIT + 3)``: Freqtrade calls an epoch of loss 100 no result at all.
None of them trusts a few trades: `graded` shrinks what was gained and leaves what was lost.
"""

import math

import numpy as np

from regimekit.evaluation.loss_settings import LossSettings
from regimekit.evaluation.returns import Array
from regimekit.evaluation.sharpe import deflated_sharpe, sharpe_ratio
from regimekit.evaluation.trial import Trial

LIMIT = 20.0  # no honest score is beyond it, in any of the units below
DAYS_A_YEAR = 365  # crypto trades on weekends
DAYS_A_MONTH = 30
LEAST_FOLD_DAYS = 7  # a Sharpe ratio of fewer is a coin toss

# Loss of no trade at all: worse than a strategy that trades enough and loses a little, so that
# a search goes on trying, but better than one that loses much.
IDLE_SHARPE = 3.0  # Sharpe ratio a year
IDLE_R = 1.0  # R a trade
IDLE_Z = 3.0  # standard errors


def robust_sharpe(trial: Trial, settings: LossSettings) -> float:
    """Return the loss of an uneven Sharpe ratio: mean of the folds less a part of its spread.

    The spread is how far the worst fold lies below the mean. Unlike a standard deviation it never
    makes an epoch worse for having done better somewhere, and a strategy that loses everywhere
    alike does not pass for a steady one. Sharpe ratios are those of a year.
    """
    ratios = fold_sharpes(trial.returns, int(settings.folds))
    mean, worst = float(ratios.mean()), float(ratios.min())
    score = mean - settings.spread_weight * (mean - worst)
    return _graded(score, trial, settings, idle=IDLE_SHARPE)


def drawdown_expectancy(trial: Trial, settings: LossSettings) -> float:
    """Return the loss of mean R a trade, of which a drawdown beyond the limit takes away.

    One R for each time that the limit is exceeded by its own size: in proportion, so that the
    first step beyond it already costs something.

    Raises
    ------
    RiskUnknownError
        A trade does not tell its R.
    """
    multiples = trial.r_multiples
    mean = float(multiples.mean()) if len(multiples) else 0.0
    beyond = max(0.0, -trial.drawdown - settings.max_drawdown)
    # What the trades earned is graded by how many there were; what the drawdown cost is not.
    gained = _graded(mean, trial, settings, idle=IDLE_R)
    return min(LIMIT, gained + beyond / settings.max_drawdown)


def deflated_sharpe_z(trial: Trial, settings: LossSettings) -> float:
    """Return the loss of a Sharpe ratio above the best that as many worthless trials would show.

    In standard errors, which still tell good from better where the probability is 1 already. How
    much the Sharpe ratios of the trials differ cannot be known within one of them; they are
    taken to differ as those of worthless strategies do.

    References
    ----------
    Bailey, D. H. and López de Prado, M. (2014). The deflated Sharpe ratio. *JPM* 40.
    """
    trials = trial.epochs + int(settings.earlier_trials)
    z = deflated_sharpe(trial.returns, trials=trials).z
    return _graded(z, trial, settings, idle=IDLE_Z)


def fold_sharpes(returns: Array, folds: int) -> Array:
    """Return the Sharpe ratio a year of each fold of daily returns, cut in order of time.

    Parameters
    ----------
    returns : array, shape (n_days,)
    folds : int
        As wanted; fewer where a fold would have less than `LEAST_FOLD_DAYS`. Their lengths differ
        by a day at most.

    Returns
    -------
    array, shape (n_folds,)
        Within ±`LIMIT`; 0 for a fold in which nothing moved.
    """
    parts = np.array_split(returns, max(1, min(folds, len(returns) // LEAST_FOLD_DAYS)))
    ratios = [sharpe_ratio(part) * math.sqrt(DAYS_A_YEAR) for part in parts]
    return np.clip(ratios, -LIMIT, LIMIT)


def graded(score: float, *, trades: int, least: float, idle: float) -> float:
    """Return the loss of a score that was reached with `trades` trades.

    With `least` trades and more it is ``-score``. Below that a gain counts in proportion to the
    trades and a loss in full, and `idle` is added in proportion to the square of what is missing:
    little for a few trades too few, all of it for none. More trades of the same score never have
    a higher loss.

    Parameters
    ----------
    score : float
        The higher the better; taken to be within ±`LIMIT`.
    least : float
        0 switches the grade off.
    idle : float
        Unit of the score.
    """
    share = min(1.0, trades / least) if least > 0 else 1.0
    limited = min(max(score, -LIMIT), LIMIT)
    kept = limited * share if limited > 0 else limited
    return idle * (1.0 - share) ** 2 - kept


def _graded(score: float, trial: Trial, settings: LossSettings, *, idle: float) -> float:
    least = settings.least_trades_a_month * len(trial.returns) / DAYS_A_MONTH
    return graded(score, trades=len(trial.trades), least=least, idle=idle)

"""Whether a Sharpe ratio out of sample is more than zero, and more than luck finds."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.statistics import DAYS_A_YEAR
from regimekit.evaluation.sharpe import (
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from tuning.model import Trials

Array = NDArray[np.float64]

LEAST_DAYS = 20  # of returns that a statement on their distribution is made of


@dataclass(frozen=True, slots=True)
class Luck:
    """A Sharpe ratio against zero, and against the best that luck finds.

    Attributes
    ----------
    probabilistic : float
        Probability that the true Sharpe ratio is above zero.
    best : float
        Sharpe ratio a year to expect of the best of all trials if none is worth anything.
    deflated : float
        Probability that the true one is above `best`.
    looks : int
        Walk-forwards that have looked at these days, this one included.
    looked : float
        As `deflated`, of 1 + `looks` trials.
    track_record : float
        Days that a Sharpe ratio like this one must last to be above zero with 95 %; infinite for
        one that is not above zero.
    """

    probabilistic: float
    best: float
    deflated: float
    looks: int
    looked: float
    track_record: float


UNKNOWN_LUCK = Luck(math.nan, math.nan, math.nan, 0, math.nan, math.nan)


def luck_of(returns: Array, trials: Trials | None) -> Luck:
    """Return what `returns`, shape (n_days,), are worth after `trials`; NaN where not known."""
    if len(returns) < LEAST_DAYS or np.ptp(returns) == 0:
        return UNKNOWN_LUCK
    probabilistic, lasts = probabilistic_sharpe(returns), minimum_track_record(returns)
    if trials is None:
        return Luck(probabilistic, math.nan, math.nan, 0, math.nan, lasts)
    deflated = deflated_sharpe(returns, trials=trials.total)
    return Luck(
        probabilistic=probabilistic,
        best=deflated.benchmark * math.sqrt(DAYS_A_YEAR),
        deflated=deflated.probability,
        looks=trials.walks,
        looked=deflated_sharpe(returns, trials=1 + trials.walks).probability,
        track_record=lasts,
    )

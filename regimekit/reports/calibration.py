"""Whether confidence says anything about what follows.

Confidence is a score: points that a signal earned, and no claim that this share of signals wins.
It is useful if signals with more of it do better; whether it could be read as a probability as it
stands is a second, harsher question.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.reports.stats import (
    NO_INTERVAL,
    FloatArray,
    Interval,
    day_totals,
    interval_of,
    wilson,
)

BIN_WIDTH = 0.05


@dataclass(frozen=True, slots=True)
class Bin:
    """Signals of about the same confidence; `interval` is that of the share of `hits`."""

    low: float
    high: float
    confidence: float
    hits: int
    total: int
    interval: Interval

    @property
    def share(self) -> float:
        """Return the share of hits."""
        return self.hits / self.total


@dataclass(frozen=True, slots=True)
class Calibration:
    """How confidence and outcomes went together; numbers over nothing are NaN.

    Attributes
    ----------
    total, hits : int
        Signals whose confidence and outcome are known, and those that turned out well.
    bins : tuple of Bin
        By confidence, without empty ones.
    brier, base_brier : float
        Mean squared error of confidence read as a probability, and that of always naming the share
        of hits; less is better.
    brier_gain : Interval
        Of how much `brier` is below `base_brier`, by resampling days.
    auc : float
        Chance that of a hit and a miss the hit had more confidence; 0.5 is no better than a coin.
    auc_interval : Interval
        Of `auc`, by resampling days.
    """

    total: int
    hits: int
    bins: tuple[Bin, ...]
    brier: float
    base_brier: float
    brier_gain: Interval
    auc: float
    auc_interval: Interval

    @property
    def verdict(self) -> str:
        """Return ``ranks``, ``ranks the wrong way`` or ``cannot tell``."""
        if not self.auc_interval.known or self.auc_interval.covers(0.5):
            return "cannot tell"
        return "ranks" if self.auc > 0.5 else "ranks the wrong way"


def calibrate(moments: pd.Series, confidence: pd.Series, hit: pd.Series) -> Calibration:
    """Return how `confidence` and outcomes went together.

    Parameters
    ----------
    moments : Series of Timestamp
        When each was entered.
    confidence : Series of float
        0..1; NaN leaves a row out.
    hit : Series of float
        1 for a good outcome, 0 for a bad one; NaN leaves a row out.
    """
    known = (confidence.notna() & hit.notna() & moments.notna()).to_numpy()
    moments, scores, hits = moments[known], confidence[known].to_numpy(), hit[known].to_numpy()
    levels, level = np.unique(scores, return_inverse=True)
    won, lost = np.zeros((2, len(scores), len(levels)))
    rows = np.arange(len(scores))
    won[rows, level], lost[rows, level] = hits, 1.0 - hits
    columns = np.column_stack([won, lost])
    total = columns.sum(axis=0, keepdims=True)
    resampled = day_totals(moments, columns) if len(scores) else None
    brier, base = _brier(total, levels)
    gains = _brier(resampled, levels) if resampled is not None else None
    return Calibration(
        total=len(scores),
        hits=int(hits.sum()),
        bins=_bins(scores, hits),
        brier=float(brier[0]),
        base_brier=float(base[0]),
        brier_gain=NO_INTERVAL if gains is None else interval_of(gains[1] - gains[0]),
        auc=float(_auc(total)[0]),
        auc_interval=NO_INTERVAL if resampled is None else interval_of(_auc(resampled)),
    )


def _bins(scores: FloatArray, hits: FloatArray) -> tuple[Bin, ...]:
    """Cut confidence into steps of `BIN_WIDTH`; 1 belongs to the last of them."""
    last = round(1 / BIN_WIDTH) - 1
    # Rounded, or 0.7 would fall below its own step.
    step = np.minimum(np.floor((scores / BIN_WIDTH).round(6)), last).astype(int)
    found = []
    for number in np.unique(step):
        inside: NDArray[np.bool_] = step == number
        good, total = int(hits[inside].sum()), int(inside.sum())
        found.append(
            Bin(
                low=float(number * BIN_WIDTH),
                high=float((number + 1) * BIN_WIDTH),
                confidence=float(scores[inside].mean()),
                hits=good,
                total=total,
                interval=wilson(good, total),
            )
        )
    return tuple(found)


def _brier(totals: FloatArray, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both Brier scores of each row of hits and misses by level."""
    won, lost = np.split(totals, 2, axis=1)
    count = totals.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = won.sum(axis=1) / count
        error = won @ (1.0 - levels) ** 2 + lost @ levels**2
        return error / count, rate * (1.0 - rate)


def _auc(totals: FloatArray) -> FloatArray:
    """Return the area under the ROC curve of each row of hits and misses by level; ties are half.

    References
    ----------
    Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a ROC curve.
    """
    won, lost = np.split(totals, 2, axis=1)
    below = np.cumsum(lost, axis=1) - lost
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = won.sum(axis=1) * lost.sum(axis=1)
        return np.asarray((won * (below + 0.5 * lost)).sum(axis=1) / pairs)

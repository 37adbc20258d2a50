"""How far a backtest's numbers carry."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap

CONFIDENCE = 0.95
RESAMPLES = 5_000
LEAST_DAYS = 5  # with fewer days of entries an interval says more about luck than about itself


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; both ends NaN when there is too little to estimate one."""

    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there was enough to estimate it."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def covers_zero(self) -> bool:
        """Whether zero lies inside, so that the sign of the estimate is not established."""
        return self.low <= 0.0 <= self.high


def mean_r_interval(trades: pd.DataFrame, *, seed: int = 1) -> Interval:
    """Return the bootstrap interval of the mean ``r_multiple``.

    Whole days of entries are drawn, not single trades: positions opened on the same day in coins
    that move together are closer to one bet than to several.

    Parameters
    ----------
    trades : DataFrame
        ``opened_at`` and ``r_multiple``; trades without R are left out.
    seed : int
        Fixed, so that the same run always gives the same report.
    """
    known = trades[trades["r_multiple"].notna()]
    days = known.groupby(known["opened_at"].dt.floor("D"))["r_multiple"].agg(["sum", "count"])
    if len(days) < LEAST_DAYS:
        return Interval(float("nan"), float("nan"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # identical days: a degenerate, still correct, interval
        result = bootstrap(
            (days["sum"].to_numpy(dtype=float), days["count"].to_numpy(dtype=float)),
            _mean,
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def profit_factor(profits: pd.Series) -> float:
    """Return gains over losses; infinite without a loss, NaN without a trade."""
    gains, losses = float(profits.clip(lower=0).sum()), float(-profits.clip(upper=0).sum())
    if losses > 0:
        return gains / losses
    return float("inf") if gains > 0 else float("nan")


def _mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis))

"""How far a backtest's numbers carry."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

CONFIDENCE = 0.95
RESAMPLES = 5_000
LEAST_DAYS = 5  # with fewer days of entries an interval says more about luck than about itself

FloatArray = NDArray[np.float64]


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
        return self.covers(0.0)

    def covers(self, value: float) -> bool:
        """Whether `value` lies inside; False when the interval is not known."""
        return self.low <= value <= self.high


NO_INTERVAL = Interval(math.nan, math.nan)


def day_totals(moments: pd.Series, columns: FloatArray, *, seed: int = 1) -> FloatArray | None:
    """Return the totals of `columns` in resamples of whole days; None on too few days.

    Whole UTC days of entries are drawn, not single trades: positions opened on the same day in
    coins that move together are closer to one bet than to several. Any statistic that is a
    function of totals (a mean, a Brier score, an AUC) follows from them.

    Parameters
    ----------
    moments : Series of Timestamp, shape (n,)
        When each row was entered.
    columns : array of float, shape (n, k)
        What is added up.
    seed : int
        Fixed, so that the same run always gives the same report.

    Returns
    -------
    array of float, shape (RESAMPLES, k)
    """
    days, per_day = np.unique(moments.dt.floor("D").to_numpy(), return_inverse=True)
    if len(days) < LEAST_DAYS:
        return None
    sums = np.zeros((len(days), columns.shape[1]))
    np.add.at(sums, per_day, columns)
    even = np.full(len(days), 1.0 / len(days))
    drawn = np.random.default_rng(seed).multinomial(len(days), even, size=RESAMPLES)
    return np.asarray(drawn @ sums)


def interval_of(samples: FloatArray) -> Interval:
    """Return the percentile interval of a resampled statistic; resamples without one are passed."""
    known = samples[np.isfinite(samples)]
    # A statistic that many resamples do not even have is not known well enough to bound.
    if len(known) < CONFIDENCE * len(samples):
        return NO_INTERVAL
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def mean_interval(moments: pd.Series, values: pd.Series) -> Interval:
    """Return the interval of the mean of `values`, by `day_totals`; NaN are left out."""
    known = values.notna().to_numpy()
    own = values.to_numpy(dtype=float)[known]
    totals = day_totals(moments[known], np.column_stack([own, np.ones(len(own))]))
    return NO_INTERVAL if totals is None else interval_of(totals[:, 0] / totals[:, 1])


def mean_r_interval(trades: pd.DataFrame) -> Interval:
    """Return the interval of the mean ``r_multiple`` of `trades`; those without R are left out."""
    return mean_interval(trades["opened_at"], trades["r_multiple"])


def wilson(hits: int, total: int) -> Interval:
    """Return the Wilson score interval of a share, which stays within 0 and 1.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> interval = wilson(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)
    """
    if total == 0:
        return NO_INTERVAL
    z = float(norm.ppf(0.5 + CONFIDENCE / 2.0))
    share, spread = hits / total, z * z / total
    center = (share + spread / 2.0) / (1.0 + spread)
    reach = math.sqrt(share * (1.0 - share) * spread + spread * spread / 4.0) / (1.0 + spread)
    return Interval(max(0.0, center - reach), min(1.0, center + reach))


def profit_factor(profits: pd.Series) -> float:
    """Return gains over losses; infinite without a loss, NaN without a trade."""
    gains, losses = float(profits.clip(lower=0).sum()), float(-profits.clip(upper=0).sum())
    if losses > 0:
        return gains / losses
    return float("inf") if gains > 0 else float("nan")

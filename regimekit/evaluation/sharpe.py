"""What a Sharpe ratio proves, given its length, its tails and how many were tried before it.

Everything is per period: with daily returns a ratio of 0.1 is 1.9 a year. Nothing is annualized
here, because every formula below needs the ratio of the periods that were counted.

References
----------
Mertens, E. (2002). Comments on variance of the IID estimator in Lo (2002).
Bailey, D. H. and López de Prado, M. (2012). The Sharpe ratio efficient frontier. *J. of Risk* 15.
Bailey, D. H. and López de Prado, M. (2014). The deflated Sharpe ratio. *JPM* 40.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import kurtosis, skew

FloatArray = NDArray[np.float64]

STILL = 1e-12  # a standard deviation below this is rounding, not risk


@dataclass(frozen=True, slots=True)
class Moments:
    """What the formulas need to know of a sample of returns.

    Attributes
    ----------
    sharpe : float
        Mean over standard deviation, per period.
    skew, kurtosis : float
        Third and fourth standardized moments; 0 and 3 for a normal distribution. No distribution
        has a kurtosis below ``1 + skew ** 2``; ValueError.
    periods : float
        How many returns there are.
    """

    sharpe: float
    skew: float
    kurtosis: float
    periods: float

    def __post_init__(self) -> None:
        if not self.kurtosis >= 1.0 + self.skew**2 - 1e-6:
            raise ValueError(
                f"kurtosis must be at least 1 + skew ** 2, was {self.kurtosis} with a skew of "
                f"{self.skew} (it is 3 for a normal distribution; add 3 to an excess kurtosis)"
            )

    @classmethod
    def of(cls, returns: ArrayLike) -> Self:
        """Return the moments of `returns`, shape (n_periods,); ValueError when one is not finite.

        Returns that do not move count as normal ones of Sharpe ratio 0.
        """
        values = _finite(returns)
        if not _moves(values):
            return cls(0.0, 0.0, 3.0, len(values))
        # Divided by n, so that the least kurtosis holds for every sample
        third, fourth = float(skew(values)), float(kurtosis(values, fisher=False))
        return cls(float(sharpe_ratios(values)), third, fourth, len(values))

    @property
    def variance(self) -> float:
        """Return the variance of the Sharpe ratio's estimate, times ``periods - 1``."""
        tails = (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return max(0.0, 1.0 - self.skew * self.sharpe + tails)

    @property
    def standard_error(self) -> float:
        """Return the standard error of the Sharpe ratio, per period; infinite below two periods."""
        return math.sqrt(self.variance / (self.periods - 1)) if self.periods > 1 else math.inf


@dataclass(frozen=True, slots=True)
class Deflated:
    """A Sharpe ratio against the best that luck would find.

    Attributes
    ----------
    probability : float
        That the true ratio is above `benchmark`.
    z : float
        By how many standard errors the ratio lies above `benchmark`; unlike the probability it
        still tells 4 from 8.
    benchmark : float
        Sharpe ratio per period to expect of the best of as many worthless trials.
    """

    probability: float
    z: float
    benchmark: float


def sharpe_ratios(returns: FloatArray, *, axis: int = -1) -> FloatArray:
    """Return mean over standard deviation (``ddof=1``) along `axis`; 0 where nothing moves."""
    if returns.shape[axis] < 2:
        return np.zeros(np.delete(returns.shape, axis))
    spread = returns.std(axis=axis, ddof=1)
    still = np.zeros_like(spread)
    ratio = np.divide(returns.mean(axis=axis), spread, out=still, where=spread > STILL)
    return np.asarray(ratio)


def sharpe_ratio(returns: ArrayLike) -> float:
    """Return mean over standard deviation of `returns`, shape (n_periods,), per period.

    The standard deviation divides by ``n - 1``. 0 when nothing moves or there are fewer than two
    returns; ValueError when one is not finite.

    Examples
    --------
    >>> round(sharpe_ratio([0.01, -0.01, 0.02]), 4)
    0.4364
    """
    return float(sharpe_ratios(_finite(returns)))


def probabilistic_sharpe(sample: ArrayLike | Moments, *, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `benchmark`.

    A ratio looks better than it is where returns are short of history, skewed to the left or
    heavy in the tails; this discounts all three. It knows nothing of how many trials there were.

    Parameters
    ----------
    sample : array, shape (n_periods,), or Moments
        Returns, independent of each other.
    benchmark : float
        Sharpe ratio per period.

    Returns
    -------
    float
        0 to 1; 0.5 is no evidence, which is also the answer when nothing moves.

    References
    ----------
    Bailey and López de Prado (2012), equation 11.
    """
    return float(ndtr(_above(_moments(sample), benchmark)))


def expected_best_sharpe(trials: float, spread: float) -> float:
    """Return the Sharpe ratio to expect of the best of `trials` worthless ones.

    Parameters
    ----------
    trials : float
        Independent trials. Up to one there is nothing to choose from: 0.
    spread : float
        Standard deviation of the Sharpe ratios between trials, per period; the answer has its
        unit. ``1 / sqrt(n_periods - 1)`` for worthless strategies.

    Notes
    -----
    An approximation from extreme value theory: 1 to 3 % above the exact expectation for 3 to 100
    trials, 8 % below it for two.

    References
    ----------
    Bailey and López de Prado (2014), equation 1.

    Examples
    --------
    >>> round(expected_best_sharpe(1000, 1.0), 2)
    3.26
    """
    if not spread >= 0:
        raise ValueError(f"spread is a standard deviation and must not be negative, was {spread}")
    if trials <= 1:
        return 0.0
    gamma = float(np.euler_gamma)
    highest = -(1 - gamma) * ndtri(1 / trials) - gamma * ndtri(1 / (trials * math.e))
    return max(0.0, float(highest)) * spread  # below 1.4 trials the approximation is negative


def deflated_sharpe(
    sample: ArrayLike | Moments, *, trials: float, spread: float | None = None
) -> Deflated:
    """Weigh a Sharpe ratio that is the best of `trials`.

    Parameters
    ----------
    sample : array, shape (n_periods,), or Moments
        Returns of the trial that was chosen.
    trials : float
        How many independent ones it was chosen from, everything that was ever tried included.
    spread : float, optional
        Standard deviation of the Sharpe ratios between trials, per period. Without it that of
        worthless strategies, which differ by the error of their estimates alone:
        ``1 / sqrt(n_periods - 1)``.

    References
    ----------
    Bailey and López de Prado (2014), equation 2.
    """
    moments = _moments(sample)
    if spread is None:
        spread = 1.0 / math.sqrt(max(moments.periods - 1, 1))
    benchmark = expected_best_sharpe(trials, spread)
    z = _above(moments, benchmark)
    return Deflated(float(ndtr(z)), z, benchmark)


def minimum_track_record(
    sample: ArrayLike | Moments, *, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Return how many periods a Sharpe ratio must last to be above `benchmark` with `confidence`.

    Parameters
    ----------
    sample : array, shape (n_periods,), or Moments
        Its own length does not matter.
    benchmark : float
        Sharpe ratio per period.
    confidence : float
        Above 0.5 and below 1; ValueError otherwise.

    Returns
    -------
    float
        Periods; infinite where the ratio is not above `benchmark`.

    References
    ----------
    Bailey and López de Prado (2012), equation 13.
    """
    if not 0.5 < confidence < 1.0:
        raise ValueError(f"confidence must be above 0.5 and below 1, was {confidence}")
    moments = _moments(sample)
    ahead = moments.sharpe - benchmark
    if ahead <= 0:
        return math.inf
    return 1.0 + moments.variance * (float(ndtri(confidence)) / ahead) ** 2


def independent_trials(returns: FloatArray) -> float:
    """Return how many independent trials would spread as far as correlated ones do.

    With a mean correlation `rho` between `m` trials that is ``rho + (1 - rho) * m``: all of them
    when they share nothing, one when they are all the same.

    Parameters
    ----------
    returns : array, shape (n_periods, n_trials)
        Of the same periods. Trials that never move have no correlation and are left out.

    Returns
    -------
    float
        1 to `n_trials`; 0 when nothing moves. A negative mean correlation counts as none.

    References
    ----------
    Bailey and López de Prado (2014), appendix A.3.
    """
    if returns.ndim != 2:
        raise ValueError(f"returns must have shape (n_periods, n_trials), was {returns.shape}")
    centered = returns - returns.mean(axis=0)
    lengths = np.linalg.norm(centered, axis=0)
    moving = lengths > STILL * math.sqrt(len(returns))
    many = int(np.count_nonzero(moving))
    if many < 2:
        return float(many)
    # The square of a sum of unit vectors holds every pair twice: no matrix of pairs is needed
    total = (centered[:, moving] / lengths[moving]).sum(axis=1)
    rho = float(np.clip((total @ total - many) / (many * (many - 1)), 0.0, 1.0))
    return rho + (1.0 - rho) * many


def _moments(sample: ArrayLike | Moments) -> Moments:
    return sample if isinstance(sample, Moments) else Moments.of(sample)


def _above(moments: Moments, benchmark: float) -> float:
    """Return by how many standard errors a Sharpe ratio lies above `benchmark`."""
    ahead, error = moments.sharpe - benchmark, moments.standard_error
    if error == 0:  # two outcomes at just the wrong odds; there is no doubt left
        return math.copysign(math.inf, ahead) if ahead else 0.0
    return ahead / error


def _moves(values: FloatArray) -> bool:
    return len(values) > 1 and float(values.std(ddof=1)) > STILL


def _finite(returns: ArrayLike) -> FloatArray:
    values = np.asarray(returns, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"returns must be one row of finite numbers, was {values.shape} with "
            f"{np.count_nonzero(~np.isfinite(values))} that are not; fill idle periods with 0"
        )
    return values

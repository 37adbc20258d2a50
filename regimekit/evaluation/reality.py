"""Whether the best of many candidates beats a benchmark by more than luck gives the best of many.

References
----------
White, H. (2000). A reality check for data snooping. *Econometrica* 68.
Hansen, P. R. (2005). A test for superior predictive ability. *JBES* 23.
"""

import math
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import SPA

from regimekit.evaluation.resampling import LEAST_DAYS, RESAMPLES, SEED, Array, block_length


@dataclass(frozen=True, slots=True)
class Superior:
    """P-values of Hansen's test, which scales each candidate by its own noise; NaN when unknown.

    Attributes
    ----------
    lower, consistent, upper : float
        `consistent` leaves out the candidates that are clearly worse and is the one to read; the
        others bound it.
    """

    lower: float
    consistent: float
    upper: float


@dataclass(frozen=True, slots=True)
class Reality:
    """P-values that no candidate has a higher mean return than the benchmark; NaN when unknown.

    Attributes
    ----------
    white : float
        White's reality check. Many poor candidates hide a good one from it.
    superior : Superior
        Hansen's test.
    compared : int
        Candidates that differ from the benchmark.
    """

    white: float
    superior: Superior
    compared: int


def reality_check(
    benchmark: Array, candidates: Array, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Reality:
    """Test with both whether any of `candidates` has a higher mean return than `benchmark`.

    Takes what `superior_ability` takes and raises what it raises.
    """
    moving = _moving(benchmark, candidates)
    return Reality(
        white=_test(benchmark, moving, resamples, seed, studentize=False).upper,
        superior=_test(benchmark, moving, resamples, seed, studentize=True),
        compared=moving.shape[1],
    )


def superior_ability(
    benchmark: Array, candidates: Array, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Superior:
    """Test whether any of `candidates` has a higher mean return than `benchmark`.

    Parameters
    ----------
    benchmark : array, shape (n_days,)
        Daily returns; zeros ask whether anything was earned at all.
    candidates : array, shape (n_days, n_candidates)
        Daily returns on the same days: all that were tried, not only the promising ones. Those
        that equal the benchmark on every day are left out.
    resamples, seed : int
        Of the stationary bootstrap. The least p-value above 0 is ``1 / resamples``.

    Raises
    ------
    ValueError
        The days differ, or a return is not finite.
    """
    return _test(benchmark, _moving(benchmark, candidates), resamples, seed, studentize=True)


def _moving(benchmark: Array, candidates: Array) -> Array:
    """Return the candidates that differ from the benchmark."""
    if candidates.ndim != 2 or benchmark.shape != candidates.shape[:1]:
        raise ValueError(
            f"candidates must have shape (n_days, n_candidates) and cover the {len(benchmark)} "
            f"days of the benchmark, was {candidates.shape}"
        )
    apart = candidates - benchmark[:, np.newaxis]
    if not np.isfinite(apart).all():
        raise ValueError("returns on both sides must be finite numbers; fill idle days with 0")
    return candidates[:, np.ptp(apart, axis=0) > 0] if len(apart) else candidates[:, :0]


def _test(
    benchmark: Array, candidates: Array, resamples: int, seed: int, *, studentize: bool
) -> Superior:
    if not candidates.shape[1] or len(benchmark) < LEAST_DAYS:
        return Superior(math.nan, math.nan, math.nan)
    test = SPA(
        -benchmark,  # it compares losses
        -candidates,
        block_size=block_length(*(candidates.T - benchmark)),
        reps=resamples,
        bootstrap="stationary",
        studentize=studentize,
        seed=seed,
    )
    test.compute()
    found = test.pvalues
    return Superior(*(float(found[name]) for name in ("lower", "consistent", "upper")))

"""Rows redrawn in blocks, which keeps what neighbors in time have in common.

Positions last longer than a day, and quiet days follow quiet days; days drawn one by one would
claim more certainty than there is. What is said of days here holds for trades in their order, too.

References
----------
Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. *JASA* 89.
Politis, D. N. and White, H. (2004), corrected by Patton, Politis and White (2009). Automatic
block-length selection for the dependent bootstrap. *Econometric Reviews* 23 and 28.
"""

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray

RESAMPLES = 2_000
LEAST_DAYS = 20  # fewer say nothing about their own spread
SEED = 1
CELLS = 2_000_000  # of one chunk; 16 MB of positions

Array = NDArray[np.float64]


def block_length(*series: Array) -> int:
    """Return the mean length of blocks, in whole days, that suits all of `series`.

    A Sharpe ratio depends on the mean and on the spread, so both the returns and their squares
    are asked, and the longest answer is taken.
    """
    longest = 1
    for values in series:
        for part in (values, values**2):
            if np.ptp(part) > 0:
                # It correlates parts of the series, and those of idle times do not move
                with np.errstate(divide="ignore", invalid="ignore"):
                    wanted = float(optimal_block_length(part)["stationary"].iloc[0])
                longest = max(longest, math.ceil(wanted) if math.isfinite(wanted) else 1)
    return longest


def redrawn_chunks(
    days: int, block: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Iterator[NDArray[np.int64]]:
    """Yield what `redrawn_days` returns, a few resamples at a time, for long series."""
    scheme = StationaryBootstrap(block, np.arange(days), seed=seed)
    draws = (drawn[0] for drawn, _ in scheme.bootstrap(resamples))
    while chunk := list(islice(draws, max(1, CELLS // days))):
        yield np.stack(chunk)


def redrawn_days(
    days: int, block: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.int64]:
    """Return which day stands in each place of each resample.

    Returns
    -------
    array, shape (resamples, days)
        Positions 0 to ``days - 1``, in runs of `block` days on average that wrap around.
    """
    return np.concatenate(list(redrawn_chunks(days, block, resamples=resamples, seed=seed)))

"""Windows over rows that may be missing, exact to the last bit.

Each window is summed by itself, newest row first. Running sums would be faster, but then a value
depends on where the data begin, and an absurd row leaves a trace after it has left the window.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.alignment import utc_nanoseconds

FloatArray = NDArray[np.float64]

JITTER = timedelta(seconds=30)
# A spread below this share of the mean is rounding, not variation.
LEAST_SPREAD = 1e-9


class Windows(NamedTuple):
    """For each row the first row of the window that ends with it, and whether nothing lacks."""

    first: NDArray[np.intp]
    complete: NDArray[np.bool_]


def on_grid(rows: pd.DataFrame, step: timedelta) -> pd.DataFrame:
    """Return the rows whose ``date`` lies on the grid of `step`, ascending, one per date.

    Exchanges stamp some milliseconds off; further than `JITTER` from the grid a row is none of
    this series. Of several rows for a date the one known first counts, which a live bot has used by
    the time another comes; of those known at once, the last given.
    """
    dates = pd.to_datetime(rows["date"], utc=True).dt.as_unit("ms")
    nearest = dates.dt.round(step)
    rows = rows.assign(date=nearest)[(dates - nearest).abs() <= JITTER]
    if "known_at" in rows:
        rows = rows.sort_values("known_at", kind="stable", ascending=False)
    return rows.sort_values("date", kind="stable").drop_duplicates("date", keep="last")


def last_bars(date: pd.Series, bars: int, step: timedelta) -> Windows:
    """Return windows of `bars` rows, complete where none of them is missing on the grid.

    `date` is ascending, unique and on the grid, as `on_grid` returns it.
    """
    number = np.arange(len(date))
    first = np.maximum(number - bars + 1, 0)
    at = utc_nanoseconds(date)
    length = (bars - 1) * np.int64(pd.Timedelta(step).as_unit("ns").value)
    return Windows(first, (number >= bars - 1) & (at - at[first] == length))


def last_span(date: pd.Series, span: timedelta) -> Windows:
    """Return windows of the rows within `span`, complete where an older row shows they are all.

    `date` is ascending and unique.
    """
    at = utc_nanoseconds(date)
    begin = at - pd.Timedelta(span).as_unit("ns").value
    first = np.searchsorted(at, begin, side="right")
    return Windows(first, first > 0)


def window_sum(values: FloatArray, windows: Windows) -> FloatArray:
    """Return the sum of each window; NaN where it is incomplete or a value in it is missing."""
    total = np.zeros(len(values))
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers end as NaN below
        for back, inside in _steps(windows):
            total[back:] += np.where(inside, values[: len(values) - back], 0.0)
    total[~windows.complete | ~np.isfinite(total)] = np.nan
    return total


def zscore(values: FloatArray, windows: Windows, weights: FloatArray | None = None) -> FloatArray:
    """Return how many standard deviations each value lies above the mean of its window.

    Parameters
    ----------
    values : array of float, shape (n_rows,)
        Any unit; the score has none.
    windows : Windows
        The rows that each value is compared with, itself among them.
    weights : array of float, optional
        Weight of each row; all the same by default.

    Returns
    -------
    array of float, shape (n_rows,)
        NaN where the window is incomplete or holds a NaN, and where it does not vary: what lies
        exactly at a constant is not "average", it cannot be told.
    """
    if weights is None:
        weight, total = np.ones(len(values)), 1.0 + np.arange(len(values)) - windows.first
    else:
        weight, total = weights, window_sum(weights, windows)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = window_sum(weight * values, windows) / total
        square = np.zeros(len(values))
        for back, inside in _steps(windows):
            last = len(values) - back
            apart = weight[:last] * (values[:last] - mean[back:]) ** 2
            square[back:] += np.where(inside, apart, 0.0)
        deviation = np.sqrt(square / total)
        varies = (deviation > LEAST_SPREAD * np.abs(mean)) & np.isfinite(deviation)
        return np.where(varies, (values - mean) / np.where(varies, deviation, 1.0), np.nan)


def _steps(windows: Windows) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield how many rows to look back, and for which rows (from there on) that is inside."""
    reach = np.arange(len(windows.first)) - windows.first
    for back in range(int(reach.max(initial=-1)) + 1):
        yield back, reach[back:] >= back

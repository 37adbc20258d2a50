"""Whether the parameters that folds chose say anything, or whether any others would have done.

A parameter that does not matter is chosen anywhere in its range. So the choices of all folds are
compared with as many uniform ones on the same grid, and their order in time with every other order.

References
----------
von Neumann, J. (1941). Distribution of the ratio of the mean square successive difference to the
variance. *Annals of Mathematical Statistics* 12. (How close neighbors are tells a trend; here by
the mean absolute step and its permutation distribution, exact up to seven folds.)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Range = tuple[float, float]

DRAWS = 10_000
SEED = 1
LEAST_FOLDS = 3
MOST_LISTED = 7  # folds of which every order is tried; 5,040
SIGNIFICANT = 0.05
NARROW = 0.5  # of a random choice's spread
MAJORITY = 0.75
EDGE = 0.02  # of the range
DECIMALS = 4  # a finer grid is as good as none
ROUNDING = 1e-12  # sums of the same numbers in another order

COLUMNS = (
    *("folds", "median", "spread", "against_random", "step", "edge", "most_frequent"),
    *("p_random", "p_order", "verdict"),
)


class Stability(StrEnum):
    """What the choices of all folds say of a parameter."""

    STABLE = "stable"
    WIDE = "within a wide band"
    DRIFTS = "drifts"
    RANDOM = "as if at random"
    UNKNOWN = "too few folds"


def parameter_stability(
    choices: Sequence[Mapping[str, Any]],
    ranges: Mapping[str, Range],
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> pd.DataFrame:
    """Compare what each fold chose.

    Parameters
    ----------
    choices : sequence of mapping
        Of each fold in order of time, by name of the parameter; all with the same names.
    ranges : mapping
        Lowest and highest value that could have been chosen. Parameters without one are taken as
        categories.
    draws, seed : int
        Of the random choices; equal seeds give equal answers.

    Returns
    -------
    DataFrame, shape (n_parameters, 10)
        Indexed by name, in the order of the first choice:

        - ``folds``: how many chose;
        - ``median``; ``spread``, the standard deviation as a fraction of the range;
          ``against_random``, the spread over that of a uniform choice, which is ``1 / sqrt(12)``
          on a fine grid; ``step``, the mean distance of neighboring folds as a fraction of the
          range; ``edge``, the share of folds within 2 % of an end of the range. For categories
          ``step`` is the share of neighbors that differ, the others are NaN;
        - ``most_frequent``: share of the value that was chosen most often;
        - ``p_random``: how often random choices agree as much, on the grid that the values show;
          ``p_order``: how often the same choices in another order have neighbors as close;
        - ``verdict``: a `Stability`.

    Raises
    ------
    ValueError
        Names differ between folds, a range is empty, or a value lies outside of it.

    Notes
    -----
    ``too few folds`` below three, or where even equal choices would be met at random in more than
    one of twenty cases: six folds for a switch, three for a fine grid. ``stable`` are choices
    of ``p_random`` up to 0.05 within half of a random choice's spread, or three quarters of them
    equal for a category; ``drifts`` are others of ``p_order`` up to 0.05; ``within a wide band``
    those left with ``p_random`` up to 0.05; ``as if at random`` the rest.
    """
    if not choices:
        raise ValueError("there are no choices to compare; at least one fold must have finished")
    names = list(choices[0])
    for number, choice in enumerate(choices, start=1):
        if set(choice) != set(names):
            odd = ", ".join(sorted(set(choice) ^ set(names)))
            raise ValueError(f"choice {number} and the first do not share {odd}")
        for name in choice.keys() & ranges.keys():
            _check(name, choice[name], *ranges[name])
    rows = [
        _row([choice[name] for choice in choices], ranges.get(name), draws, seed) for name in names
    ]
    return pd.DataFrame(rows, index=pd.Index(names, name="parameter"), columns=list(COLUMNS))


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"{name}: a range must begin below its end, was {low} to {high}")
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} was chosen, outside of {low} to {high}")


def _row(values: list[Any], between: Range | None, draws: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    if between is None:
        return _category(np.array([str(value) for value in values]), draws, rng)
    return _number(np.array(values, dtype=float), between, draws, rng)


def _number(
    values: FloatArray, between: Range, draws: int, rng: np.random.Generator
) -> dict[str, Any]:
    low, high = between
    points = _grid_points(values, between)
    places = (values - low) / (high - low)
    spread = float(_spread(places))
    random = _spread(rng.integers(points, size=(draws, len(values))) / (points - 1))
    against_random = spread / math.sqrt((points + 1) / (points - 1) / 12)
    return _told(
        places,
        points,
        p_random=_share(random <= spread + ROUNDING),
        p_order=_p_order(places, _mean_step, draws, rng),
        agreed=against_random <= NARROW,
    ) | {
        "median": float(np.median(values)),
        "spread": spread,
        "against_random": against_random,
        "step": float(_mean_step(places)),
        "edge": float(np.mean(np.minimum(places, 1 - places) <= EDGE + ROUNDING)),
        "most_frequent": _majority(values),
    }


def _category(values: NDArray[np.str_], draws: int, rng: np.random.Generator) -> dict[str, Any]:
    codes = np.unique(values, return_inverse=True)[1].astype(float)
    points = max(2, int(codes.max()) + 1)  # what was never chosen is not known; a switch has two
    majority = _majority(codes)
    drawn = rng.integers(points, size=(draws, len(codes)))
    random = np.max([(drawn == code).mean(axis=1) for code in range(points)], axis=0)
    return _told(
        codes,
        points,
        p_random=_share(random >= majority - ROUNDING),
        p_order=_p_order(codes, _changes, draws, rng),
        agreed=majority >= MAJORITY,
    ) | {
        **dict.fromkeys(("median", "spread", "against_random", "edge"), math.nan),
        "step": float(_changes(codes)),
        "most_frequent": majority,
    }


def _told(
    values: FloatArray, points: int, *, p_random: float, p_order: float, agreed: bool
) -> dict[str, Any]:
    folds = len(values)
    if folds < LEAST_FOLDS or points ** (1.0 - folds) > SIGNIFICANT:
        verdict = Stability.UNKNOWN
    elif p_random <= SIGNIFICANT and agreed:
        verdict = Stability.STABLE
    elif p_order <= SIGNIFICANT:
        verdict = Stability.DRIFTS
    else:
        verdict = Stability.WIDE if p_random <= SIGNIFICANT else Stability.RANDOM
    return {"folds": folds, "p_random": p_random, "p_order": p_order, "verdict": verdict}


def _p_order(
    values: FloatArray,
    step: Callable[[FloatArray], FloatArray],
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Return how often the same values in another order lie as close to their neighbors."""
    if len(values) <= MOST_LISTED:
        others = values[np.array(list(permutations(range(len(values)))))]
        return float((step(others) <= step(values) + ROUNDING).mean())
    others = rng.permuted(np.broadcast_to(values, (draws, len(values))), axis=1)
    return _share(step(others) <= step(values) + ROUNDING)


def _grid_points(values: FloatArray, between: Range) -> int:
    """Return how many values there are to choose from, by the decimals that are to be seen."""
    seen = [Decimal(str(value)).normalize().as_tuple().exponent for value in (*between, *values)]
    decimals = min(DECIMALS, max(0, *(-int(exponent) for exponent in seen)))
    return round((between[1] - between[0]) * 10.0**decimals) + 1


def _spread(places: FloatArray) -> FloatArray:
    return np.asarray(places.std(axis=-1, ddof=min(1, places.shape[-1] - 1)))


def _mean_step(values: FloatArray) -> FloatArray:
    return _mean(np.abs(np.diff(values, axis=-1)))


def _changes(values: FloatArray) -> FloatArray:
    return _mean(np.diff(values, axis=-1) != 0)


def _mean(steps: NDArray[Any]) -> FloatArray:
    """Return the mean over neighbors; 0 for a single fold, which has none."""
    return np.asarray(steps.sum(axis=-1) / max(1, steps.shape[-1]))


def _majority(values: FloatArray) -> float:
    return float(np.unique(values, return_counts=True)[1].max() / len(values))


def _share(hits: NDArray[np.bool_]) -> float:
    """Return the share of draws that hit, what happened counted as one of them."""
    return float((hits.sum() + 1) / (len(hits) + 1))

"""Which parameters each fold chose, and whether the folds agree."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regimekit.evaluation.stability import Range, parameter_stability
from tuning.model import FoldResult, Parameters


def flat(parameters: Parameters) -> dict[str, Any]:
    """Return `parameters` by ``space.name``, those alone that are one value.

    Examples
    --------
    >>> flat({"buy": {"adx_enter": 25.0}, "roi": {"0": 0.1}})
    {'buy.adx_enter': 25.0, 'roi.0': 0.1}
    """
    return {
        f"{space}.{name}": value
        for space, values in parameters.items()
        for name, value in values.items()
        if isinstance(value, bool | int | float | str)
    }


def tuned_ranges(folds: Sequence[FoldResult]) -> dict[str, Range | None]:
    """Return between which values each parameter was searched: what the epochs of all folds tried.

    None for categories. Parameters that never varied were not tuned and are left out, as are
    those that some epoch does not have.
    """
    tried = [flat(epoch.parameters) for fold in folds for epoch in fold.epochs]
    if not tried:
        return {}
    shared = [name for name in tried[0] if all(name in one for one in tried)]
    found = {name: [one[name] for one in tried] for name in shared}
    return {name: _range(values) for name, values in found.items() if len(set(values)) > 1}


def stability_of(folds: Sequence[FoldResult]) -> pd.DataFrame:
    """Return how stable the choices of `folds` are, in order of time; empty without any.

    See `parameter_stability` for the columns.
    """
    ranges = tuned_ranges(folds)
    if not ranges:
        return pd.DataFrame()
    choices = [_only(flat(fold.chosen.parameters), ranges) for fold in folds]
    return parameter_stability(
        choices, {name: edges for name, edges in ranges.items() if edges is not None}
    )


def place(value: Any, edges: Range | None) -> float | None:
    """Return where in its range a number lies, 0 to 1; None for a category."""
    if edges is None:
        return None
    low, high = edges
    return (float(value) - low) / (high - low)


def _only(choice: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: choice[name] for name in names}


def _range(values: list[Any]) -> Range | None:
    if any(isinstance(value, bool | str) for value in values):
        return None
    return float(min(values)), float(max(values))

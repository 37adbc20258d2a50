"""Let the regime choose which sub-strategy speaks."""

import numpy as np
from numpy.typing import NDArray

from regimekit.schema import ROUTES, Regime, SubStrategy
from regimekit.signals.bars import FloatArray


def route(regime: NDArray[np.int8], confidence: dict[SubStrategy, FloatArray]) -> FloatArray:
    """Return the confidence of the sub-strategy that each bar's regime selects.

    NaN where the regime is UNKNOWN or the selected sub-strategy does not know.
    """
    chosen = np.full(len(regime), np.nan)
    for code, sub_strategy in ROUTES.items():
        rows = regime == int(code)
        chosen[rows] = confidence[sub_strategy][rows]
    return chosen


def per_regime(regime: NDArray[np.int8], values: dict[SubStrategy, float]) -> FloatArray:
    """Spread one number per sub-strategy over the bars; NaN where the regime is UNKNOWN."""
    table = np.full(len(Regime), np.nan)  # UNKNOWN is -1 and so the last entry
    for code, sub_strategy in ROUTES.items():
        table[int(code)] = values[sub_strategy]
    return table[regime]

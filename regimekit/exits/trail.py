"""How wide a trail should be in the market of the moment."""

import numpy as np
from numpy.typing import NDArray

from regimekit.schema import Regime
from regimekit.settings import ExitSettings

FloatArray = NDArray[np.float64]


def trail_factor(
    regime: NDArray[np.int8], atr_rank: FloatArray, settings: ExitSettings
) -> FloatArray:
    """Return the factor on a trail's width that regime and volatility ask for; 1 when off.

    Parameters
    ----------
    regime : array of int8
        `Regime` codes. UNKNOWN leaves the width to the rank.
    atr_rank : array of float
        0 calmest to 1 wildest; NaN leaves the width to the regime.
    """
    if not settings.volatility_trail:
        return np.ones(len(regime))
    by_regime = np.select(
        [
            regime == int(Regime.RANGING),
            regime == int(Regime.TRENDING),
            regime == int(Regime.VOLATILE),
        ],
        [settings.trail_ranging, settings.trail_trending, settings.trail_volatile],
        1.0,
    )
    by_rank = settings.trail_calm + (settings.trail_wild - settings.trail_calm) * atr_rank
    return np.asarray(by_regime * np.where(np.isnan(atr_rank), 1.0, by_rank))

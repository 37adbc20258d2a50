"""The regime decides which sub-strategy speaks."""

import numpy as np

from regimekit.schema import Regime, SubStrategy
from regimekit.signals.router import per_regime, route

ALL_REGIMES = np.array(
    [Regime.UNKNOWN, Regime.RANGING, Regime.TRENDING, Regime.VOLATILE], dtype=np.int8
)


def test_each_regime_selects_its_sub_strategy():
    confidence = {
        SubStrategy.MEAN_REVERSION: np.full(4, 0.1),
        SubStrategy.MOMENTUM: np.full(4, 0.2),
        SubStrategy.BREAKOUT: np.full(4, 0.3),
    }
    np.testing.assert_array_equal(route(ALL_REGIMES, confidence), [np.nan, 0.1, 0.2, 0.3])


def test_an_unknown_confidence_is_not_replaced_by_another_sub_strategy():
    confidence = {name: np.full(4, 0.5) for name in SubStrategy}
    confidence[SubStrategy.MOMENTUM] = np.full(4, np.nan)
    np.testing.assert_array_equal(route(ALL_REGIMES, confidence), [np.nan, 0.5, np.nan, 0.5])


def test_numbers_follow_the_regime():
    values = {
        SubStrategy.MEAN_REVERSION: 1.0,
        SubStrategy.MOMENTUM: 2.0,
        SubStrategy.BREAKOUT: 3.0,
    }
    np.testing.assert_array_equal(per_regime(ALL_REGIMES, values), [np.nan, 1.0, 2.0, 3.0])

"""What earns momentum its confidence, summed by hand."""

import numpy as np
import pytest

from regimekit.settings import MomentumSettings
from regimekit.signals.bars import Bars
from regimekit.signals.momentum import momentum
from tests.regimekit.signals.evidence import NAMES, many_bars, one_bar, without

ALIGNED = {"ema_fast": 102.0, "ema_mid": 101.0, "ema_slow": 100.0}
ALL = ALIGNED | {
    "rsi_fast": 60.0,
    "macd_hist": 0.1,
    "volume_ratio": 1.6,
    "obv_flow": 0.2,
    "rsi_divergence": 1.0,
    "obv_divergence": 1.0,
}
CASES = {  # evidence on top of aligned averages -> confidence
    "a new cross alone": ({}, 0.20),
    "RSI in its band": ({"rsi_fast": 60.0}, 0.20 + 0.15),
    "RSI at the lower edge": ({"rsi_fast": 45.0}, 0.20 + 0.15),
    "RSI at the upper edge": ({"rsi_fast": 70.0}, 0.20 + 0.15),
    "RSI below the band": ({"rsi_fast": 44.9}, 0.20),
    "MACD on the signal's side": ({"macd_hist": 0.1}, 0.20 + 0.15),
    "volume": ({"volume_ratio": 1.51}, 0.20 + 0.15),
    "OBV": ({"obv_flow": 0.01}, 0.20 + 0.10),
    "RSI diverges": ({"rsi_divergence": 1.0}, 0.20 + 0.10),
    "OBV diverges": ({"obv_divergence": 1.0}, 0.20 + 0.10),
    "both diverge": ({"rsi_divergence": 1.0, "obv_divergence": 1.0}, 0.20 + 0.15),
    "divergence against it counts nothing": ({"rsi_divergence": -1.0}, 0.20),
    "overstretched": ({"rsi_fast": 85.0}, 0.20 - 0.15),
    "far overstretched": ({"rsi_fast": 95.0}, 0.0),
    "far overstretched with MACD": ({"rsi_fast": 95.0, "macd_hist": 0.1}, 0.20 + 0.15 - 0.20),
    "thin volume": ({"volume_ratio": 0.6}, 0.20 - 0.10),
    "everything": (ALL, 0.20 + 0.15 + 0.15 + 0.15 + 0.10 + 0.15),
    "averages not fanned out": (ALL | {"ema_fast": 100.5}, 0.0),
    "averages fanned out downward": (ALL | {"ema_slow": 103.0}, 0.0),
}


@pytest.mark.parametrize(("evidence", "confidence"), CASES.values(), ids=CASES)
def test_confidence(evidence, confidence):
    bar = one_bar(**(ALIGNED | evidence))
    assert momentum(bar, MomentumSettings())[0] == pytest.approx(confidence)


def test_a_short_needs_rsi_between_30_and_55():
    down = {"ema_fast": 98.0, "ema_mid": 99.0, "ema_slow": 100.0}
    expected = {29.9: 0.20, 30.0: 0.35, 55.0: 0.35, 55.1: 0.20}
    for rsi, confidence in expected.items():
        bar = one_bar(**down, rsi_fast=rsi).mirrored()
        assert momentum(bar, MomentumSettings())[0] == pytest.approx(confidence), rsi


def test_a_cross_is_new_for_its_bars_and_then_a_continuation():
    bars = many_bars(6, **ALIGNED)
    assert momentum(bars, MomentumSettings(cross_bars=3)).tolist() == [0.2, 0.2, 0.2, 0.1, 0.1, 0.1]


def test_a_cross_is_new_again_after_an_interruption():
    bars = many_bars(6, **ALIGNED)
    bars.ema_fast[2] = 100.0
    confidence = momentum(bars, MomentumSettings(cross_bars=1))
    assert confidence.tolist() == [0.2, 0.1, 0.0, 0.2, 0.1, 0.1]


READ = ["ema_slow", "rsi_fast", "macd_hist", "volume_ratio", "obv_flow"]
READ += ["rsi_divergence", "obv_divergence"]


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("name", READ)
def test_an_unknown_input_makes_the_confidence_unknown(name, aligned):
    bar = one_bar(**(ALL if aligned else ALL | {"ema_fast": 0.0}))
    assert np.isnan(momentum(without(bar, name), MomentumSettings())).all()
    assert np.isnan(momentum(without(bar, name).mirrored(), MomentumSettings())).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {*READ, "ema_fast", "ema_mid"}))
def test_other_inputs_are_not_needed(name):
    bars: Bars = without(one_bar(**ALL), name)
    assert momentum(bars, MomentumSettings())[0] == pytest.approx(0.9)

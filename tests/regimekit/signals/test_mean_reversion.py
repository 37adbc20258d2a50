"""What earns mean reversion its confidence, summed by hand."""

import numpy as np
import pytest

from regimekit.settings import MeanReversionSettings
from regimekit.signals.mean_reversion import mean_reversion
from tests.regimekit.signals.evidence import NAMES, one_bar, without

OVERSOLD = {"rsi": 20.0}
ALL = OVERSOLD | {
    "bb_percent": -0.2,
    "reversal": 1.0,
    "volume_ratio": 1.6,
    "rsi_divergence": 1.0,
    "obv_flow": 0.2,
}
CASES = {
    "nothing stretched": (ALL | {"rsi": 50.0, "bb_percent": 0.5}, 0.0),
    "oversold": (OVERSOLD, 0.25),
    "RSI at its edge": ({"rsi": 25.0}, 0.0),
    "beyond the band": ({"bb_percent": -0.11}, 0.25),
    "outside the band, within its margin": ({"bb_percent": -0.1}, 0.0),
    "both": (OVERSOLD | {"bb_percent": -0.2}, 0.50),
    "reversal candle": (OVERSOLD | {"reversal": 1.0}, 0.25 + 0.15),
    "candle against it": (OVERSOLD | {"reversal": -1.0}, 0.25),
    "volume": (OVERSOLD | {"volume_ratio": 1.51}, 0.25 + 0.12),
    "RSI diverges": (OVERSOLD | {"rsi_divergence": 1.0}, 0.25 + 0.20),
    "OBV diverges": (OVERSOLD | {"obv_divergence": 1.0}, 0.25 + 0.20),
    "both diverge": (OVERSOLD | {"rsi_divergence": 1.0, "obv_divergence": 1.0}, 0.25 + 0.20),
    "OBV": (OVERSOLD | {"obv_flow": 0.01}, 0.25 + 0.08),
    "everything, clipped": (ALL, 1.0),
}


@pytest.mark.parametrize(("evidence", "confidence"), CASES.values(), ids=CASES)
def test_confidence(evidence, confidence):
    assert mean_reversion(one_bar(**evidence), MeanReversionSettings())[0] == pytest.approx(
        confidence
    )


def test_a_short_needs_the_upper_band_and_rsi_above_75():
    for rsi, percent, confidence in [(75.1, 1.11, 0.5), (75.1, 1.05, 0.25), (75.0, 1.05, 0.0)]:
        bar = one_bar(rsi=rsi, bb_percent=percent).mirrored()
        assert mean_reversion(bar, MeanReversionSettings())[0] == pytest.approx(confidence)


READ = ["bb_percent", "rsi", "reversal", "volume_ratio", "obv_flow"]
READ += ["rsi_divergence", "obv_divergence"]


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("evidence", [ALL, {}], ids=["signal", "none"])
def test_an_unknown_input_makes_the_confidence_unknown(name, evidence):
    bar = without(one_bar(**evidence), name)
    assert np.isnan(mean_reversion(bar, MeanReversionSettings())).all()
    assert np.isnan(mean_reversion(bar.mirrored(), MeanReversionSettings())).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(READ)))
def test_other_inputs_are_not_needed(name):
    assert mean_reversion(without(one_bar(**ALL), name), MeanReversionSettings()).tolist() == [1.0]

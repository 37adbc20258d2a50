"""What earns a breakout its confidence, summed by hand."""

import numpy as np
import pytest

from regimekit.settings import BreakoutSettings
from regimekit.signals.breakout import breakout
from tests.regimekit.signals.evidence import NAMES, one_bar, without

BROKE = {"break_up": 0.003}
ALL = BROKE | {"volume_ratio": 2.1, "body": 0.8, "rsi": 60.0, "obv_flow": 0.2}
CASES = {
    "no break": (ALL | {"break_up": -0.001}, 0.0),
    "within the margin": (ALL | {"break_up": 0.002}, 0.0),
    "break alone": (BROKE, 0.28),
    "volume": (BROKE | {"volume_ratio": 2.01}, 0.28 + 0.25),
    "volume between its thresholds": (BROKE | {"volume_ratio": 2.0}, 0.28),
    "low volume": (BROKE | {"volume_ratio": 1.49}, 0.28 - 0.15),
    "body": (BROKE | {"body": 0.71}, 0.28 + 0.12),
    "body against the break": (BROKE | {"body": -0.9}, 0.28),
    "RSI": (BROKE | {"rsi": 55.1}, 0.28 + 0.10),
    "OBV": (BROKE | {"obv_flow": 0.01}, 0.28 + 0.08),
    "everything": (ALL, 0.28 + 0.25 + 0.12 + 0.10 + 0.08),
}


@pytest.mark.parametrize(("evidence", "confidence"), CASES.values(), ids=CASES)
def test_confidence(evidence, confidence):
    assert breakout(one_bar(**evidence), BreakoutSettings())[0] == pytest.approx(confidence)


def test_a_short_breaks_downward_with_a_falling_body_and_a_low_rsi():
    bar = one_bar(break_down=0.003, body=-0.8, rsi=44.9).mirrored()
    assert breakout(bar, BreakoutSettings())[0] == pytest.approx(0.28 + 0.12 + 0.10)


READ = ["break_up", "volume_ratio", "body", "rsi", "obv_flow"]


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("evidence", [ALL, {}], ids=["signal", "none"])
def test_an_unknown_input_makes_the_confidence_unknown(name, evidence):
    assert np.isnan(breakout(without(one_bar(**evidence), name), BreakoutSettings())).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(READ)))
def test_other_inputs_are_not_needed(name):
    assert breakout(without(one_bar(**ALL), name), BreakoutSettings())[0] == pytest.approx(0.83)

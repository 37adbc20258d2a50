"""What Freqtrade's recursive-analysis prints, and how much of it is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.findings import Report, Severity
from doctor.startup import REMEMBERED, bars_to_forget, differences, judge

PRINTED = """
                     Recursive Analysis
┏━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┓
┃ Indicators   ┃ 400 (from strategy) ┃     600 ┃
┡━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━┩
│ ema_slow     │              0.000% │       - │
│ cumulative   │             -12.4%  │   -3.1% │
│ late         │                nan% │  0.000% │
│ equal        │                   - │  9.000% │
└──────────────┴─────────────────────┴─────────┘
"""
ENDED = "INFO - Checking recursive and indicator-only lookahead bias of indicators of X.py took 2 s"


def test_the_first_number_of_candles_counts():
    found = differences(PRINTED)
    assert found == {"ema_slow": 0.0, "cumulative": -12.4, "late": float("inf"), "equal": 0.0}


def test_what_depends_on_the_start_is_an_error_the_worst_first():
    report = Report("startup.recursive")
    judge(PRINTED, ENDED, 400, "BTC/USDT:USDT", report)
    assert [finding.severity for finding in report.found] == [Severity.ERROR, Severity.ERROR]
    assert [finding.what.split()[0] for finding in report.found] == ["late", "cumulative"]
    assert "-12.400 % off after 400 candles" in report.found[1].value


def test_nothing_that_differs_is_well():
    report = Report("startup.recursive")
    printed = PRINTED.replace("-12.4% ", "-0.01% ").replace("nan%", "   -")
    judge(printed, ENDED, 400, "X", report)
    assert [finding.severity for finding in report.found] == [Severity.OK]


def test_an_analysis_that_did_not_end_is_unchecked():
    report = Report("startup.recursive")
    judge("", "INFO - Recursive test of X.py started.", 400, "X", report)
    assert [finding.severity for finding in report.found] == [Severity.UNCHECKED]


def test_an_indicator_that_looks_ahead_is_an_error():
    report = Report("startup.recursive")
    judge("", f"INFO - => found lookahead in indicator next_close\n{ENDED}", 400, "X", report)
    assert [finding.severity for finding in report.found] == [Severity.ERROR]
    assert report.found[0].what.startswith("next_close changes")


@given(st.floats(0.005, 0.9))
def test_a_recursive_average_has_forgotten_then_and_not_before(alpha):
    bars = bars_to_forget(alpha)
    assert (1 - alpha) ** bars <= REMEMBERED
    assert bars == 1 or (1 - alpha) ** (bars - 1) > REMEMBERED
    assert bars_to_forget(alpha, stages=2) >= bars


@pytest.mark.parametrize("alpha", [1, 1.5])
def test_what_remembers_nothing_needs_one_bar(alpha):
    assert bars_to_forget(alpha) == 1

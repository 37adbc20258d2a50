"""How numbers and names read."""

import doctest
import math

import pandas as pd
import pytest

from regimekit.reports import chart, text


@pytest.mark.parametrize("module", [text, chart])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(1234567.891, 2, "+1,234,567.89"), (-0.0001, 2, "0.00"), (-5, 0, "\u22125"),
     (math.inf, 2, "\u221e"), (-math.inf, 2, "\u2212\u221e"), (math.nan, 2, "\u2013")],
)  # fmt: skip
def test_numbers(value, digits, shown):
    assert text.number(value, digits, signed=True) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [("90min", "01:30"), ("2D", "2 d 00:00"), ("1D 8h 32min", "1 d 08:32"), (None, "\u2013")],
)
def test_durations(span, shown):
    assert text.duration(pd.Timedelta(span) if span else pd.NaT).replace("\u00a0", " ") == shown

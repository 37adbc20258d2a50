"""A table as plain text cells, and how single numbers are printed in one."""

from dataclasses import dataclass

import pandas as pd

from experiments.statistics import Estimate
from providers.coverage import Period
from regimekit.reports.text import number, percent, span


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: the first column names the rows; columns in `words` are text, the others numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: tuple[int, ...] = ()


def days_words(period: Period) -> str:
    """Return a period by its first and last day."""
    return f"{period.start:%Y-%m-%d} to {period.end - pd.Timedelta(days=1):%Y-%m-%d}"


def p_value(value: float) -> str:
    """Return a p-value; resampling knows none below a thousandth."""
    return "< 0.001" if value < 0.001 else number(value, 3)


def estimated(estimate: Estimate, *, judged: bool, percentages: bool = False) -> str:
    """Return a value, with its interval in brackets where one is known and may be shown."""

    def shown(value: float) -> str:
        return percent(value, 1, signed=True) if percentages else number(value, signed=True)

    if not judged or not estimate.interval.known:
        return shown(estimate.value)
    return f"{shown(estimate.value)} [{span(estimate.interval, shown)}]"

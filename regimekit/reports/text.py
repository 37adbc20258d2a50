"""Numbers and names as a trader reads them; what is unknown is a dash, never a zero."""

import math
from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from regimekit.reports.stats import Interval

UNKNOWN = "\u2013"
MINUS = "\u2212"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Return `value` with thousands separators; `signed` shows a plus as well.

    Examples
    --------
    >>> number(-1234.5), number(0.004, signed=True), number(float("nan"))
    ('−1,234.50', '0.00', '–')
    """  # noqa: RUF002 - these are the characters that are printed
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{MINUS}\u221e"
    rounded = round(value, digits) or 0.0  # no negative zero
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:,.{digits}f}".replace("-", MINUS)


def percent(fraction: float, digits: int = 1, *, signed: bool = False) -> str:
    """Return a fraction as a percentage."""
    text = number(fraction * 100, digits, signed=signed)
    return text if text == UNKNOWN else f"{text}\u00a0%"


def span(interval: Interval, show: Callable[[float], str]) -> str:
    """Return both ends of an interval as `show` prints them."""
    return f"{show(interval.low)} to {show(interval.high)}" if interval.known else UNKNOWN


def count(value: int, noun: str) -> str:
    """Return a number of things, in the singular where there is one."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def duration(value: Any) -> str:
    """Return a time span as days, hours and minutes: ``1 d 08:32``."""
    if pd.isna(value):
        return UNKNOWN
    minutes = round(value / pd.Timedelta(minutes=1))
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{days}\u00a0d\u00a0{clock}" if days else clock


def day(moment: pd.Timestamp) -> str:
    """Return a date."""
    return f"{moment:%Y-%m-%d}"


def name(identifier: str) -> str:
    """Return an identifier in words: ``mean_reversion`` -> mean reversion."""
    return identifier.replace("_", " ") or "none"


def safe(value: Any) -> str:
    """Return `value` as text for HTML; whatever comes from data goes through here."""
    return escape(str(value))

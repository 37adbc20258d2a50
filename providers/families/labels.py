"""When a row of an archived metrics file was snapshot: at its label, or five minutes later.

Files up to 2026-06-24 label a row with the instant of its snapshot, as REST does. Since the file
of 2026-06-25 a row bears the start of its five minutes and was snapshot at their end. The label
2026-06-25 00:00 occurs in both files with different values.

Binance announced neither, so the rule is checked against prices. Value by amount of open interest
is the mark price at the snapshot; the opens of mark price candles at the label and five minutes
later tell which of the two it was.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from providers.archive.table import NUMBER, columns_of
from providers.contract import Page
from providers.errors import BadAnswerError

SWITCH = pd.Timestamp("2026-06-25", tz="UTC")  # the first file with the new labels
NEAR = timedelta(days=7)  # of the switch, where prices decide: not every symbol must have followed
AT_LABEL, LATER = timedelta(0), timedelta(minutes=5)

ENOUGH = 12  # prices to compare, an hour of them
CLEARLY = 3.0  # how many times larger the error of the wrong label must be
NOISE = 1e-6  # relative; below it a price has not moved

_STEP = np.timedelta64(5, "m")
_SLOTS = ["open_time", "open", *(f"slot_{n}" for n in range(2, 12))]  # of a candle
_LATEST = 4e12  # milliseconds


@dataclass(frozen=True, slots=True)
class Evidence:
    """Median relative distance of implied prices from mark prices, were the label right or late."""

    at_label: float
    later: float

    def verdict(self) -> timedelta | None:
        """Return the shift that prices speak for; None when they do not tell."""
        least, most = sorted((self.at_label, self.later))
        if not most > NOISE or most < CLEARLY * least:  # NaN: nothing to compare
            return None
        return AT_LABEL if self.at_label < self.later else LATER


UNKNOWN = Evidence(np.nan, np.nan)


def expected_shift(day: pd.Timestamp) -> timedelta:
    """Return what the file of `day` should need."""
    return LATER if day >= SWITCH else AT_LABEL


def near_switch(day: pd.Timestamp) -> bool:
    """Tell whether prices, not the date, decide about the file of `day`."""
    return abs(day - SWITCH) <= NEAR


def evidence(labels: np.ndarray, implied: np.ndarray, marks: "pd.Series[float]") -> Evidence:
    """Compare implied prices with the opens of mark price candles.

    Parameters
    ----------
    labels : array of datetime64[ms]
        As the file has them.
    implied : array of float
        Value by amount of open interest, NaN where there is none.
    marks : Series of float
        Opens of five minute candles by datetime64[ms].
    """
    if marks.empty:
        return UNKNOWN
    now = marks.reindex(labels).to_numpy()
    then = marks.reindex(labels + _STEP).to_numpy()
    both = np.isfinite(implied) & np.isfinite(now) & np.isfinite(then)
    if both.sum() < ENOUGH:
        return UNKNOWN
    errors = [float(np.median(np.abs(implied[both] / mark[both] - 1))) for mark in (now, then)]
    return Evidence(*errors)


def shift_of(day: pd.Timestamp, found: Evidence, name: str) -> timedelta:
    """Return by how much the labels of a file precede its snapshots.

    Raises
    ------
    BadAnswerError
        Prices contradict the date, and the switch is not near.
    """
    expected, seen = expected_shift(day), found.verdict()
    if seen is None or seen == expected:
        return expected
    if near_switch(day):
        return seen
    raise BadAnswerError(
        f"{name} has snapshots {_minutes(seen)} after their labels where {_minutes(expected)} is "
        f"expected (median price error {found.at_label:.1e} at the label, {found.later:.1e} five "
        "minutes later); refused, because rows of both kinds must not be mixed"
    )


def mark_opens(page: Page) -> "pd.Series[float]":
    """Return the opens of an archived candle file by datetime64[ms]; empty if it is damaged."""
    try:
        table = columns_of(page, {"open_time": NUMBER, "open": NUMBER}, _SLOTS)
    except BadAnswerError:  # no evidence is not evidence against the page it came with
        table = {"open_time": np.array([]), "open": np.array([])}
    times = table["open_time"]
    sound = (times > 0) & (times < _LATEST) & (table["open"] > 0)  # false for NaN
    opened = times[sound].astype(np.int64).astype("datetime64[ms]")
    opens: pd.Series[float] = pd.Series(table["open"][sound], index=opened, dtype=float)
    return opens[~opens.index.duplicated()]


def _minutes(shift: timedelta) -> str:
    return f"{int(shift.total_seconds() // 60)} min"

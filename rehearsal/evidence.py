"""Prices within candles, as evidence for what was paid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from replay.filters import fewest_decimals

MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest price of some minutes; NaN where there were none."""

    low: float
    high: float

    def contains(self, price: float, slack: float) -> bool:
        """Tell whether `price` was traded, give or take the fraction `slack` of it."""
        return self.low * (1 - slack) <= price <= self.high * (1 + slack)

    def __str__(self) -> str:
        """Return both ends."""
        return f"{self.low:.10g} to {self.high:.10g}"


class Prices:
    """The finest candles of a pair, by time.

    Parameters
    ----------
    candles : DataFrame
        ``date`` (open, UTC), ``high`` and ``low``, ascending.
    detail : timedelta
        Length of one.
    """

    def __init__(self, candles: pd.DataFrame, detail: timedelta) -> None:
        self._detail = detail
        self._opens = candles["date"].dt.as_unit("ms").astype("int64").to_numpy()
        self._low = candles["low"].to_numpy(np.float64)
        self._high = candles["high"].to_numpy(np.float64)

    def range(self, begin: datetime, end: datetime) -> Range:
        """Return the prices from the minute that contains `begin` to that which contains `end`.

        NaN, which contains no price, where a minute at either end is missing.
        """
        first, last = (self._row(moment) for moment in (begin, end))
        if first is None or last is None or last < first:
            return Range(np.nan, np.nan)
        inside = slice(first, last + 1)
        return Range(float(self._low[inside].min()), float(self._high[inside].max()))

    def _row(self, moment: datetime) -> int | None:
        stamp = round(pd.Timestamp(moment).timestamp() * 1000)
        row = int(self._opens.searchsorted(stamp, side="right")) - 1
        width = self._detail / timedelta(milliseconds=1)
        return row if row >= 0 and stamp - self._opens[row] < width else None


def touched(prices: Prices, trade: Mapping[str, Any], since: datetime, slack: float) -> bool:
    """Tell whether a trade's last stop was reached between `since` and its exit.

    `slack` is in price units.
    """
    seen = prices.range(since, trade["closed_at"])
    if trade["side"] == "short":
        return bool(seen.high >= trade["stop"] - slack)
    return bool(seen.low <= trade["stop"] + slack)


def decimals_of(numbers: Iterable[float]) -> int:
    """Return how many decimals the numbers have: the step that an exchange rounds to."""
    values = np.asarray(list(numbers), dtype=np.float64)
    known = values[np.isfinite(values)]
    return int(fewest_decimals(known, MOST_DECIMALS)) if len(known) else MOST_DECIMALS

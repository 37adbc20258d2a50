"""Candles of one pair and one interval, and how slower candles are made of faster ones.

`opens_at` is in milliseconds since 1970 UTC, ascending and without duplicates. `table` has one
row per candle and the columns of `FIELDS`: prices in quote currency, volumes in base coin except
``taker_buy_quote_volume`` and ``quote_volume``, NaN where the data do not say.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]
Table = NDArray[np.float64]

FIELDS = (
    *("open", "high", "low", "close", "volume"),
    *("taker_buy_volume", "taker_buy_quote_volume", "trades", "quote_volume"),
)
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
TAKER_BUY_VOLUME, TAKER_BUY_QUOTE_VOLUME, TRADES, QUOTE_VOLUME = range(5, 9)

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
# Binance has 3d and 1M as well; they start where no multiple of their length does.
INTERVALS = {
    **{f"{minutes}m": minutes * MINUTE for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * HOUR for hours in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "1w": WEEK,
}
_MONDAY = 4 * DAY  # 1970 began on a Thursday, weekly candles begin on Mondays


@dataclass(frozen=True, slots=True)
class Window:
    """What a caller asks of a history: bounds, both inclusive, and a number of rows."""

    start: int | None = None
    end: int | None = None
    limit: int = 500

    def of(self, stamps: Stamps) -> slice:
        """Return the first `limit` rows from `start`, without a start the last ones up to `end`."""
        low = 0 if self.start is None else int(np.searchsorted(stamps, self.start, side="left"))
        high = len(stamps)
        if self.end is not None:
            high = int(np.searchsorted(stamps, self.end, side="right"))
        if self.start is None:
            return slice(max(low, high - self.limit), high)
        return slice(low, min(high, low + self.limit))


@dataclass(frozen=True, slots=True)
class Candles:
    """Candles of one `interval` in milliseconds."""

    interval: int
    opens_at: Stamps
    table: Table

    def __len__(self) -> int:
        return len(self.opens_at)

    def __getitem__(self, rows: slice | NDArray[Any]) -> "Candles":
        return Candles(self.interval, self.opens_at[rows], self.table[rows])

    def followed_by(self, other: "Candles") -> "Candles":
        """Return these candles and then `other`, which must be of the same interval."""
        return Candles(
            self.interval,
            np.concatenate([self.opens_at, other.opens_at]),
            np.concatenate([self.table, other.table]),
        )

    def complete(self) -> "Candles":
        """Return the candles whose prices and volume are all there."""
        whole = np.isfinite(self.table[:, OPEN : VOLUME + 1]).all(axis=1)
        return self[np.flatnonzero(whole)]

    def closed(self, now: int) -> "Candles":
        """Return the candles that have closed at `now`: every value of them is known."""
        return self[: np.searchsorted(self.opens_at, now - self.interval, side="right")]

    def latest_price(self, now: int) -> tuple[int, float] | None:
        """Return when and what the last price known at `now` was: an open, or a close after that.

        The open of a candle is known when it opens, everything else when it has closed.
        """
        row = int(np.searchsorted(self.opens_at, now, side="right")) - 1
        if row < 0:
            return None
        opens_at, close = int(self.opens_at[row]), float(self.table[row, CLOSE])
        if opens_at + self.interval <= now and np.isfinite(close):
            return opens_at + self.interval, close
        return opens_at, float(self.table[row, OPEN])

    def grouped(self, interval: int) -> "Candles":
        """Return slower candles, one for each complete group; incomplete groups are left out."""
        if interval == self.interval or not len(self):
            return Candles(interval, self.opens_at, self.table)
        begins = floor(self.opens_at, interval)
        first = np.flatnonzero(np.diff(begins, prepend=begins[0] - 1))
        sizes = np.diff(first, append=len(begins))
        grouped = Candles(interval, begins[first], _merge(self.table, first))
        return grouped[sizes == interval // self.interval]

    def forming(self, interval: int, now: int) -> "Candles":
        """Return the candle of `interval` that is open at `now` as far as it is known: 0 or 1 row.

        It has the closed candles since it opened, and the open of the one that is open itself.
        Without rows at both ends, where it opens and at `now`, these candles cannot tell.
        """
        begins = floor(np.array([now]), interval)
        low = int(np.searchsorted(self.opens_at, begins[0], side="left"))
        high = int(np.searchsorted(self.opens_at, now, side="right"))
        opens_at, values = self.opens_at[low:high], self.table[low:high].copy()
        if low == high or opens_at[0] != begins[0] or opens_at[-1] + self.interval <= now:
            return Candles(interval, self.opens_at[:0], self.table[:0])
        values[-1, HIGH : CLOSE + 1] = values[-1, OPEN]
        values[-1, VOLUME:] = 0.0
        return Candles(interval, begins, _merge(values, np.array([0])))


def floor(stamps: Stamps, interval: int) -> Stamps:
    """Return when the candles of `interval` that contain `stamps` open."""
    origin = _MONDAY if interval == WEEK else 0
    floored: Stamps = stamps - (stamps - origin) % interval
    return floored


def _merge(values: Table, first: NDArray[np.intp]) -> Table:
    """Return one row for each run of rows that starts at `first`; NaN spreads within a run."""
    last = np.append(first[1:], len(values)) - 1
    return np.column_stack(
        [
            values[first, OPEN],
            np.maximum.reduceat(values[:, HIGH], first),
            np.minimum.reduceat(values[:, LOW], first),
            values[last, CLOSE],
            np.add.reduceat(values[:, VOLUME:], first, axis=0),
        ]
    )

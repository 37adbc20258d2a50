"""What a simulated market is asked to be; equal specs give equal markets, byte for byte."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from replay.simulator.contracts import CONTRACTS

DEFAULT_PAIRS: tuple[str, ...] = tuple(CONTRACTS)[:10]
MOST_DAYS = 5 * 366  # five years of minutes of one pair still fit comfortably in memory
_GRID = timedelta(hours=4)


@dataclass(frozen=True)
class MarketSpec:
    """Which pairs, which period, which seed.

    A pair's market depends on its name, the seed and the period, never on the other pairs. A
    longer period is another market, not a continuation of the shorter one.

    Parameters
    ----------
    pairs : tuple of str
        Perpetuals as Freqtrade names them; those in `CONTRACTS`.
    start : datetime
        First traded instant, UTC, on the 4h grid. Candles begin `warmup_days` before.
    days : int
        Traded days.
    seed : int
        Not negative.
    warmup_days : int
        Days in front of `start`, so that slow indicators are warm when trading begins: 400 candles
        of 4h are 67 days.

    Raises
    ------
    ValueError
        A value that cannot be simulated; the message says which and what would do.
    """

    pairs: tuple[str, ...] = DEFAULT_PAIRS
    start: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))
    days: int = 90
    seed: int = 7
    warmup_days: int = 0

    def __post_init__(self) -> None:
        self._check_pairs()
        self._check_start()
        if self.days < 1:
            raise ValueError(f"days is {self.days}, expected at least 1")
        if self.warmup_days < 0:
            raise ValueError(f"warmup_days is {self.warmup_days}, expected 0 or more")
        if self.days + self.warmup_days > MOST_DAYS:
            raise ValueError(
                f"days and warmup_days add up to {self.days + self.warmup_days}, expected at most "
                f"{MOST_DAYS}; simulate a shorter period"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected 0 or more")

    def _check_pairs(self) -> None:
        known = ", ".join(CONTRACTS)
        if not self.pairs:
            raise ValueError(f"pairs is empty, expected some of {known}")
        for pair in self.pairs:
            if pair not in CONTRACTS:
                raise ValueError(f"pairs has {pair!r}, expected some of {known}")
            if self.pairs.count(pair) > 1:
                raise ValueError(f"pairs has {pair} {self.pairs.count(pair)} times; name it once")

    def _check_start(self) -> None:
        if self.start.utcoffset() != timedelta(0):
            raise ValueError(f"start is {self.start}, expected a time in UTC (tzinfo=UTC)")
        if pd.Timestamp(self.start) != pd.Timestamp(self.start).floor(_GRID):
            raise ValueError(
                f"start is {self.start}, expected the open of a 4h candle (00:00, 04:00, ...)"
            )

    @property
    def first(self) -> pd.Timestamp:
        """Return the open of the first candle, warm-up included."""
        return pd.Timestamp(self.start) - timedelta(days=self.warmup_days)

    @property
    def end(self) -> pd.Timestamp:
        """Return the close of the last candle."""
        return pd.Timestamp(self.start) + timedelta(days=self.days)

    def as_json(self) -> dict[str, Any]:
        """Return the spec in values that JSON knows."""
        return {
            "pairs": list(self.pairs),
            "start": pd.Timestamp(self.start).isoformat(),
            "days": self.days,
            "warmup_days": self.warmup_days,
            "seed": self.seed,
        }

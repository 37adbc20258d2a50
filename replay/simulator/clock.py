"""The time grid, and when people trade.

A bar is a 15m candle and is simulated in one-minute steps. Volatility and volume follow the day
(United States afternoon, Asian morning) and the week, as they do in markets that never close.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from replay.simulator.noise import Floats

BAR_MINUTES = 15
BARS_PER_DAY = 96


@dataclass(frozen=True, slots=True)
class Clock:
    """The bars of a market: ``first`` is the open of bar 0, UTC."""

    first: pd.Timestamp
    bars: int

    @property
    def minutes(self) -> int:
        """Return the number of one-minute steps."""
        return self.bars * BAR_MINUTES

    @property
    def end(self) -> pd.Timestamp:
        """Return the close of the last bar."""
        return self.first + self.bars * pd.Timedelta(minutes=BAR_MINUTES)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Return the open time of each bar, in the unit Freqtrade stores."""
        return pd.date_range(self.first, periods=self.bars, freq="15min").as_unit("ms")

    def activity(self) -> Floats:
        """Return how busy each bar's hour is, shape (bars,), with a mean of about 1."""
        hour = (self.dates.hour + self.dates.minute / 60).to_numpy(dtype=np.float64)
        weekend = (self.dates.day_of_week >= 5).astype(np.float64)
        day = 0.72 + 1.05 * _bump(hour, 15.0, 2.2) + 0.35 * _bump(hour, 0.5, 1.8)
        return np.asarray(day * (1.12 - 0.42 * weekend), dtype=np.float64)


def _bump(hour: Floats, peak: float, width: float) -> Floats:
    """Return a bell around `peak` on the 24-hour circle."""
    distance = np.abs(hour - peak)
    distance = np.minimum(distance, 24.0 - distance)
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2), dtype=np.float64)

"""Decisions of a pair by time, so that a callback needs one array lookup.

Reading the analyzed frame in each callback doubles the time of a backtest; these arrays are taken
from it once, when the signals are made.
"""

from datetime import UTC, datetime
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from regimekit.schema import ROUTES, Regime, Side


class Decision(NamedTuple):
    """What was decided at the close of one candle; units as in `decision_columns`."""

    entry: int
    regime: int
    confidence_long: float
    confidence_short: float
    min_confidence: float
    stop_distance: float
    target_rr: float
    atr: float
    inputs_ok: bool
    close: float
    squeeze_risk: float
    trail_factor: float
    decay_long: bool
    decay_short: bool

    def confidence(self, side: Side) -> float:
        """Return the confidence of `side` after all filters."""
        return self.confidence_long if side is Side.LONG else self.confidence_short

    @property
    def sub_strategy(self) -> str:
        """Return the name of the sub-strategy that the regime selects."""
        return ROUTES[Regime(self.regime)].value if Regime(self.regime) in ROUTES else "unknown"


class DecisionTable:
    """The decisions of one pair's frame, looked up in constant time."""

    def __init__(self, first: int, step: int, columns: tuple[list[float], ...]) -> None:
        self._first = first
        self._step = step
        self._columns = columns
        self._length = len(columns[0])

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, timeframe_seconds: int) -> Self:
        """Take the `Decision` columns of an analyzed frame.

        Raises
        ------
        ValueError
            When candles are missing, so that a position would not tell the time.
        """
        stamps = frame["date"].dt.as_unit("s").astype("int64").to_numpy()
        if len(stamps) > 1 and not (np.diff(stamps) == timeframe_seconds).all():
            raise ValueError("candles are not evenly spaced, decisions cannot be looked up by time")
        # Lists of Python numbers: a scalar out of a numpy array costs several times as much.
        columns = tuple(frame[name].tolist() for name in Decision._fields)
        return cls(int(stamps[0]) if len(stamps) else 0, timeframe_seconds, columns)

    @property
    def last_close(self) -> datetime | None:
        """Return when the newest candle closed, None without one."""
        if not self._length:
            return None
        return datetime.fromtimestamp(self._first + self._length * self._step, tz=UTC)

    def at(self, moment: datetime) -> Decision | None:
        """Return the decision of the candle that closed last at `moment`.

        None when that candle is not in the table: its analysis is missing or too old to act on.
        """
        row = (int(moment.timestamp()) - self._first) // self._step - 1
        if not 0 <= row < self._length:
            return None
        return Decision(*[column[row] for column in self._columns])  # type: ignore[arg-type]

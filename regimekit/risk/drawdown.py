"""Drawdown from closed trades, in one pass however often it is asked."""

import math
from collections.abc import Sequence
from datetime import datetime

from regimekit.risk.history import ClosedTrade


class DrawdownTracker:
    """Follow realized equity through a list of closed trades that only grows.

    The list is Freqtrade's; this object only remembers how far it has read. A list that does not
    hold the last trade it read where that was belongs to another backtest or hyperopt epoch, and
    reading starts over; so it does for a `before` that lies earlier than the last one.
    """

    def __init__(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        self._read = 0
        self._last: ClosedTrade | None = None
        self._before: datetime | None = None
        self._profit = 0.0
        self._peak = 0.0

    def drawdown(
        self, closed: Sequence[ClosedTrade], starting_equity: float, before: datetime
    ) -> float:
        """Return the loss from the highest realized equity, as a fraction of it, >= 0.

        NaN when a profit is unknown.

        Parameters
        ----------
        closed : sequence of trades
            In the order they closed; `close_profit_abs` in quote currency.
        starting_equity : float
            Equity before the first of them, quote currency, above 0; ValueError otherwise.
        before : datetime
            Only trades closed strictly before it.
        """
        if not starting_equity > 0:
            raise ValueError(
                f"starting_equity must be above 0, was {starting_equity}; after a withdrawal set "
                "available_capital in the configuration, or start a new database"
            )
        if not self._continues(closed, before):
            self._start_over()
        self._before = before
        while self._read < len(closed) and _closed_before(closed[self._read], before):
            self._last = closed[self._read]
            self._read += 1
            profit = self._last.close_profit_abs
            self._profit += math.nan if profit is None else profit
            self._peak = max(self._peak, self._profit)
        return (self._peak - self._profit) / (starting_equity + self._peak)

    def _continues(self, closed: Sequence[ClosedTrade], before: datetime) -> bool:
        if self._before is not None and before < self._before:
            return False
        return self._read == 0 or (
            len(closed) >= self._read and closed[self._read - 1] is self._last
        )


def _closed_before(trade: ClosedTrade, before: datetime) -> bool:
    return trade.close_date_utc is not None and trade.close_date_utc < before

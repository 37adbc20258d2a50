"""Drawdown from closed trades, in one pass however often it is asked."""

from collections.abc import Sequence
from typing import Protocol


class ClosedTrade(Protocol):
    """What is read of a trade."""

    close_profit_abs: float | None


class DrawdownTracker:
    """Follow realized equity through a list of closed trades that only grows.

    The list is Freqtrade's; this object only remembers how far it has read. A list shorter than
    that belongs to another backtest or hyperopt epoch, and reading starts over. That suffices,
    because every run asks for its first stake before any of its trades has closed.
    """

    def __init__(self) -> None:
        self._read = 0
        self._profit = 0.0
        self._peak = 0.0

    def drawdown(self, closed: Sequence[ClosedTrade], starting_equity: float) -> float:
        """Return the loss from the highest realized equity, as a fraction of it, >= 0.

        Parameters
        ----------
        closed : sequence of trades
            In the order they closed; `close_profit_abs` in quote currency.
        starting_equity : float
            Equity before the first of them, quote currency, above 0; ValueError otherwise.
        """
        if not starting_equity > 0:
            raise ValueError(
                f"starting_equity must be above 0, was {starting_equity}; after a withdrawal set "
                "available_capital in the configuration, or start a new database"
            )
        if len(closed) < self._read:
            self._read, self._profit, self._peak = 0, 0.0, 0.0
        for trade in closed[self._read :]:
            self._profit += trade.close_profit_abs or 0.0
            self._peak = max(self._peak, self._profit)
        self._read = len(closed)
        return (self._peak - self._profit) / (starting_equity + self._peak)

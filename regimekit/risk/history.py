"""What closed trades tell: results, last exits, entries, realized profit and drawdown.

The list of closed trades is Freqtrade's and only grows; `TradeHistory` reads each trade once. All
it knows follows from that list, so a restart loses nothing, and a list that does not continue the
one that was read, of another backtest or hyperopt epoch, starts it over.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from regimekit.schema import parse_entry_tag

# A starting balance is computed from a wallet: it wavers by less than this share of itself.
SAME_EQUITY = 1e-9


class ClosedTrade(Protocol):
    """What is read of a trade; Freqtrade's trades have it."""

    @property
    def pair(self) -> str:
        """Return the pair."""

    @property
    def enter_tag(self) -> str | None:
        """Return why it was opened."""

    @property
    def leverage(self) -> float:
        """Return notional divided by margin."""

    @property
    def close_profit(self) -> float | None:
        """Return its profit after costs as a fraction of margin."""

    @property
    def close_profit_abs(self) -> float | None:
        """Return its profit after costs in quote currency."""

    @property
    def open_date_utc(self) -> datetime:
        """Return when its entry was ordered."""

    @property
    def close_date_utc(self) -> datetime | None:
        """Return when it was closed."""


class LastExit(NamedTuple):
    """The latest exit of a pair.

    Attributes
    ----------
    closed_at : datetime
        In a plain backtest the open of the candle within which the trade closed.
    losses_in_row : int
        Losses of the pair since its last profit; 0 when this exit was none. An unknown profit
        counts as a loss.
    """

    closed_at: datetime
    losses_in_row: int


class TradeHistory:
    """Follows closed trades and answers in constant or logarithmic time.

    `before` always excludes: a trade closed at that very moment is not known yet. In a plain
    backtest the trades that close within a candle carry its open, the moment of the entries made
    there, so that neither the order of pairs nor the future of the candle decides anything.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._last: ClosedTrade | None = None
        self._closed_at: list[datetime] = []
        self._opened_at: list[datetime] = []  # in order of time, unlike the trades
        self._profits: list[float] = []
        self._known_profit = [0.0]  # before the first trade, after it, after the second ...
        self._exits: dict[str, LastExit] = {}
        self._results: dict[str, tuple[list[datetime], list[float]]] = {}
        self._drawdown: _Drawdown | None = None

    def follow(self, closed: Sequence[ClosedTrade]) -> None:
        """Read the trades that are new in `closed`, which is in the order they closed.

        Raises
        ------
        ValueError
            When a trade has not closed, or closed before the one in front of it.
        """
        read = len(self._closed_at)
        if read and (len(closed) < read or closed[read - 1] is not self._last):
            self._clear()
            read = 0
        for trade in closed[read:]:
            self._add(trade)

    def _add(self, trade: ClosedTrade) -> None:
        closed_at, profit = trade.close_date_utc, _number(trade.close_profit_abs)
        if closed_at is None or (self._closed_at and closed_at < self._closed_at[-1]):
            raise ValueError(
                f"a trade of {trade.pair} closed at {closed_at} follows one closed at "
                f"{self._closed_at[-1:]}; pass closed trades in the order they closed"
            )
        before = self._exits.get(trade.pair)
        losses = 0 if profit >= 0 else 1 + (before.losses_in_row if before else 0)  # NaN is a loss
        self._exits[trade.pair] = LastExit(closed_at, losses)
        try:
            _, sub_strategy = parse_entry_tag(trade.enter_tag or "")
        except ValueError:
            pass  # a forced entry, or one of another strategy: nobody's result
        else:
            moments, results = self._results.setdefault(sub_strategy, ([], []))
            moments.append(closed_at)
            results.append(_number(trade.close_profit) / (trade.leverage or 1.0))
        insort(self._opened_at, trade.open_date_utc)
        self._profits.append(profit)
        known = 0.0 if math.isnan(profit) else profit
        self._known_profit.append(self._known_profit[-1] + known)
        self._closed_at.append(closed_at)
        self._last = trade

    def results(self, sub_strategy: str, before: datetime, most: int) -> list[float]:
        """Return the latest results of a sub-strategy, oldest first.

        Parameters
        ----------
        sub_strategy : str
            As in the ``enter_tag`` of its trades.
        before : datetime
            Only trades closed strictly before it.
        most : int
            Results that are wanted.

        Returns
        -------
        list of float
            Profit after costs as a fraction of price (``close_profit / leverage``); NaN where
            Freqtrade knows none.
        """
        moments, results = self._results.get(sub_strategy, ([], []))
        last = bisect_left(moments, before)
        return results[max(0, last - max(0, most)) : last]

    def last_exit(self, pair: str) -> LastExit | None:
        """Return the latest exit of `pair`, None when it never had one."""
        return self._exits.get(pair)

    def entries_since(self, moment: datetime) -> int:
        """Return how many of the trades were opened at `moment` or later."""
        return len(self._opened_at) - bisect_left(self._opened_at, moment)

    def profit(self, since: datetime, before: datetime) -> float:
        """Return what trades closed from `since` on and before `before` earned, quote currency.

        NaN when the profit of one of them is unknown.
        """
        first, last = bisect_left(self._closed_at, since), bisect_left(self._closed_at, before)
        return sum(self._profits[first:last])

    def equity_at(self, moment: datetime, starting_equity: float) -> float:
        """Return the realized equity just before `moment`, quote currency.

        Unknown profits are left out: what they do to a limit is told by the limit's own period.
        """
        return starting_equity + self._known_profit[bisect_left(self._closed_at, moment)]

    def worst_drawdown(
        self, starting_equity: float, *, since: datetime | None, before: datetime
    ) -> float:
        """Return the largest loss from a peak of realized equity that ever stood in a period.

        It never falls while the period lasts, so a stop that depends on it holds until somebody
        begins a new one.

        Parameters
        ----------
        starting_equity : float
            Equity before the first trade of the history, quote currency.
        since : datetime or None
            The period begins there, and so does the search for peaks; None for all trades.
        before : datetime
            Only trades closed strictly before it.

        Returns
        -------
        float
            Fraction of the peak, >= 0; NaN when a profit in the period is unknown, or there was
            no equity to lose.
        """
        first = bisect_left(self._closed_at, since) if since else 0
        last = max(first, bisect_left(self._closed_at, before))
        state = self._drawdown
        if state is None or not state.continues(starting_equity, first, last):
            equity = starting_equity + self._known_profit[first]
            equity = equity if 0 < equity < math.inf else math.nan
            state = _Drawdown(starting_equity, first, first, equity, equity, equity - equity)
            self._drawdown = state
        state.read(self._profits[state.position : last])
        return state.worst


@dataclass(slots=True)
class _Drawdown:
    """How far the drawdown of a period, which begins with the trade `first`, has been read."""

    starting_equity: float
    first: int
    position: int
    equity: float
    peak: float
    worst: float

    def continues(self, starting_equity: float, first: int, last: int) -> bool:
        """Tell whether reading on up to `last` answers the same question."""
        same_equity = (
            abs(starting_equity - self.starting_equity) <= SAME_EQUITY * self.starting_equity
        )
        return same_equity and first == self.first and last >= self.position

    def read(self, profits: Sequence[float]) -> None:
        """Take `profits` of further trades into account; what is unknown stays unknown."""
        for profit in profits:
            self.equity += profit
            self.peak = max(self.peak, self.equity)
            loss = (self.peak - self.equity) / self.peak
            if not loss <= self.worst:  # NaN replaces, and stays
                self.worst = loss
        self.position += len(profits)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)

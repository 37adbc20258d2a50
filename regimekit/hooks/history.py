"""Freqtrade's trades, as decisions about the next one read them."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from freqtrade.persistence import Trade
from sqlalchemy import select

from regimekit.hooks.base import PackStrategy
from regimekit.risk.history import TradeHistory


class StoredTrade(NamedTuple):
    """A closed trade out of the database: what `ClosedTrade` asks for, without its orders."""

    pair: str
    enter_tag: str | None
    leverage: float
    close_profit: float | None
    close_profit_abs: float | None
    open_date: datetime
    close_date: datetime

    @property
    def open_date_utc(self) -> datetime:
        """Return when its entry was ordered; the database holds UTC without saying so."""
        return self.open_date.replace(tzinfo=UTC)

    @property
    def close_date_utc(self) -> datetime:
        """Return when it was closed."""
        return self.close_date.replace(tzinfo=UTC)


class PastTrades(PackStrategy):
    """Knows the trades of this run, live or in a backtest, and nothing of any other."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._history = TradeHistory()

    def past_trades(self) -> TradeHistory:
        """Return the history of closed trades, brought up to date."""
        self._history.follow(self.closed_trades())
        return self._history

    @staticmethod
    def closed_trades() -> list[Any]:
        """Return all closed trades in the order they closed.

        A backtest appends to one list, of which the history reads what is new. A database is read
        anew each time, because a fee that Freqtrade learns late, or a trade that somebody deletes,
        changes its past; without the orders of thousands of trades that takes milliseconds.
        """
        if not Trade.use_db:
            return Trade.get_trades_proxy(is_open=False)
        columns = [getattr(Trade, name) for name in StoredTrade._fields]
        closed = select(*columns).where(Trade.is_open.is_(False), Trade.close_date.is_not(None))
        rows = Trade.session.execute(closed.order_by(Trade.close_date, Trade.id))
        return [StoredTrade(*row) for row in rows]

    @staticmethod
    def open_trades() -> list[Trade]:
        """Return the open trades, those included whose entry has not filled yet."""
        return Trade.get_open_trades()

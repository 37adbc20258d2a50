"""The last gate before an order: current, complete and still allowed, or refused."""

import logging
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from regimekit.hooks.base import PackStrategy
from regimekit.schema import Side

logger = logging.getLogger(__name__)


class EntryGates(PackStrategy):
    """Refuses orders whose decision is stale, incomplete, or on the candle of the last exit."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._last_refusal: dict[str, str] = {}

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Return whether the order may be sent; a refusal is logged once per reason."""
        refusal = self.entry_refusal(pair, Side(side), current_time)
        if refusal is None:
            self._last_refusal.pop(pair, None)
            return True
        if self._last_refusal.get(pair) != refusal:
            self._last_refusal[pair] = refusal
            logger.info("%s %s refused: %s", pair, side, refusal)
        return False

    def entry_refusal(self, pair: str, side: Side, moment: datetime) -> str | None:
        """Return why an entry is refused at `moment`, None when it is allowed."""
        table = self.decisions.get(pair)
        decision = table.at(moment) if table else None
        if decision is None:
            return "the last closed candle has not been analyzed"
        if not decision.inputs_ok:
            return "a required input is missing or stale"
        if decision.entry != side.sign:
            return "the last closed candle does not signal this side"
        if self.settings.trade_history and self._exited_in_candle_of(pair, moment):
            return "the pair's last exit fell in this candle"
        return None

    def _exited_in_candle_of(self, pair: str, moment: datetime) -> bool:
        """Tell whether a trade of `pair` was closed since the candle of `moment` opened.

        A plain backtest would fill such an entry at the candle's open, a price from before the
        exit that no live order could get.
        """
        opened = self.candle_open(moment)
        if Trade.use_db:
            just_before = opened - timedelta(microseconds=1)
            return bool(Trade.get_trades_proxy(pair=pair, is_open=False, close_date=just_before))
        for trade in reversed(self.closed_trades()):
            if trade.close_date_utc < opened:
                return False
            if trade.pair == pair:
                return True
        return False

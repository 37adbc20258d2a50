"""The last gate before an order: current, complete and still allowed, or refused."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from regimekit.hooks.adaptive import Adaptive
from regimekit.hooks.order_time import OrderTimeFilters
from regimekit.hooks.table import Decision
from regimekit.hooks.vetoes import VetoLedger
from regimekit.risk.gates import (
    OrderFacts,
    Refusal,
    TradeFacts,
    bars_between,
    first_refusal,
    loss_at_stop,
    window_start,
)
from regimekit.schema import Gate, Side

logger = logging.getLogger(__name__)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class EntryGates(OrderTimeFilters, VetoLedger, Adaptive):
    """Refuses orders that are stale, incomplete, too many, too late or too much at risk."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._last_refusal: dict[str, tuple[Side, Gate]] = {}
        since = self.settings.gates.drawdown_since
        self._drawdown_since = _midnight(date.fromisoformat(since)) if since else None

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
        """Return whether the order may be sent; a refusal is recorded, and logged once."""
        table = self.decisions.get(pair)
        decision = table.at(current_time) if table else None
        refusal = self.entry_refusal(pair, Side(side), current_time, amount=amount, rate=rate)
        if refusal is None:
            self._last_refusal.pop(pair, None)
            return True
        self.record_veto(
            refusal.gate,
            refusal.reason,
            pair=pair,
            side=Side(side),
            moment=current_time,
            rate=rate,
            decision=decision,
        )
        # The figures in a reason change with every candle, the gate does not.
        if self._last_refusal.get(pair) != (Side(side), refusal.gate):
            self._last_refusal[pair] = (Side(side), refusal.gate)
            logger.info("%s %s refused: %s", pair, side, refusal.reason)
        return False

    def entry_refusal(
        self, pair: str, side: Side, moment: datetime, *, amount: float, rate: float
    ) -> Refusal | None:
        """Return why an order of `amount` at `rate` is refused at `moment`, None when it is not."""
        table = self.decisions.get(pair)
        decision = table.at(moment) if table else None
        if decision is None:
            return Refusal(Gate.ANALYSIS, "the last closed candle has not been analyzed")
        if not decision.inputs_ok:
            return Refusal(Gate.INPUTS, "a required input is missing or stale")
        if decision.entry != side.sign:
            return Refusal(Gate.SIGNAL, "the last closed candle does not signal this side")
        order = OrderFacts(
            side=side,
            rate=rate,
            close=decision.close,
            stop_distance=decision.stop_distance,
            target_rr=decision.target_rr,
            confidence=decision.confidence(side),
            min_confidence=decision.min_confidence,
            demand=self.adaptation(decision.sub_strategy, moment).confidence,
            verdicts=self.order_time_verdicts(pair, side, moment),
        )
        trades = None
        if self.settings.trade_history:
            order_risk = self._risk(decision, side, moment, amount, rate)
            trades = self._trade_facts(pair, side, moment, order_risk)
        return first_refusal(order, trades, self.tuned(self.settings.gates))

    def _trade_facts(
        self, pair: str, side: Side, moment: datetime, order_risk: float
    ) -> TradeFacts:
        """Gather what Freqtrade's trades say about an order of `pair` at `moment`."""
        history, standing = self.past_trades(), self._standing_at(moment)
        candle, timeframe = self.candle_open(moment), timedelta(seconds=self.timeframe_seconds)
        midnight = _midnight(moment.astimezone(UTC).date())
        starting_equity = self.wallets.get_starting_balance()
        last_exit = history.last_exit(pair)

        def entries(window: timedelta) -> int:
            since = window_start(candle, timeframe, window)
            still_open = (trade for trade in standing if trade.is_open)
            recent = sum(trade.open_date_utc >= since for trade in still_open)
            return history.entries_since(since) + recent

        return TradeFacts(
            bars_since_exit=(
                bars_between(last_exit.closed_at, candle, timeframe) if last_exit else None
            ),
            losses_in_row=last_exit.losses_in_row if last_exit else 0,
            entries_in_candle=entries(timeframe),
            entries_in_hour=entries(HOUR),
            entries_in_day=entries(DAY),
            same_direction=sum(trade.is_short == (side is Side.SHORT) for trade in standing),
            profit_today=history.profit(midnight, moment),
            equity_today=history.equity_at(midnight, starting_equity),
            drawdown=history.worst_drawdown(
                starting_equity, since=self._drawdown_since, before=moment
            ),
            open_risk=sum(self._risk_of(trade) for trade in standing),
            order_risk=order_risk,
            equity=self.wallets.get_total_stake_amount(),
        )

    def _standing_at(self, moment: datetime) -> list[Trade]:
        """Return the trades that were open at `moment`, pending entries included.

        A plain backtest enters at the open of a candle within which it has already closed others:
        at that moment these were open, and a live bot would have counted them.
        """
        standing = list(self.open_trades())
        if not Trade.use_db:
            for trade in reversed(self.closed_trades()):
                if trade.close_date_utc < moment:
                    break
                standing.append(trade)
        return standing

    def _risk_of(self, trade: Trade) -> float:
        """Return what `trade` loses at its stop, quote currency.

        Freqtrade gives an entry that has not filled a disaster stop; the signal behind it says
        where the stop will be. Of an entry that may fill further all that was asked for counts.
        """
        side = Side.SHORT if trade.is_short else Side.LONG
        amount = trade.amount
        if trade.is_open and any(
            order.ft_is_open and order.ft_order_side == trade.entry_side for order in trade.orders
        ):
            amount = max(amount, trade.amount_requested or 0.0)
            table = self.decisions.get(trade.pair)
            decision = table.at(trade.open_date_utc) if table else None
            if decision is not None and not trade.amount:
                return self._risk(decision, side, trade.open_date_utc, amount, trade.open_rate)
        disaster = trade.open_rate * (1 + side.sign * self.stoploss / (trade.leverage or 1.0))
        fee = max(trade.fee_open, self.settings.exits.taker_fee)
        return loss_at_stop(side, amount, trade.open_rate, trade.stop_loss or disaster, fee)

    def _risk(
        self, decision: Decision, side: Side, moment: datetime, amount: float, rate: float
    ) -> float:
        """Return what an entry at `rate` would lose at the stop that its fill will get."""
        exits = self.tuned(self.settings.exits)
        adaptation = self.adaptation(decision.sub_strategy, moment)
        stop = rate - side.sign * adaptation.stop_distance(decision.stop_distance, rate, exits)
        return loss_at_stop(side, amount, rate, stop, exits.taker_fee)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

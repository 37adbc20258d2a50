"""Exit plans in Freqtrade's callbacks: fixed at the fill, then only followed."""

import logging
from datetime import datetime
from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import stoploss_from_absolute

from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.schema import Regime, Side

logger = logging.getLogger(__name__)

PLAN_KEY = "exit_plan"
# Well above what floating point adds to a price, well below a tick.
ROUNDING_NOISE = 1e-10


class PlannedExits(PackStrategy):
    """Follows one `ExitPlan` per trade with ``custom_stoploss``.

    The plan is stored with the trade, so a restart loses nothing; `_plans` only saves reading it
    back. A fill always overwrites it, so an entry of an earlier backtest cannot be met again.
    """

    use_custom_stoploss = True
    minimal_roi: dict[str, float] = {}  # noqa: RUF012 - Freqtrade's own attribute
    # Disaster stop, as a share of margin; the working stop is the plan's and always tighter.
    stoploss = -0.60
    order_types = {  # noqa: RUF012 - Freqtrade's own attribute
        "entry": "limit",
        "exit": "limit",
        "emergency_exit": "market",
        "force_exit": "market",
        "force_entry": "market",
        # A market stop rests on the exchange, so exits survive an outage.
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }
    # What does not fill at once is canceled: a half-filled order would wait without a stop.
    order_time_in_force = {"entry": "IOC", "exit": "GTC"}  # noqa: RUF012 - Freqtrade's own attribute

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._plans: dict[int, ExitPlan] = {}
        # Live, an open trade may have been planned before the setting was changed.
        live = config.get("runmode") in LIVE
        self.use_custom_roi = live or not self.settings.exits.hybrid_trail

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        """Fix the exit plan when the entry fills; forget it when the exit does."""
        # First of all, so that a plan that cannot be made leaves none of an earlier trade behind.
        self._plans.pop(trade.id, None)
        if order.ft_order_side == trade.entry_side:
            plan = self._plan_from_signal(trade)
            self._plans[trade.id] = plan
            trade.set_custom_data(PLAN_KEY, plan.to_dict())

    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """Return the plan's stop relative to `current_rate`, None while it stays where it is.

        Asking Freqtrade for a stop it already has would move it by a tick now and then, through
        the rounding of the relative value, and an untouched stop would be called a trailing one.
        """
        plan = self._plans.get(trade.id) or self._recall(trade)
        if trade.is_short:
            best = min(trade.min_rate or plan.entry, current_rate)
        else:
            best = max(trade.max_rate or plan.entry, current_rate)
        stop = plan.stop_at(best)
        if not after_fill and trade.stop_loss and not plan.tightens(trade.stop_loss, stop):
            return None
        if plan.side.sign * (current_rate - stop) <= 0:
            # Price is through it already. Freqtrade takes the 0 of a crossed stop for "keep", which
            # would leave the disaster stop: ask for one at the price, so that the trade closes.
            stop = current_rate
        return stoploss_from_absolute(
            # Freqtrade rounds toward the price: a stop that lies on a tick shall stay on it.
            stop * (1 - plan.side.sign * ROUNDING_NOISE),
            current_rate,
            is_short=trade.is_short,
            leverage=trade.leverage,
        )

    def custom_roi(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        trade_duration: int,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float | None:
        """Return the profit ratio at the target of a trade that was planned without a trail."""
        plan = self._plans.get(trade.id) or self._recall(trade)
        return None if plan.trail > 0 else trade.calc_profit_ratio(plan.target)

    def _plan_from_signal(self, trade: Trade) -> ExitPlan:
        """Plan from the decision that opened the trade."""
        table = self.decisions.get(trade.pair)
        decision = table.at(trade.open_date_utc) if table else None
        if decision is None:
            return self._plan_without_signal(trade)
        side = Side.SHORT if trade.is_short else Side.LONG
        return plan_exit(
            side,
            trade.open_rate,
            stop_distance=decision.stop_distance,
            target_rr=decision.target_rr,
            atr=decision.atr,
            fee=trade.fee_open,
            settings=self.tuned(self.settings.exits),
            regime=Regime(decision.regime).label,
            sub_strategy=decision.sub_strategy,
            confidence=decision.confidence(side),
        )

    def _recall(self, trade: Trade) -> ExitPlan:
        """Read the stored plan, once per trade and process."""
        stored = trade.get_custom_data(PLAN_KEY)
        try:
            plan = ExitPlan.from_dict(stored or {})
        except ValueError as error:
            logger.error(
                "%s trade %s: %s. Using a plan without a signal.", trade.pair, trade.id, error
            )
            plan = self._plan_without_signal(trade)
        self._plans[trade.id] = plan
        return plan

    def _plan_without_signal(self, trade: Trade) -> ExitPlan:
        """Plan for a trade that nothing is known about: its last stop, or the least distance.

        Every trade can be exited, also one whose signal or stored plan is gone.
        """
        exits = self.tuned(self.settings.exits)
        side = Side.SHORT if trade.is_short else Side.LONG
        # The stop of a trade that was never planned is the disaster stop, no measure of its risk.
        moved = trade.stop_loss and trade.stop_loss != trade.initial_stop_loss
        placed = side.sign * (trade.open_rate - trade.stop_loss) if moved else 0.0
        distance = placed if placed > 0 else exits.min_stop * trade.open_rate
        distance = min(distance, exits.max_stop * trade.open_rate)
        return plan_exit(
            side,
            trade.open_rate,
            stop_distance=distance,
            target_rr=exits.target_rr_momentum,
            atr=float("nan"),
            fee=trade.fee_open,
            settings=exits,
        )

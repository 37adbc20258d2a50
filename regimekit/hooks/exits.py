"""Exit plans in Freqtrade's callbacks: fixed at the fill, then only followed."""

import logging
from datetime import datetime
from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import stoploss_from_absolute

from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.hooks.adaptive import Adaptive
from regimekit.hooks.base import LIVE
from regimekit.hooks.notes import LEVELS_KEY, WHY_KEY, levels, signal_row, why
from regimekit.schema import Regime, Side

logger = logging.getLogger(__name__)

PLAN_KEY = "exit_plan"
MOMENTUM_DECAY = "momentum_decay"
# Well above what floating point adds to a price, well below a tick.
ROUNDING_NOISE = 1e-10


class PlannedExits(Adaptive):
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
        # Freqtrade copies the trade for each callback, so it is asked only where it may answer.
        self.use_exit_signal = self.settings.exits.momentum_decay

    def bot_start(self, **kwargs: Any) -> None:
        """Leave exit signals off where none can come, though hyperopt switches them on."""
        super().bot_start(**kwargs)
        self.use_exit_signal = self.use_exit_signal and self.settings.exits.momentum_decay

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
            if self.dp.runmode in LIVE:
                self._note(trade, plan)

    def _note(self, trade: Trade, plan: ExitPlan) -> None:
        """Store with the trade what a person asks about it, for Telegram, FreqUI and REST."""
        frame, _ = self.dp.get_analyzed_dataframe(trade.pair, self.timeframe)
        signal = signal_row(frame, trade.open_date_utc, self.timeframe_seconds)
        if "min_confidence" in signal:  # what was really asked for
            adaptation = self.adaptation(plan.sub_strategy, trade.open_date_utc)
            signal["min_confidence"] += adaptation.confidence
        trade.set_custom_data(WHY_KEY, why(plan, signal))
        trade.set_custom_data(LEVELS_KEY, levels(plan))

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
        stop = self._stop(plan, best, pair, current_time)
        # Right after the entry Freqtrade's stop is the disaster stop, which gives way. A fill that
        # takes only a part of the trade out may not loosen what the plan had reached.
        own = trade.stop_loss != trade.initial_stop_loss if after_fill else True
        if own and trade.stop_loss and not plan.tightens(trade.stop_loss, stop):
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

    def _stop(self, plan: ExitPlan, best: float, pair: str, now: datetime) -> float:
        """Return the plan's stop in the market that the last analyzed candle showed.

        A bot looks at stops before it has analyzed a candle that just closed. Until it has, the
        decision before stands: without one a trail that is wide would be pulled in for good.
        """
        table = self.decisions.get(pair)
        decision = (table.at(now) or table.at(now - self.analysis_grace)) if table else None
        if decision is None:  # the plan alone is enough
            return plan.stop_at(best)
        squeezed = decision.squeeze_risk == plan.side.sign
        return plan.stop_at(best, factor=decision.trail_factor, squeezed=squeezed)

    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Return why to close a trade in profit whose move the last closed candle shows dying.

        The profit is that candle's too, so that a bot which looks every few seconds and a backtest
        which looks once a candle answer alike. A candle that closed before the fill says nothing
        about the trade.
        """
        table = self.decisions.get(pair)
        decision = table.at(current_time) if table else None
        if decision is None or not (
            decision.decay_short if trade.is_short else decision.decay_long
        ):
            return None
        if self.candle_open(current_time) <= trade.open_date_utc:
            return None
        plan = self._plans.get(trade.id) or self._recall(trade)
        least = self.tuned(self.settings.exits).decay_min_r
        enough = plan.r_multiple(decision.close) >= least
        return MOMENTUM_DECAY if enough else None

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
        exits = self.tuned(self.settings.exits)
        # As for leverage and stake: what recent results asked for when the order was made.
        adaptation = self.adaptation(decision.sub_strategy, trade.open_date_utc)
        return plan_exit(
            side,
            trade.open_rate,
            stop_distance=adaptation.stop_distance(decision.stop_distance, trade.open_rate, exits),
            target_rr=decision.target_rr * adaptation.reward,
            atr=decision.atr,
            fee=trade.fee_open,
            settings=exits,
            squeeze_atr=self._squeeze_atr(),
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
            squeeze_atr=self._squeeze_atr(),
        )

    def _squeeze_atr(self) -> float:
        squeeze = self.tuned(self.settings.squeeze)
        return squeeze.tight_trail_atr if squeeze.enabled and squeeze.tighten else 0.0

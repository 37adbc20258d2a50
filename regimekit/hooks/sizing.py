"""Stake and leverage of an order."""

from datetime import datetime
from typing import Any

from regimekit.adaptive import Adaptation
from regimekit.hooks.adaptive import Adaptive
from regimekit.hooks.table import Decision
from regimekit.risk.drawdown import DrawdownTracker
from regimekit.risk.leverage import safe_leverage
from regimekit.risk.size import Proposal, stake_for
from regimekit.schema import Regime, Side


class RiskSizing(Adaptive):
    """Sizes orders by risk and keeps the stop inside the liquidation price.

    Both callbacks reckon with the stop that the trade will get, which past results may change.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._drawdown = DrawdownTracker()

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return the largest whole leverage whose liquidation lies well behind the stop.

        `max_leverage` is that of the tier of the proposed stake, from which the maintenance rate
        follows.
        """
        table = self.decisions.get(pair)
        decision = table.at(current_time) if table else None
        if decision is None:
            return 1.0  # confirm_trade_entry refuses this order for the same reason
        adaptation = self.adaptation(decision.sub_strategy, current_time)
        risk = self.settings.risk
        bound = safe_leverage(
            self._stop_fraction(decision, adaptation, current_rate),
            Side(side),
            wanted=max(1.0, risk.target_leverage * adaptation.leverage),
            tier_maximum=max_leverage,
            buffer=risk.stop_within_liquidation,
        )
        if bound < 1:
            self.doubtful_pairs.add(pair)  # not even 1x is safe: the stake will be 0
            return 1.0
        return float(bound)

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return the margin to commit in stake currency, 0 to refuse."""
        table = self.decisions.get(pair)
        decision = table.at(current_time) if table else None
        # A forced entry may bring a leverage of its own, past `leverage`.
        if decision is None or leverage > self.settings.risk.target_leverage:
            return 0.0
        adaptation = self.adaptation(decision.sub_strategy, current_time)
        return stake_for(
            Proposal(
                equity=self.wallets.get_total_stake_amount(),
                available=self.wallets.get_available_stake_amount(),
                stop_fraction=self._stop_fraction(decision, adaptation, current_rate),
                leverage=leverage,
                fee=self.settings.exits.taker_fee,
                confidence=decision.confidence(Side(side)),
                # Relief may ask for less than nothing, which is nothing.
                min_confidence=max(decision.min_confidence + adaptation.confidence, 0.0),
                drawdown=self._realized_drawdown(current_time),
                adaptive_scale=adaptation.size,
                regime=Regime(decision.regime),
                min_stake=min_stake or 0.0,
                max_stake=max_stake,
            ),
            self.settings.risk,
        )

    def _stop_fraction(self, decision: Decision, adaptation: Adaptation, price: float) -> float:
        exits = self.settings.exits
        return adaptation.stop_distance(decision.stop_distance, price, exits) / price

    def _realized_drawdown(self, moment: datetime) -> float:
        """Return that of the trades closed before the candle of `moment`; 0 without history.

        Others of the candle are in the list or not, depending on the order of the pairs.
        """
        if not self.settings.trade_history:
            return 0.0
        starting_equity = self.wallets.get_starting_balance()
        opened = self.candle_open(moment)
        return self._drawdown.drawdown(self.closed_trades(), starting_equity, opened)

"""Stake and leverage of an order."""

from datetime import datetime
from typing import Any

from regimekit.hooks.base import PackStrategy
from regimekit.risk.drawdown import DrawdownTracker
from regimekit.risk.leverage import safe_leverage
from regimekit.risk.size import Proposal, stake_for
from regimekit.schema import Regime, Side


class RiskSizing(PackStrategy):
    """Sizes orders by risk and keeps the stop inside the liquidation price."""

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
        risk = self.settings.risk
        bound = safe_leverage(
            decision.stop_distance / current_rate,
            Side(side),
            wanted=risk.target_leverage,
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
        equity = self.wallets.get_total_stake_amount()
        drawdown = (
            self._drawdown.drawdown(self.closed_trades(), self.wallets.get_starting_balance())
            if self.settings.trade_history
            else 0.0
        )
        return stake_for(
            Proposal(
                equity=equity,
                available=self.wallets.get_available_stake_amount(),
                stop_fraction=decision.stop_distance / current_rate,
                leverage=leverage,
                fee=self.settings.exits.taker_fee,
                confidence=decision.confidence(Side(side)),
                min_confidence=decision.min_confidence,
                drawdown=drawdown,
                regime=Regime(decision.regime),
                min_stake=min_stake or 0.0,
                max_stake=max_stake,
            ),
            self.settings.risk,
        )

"""Position size: a share of equity, scaled by what is known of the trade, capped by its risk."""

import math
from dataclasses import dataclass

from regimekit.schema import Regime
from regimekit.settings import RiskSettings


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is known when an order is about to be sized.

    Attributes
    ----------
    equity, available : float
        Account value and what may be used as margin now, quote currency.
    stop_fraction : float
        Distance from entry to stop as a fraction of the entry price.
    leverage : float
        Notional divided by margin.
    fee : float
        Taker fee of one side, fraction of notional.
    confidence, min_confidence : float
        The signal's, and what an entry needs, 0..1.
    drawdown : float
        Loss from the highest equity so far, fraction >= 0.
    adaptive_scale : float
        Factor that the recent results of the sub-strategy ask for, >= 0.
    regime : Regime
        That of the signal.
    min_stake, max_stake : float
        The exchange's limits for this order, quote currency of margin.
    """

    equity: float
    available: float
    stop_fraction: float
    leverage: float
    fee: float
    confidence: float
    min_confidence: float
    drawdown: float
    adaptive_scale: float
    regime: Regime
    min_stake: float
    max_stake: float


def stake_for(proposal: Proposal, settings: RiskSettings) -> float:
    """Return the margin to commit, quote currency; 0 refuses the trade.

    Never NaN, negative, above the wallet or above what the risk budget allows; the budget caps the
    stake after everything that scales it. Where the exchange asks for more than that at least, the
    trade is refused instead of enlarged, and so is one whose stop would take too much of its
    margin: then liquidation is near, whatever the maintenance rate.
    """
    numbers = (
        proposal.equity,
        proposal.available,
        proposal.stop_fraction,
        proposal.leverage,
        proposal.fee,
        proposal.confidence,
        proposal.min_confidence,
        proposal.drawdown,
        proposal.adaptive_scale,
        proposal.max_stake,
    )
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return 0.0
    # The exit pays its fee on what the position is worth then, which for a short is more.
    fees = proposal.fee * (2 + proposal.stop_fraction)
    loss_per_margin = proposal.leverage * (proposal.stop_fraction + fees)
    if loss_per_margin <= 0 or proposal.equity <= 0:
        return 0.0
    if proposal.leverage * proposal.stop_fraction >= settings.stop_within_liquidation:
        return 0.0
    scale = (
        confidence_scale(proposal.confidence, proposal.min_confidence, settings.confidence_floor)
        * drawdown_scale(proposal.drawdown, settings)
        * proposal.adaptive_scale
        * (settings.volatile_scale if proposal.regime is Regime.VOLATILE else 1.0)
    )
    stake = min(
        proposal.equity * settings.base_fraction * scale,
        proposal.equity * settings.equity_at_risk / loss_per_margin,
        proposal.available,
        proposal.max_stake,
    )
    # Written so that a NaN limit refuses too.
    return stake if stake > 0 and stake >= proposal.min_stake else 0.0


def confidence_scale(confidence: float, least: float, floor: float) -> float:
    """Rise linearly from `floor` at the least confidence to 1 at full confidence."""
    if least >= 1.0:
        return 1.0 if confidence >= 1.0 else floor
    share = min(1.0, max(0.0, (confidence - least) / (1.0 - least)))
    return floor + (1.0 - floor) * share


def drawdown_scale(drawdown: float, settings: RiskSettings) -> float:
    """Fall linearly from 1 at `drawdown_start` to `drawdown_floor` at `drawdown_full`."""
    span = settings.drawdown_full - settings.drawdown_start
    if span <= 0:
        return 1.0 if drawdown < settings.drawdown_start else settings.drawdown_floor
    share = min(1.0, max(0.0, (drawdown - settings.drawdown_start) / span))
    return 1.0 - (1.0 - settings.drawdown_floor) * share

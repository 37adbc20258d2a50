"""What an order must pass just before it is sent: facts in, the first refusal out.

Every comparison asks whether the order is allowed and refuses otherwise, so a number that is not
one never lets it through.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from regimekit.schema import Gate, Side
from regimekit.settings import GateSettings


class Refusal(NamedTuple):
    """Which gate refused an order, and why, for a person."""

    gate: Gate
    reason: str


class Verdict(Protocol):
    """What a filter that is asked at order time says about one order.

    `bonus` is added to the confidence, negative to take from it; not `allows` refuses.
    """

    @property
    def gate(self) -> Gate:
        """Return the gate of that filter."""

    @property
    def allows(self) -> bool:
        """Return whether it leaves the order to its confidence."""

    @property
    def bonus(self) -> float:
        """Return what it adds to the confidence."""

    @property
    def reason(self) -> str:
        """Return why."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The order and the signal behind it.

    Attributes
    ----------
    side : Side
        Long or short.
    rate, close : float
        Price of the order, and of the signal candle's close.
    stop_distance : float
        One R of the signal, price units.
    target_rr : float
        Target of the signal in R.
    confidence, min_confidence : float
        The signal's after all filters of its candle, and what an entry needs, 0..1.
    demand : float
        What recent results of the sub-strategy add to that need, below 0 where they relieve it.
    verdicts : sequence of Verdict
        Of the filters that are asked at order time.
    """

    side: Side
    rate: float
    close: float
    stop_distance: float
    target_rr: float
    confidence: float
    min_confidence: float
    demand: float = 0.0
    verdicts: Sequence[Verdict] = ()


@dataclass(frozen=True, slots=True)
class TradeFacts:
    """What the trades before this order say; money in quote currency.

    Attributes
    ----------
    bars_since_exit : int or None
        Candles from that of the pair's last exit to that of the order; None without an exit.
    losses_in_row : int
        Losses of the pair since its last profit.
    entries_in_candle, entries_in_hour, entries_in_day : int
        Entries of all pairs whose candle opened within that time, the order's candle included.
    same_direction : int
        Open trades of the order's side, pending entries included.
    profit_today, equity_today : float
        Realized since 00:00 UTC, and the equity then.
    drawdown : float
        Largest realized drawdown of the period that is watched, fraction >= 0.
    open_risk, order_risk : float
        Lost if every open trade were stopped where its stop is now, and if this one were.
    equity : float
        Equity now.
    """

    bars_since_exit: int | None
    losses_in_row: int
    entries_in_candle: int
    entries_in_hour: int
    entries_in_day: int
    same_direction: int
    profit_today: float
    equity_today: float
    drawdown: float
    open_risk: float
    order_risk: float
    equity: float


def first_refusal(
    order: OrderFacts, trades: TradeFacts | None, settings: GateSettings
) -> Refusal | None:
    """Return what refuses an order first, in the order of `Gate`; None when it may be sent.

    Parameters
    ----------
    trades : TradeFacts or None
        None where past trades decide nothing.
    """
    if trades is not None:
        for gate, ask in _TRADE_GATES:
            if reason := ask(trades, settings):
                return Refusal(gate, reason)
    if reason := _reward(order, settings):
        return Refusal(Gate.REWARD, reason)
    for verdict in order.verdicts:
        if not verdict.allows:
            return Refusal(verdict.gate, verdict.reason)
    return _confidence(order)


def bars_between(earlier: datetime, candle: datetime, timeframe: timedelta) -> int:
    """Return how many candles that of `earlier` lies before the one that opens at `candle`.

    0 in the same candle; negative where a clock was set back in between.
    """
    return -((earlier - candle) // timeframe)


def window_start(candle: datetime, timeframe: timedelta, window: timedelta) -> datetime:
    """Return the earliest entry that counts in a `window` of candles that ends with `candle`.

    An hour of 15m candles is this one and the three before it, wherever in them an order fell.
    """
    return candle + timeframe - max(window, timeframe)


def loss_at_stop(side: Side, amount: float, rate: float, stop: float, fee: float) -> float:
    """Return what a position loses at its stop, both fees included; 0 when nothing.

    Parameters
    ----------
    amount, rate, stop : float
        Base currency, average entry price, price of the stop.
    fee : float
        Fee of one side, fraction of notional.
    """
    loss = amount * (side.sign * (rate - stop) + 2 * fee * rate)
    return 0.0 if loss < 0 else loss  # NaN stays NaN


def _exit_candle(trades: TradeFacts, settings: GateSettings) -> str | None:
    bars = trades.bars_since_exit
    if not settings.exit_candle or bars is None or bars > 0:
        return None
    return "the pair's last exit fell in this candle"


def _cooldown(trades: TradeFacts, settings: GateSettings) -> str | None:
    bars, losses = trades.bars_since_exit, trades.losses_in_row
    wait = settings.cooldown_loss_bars if losses else settings.cooldown_profit_bars
    if 0 < settings.losses_to_double <= losses:
        wait *= 2
    if not wait or bars is None or bars > wait:
        return None
    after = f"{losses} loss(es) in a row" if losses else "a profit"
    return f"the pair waits {wait} bars after {after}"


def _limit(name: str, limit: str, what: str) -> Callable[[TradeFacts, GateSettings], str | None]:
    """Return a gate that counts: the fact `name` must be below the setting `limit`; 0 is off."""

    def ask(trades: TradeFacts, settings: GateSettings) -> str | None:
        most = getattr(settings, limit)
        return f"{what}: {most} at most" if 0 < most <= getattr(trades, name) else None

    return ask


def _daily_loss(trades: TradeFacts, settings: GateSettings) -> str | None:
    loss = _share(-trades.profit_today, trades.equity_today)
    if loss < settings.daily_loss:
        return None
    return f"realized today {-loss:.2%} of equity; -{settings.daily_loss:.2%} stops entries"


def _drawdown(trades: TradeFacts, settings: GateSettings) -> str | None:
    if settings.drawdown_stop >= 1 or 0 <= trades.drawdown < settings.drawdown_stop:
        return None
    return (
        f"realized drawdown {trades.drawdown:.2%} with {settings.drawdown_stop:.2%} allowed; "
        "set regimekit.gates.drawdown_since to a later day to resume"
    )


def _total_risk(trades: TradeFacts, settings: GateSettings) -> str | None:
    share = _share(trades.open_risk + trades.order_risk, trades.equity)
    if 0 <= share <= settings.total_at_risk:
        return None
    return f"{share:.2%} of equity at the stops; {settings.total_at_risk:.2%} at most"


_TRADE_GATES: tuple[tuple[Gate, Callable[[TradeFacts, GateSettings], str | None]], ...] = (
    (Gate.EXIT_CANDLE, _exit_candle),
    (Gate.COOLDOWN, _cooldown),
    (Gate.CANDLE, _limit("entries_in_candle", "entries_per_candle", "entries in this candle")),
    (Gate.HOUR, _limit("entries_in_hour", "entries_per_hour", "entries within an hour")),
    (Gate.DAY, _limit("entries_in_day", "entries_per_day", "entries within a day")),
    (Gate.SAME_DIRECTION, _limit("same_direction", "same_direction", "open trades on this side")),
    (Gate.DAILY_LOSS, _daily_loss),
    (Gate.DRAWDOWN, _drawdown),
    (Gate.TOTAL_RISK, _total_risk),
)


def _reward(order: OrderFacts, settings: GateSettings) -> str | None:
    """Refuse a price that has used up too much of the way to the target."""
    if settings.reward_share == 0:
        return None
    target = order.target_rr * order.stop_distance
    drift = order.side.sign * (order.rate - order.close)
    risk, reward = order.stop_distance + drift, target - drift
    least = settings.reward_share * order.target_rr
    sensible = order.stop_distance > 0 and math.isfinite(risk) and math.isfinite(reward)
    if sensible and risk > 0 and reward >= least * risk:
        return None
    left = reward / risk if risk > 0 else math.nan
    return f"the price leaves {left:.2f} R to the target; {least:.2f} R at least"


def _confidence(order: OrderFacts) -> Refusal | None:
    """Compare confidence and need after all bonuses, and name what made the difference."""
    confidence = order.confidence + sum(verdict.bonus for verdict in order.verdicts)
    needed = order.min_confidence + order.demand
    if _reaches(confidence, needed):
        return None
    against = [verdict for verdict in order.verdicts if not verdict.bonus >= 0]
    if _reaches(confidence, order.min_confidence):
        gate, why = Gate.ADAPTIVE, "recent results of the sub-strategy ask for more"
    elif against and _reaches(
        order.confidence + sum(verdict.bonus for verdict in order.verdicts if verdict.bonus >= 0),
        order.min_confidence + min(0.0, order.demand),
    ):
        worst = min(against, key=lambda verdict: verdict.bonus)
        gate, why = worst.gate, worst.reason
    else:
        gate, why = Gate.CONFIDENCE, "the signal alone is too weak"
    return Refusal(gate, f"confidence {confidence:.2f}, {needed:.2f} needed: {why}")


def _reaches(confidence: float, needed: float) -> bool:
    finite = math.isfinite(confidence) and math.isfinite(needed)
    # Rounded as in the columns, because a sum of hundredths can miss the threshold it equals.
    return finite and round(confidence, 9) >= round(needed, 9)


def _share(amount: float, equity: float) -> float:
    """Return `amount` as a share of `equity`, NaN unless both make sense."""
    return amount / equity if math.isfinite(amount) and 0 < equity < math.inf else math.nan

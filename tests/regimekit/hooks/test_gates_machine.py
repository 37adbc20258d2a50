"""However entries, fills and exits of several pairs interleave, no limit is ever exceeded."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from regimekit.hooks.table import Decision
from regimekit.schema import Gate, Side
from tests.regimekit.hooks.fakes import CANDLE, DECISION, FakeOrder, FakeTrade, strategy

PAIRS = [f"{name}/USDT:USDT" for name in ("BTC", "ETH", "SOL", "XRP")]
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
STARTING = 10_000.0
LOSS_PER_UNIT = 2.0 + 2 * 0.0005 * 100.0  # of an entry at 100 with its stop 2 away

# Loose and tight, so that every gate is the first to refuse somewhere.
LIMITS = st.fixed_dictionaries(
    {
        "cooldown_loss_bars": st.sampled_from([0, 2]),
        "losses_to_double": st.sampled_from([0, 2]),
        "cooldown_profit_bars": st.sampled_from([0, 1]),
        "entries_per_candle": st.sampled_from([0, 1, 2]),
        "entries_per_hour": st.sampled_from([0, 0, 2, 3]),
        "entries_per_day": st.sampled_from([0, 0, 4, 5]),
        "same_direction": st.sampled_from([0, 1, 2]),
        "daily_loss": st.sampled_from([0.02, 0.06, 1.0]),
        "drawdown_stop": st.sampled_from([0.05, 0.15, 1.0]),
        "total_at_risk": st.sampled_from([0.012, 0.02, 0.04]),
    }
)


ORDERS = st.tuples(
    st.sampled_from(PAIRS),
    st.sampled_from(Side),
    st.sampled_from([20.0, 45.0, 60.0]),
    st.booleans(),
)


Order = tuple[str, Side, float, bool]


class Trading(RuleBasedStateMachine):
    """A backtest by hand, plain or with finer candles; the caps are recounted from its trades."""

    trades = Bundle("trades")
    refused: Counter[Gate] = Counter()  # noqa: RUF012 - over all examples on purpose
    accepted: Counter[str] = Counter()  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.side = Side.LONG

    @initialize(limits=LIMITS)
    def begin(self, limits: dict[str, Any]) -> None:
        self.limits = limits
        self.bot = self.strategy()
        self.another_epoch()

    def strategy(self) -> Any:
        bot = strategy(gates=self.limits, adaptive={"enabled": False})
        bot.decisions = {pair: SimpleNamespace(at=self.decision) for pair in PAIRS}
        bot.wallets = SimpleNamespace(
            get_starting_balance=lambda: STARTING, get_total_stake_amount=self.equity
        )
        return bot

    def equity(self) -> float:
        return STARTING + sum(trade.close_profit_abs for trade in self.bot.history)

    def decision(self, moment: datetime) -> Decision:
        sides = {"confidence_long": 1.0, "confidence_short": 1.0}
        return Decision(**DECISION | sides | {"entry": self.side.sign})

    def candle(self) -> datetime:
        return self.bot.candle_open(self.now)

    @rule(
        target=trades,
        candles=st.sampled_from([0, 1, 1, 1, 2, 3, 5, 40]),
        minutes=st.sampled_from([0, 0, 1, 14]),
        orders=st.lists(ORDERS, min_size=1, max_size=4),
    )
    def one_loop(self, candles: int, minutes: int, orders: list[Order]) -> Any:
        """Some time later ask for several pairs, one after the other."""
        later = self.candle() + candles * CANDLE + timedelta(minutes=minutes)
        self.now = max(self.now, later)
        return multiple(*(trade for order in orders if (trade := self.ask(*order))))

    def ask(self, pair: str, side: Side, amount: float, fills: bool) -> FakeTrade | None:
        if any(trade.pair == pair for trade in self.bot.positions):
            return None  # Freqtrade does not ask
        self.side = side
        order = {"amount": amount, "rate": 100.0}
        refusal = self.bot.entry_refusal(pair, side, self.now, **order)
        # To ask again, or after a restart, changes nothing.
        assert self.bot.entry_refusal(pair, side, self.now, **order) == refusal
        assert self.restarted().entry_refusal(pair, side, self.now, **order) == refusal
        assert (refusal and refusal.gate) == self.expected(pair, side, amount)
        if refusal is not None:
            self.refused[refusal.gate] += 1
            return None
        self.accepted["filled" if fills else "waiting"] += 1
        trade = FakeTrade(
            pair=pair,
            is_short=side is Side.SHORT,
            open_date_utc=self.now,
            amount_requested=amount,
            stop_loss=100.0 - side.sign * 20.0,
            orders=[FakeOrder("sell" if side is Side.SHORT else "buy", ft_is_open=True)],
        )
        if fills:
            self.fill_now(trade)
        self.bot.positions = [*self.bot.positions, trade]
        return trade

    def fill_now(self, trade: FakeTrade) -> None:
        trade.amount = trade.amount_requested
        trade.stop_loss = 102.0 if trade.is_short else 98.0
        trade.orders[0].ft_is_open = False

    def restarted(self) -> Any:
        other = self.strategy()
        other.history, other.positions = list(self.bot.history), list(self.bot.positions)
        return other

    @rule(trade=trades)
    def fill(self, trade: FakeTrade) -> None:
        if not trade.amount:
            self.fill_now(trade)

    @rule(trade=trades)
    def move_the_stop_to_break_even(self, trade: FakeTrade) -> None:
        if trade.amount:
            trade.stop_loss = 99.8 if trade.is_short else 100.2

    @rule(
        trade=consumes(trades), profit=st.sampled_from([-900.0, -300.0, -150.0, -30.0, 0.0, 200.0])
    )
    def end(self, trade: FakeTrade, profit: float) -> None:
        """Close what was filled, cancel what was not."""
        if not self.is_held(trade):
            return  # of an epoch before
        self.bot.positions = [other for other in self.bot.positions if other is not trade]
        if trade.amount:
            trade.close_date_utc = self.now
            trade.close_profit_abs, trade.close_profit = profit, profit / 1000
            self.bot.history.append(trade)

    def is_held(self, trade: FakeTrade) -> bool:
        return any(other is trade for other in self.bot.positions)

    @rule()
    @precondition(lambda self: len(self.bot.history) > 4)
    def another_epoch(self) -> None:
        # New lists, as Freqtrade's own reset makes them.
        self.bot.history, self.bot.positions = [], []
        self.now = MIDNIGHT + timedelta(hours=22)

    def expected(self, pair: str, side: Side, amount: float) -> Gate | None:
        """Recount from the trades alone what refuses an entry first."""
        history, positions, candle = self.bot.history, self.bot.positions, self.candle()
        opened = [self.bot.candle_open(trade.open_date_utc) for trade in history + positions]
        standing = [*positions, *(t for t in history if t.close_date_utc >= self.now)]
        known = [trade for trade in history if trade.close_date_utc < self.now]

        def too_many(entries: str, window: timedelta) -> bool:
            count = sum(moment > candle - window for moment in opened)
            return 0 < self.limits[entries] <= count

        own = [trade for trade in history if trade.pair == pair]
        if own:
            bars = (candle - self.bot.candle_open(own[-1].close_date_utc)) / CANDLE
            losses = list(takewhile(lambda trade: trade.close_profit_abs < 0, reversed(own)))
            wait = (
                self.limits["cooldown_loss_bars"] if losses else self.limits["cooldown_profit_bars"]
            )
            if bars == 0:
                return Gate.EXIT_CANDLE
            doubled = 0 < self.limits["losses_to_double"] <= len(losses)
            if bars <= wait * (2 if doubled else 1):
                return Gate.COOLDOWN
        midnight = self.now.replace(hour=0, minute=0)
        equity_then = STARTING + profit(t for t in known if t.close_date_utc < midnight)
        lost_today = -profit(trade for trade in known if trade.close_date_utc >= midnight)
        at_risk = sum(risk(trade) for trade in standing) + amount * LOSS_PER_UNIT
        alike = sum(trade.is_short == (side is Side.SHORT) for trade in standing)
        limits = {
            Gate.CANDLE: too_many("entries_per_candle", CANDLE),
            Gate.HOUR: too_many("entries_per_hour", timedelta(hours=1)),
            Gate.DAY: too_many("entries_per_day", timedelta(days=1)),
            Gate.SAME_DIRECTION: 0 < self.limits["same_direction"] <= alike,
            Gate.DAILY_LOSS: lost_today >= self.limits["daily_loss"] * equity_then,
            Gate.DRAWDOWN: worst_drawdown(known) >= self.limits["drawdown_stop"],
            Gate.TOTAL_RISK: at_risk > self.limits["total_at_risk"] * self.equity(),
        }
        return next((gate for gate, exceeded in limits.items() if exceeded), None)


def profit(trades: Iterable[FakeTrade]) -> float:
    return sum(trade.close_profit_abs for trade in trades)


def risk(trade: FakeTrade) -> float:
    """What is lost at the stop: nothing once that has moved to break-even."""
    secured = trade.amount and trade.stop_loss in (99.8, 100.2)
    return 0.0 if secured else trade.amount_requested * LOSS_PER_UNIT


def worst_drawdown(trades: list[FakeTrade]) -> float:
    curve = [STARTING + profit(trades[:n]) for n in range(len(trades) + 1)]
    return max(1 - low / high for n, low in enumerate(curve) for high in curve[: n + 1])


def test_no_interleaving_exceeds_a_limit_or_refuses_without_need():
    Trading.refused.clear()
    Trading.accepted.clear()
    run_state_machine_as_test(Trading, settings=settings(max_examples=60, stateful_step_count=50))
    # Otherwise the machine would not have said much.
    assert Trading.refused.keys() >= {
        *(Gate.EXIT_CANDLE, Gate.COOLDOWN, Gate.CANDLE, Gate.HOUR, Gate.DAY),
        *(Gate.SAME_DIRECTION, Gate.DAILY_LOSS, Gate.DRAWDOWN, Gate.TOTAL_RISK),
    }
    assert min(Trading.accepted["filled"], Trading.accepted["waiting"]) > 50

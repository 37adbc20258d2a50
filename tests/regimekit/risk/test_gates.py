"""An order is sent only when every gate lets it pass, and a stricter gate never lets more pass."""

import dataclasses
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regimekit.risk.gates import (
    OrderFacts,
    TradeFacts,
    bars_between,
    first_refusal,
    loss_at_stop,
    window_start,
)
from regimekit.schema import Gate, Side
from regimekit.settings import GateSettings

SHIPPED = GateSettings()
CANDLE = timedelta(minutes=15)
OPENED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Says:
    gate: Gate
    bonus: float = 0.0
    allows: bool = True
    reason: str = "why"


ORDER = OrderFacts(
    side=Side.LONG,
    rate=100.0,
    close=100.0,
    stop_distance=2.0,
    target_rr=2.0,
    confidence=0.8,
    min_confidence=0.78,
)
TRADES = TradeFacts(
    bars_since_exit=None,
    losses_in_row=0,
    entries_in_candle=0,
    entries_in_hour=0,
    entries_in_day=0,
    same_direction=0,
    profit_today=0.0,
    equity_today=10_000.0,
    drawdown=0.0,
    open_risk=0.0,
    order_risk=100.0,
    equity=10_000.0,
)
ORDER_NUMBERS = [
    *("rate", "close", "stop_distance", "target_rr", "confidence", "min_confidence", "demand")
]
TRADE_NUMBERS = [*("profit_today", "equity_today", "drawdown", "open_risk", "order_risk", "equity")]


def gate(trades=TRADES, order=ORDER, **limits):
    """The gate that refuses; `limits` change the shipped settings."""
    refusal = first_refusal(order, trades, replace(SHIPPED, **limits))
    return refusal.gate if refusal else None


def test_an_ordinary_order_passes():
    assert gate() is None
    assert gate(trades=None) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", [*ORDER_NUMBERS, *TRADE_NUMBERS])
def test_a_number_that_is_none_never_passes(name, value):
    if name in ORDER_NUMBERS:
        for side in Side:
            assert gate(order=replace(ORDER, side=side, **{name: value})) is not None
    else:
        assert gate(trades=replace(TRADES, **{name: value})) is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("named", [Gate.ORDER_BOOK, Gate.NEWS])
def test_a_bonus_that_is_no_number_never_passes(named, value):
    assert gate(order=replace(ORDER, verdicts=[Says(named, value)])) is not None


counts = st.integers(0, 8)
shares = st.floats(0, 1.2)
trade_facts = st.builds(
    TradeFacts,
    bars_since_exit=st.none() | st.integers(-1, 12),
    losses_in_row=st.integers(0, 4),
    entries_in_candle=counts,
    entries_in_hour=counts,
    entries_in_day=counts,
    same_direction=counts,
    profit_today=st.floats(-2000, 500),
    equity_today=st.floats(-10, 12_000),
    drawdown=shares,
    open_risk=st.floats(0, 900),
    order_risk=st.floats(0, 200),
    equity=st.floats(-10, 12_000),
)
order_facts = st.builds(
    OrderFacts,
    side=st.sampled_from(Side),
    rate=st.floats(97, 103),
    close=st.just(100.0),
    stop_distance=st.floats(0.5, 4),
    target_rr=st.floats(0.5, 3),
    confidence=st.floats(0.5, 1),
    min_confidence=st.floats(0.5, 0.9),
    demand=st.floats(-0.1, 0.1),
)
# From each limit the way to a stricter one: fewer for a count, more for a wait or a share.
LOWER = {
    **dict.fromkeys(
        ("entries_per_candle", "entries_per_hour", "entries_per_day", "same_direction"),
        st.integers(1, 9),
    ),
    "daily_loss": st.floats(0.001, 1),
    "drawdown_stop": st.floats(0.01, 1),
    "total_at_risk": st.floats(0.001, 1),
    "losses_to_double": st.integers(1, 5),
}
HIGHER = {
    "cooldown_loss_bars": st.integers(0, 12),
    "cooldown_profit_bars": st.integers(0, 12),
    "reward_share": st.floats(0, 1),
}


@given(trade_facts, order_facts, st.data())
def test_a_stricter_limit_never_lets_more_pass(trades, order, data):
    name = data.draw(st.sampled_from([*LOWER, *HIGHER]))
    low, high = sorted(
        (data.draw((LOWER | HIGHER)[name]), data.draw((LOWER | HIGHER)[name])),
    )
    strict, loose = (low, high) if name in LOWER else (high, low)
    off = dict.fromkeys(LOWER.keys() & {"losses_to_double"}, 0)
    others = {key: 0 for key in ("entries_per_candle", "entries_per_hour") if key != name}
    limits = {**off, **others, "drawdown_stop": 1.0, "daily_loss": 1.0, "total_at_risk": 1.0}
    if gate(trades, order, **{**limits, name: strict}) is None:
        assert gate(trades, order, **{**limits, name: loose}) is None
        if name in LOWER and isinstance(loose, int):
            assert gate(trades, order, **{**limits, name: 0}) is None


@given(trade_facts, order_facts)
def test_a_refusal_is_that_of_the_first_gate_that_refuses(trades, order):
    """Where nothing but a gate's own limit is switched off, a later gate or none refuses."""
    first = gate(trades, order)
    off = {
        Gate.EXIT_CANDLE: {"exit_candle": False},
        Gate.CANDLE: {"entries_per_candle": 0},
        Gate.HOUR: {"entries_per_hour": 0},
        Gate.DAY: {"entries_per_day": 0},
        Gate.SAME_DIRECTION: {"same_direction": 0},
        Gate.DRAWDOWN: {"drawdown_stop": 1.0},
        Gate.REWARD: {"reward_share": 0.0},
        Gate.COOLDOWN: {"cooldown_loss_bars": 0, "cooldown_profit_bars": 0},
    }
    assume(first in off)
    later = gate(trades, order, **off[first])
    assert later is None or later > first or later is Gate.CONFIDENCE


@given(order_facts, trade_facts)
def test_a_short_is_a_long_in_the_mirror(order, trades):
    other = Side.SHORT if order.side is Side.LONG else Side.LONG
    mirrored = replace(order, side=other, rate=200.0 - order.rate)
    assume(200.0 - (200.0 - order.rate) == order.rate)
    assert gate(trades, mirrored) == gate(trades, order)


@pytest.mark.parametrize(
    ("bars", "losses", "refused"),
    [
        (None, 0, None),
        (-1, 0, Gate.EXIT_CANDLE),
        (0, 0, Gate.EXIT_CANDLE),
        (1, 0, Gate.COOLDOWN),
        (3, 0, Gate.COOLDOWN),
        (4, 0, None),
        (5, 1, Gate.COOLDOWN),
        (6, 1, None),
        (10, 2, Gate.COOLDOWN),
        (11, 2, None),
        (10, 7, Gate.COOLDOWN),
        (11, 7, None),
    ],
)
def test_a_pair_rests_after_an_exit(bars, losses, refused):
    trades = replace(TRADES, bars_since_exit=bars, losses_in_row=losses)
    assert gate(trades) is refused


def test_the_rest_can_be_switched_off():
    exit_now = replace(TRADES, bars_since_exit=0, losses_in_row=3)
    assert gate(exit_now, exit_candle=False) is Gate.COOLDOWN
    assert gate(exit_now, exit_candle=False, cooldown_loss_bars=0) is None
    assert gate(replace(exit_now, bars_since_exit=6), losses_to_double=0) is None
    assert gate(replace(exit_now, losses_in_row=0), exit_candle=False) is Gate.COOLDOWN
    assert (
        gate(replace(exit_now, losses_in_row=0), exit_candle=False, cooldown_profit_bars=0) is None
    )


@pytest.mark.parametrize(
    ("fact", "limit", "named"),
    [
        ("entries_in_candle", "entries_per_candle", Gate.CANDLE),
        ("entries_in_hour", "entries_per_hour", Gate.HOUR),
        ("entries_in_day", "entries_per_day", Gate.DAY),
        ("same_direction", "same_direction", Gate.SAME_DIRECTION),
    ],
)
def test_a_count_stays_below_its_limit(fact, limit, named):
    for count, refused in ((2, None), (3, named), (4, named)):
        assert gate(replace(TRADES, **{fact: count}), **{limit: 3}) is refused
        assert gate(replace(TRADES, **{fact: count}), **{limit: 0}) is None


@pytest.mark.parametrize(
    ("profit", "refused"), [(500.0, None), (-599.99, None), (-600.0, Gate.DAILY_LOSS)]
)
def test_a_loss_of_six_percent_of_the_days_equity_ends_the_day(profit, refused):
    assert gate(replace(TRADES, profit_today=profit)) is refused
    assert gate(replace(TRADES, equity_today=0.0)) is Gate.DAILY_LOSS


@pytest.mark.parametrize(("drawdown", "refused"), [(0.1999, None), (0.2, Gate.DRAWDOWN)])
def test_a_drawdown_of_a_fifth_stops_entries(drawdown, refused):
    trades = replace(TRADES, drawdown=drawdown)
    assert gate(trades) is refused
    assert gate(trades, drawdown_stop=1.0) is None
    assert gate(replace(trades, drawdown=math.nan), drawdown_stop=1.0) is None


def test_a_drawdown_says_how_to_resume():
    refusal = first_refusal(ORDER, replace(TRADES, drawdown=0.25), SHIPPED)
    assert refusal.reason == (
        "realized drawdown 25.00% with 20.00% allowed; set regimekit.gates.drawdown_since to a "
        "later day to resume"
    )


@pytest.mark.parametrize(
    ("open_risk", "refused"), [(0.0, None), (300.0, None), (300.01, Gate.TOTAL_RISK)]
)
def test_all_stops_together_lose_four_percent_at_most(open_risk, refused):
    assert gate(replace(TRADES, open_risk=open_risk)) is refused


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("drift", "refused"),
    # Of 4 to the target and 2 to the stop a drift of d leaves (4 - d) / (2 + d): 1.8 at 1/7.
    [
        (0.0, None),
        (-1.0, None),
        (0.142, None),
        (0.143, Gate.REWARD),
        (4.0, Gate.REWARD),
        (-1.99, None),
        (-2.0, Gate.REWARD),
        (-50.0, Gate.REWARD),
    ],
)
def test_a_price_must_leave_most_of_the_reward(drift, refused, side):
    order = replace(ORDER, side=side, rate=100.0 + side.sign * drift)
    assert gate(order=order) is refused
    assert gate(order=order, reward_share=0.0) is None


@pytest.mark.parametrize("rr", [1.2, 2.0, 0.7])
@pytest.mark.parametrize("stop", [0.1, 2.0 / 3, 3.3])
def test_at_the_signals_own_price_the_whole_reward_is_left(stop, rr):
    order = replace(ORDER, stop_distance=stop, target_rr=rr)
    assert gate(order=order, reward_share=1.0) is None


def test_a_filter_that_refuses_names_itself_before_any_confidence_is_asked():
    order = replace(ORDER, confidence=0.1, verdicts=[Says(Gate.NEWS, allows=False, reason="none")])
    assert first_refusal(order, TRADES, SHIPPED) == (Gate.NEWS, "none")


BOOK, NEWS = Gate.ORDER_BOOK, Gate.NEWS


@pytest.mark.parametrize(
    ("confidence", "bonuses", "demand", "refused"),
    [
        (0.78, {}, 0.0, None),
        (0.77, {}, 0.0, Gate.CONFIDENCE),
        (0.80, {}, 0.05, Gate.ADAPTIVE),
        (0.70, {}, -0.08, None),
        (0.69, {}, -0.08, Gate.CONFIDENCE),
        (0.70, {BOOK: 0.08}, 0.0, None),
        (0.69, {BOOK: 0.08}, 0.0, Gate.CONFIDENCE),
        (0.80, {BOOK: -0.10}, 0.0, BOOK),
        (0.80, {NEWS: -0.15}, 0.0, NEWS),
        (0.80, {BOOK: -0.10, NEWS: -0.15}, 0.0, NEWS),
        (0.80, {BOOK: -0.10, NEWS: 0.05}, 0.0, BOOK),
        (0.83, {BOOK: -0.10, NEWS: 0.05}, 0.0, None),
        # It would fall short without the penalty too.
        (0.70, {BOOK: -0.10}, 0.0, Gate.CONFIDENCE),
        # With the penalty alone it would fall short, and with the demand alone it would not.
        (0.85, {BOOK: -0.10}, 0.05, BOOK),
        # Without the penalty the demand would have taken it; the penalty comes first.
        (0.82, {BOOK: -0.10}, 0.05, BOOK),
        # The penalty alone leaves enough, the demand takes it.
        (0.90, {BOOK: -0.10}, 0.05, Gate.ADAPTIVE),
        # Relief would have been enough but for the news.
        (0.75, {NEWS: -0.15}, -0.05, NEWS),
    ],
)
def test_who_took_the_confidence(confidence, bonuses, demand, refused):
    verdicts = [Says(named, bonus) for named, bonus in bonuses.items()]
    order = replace(ORDER, confidence=confidence, demand=demand, verdicts=verdicts)
    assert gate(order=order) is refused


def test_hundredths_that_add_up_to_the_threshold_reach_it():
    order = replace(ORDER, confidence=0.7, min_confidence=0.8, verdicts=[Says(BOOK, 0.1)])
    assert 0.7 + 0.1 < 0.8  # in floating point
    assert gate(order=order) is None


@pytest.mark.parametrize(
    ("earlier", "bars"),
    [(0, 0), (14.9, 0), (-0.1, 1), (-15, 1), (-15.1, 2), (-75, 5), (-90, 6), (15, -1)],
)
def test_candles_between_two_moments(earlier, bars):
    """An exit anywhere within a candle counts from that candle."""
    assert bars_between(OPENED + timedelta(minutes=earlier), OPENED, CANDLE) == bars


@pytest.mark.parametrize(
    ("hours", "timeframe", "back"),
    [(1, CANDLE, 45), (24, CANDLE, 24 * 60 - 15), (0.25, CANDLE, 0), (1, 4 * CANDLE, 0)],
)
def test_a_window_of_candles_ends_with_this_one(hours, timeframe, back):
    start = window_start(OPENED, timeframe, timedelta(hours=hours))
    assert start == OPENED - timedelta(minutes=back)


def test_a_candle_longer_than_the_window_is_the_window():
    assert window_start(OPENED, timedelta(hours=4), timedelta(hours=1)) == OPENED


@given(
    st.sampled_from(Side), st.floats(0, 1e6), st.floats(0.01, 1e5), st.floats(0, 2e5), st.floats(0)
)
def test_a_loss_at_the_stop_is_never_negative(side, amount, rate, stop, fee):
    assert not loss_at_stop(side, amount, rate, stop, fee) < 0


@pytest.mark.parametrize("side", Side)
def test_a_loss_at_the_stop_pays_both_fees(side):
    sign = side.sign
    assert loss_at_stop(side, 10.0, 100.0, 100.0 - 2 * sign, 0.0005) == pytest.approx(21.0)
    assert loss_at_stop(side, 10.0, 100.0, 100.0, 0.0005) == pytest.approx(1.0)
    assert loss_at_stop(side, 10.0, 100.0, 100.0 + 5 * sign, 0.0005) == 0.0
    assert math.isnan(loss_at_stop(side, 10.0, 100.0, math.nan, 0.0005))
    assert math.isnan(loss_at_stop(side, math.nan, 100.0, 98.0, 0.0005))


def test_every_number_is_covered():
    """A field that is added needs its own case among the numbers that never pass."""
    order = {item.name for item in dataclasses.fields(OrderFacts)} - {"side", "verdicts"}
    whole = {item.name for item in dataclasses.fields(TradeFacts)} - set(TRADE_NUMBERS)
    assert order == set(ORDER_NUMBERS)
    assert all(TradeFacts.__annotations__[name] in (int, int | None) for name in whole)

"""Whatever a callback does, the bot goes on, and goes on safely."""

import inspect
import logging
import math

import numpy as np
import pytest
from freqtrade.strategy import IStrategy
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.base import PackStrategy
from regimekit.hooks.guard import CONTRACTS, FaultLog, fail_closed
from tests.regimekit.hooks.fakes import PAIR

SAFE = {
    "leverage": 1.0,
    "custom_stake_amount": 0.0,
    "confirm_trade_entry": False,
    "confirm_trade_exit": True,
    "custom_stoploss": None,
    "custom_roi": None,
    "custom_exit": None,
    "order_filled": None,
    "adjust_trade_position": None,
    "custom_entry_price": None,
    "custom_exit_price": None,
    "adjust_entry_price": None,
    "adjust_exit_price": None,
    "adjust_order_price": None,
    "check_entry_timeout": False,
    "check_exit_timeout": False,
    "bot_loop_start": None,
    "informative_pairs": (),
}
PRICES = ["custom_entry_price", "custom_exit_price"]
ADJUSTMENTS = ["adjust_entry_price", "adjust_exit_price", "adjust_order_price"]
GOOD = {
    "leverage": [1.0, 3, np.float64(2.5)],
    "custom_stake_amount": [0.0, 0, 12.5],
    "confirm_trade_entry": [True, False],
    "confirm_trade_exit": [True, False],
    "custom_stoploss": [None, -0.1, 0.02, 0],
    "custom_roi": [None, 0.05],
    "custom_exit": [None, False, True, "time_stop"],
    "order_filled": [None],
    "adjust_trade_position": [None, -10.0, (5.0, "add")],
    **{key: [0.5, 101] for key in PRICES},
    **{key: [None, 0.5] for key in ADJUSTMENTS},
    "check_entry_timeout": [True, False],
    "check_exit_timeout": [True, False],
    "bot_loop_start": [None],
    "informative_pairs": [[], [("BTC/USDT:USDT", "1h")], ()],
}
JUNK = [None, math.nan, math.inf, -math.inf, -1, 0.5, "1", (1,), [], {}, 10**400, np.nan, True]
ACCEPTED_JUNK = {  # what looks like junk and is a legal answer of this callback
    "leverage": [],
    "custom_stake_amount": [0.5],
    "confirm_trade_entry": [True],
    "confirm_trade_exit": [True],
    "custom_stoploss": [None, -1, 0.5],
    "custom_roi": [None, -1, 0.5],
    "custom_exit": [None, "1", True],
    "order_filled": JUNK,
    "adjust_trade_position": [None, -1, 0.5, (1,)],
    **{key: [0.5] for key in PRICES},
    **{key: [None, 0.5] for key in ADJUSTMENTS},
    "check_entry_timeout": [True],
    "check_exit_timeout": [True],
    "bot_loop_start": JUNK,
    "informative_pairs": [(1,), []],
}
ENTRY_STEPS = ["leverage", "custom_stake_amount", "confirm_trade_entry"]
callbacks = pytest.mark.parametrize("name", CONTRACTS)


class Bound:
    """What a guarded callback needs of the object it is bound to."""

    def __init__(self):
        self.faults = FaultLog()
        self.doubtful_pairs = set()


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


def guarded(name, answers):
    """A callback that gives its answers one after the other and raises those that are errors."""
    remaining = iter(answers)

    def callback(self, *args, **kwargs):
        answer = next(remaining)
        if isinstance(answer, Exception):
            raise answer
        return answer

    callback.__qualname__ = name
    return fail_closed(name, callback)


def test_every_callback_that_can_open_or_close_a_trade_has_a_contract():
    assert {name: contract.safe for name, contract in CONTRACTS.items()} == SAFE
    assert all(hasattr(IStrategy, name) for name in CONTRACTS)


@callbacks
@pytest.mark.parametrize("error", [RuntimeError("x"), KeyError(), ZeroDivisionError()])
def test_a_callback_that_raises_gives_the_safe_value(name, error):
    assert guarded(name, [error])(Bound()) == SAFE[name]


@callbacks
@pytest.mark.parametrize("value", [*JUNK, Unprintable()], ids=lambda value: type(value).__name__)
def test_a_senseless_value_becomes_the_safe_one(name, value):
    accepted = ACCEPTED_JUNK[name]
    found = guarded(name, [value])(Bound())
    if name in {"order_filled", "bot_loop_start"} or value in accepted:
        assert found is value
    else:
        assert found == SAFE[name]


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *((name, "proposed_rate") for name in PRICES),
        *((name, "current_order_rate") for name in ADJUSTMENTS),
    ],
)
def test_a_failing_price_is_the_one_freqtrade_had(name, argument):
    for answer in (RuntimeError("x"), math.nan, -1.0, "1"):
        assert guarded(name, [answer])(Bound(), **{argument: 99.5}) == 99.5


@callbacks
def test_good_values_pass_unchanged(name):
    for value in GOOD[name]:
        assert guarded(name, [value])(Bound()) is value


@given(st.floats() | st.integers() | st.text() | st.none() | st.booleans())
def test_a_stake_and_a_leverage_are_always_numbers_that_can_be_ordered(value):
    stake = guarded("custom_stake_amount", [value])(Bound())
    leverage = guarded("leverage", [value])(Bound())
    assert 0 <= stake < math.inf
    assert 1 <= leverage < math.inf


@callbacks
def test_a_fault_is_logged_when_it_begins_and_when_it_ends(name, caplog):
    fails, works = RuntimeError("broken"), GOOD[name][0]
    callback, bound = guarded(name, [fails] * 50 + [works] * 50 + [fails]), Bound()
    with caplog.at_level(logging.DEBUG):
        for _ in range(101):
            callback(bound)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert messages[0].startswith(f"{name} failed: RuntimeError('broken')")
    assert messages[1] == f"{name} recovered after 50 failure(s)."
    assert messages[2].startswith(f"{name} failed")


def test_one_callback_that_works_does_not_hide_another_that_fails(caplog):
    bound = Bound()
    fails, works = guarded("custom_exit", [KeyError()] * 9), guarded("custom_roi", [None] * 9)
    for _ in range(9):
        fails(bound)
        works(bound)
    assert len(caplog.records) == 1


def test_a_mixin_that_fails_inside_another_does_not_seem_to_recover(caplog):
    class Inner:
        def bot_loop_start(self):
            raise KeyError

    class Outer(Inner):
        def bot_loop_start(self):
            inner(self)

    inner = fail_closed("bot_loop_start", Inner.bot_loop_start)
    outer, bound = fail_closed("bot_loop_start", Outer.bot_loop_start), Bound()
    for _ in range(9):
        outer(bound)
    assert len(caplog.records) == 1
    assert "Inner.bot_loop_start failed" in caplog.text


@pytest.mark.parametrize("broken", ENTRY_STEPS)
def test_an_order_with_a_fault_is_refused_until_the_next_order(broken):
    good = {"leverage": 3.0, "custom_stake_amount": 100.0, "confirm_trade_entry": True}
    first = good | {broken: RuntimeError()}
    bound = Bound()
    steps = {name: guarded(name, [first[name], *[good[name]] * 3]) for name in ENTRY_STEPS}

    def order(pair):
        return [steps[name](bound, pair=pair) for name in ENTRY_STEPS]

    refused = order(PAIR)
    assert 0.0 in refused[1:] or False in refused[1:]
    assert refused[-1] is False
    assert order("ETH/USDT:USDT") == [3.0, 100.0, True]
    assert order(PAIR) == [3.0, 100.0, True]


def test_a_doubtful_leverage_stakes_nothing():
    bound = Bound()
    guarded("leverage", [math.nan])(bound, pair=PAIR)
    stake = guarded("custom_stake_amount", [100.0] * 2)
    assert stake(bound, pair=PAIR) == 0.0
    assert stake(bound, pair="ETH/USDT:USDT") == 100.0


@pytest.mark.parametrize("name", ["custom_stoploss", "custom_exit", "confirm_trade_exit"])
def test_a_doubtful_entry_does_not_stop_an_exit(name):
    bound = Bound()
    bound.doubtful_pairs.add(PAIR)
    assert guarded(name, [GOOD[name][-1]])(bound, pair=PAIR) is GOOD[name][-1]


def test_the_signature_stays_readable_for_freqtrade():
    class Stops(PackStrategy):
        def custom_stoploss(self, pair, current_rate, after_fill, **kwargs):
            return -0.1

    assert "after_fill" in inspect.getfullargspec(Stops.custom_stoploss).args


def test_each_definition_of_a_callback_is_wrapped_once():
    class Parent(PackStrategy):
        def custom_exit(self, pair, **kwargs):
            return "parent"

    class Child(Parent):
        def custom_roi(self, pair, **kwargs):
            return 0.1

    class Grandchild(Child):
        def custom_exit(self, pair, **kwargs):
            return super().custom_exit(pair, **kwargs)

    assert Child.custom_exit is Parent.custom_exit
    for guarded_method in (Parent.custom_exit, Child.custom_roi, Grandchild.custom_exit):
        assert not hasattr(guarded_method.__wrapped__, "__wrapped__")
    assert not hasattr(PackStrategy.custom_exit, "__wrapped__")

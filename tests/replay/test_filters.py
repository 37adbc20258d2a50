"""Tick and step sizes from the numbers seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.filters import ContractRules, contract_rules, fewest_decimals


@given(st.integers(0, 7), st.lists(st.integers(1, 10**6).filter(lambda n: n % 10), min_size=1))
def test_decimals_of_multiples_of_a_tick_are_those_of_the_tick(decimals, ticks):
    numbers = np.array(ticks) * 10.0**-decimals  # with the noise of floating point
    assert fewest_decimals(numbers, most=8) == decimals


@pytest.mark.parametrize(
    ("price", "tick"), [(67_013.4, 0.1), (3_012.37, 0.01), (0.3906, 1e-4), (0.0012837, 1e-7)]
)
def test_ticks_of_real_prices(price, tick):
    rules = contract_rules("X", np.array([price]), np.array([12.0, 7.5]))
    assert rules.tick == pytest.approx(tick)
    assert rules.step == pytest.approx(0.1)


@given(st.floats(1e-4, 1e5))
def test_noise_gives_no_absurd_tick(price):
    rules = contract_rules("X", np.array([price, price / 3]), np.array([1 / 3]))
    assert price / rules.tick < 1e8
    assert rules.quantity_decimals == 3


def test_nothing_known_gives_the_finest():
    rules = contract_rules("BTC", np.array([np.nan]), np.array([]))
    assert rules == ContractRules(price_decimals=8, quantity_decimals=3, min_notional=100)

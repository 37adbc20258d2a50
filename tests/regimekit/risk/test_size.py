"""A stake is never more than the wallet, the cap or the risk budget allows."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.size import Proposal, confidence_scale, drawdown_scale, stake_for
from regimekit.schema import Regime
from regimekit.settings import RiskSettings

ORDINARY = Proposal(
    equity=10_000.0,
    available=9_000.0,
    stop_fraction=0.02,
    leverage=3.0,
    fee=0.0005,
    confidence=0.8,
    min_confidence=0.78,
    drawdown=0.0,
    regime=Regime.TRENDING,
    min_stake=5.0,
    max_stake=9_000.0,
)
NUMBERS = [item.name for item in fields(Proposal) if item.name != "regime"]

money = st.floats(0, 1e9)
proposals = st.builds(
    Proposal,
    equity=money,
    available=money,
    stop_fraction=st.floats(0, 0.5),
    leverage=st.floats(1, 50),
    fee=st.floats(0, 0.002),
    confidence=st.floats(0, 1),
    min_confidence=st.floats(0, 1),
    drawdown=st.floats(0, 1.5),
    regime=st.sampled_from(Regime),
    min_stake=st.floats(0, 1e4),
    max_stake=money,
)
risks = st.builds(
    RiskSettings,
    base_fraction=st.floats(0.0001, 0.5),
    equity_at_risk=st.floats(0.0001, 0.05),
    volatile_scale=st.floats(0.05, 1),
    confidence_floor=st.floats(0.05, 1),
    drawdown_floor=st.floats(0, 1),
)
junk = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 1e308, 5e-324])


@given(proposals, risks)
def test_a_stake_is_0_or_within_every_limit(proposal, risk):
    stake = stake_for(proposal, risk)
    if stake == 0:
        return
    assert proposal.min_stake <= stake <= min(proposal.available, proposal.max_stake)
    assert stake <= proposal.equity * risk.base_fraction * (1 + 1e-12)


@given(proposals, risks)
def test_the_loss_at_the_stop_with_both_fees_stays_within_the_budget(proposal, risk):
    notional = stake_for(proposal, risk) * proposal.leverage
    loss = notional * proposal.stop_fraction + 2 * notional * proposal.fee
    assert loss <= proposal.equity * risk.equity_at_risk * (1 + 1e-12)


@given(proposals, risks, st.floats(1, 3), st.floats(0, 1))
def test_nothing_worse_makes_a_stake_larger(proposal, risk, factor, more_drawdown):
    free = replace(proposal, min_stake=0.0)
    stake = stake_for(free, risk) * (1 + 1e-12)
    assert stake_for(replace(free, stop_fraction=free.stop_fraction * factor), risk) <= stake
    assert stake_for(replace(free, leverage=free.leverage * factor), risk) <= stake
    assert stake_for(replace(free, drawdown=free.drawdown + more_drawdown), risk) <= stake
    assert stake_for(replace(free, regime=Regime.VOLATILE), risk) <= stake


@given(st.sampled_from(NUMBERS), junk)
def test_a_senseless_number_never_gives_a_senseless_stake(name, value):
    stake = stake_for(replace(ORDINARY, **{name: value}), RiskSettings())
    assert math.isfinite(stake)
    assert 0 <= stake <= ORDINARY.max_stake


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_unknown_refuses_the_trade(name):
    assert stake_for(replace(ORDINARY, **{name: math.nan}), RiskSettings()) == 0.0


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "min_stake"])
def test_a_negative_number_refuses_the_trade(name):
    assert stake_for(replace(ORDINARY, **{name: -1.0}), RiskSettings()) == 0.0


BY_HAND = {
    "a share of equity": ({}, 500.0),  # 5 %; the risk budget would allow 100 / 0.063 = 1587
    "the risk budget": ({"leverage": 20.0}, 100 / (20 * 0.021)),
    "volatile": ({"regime": Regime.VOLATILE}, 335.0),
    "half way into the drawdown": ({"drawdown": 0.15}, 312.5),
    "what is left in the wallet": ({"available": 120.0}, 120.0),
    "the cap of the exchange": ({"max_stake": 90.0}, 90.0),
    "exactly what the exchange asks for": ({"min_stake": 500.0}, 500.0),
    "less than the exchange asks for": ({"min_stake": 500.01}, 0.0),
    "budget below the least order": ({"leverage": 50.0, "min_stake": 96.0}, 0.0),
    "nothing left": ({"available": 0.0}, 0.0),
}


@pytest.mark.parametrize(("change", "stake"), BY_HAND.values(), ids=BY_HAND)
def test_stake_by_hand(change, stake):
    assert stake_for(replace(ORDINARY, **change), RiskSettings()) == pytest.approx(stake)


def test_a_minimum_above_the_risk_budget_refuses_instead_of_enlarging():
    risky = replace(ORDINARY, leverage=50.0)  # 100 / (50 * 0.021) = 95.2
    assert stake_for(replace(risky, min_stake=95.0), RiskSettings()) > 0
    assert stake_for(replace(risky, min_stake=96.0), RiskSettings()) == 0.0


@pytest.mark.parametrize(
    ("confidence", "scale"), [(0.5, 0.6), (0.6, 0.6), (0.8, 0.8), (1.0, 1.0), (1.5, 1.0)]
)
def test_size_rises_with_confidence_above_the_least(confidence, scale):
    assert confidence_scale(confidence, 0.6, 0.6) == pytest.approx(scale)


def test_full_size_where_nothing_but_certainty_is_enough():
    assert confidence_scale(1.0, 1.0, 0.6) == 1.0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_floor_of_1_ignores_confidence(confidence, least):
    assert confidence_scale(confidence, least, 1.0) == 1.0


@pytest.mark.parametrize(
    ("drawdown", "scale"),
    [(0.0, 1.0), (0.10, 1.0), (0.15, 0.625), (0.20, 0.25), (0.5, 0.25), (1.2, 0.25)],
)
def test_size_falls_with_drawdown(drawdown, scale):
    assert drawdown_scale(drawdown, RiskSettings()) == pytest.approx(scale)


def test_a_drawdown_scale_without_a_slope_is_a_step():
    step = RiskSettings(drawdown_start=0.2, drawdown_full=0.2)
    assert [drawdown_scale(value, step) for value in (0.19, 0.2, 0.3)] == [1.0, 0.25, 0.25]

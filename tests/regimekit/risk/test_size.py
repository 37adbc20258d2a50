"""A stake is never more than the wallet, the cap or the risk budget allows."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.size import Proposal, confidence_scale, drawdown_scale, stake_for
from regimekit.schema import Regime
from regimekit.settings import PROFILES, RiskSettings, settings_from
from tests.profiles import profile

ORDINARY = Proposal(
    equity=10_000.0,
    available=9_000.0,
    stop_fraction=0.02,
    leverage=3.0,
    fee=0.0005,
    confidence=0.8,
    min_confidence=0.78,
    drawdown=0.0,
    adaptive_scale=1.0,
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
    adaptive_scale=st.floats(0, 3),
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
ODD = [math.nan, math.inf, -math.inf, -1.0, 0.0, -0.0, 1e308, 1.7e308, 5e-324, 1e-308]
junk = st.floats() | st.sampled_from(ODD)
junk_proposals = st.builds(
    Proposal,
    **dict.fromkeys(NUMBERS, junk),
    regime=st.sampled_from(Regime),
)
RISKS = {name: settings_from(profile(name)).risk for name in PROFILES}
# What floating point adds to a number, and to one that is almost 0.
ROUNDING, TINY = 1 + 1e-12, 1e-300


def loss_at_the_stop(proposal, stake, side):
    """What is lost, with the fees of both orders, when the stop is hit at its price."""
    notional = stake * proposal.leverage
    worth_then = notional * (1 - side * proposal.stop_fraction)
    return notional * proposal.stop_fraction + (notional + worth_then) * proposal.fee


@given(proposals, risks)
def test_a_stake_is_0_or_within_every_limit(proposal, risk):
    stake = stake_for(proposal, risk)
    if stake == 0:
        return
    assert proposal.min_stake <= stake <= min(proposal.available, proposal.max_stake)
    share = risk.base_fraction * proposal.adaptive_scale
    assert stake <= proposal.equity * share * ROUNDING + TINY


@given(proposals, risks, st.sampled_from([1, -1]))
def test_the_loss_at_the_stop_with_both_fees_stays_within_the_budget(proposal, risk, side):
    loss = loss_at_the_stop(proposal, stake_for(proposal, risk), side)
    assert loss <= proposal.equity * risk.equity_at_risk * ROUNDING


@given(st.floats(1, 1e9), st.floats(0.001, 0.5), st.floats(1, 50), st.floats(0, 0.002))
def test_the_budget_is_used_up_where_nothing_else_limits(equity, stop_fraction, leverage, fee):
    roomy = replace(
        ORDINARY,
        equity=equity,
        stop_fraction=stop_fraction,
        leverage=leverage,
        fee=fee,
        adaptive_scale=1e9,
        available=1e12,
        max_stake=1e12,
        min_stake=0.0,
    )
    stake = stake_for(roomy, RiskSettings())
    if stake > 0:
        assert loss_at_the_stop(roomy, stake, -1) == pytest.approx(equity * 0.01)


@given(proposals, risks)
def test_the_stop_takes_less_of_the_margin_than_the_buffer(proposal, risk):
    if stake_for(proposal, risk) > 0:
        assert proposal.stop_fraction * proposal.leverage < risk.stop_within_liquidation


@given(proposals, risks, st.floats(1, 3), st.floats(0, 1))
def test_nothing_worse_makes_a_stake_larger(proposal, risk, factor, more):
    free = replace(proposal, min_stake=0.0)
    stake = stake_for(free, risk) * ROUNDING + TINY
    worse = {
        "stop_fraction": free.stop_fraction * factor,
        "leverage": free.leverage * factor,
        "fee": free.fee * factor,
        "drawdown": free.drawdown + more,
        "adaptive_scale": free.adaptive_scale / factor,
        "confidence": free.confidence / factor,
        "min_confidence": free.min_confidence + more,
        "available": free.available / factor,
        "max_stake": free.max_stake / factor,
        "equity": free.equity / factor,
        "regime": Regime.VOLATILE,
    }
    for name, value in worse.items():
        assert stake_for(replace(free, **{name: value}), risk) <= stake, name


@given(proposals, risks, st.floats(1, 3))
def test_a_larger_minimum_refuses_or_changes_nothing(proposal, risk, factor):
    stake = stake_for(proposal, risk)
    assert stake_for(replace(proposal, min_stake=proposal.min_stake * factor), risk) in (0, stake)


@pytest.mark.parametrize("risk", RISKS.values(), ids=RISKS)
@given(junk_proposals)
def test_whatever_comes_in_a_stake_within_every_limit_comes_out(risk, proposal):
    stake = stake_for(proposal, risk)
    assert math.isfinite(stake)
    assert stake >= 0
    if stake > 0:
        assert proposal.min_stake <= stake <= min(proposal.available, proposal.max_stake)
        loss = loss_at_the_stop(proposal, stake, -1)
        assert loss <= proposal.equity * risk.equity_at_risk * ROUNDING + TINY


@given(st.sampled_from(NUMBERS), junk)
def test_a_senseless_number_never_gives_a_senseless_stake(name, value):
    proposal = replace(ORDINARY, **{name: value})
    stake = stake_for(proposal, RiskSettings())
    assert math.isfinite(stake)
    assert stake >= 0
    assert stake == 0 or stake <= min(proposal.max_stake, proposal.available)


@pytest.mark.parametrize("senseless", [math.nan, math.inf])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_unknown_or_without_end_refuses_the_trade(name, senseless):
    assert stake_for(replace(ORDINARY, **{name: senseless}), RiskSettings()) == 0.0


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "min_stake"])
def test_a_negative_number_refuses_the_trade(name):
    assert stake_for(replace(ORDINARY, **{name: -1.0}), RiskSettings()) == 0.0


BY_HAND = {
    # 5 %; the risk budget would allow 100 / 0.06303 = 1586: both fees are 0.0005 * (1 + 1.02).
    "a share of equity": ({}, 500.0),
    "the risk budget": ({"leverage": 20.0}, 100 / (20 * 0.02101)),
    "volatile": ({"regime": Regime.VOLATILE}, 335.0),
    "half way into the drawdown": ({"drawdown": 0.15}, 312.5),
    "good results": ({"adaptive_scale": 1.2}, 600.0),
    "bad results": ({"adaptive_scale": 0.15}, 75.0),
    "good results, but the budget": ({"adaptive_scale": 1.2, "leverage": 9.0}, 100 / (9 * 0.02101)),
    "all at once": (
        {"adaptive_scale": 0.5, "drawdown": 0.15, "regime": Regime.VOLATILE},
        500 * 0.5 * 0.625 * 0.67,
    ),
    "what is left in the wallet": ({"available": 120.0}, 120.0),
    "the cap of the exchange": ({"max_stake": 90.0}, 90.0),
    "exactly what the exchange asks for": ({"min_stake": 500.0}, 500.0),
    "less than the exchange asks for": ({"min_stake": 500.01}, 0.0),
    "budget below the least order": ({"leverage": 25.0, "min_stake": 191.0}, 0.0),
    "a stop within the buffer": ({"leverage": 29.0}, 100 / (29 * 0.02101)),
    "a stop too near to liquidation": ({"leverage": 30.0}, 0.0),  # 30 * 0.02 is 0.6 of the margin
    "nothing left": ({"available": 0.0}, 0.0),
}


@pytest.mark.parametrize(("change", "stake"), BY_HAND.values(), ids=BY_HAND)
def test_stake_by_hand(change, stake):
    assert stake_for(replace(ORDINARY, **change), RiskSettings()) == pytest.approx(stake)


def test_a_minimum_above_the_risk_budget_refuses_instead_of_enlarging():
    risky = replace(ORDINARY, leverage=25.0)  # 100 / (25 * 0.02101) = 190.4
    assert stake_for(replace(risky, min_stake=190.0), RiskSettings()) > 0
    assert stake_for(replace(risky, min_stake=191.0), RiskSettings()) == 0.0


@pytest.mark.parametrize(
    ("confidence", "scale"), [(0.5, 0.6), (0.6, 0.6), (0.8, 0.8), (1.0, 1.0), (1.5, 1.0)]
)
def test_size_rises_with_confidence_above_the_least(confidence, scale):
    assert confidence_scale(confidence, 0.6, 0.6) == pytest.approx(scale)


def test_full_size_where_nothing_but_certainty_is_enough():
    assert confidence_scale(1.0, 1.0, 0.6) == 1.0
    assert confidence_scale(0.99, 1.0, 0.6) == 0.6


@given(st.floats(0, 1), st.floats(0, 1.3), st.floats(0, 1.3), st.floats(0.05, 1))
def test_asking_for_more_confidence_never_enlarges(confidence, one, other, floor):
    low, high = sorted((one, other))
    assert floor <= confidence_scale(confidence, high, floor)
    assert confidence_scale(confidence, high, floor) <= confidence_scale(confidence, low, floor)


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

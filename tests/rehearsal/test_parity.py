"""A comparison finds every difference once, and says why only where something proves it."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.storage.journal import NUMBERS
from regimekit.reports.plans import adaptation_at, past_trades
from regimekit.risk.leverage import safe_leverage
from regimekit.risk.size import Proposal, stake_for
from regimekit.schema import Regime, Side
from regimekit.settings import Settings, settings_from
from rehearsal.causes import EVIDENCE, Cause
from rehearsal.findings import MISSING, Kind
from rehearsal.parity import Parity, pauses
from tests.rehearsal.sides import (
    BTC,
    ETH,
    STEP,
    above,
    canceled,
    candle,
    decisions,
    down,
    flat,
    lock,
    parity,
    record,
    refusal,
    trade,
    trades,
)

SECOND = timedelta(seconds=1)

trade_rows = st.lists(
    st.builds(
        lambda number, pair, side, price, stake, open_: trade(
            number,
            pair,
            side=side,
            open_rate=price,
            initial_stop=price * (0.8 if side == "long" else 1.2),
            stake=stake,
            **({"closed_at": pd.NaT, "close_rate": math.nan, "exit_reason": ""} if open_ else {}),
        ),
        st.integers(0, 31),
        st.sampled_from([BTC, ETH]),
        st.sampled_from(["long", "short"]),
        st.floats(0.001, 1e5),
        st.floats(1, 1e4),
        st.booleans(),
    ),
    max_size=6,
)
decision_changes = st.dictionaries(
    st.tuples(st.integers(0, 31), st.sampled_from([BTC, ETH])),
    st.none()
    | st.fixed_dictionaries({}, optional=dict.fromkeys(NUMBERS, st.none() | st.floats(-1e6, 1e6))),
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(trade_rows, decision_changes)
def test_a_record_agrees_with_itself(rows, changes):
    side = record(*rows, signals=decisions(changes))
    found = parity(side, side)
    assert found.differences == ()
    assert all(total.compared == total.equal for total in found.totals.values())
    assert found.ok


# What can be changed of a trade that both made, and the difference that it is.
FIELDS: dict[str, tuple[Any, Kind, str]] = {
    "enter_tag": ("ranging:mean_reversion", Kind.ENTRY, "tag"),
    "stake": (301.0, Kind.SIZE, "stake"),
    "plan_risk": (2.5, Kind.PLAN, "risk"),
    "plan_reward": (2.5, Kind.PLAN, "reward"),
    "plan_trail": (math.nan, Kind.PLAN, "trail"),
    "plan_squeeze_trail": (0.0, Kind.PLAN, "squeeze trail"),
    "plan_atr": (1.1, Kind.PLAN, "atr"),
    "plan_confidence": (0.91, Kind.PLAN, "confidence"),
    "plan_regime": ("volatile", Kind.PLAN, "regime"),
    "plan_sub_strategy": ("breakout", Kind.PLAN, "sub strategy"),
    "initial_stop": (79.0, Kind.PLAN, "initial stop"),
    "exit_reason": ("momentum_decay", Kind.EXIT, "reason"),
    "closed_at": (candle(13), Kind.EXIT, "time"),
    "close_rate": (98.1, Kind.EXIT, "price"),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("swapped", [False, True])
def test_each_change_of_a_trade_is_one_difference(name, swapped):
    value, kind, what = FIELDS[name]
    sides = record(trade()), record(trade(**{name: value}))
    found = parity(*(reversed(sides) if swapped else sides))
    (difference,) = found.differences
    assert (difference.finding.kind, difference.finding.what) == (kind, what)
    assert difference.finding.at == candle(4)
    total = found.totals[kind]
    assert total.compared == total.equal + total.explained + total.unexplained
    assert total.explained + total.unexplained == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("open_rate", 100.5), ("leverage", 2.0), ("opened_at", candle(4) + timedelta(minutes=14))],
)
def test_what_other_values_are_measured_by_is_a_difference_too(name, value):
    found = parity(record(trade(**{name: value})), record(trade()))
    whats = {difference.finding.what for difference in found.differences}
    assert whats & {"price", "leverage", "time"}


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([*NUMBERS, "state_1h", "oi_state"]), st.integers(0, 31), st.booleans())
def test_each_change_of_a_decision_is_one_difference(name, number, swapped):
    sides = record(), record(signals=decisions({(number, ETH): {name: 7.0}}))
    found = parity(*(reversed(sides) if swapped else sides))
    (difference,) = found.differences
    assert difference.finding.kind is Kind.SIGNAL
    assert difference.finding.columns == (name,)
    assert (difference.finding.at, difference.finding.pair) == (candle(number), ETH)


@pytest.mark.parametrize(("states", "differs"), [((0, 0), 0), ((2, 0), 1), ((2, 2), 1)])
def test_the_age_of_an_input_that_neither_side_has_is_no_difference(states, differs):
    one, other = (
        record(signals=decisions({(5, BTC): {"funding_state": state, "funding_age_hours": age}}))
        for state, age in zip(states, (1.0, 2.0), strict=True)
    )
    found = parity(one, other)
    ages = [d for d in found.differences if "funding_age_hours" in d.finding.columns]
    assert len(ages) == differs


def test_a_decision_or_trade_that_only_one_side_has_is_one_difference():
    for live, backtest in (
        (record(), record(signals=decisions({(7, BTC): None}))),
        (record(signals=decisions({(7, BTC): None})), record()),
        (record(trade()), record()),
        (record(), record(trade())),
    ):
        (difference,) = parity(live, backtest).differences
        assert difference.finding.what == MISSING


def test_a_trade_that_is_open_on_one_side_is_one_difference():
    still = trade(closed_at=pd.NaT, close_rate=math.nan, exit_reason="")
    (difference,) = parity(record(still), record(trade())).differences
    assert (difference.finding.kind, difference.finding.what) == (Kind.EXIT, "state")


def test_two_trades_of_a_candle_are_matched_in_their_order():
    rows = [trade(4, open_rate=100.0), trade(4, open_rate=101.0, initial_stop=80.8)]
    assert parity(record(*rows), record(*rows)).ok
    (difference,) = parity(record(*rows), record(rows[0])).differences
    assert difference.finding.live == "long at 101"


@settings(max_examples=25, deadline=None)
@given(trade_rows, trade_rows, decision_changes)
def test_swapping_the_sides_swaps_each_difference_and_nothing_else(rows, others, changes):
    one, other = record(*rows), record(*others, signals=decisions(changes))

    def found(live, backtest):
        return [
            (d.finding.kind, d.finding.at, d.finding.pair, d.finding.what, d.finding.side,
             str(d.finding.live), str(d.finding.backtest))
            for d in parity(live, backtest).differences
        ]  # fmt: skip

    swapped = [(*head, theirs, ours) for *head, ours, theirs in found(other, one)]
    assert sorted(found(one, other)) == sorted(swapped)


@settings(max_examples=20, deadline=None)
@given(trade_rows, trade_rows, decision_changes)
def test_without_anything_to_go_by_nothing_is_explained(rows, others, changes):
    """Neither ledgers nor prices nor intervals, and no input differs."""
    own = {key: row for key, row in changes.items() if row is not None}
    one = record(*rows, starts=())
    other = record(*others, signals=decisions(own), starts=())
    found = parity(one, other, minutes={}, most_open=math.inf)
    allowed = {Cause.KNOCK_ON, Cause.WINDOW_END, Cause.AVERAGES, Cause.SIGNAL}
    assert {d.verdict.cause for d in found.differences if d.explained} <= allowed


def test_the_window_bounds_what_is_compared():
    found = parity(record(trade(-3), trade(40)), record())
    assert found.differences == ()
    assert found.totals[Kind.SIGNAL].compared == 64


def test_an_empty_journal_is_not_parity():
    nothing = record(signals=decisions(dict.fromkeys(
        ((number, pair) for number in range(-1, 32) for pair in (BTC, ETH)), None)))  # fmt: skip
    found = parity(nothing, nothing)
    assert not found.ok
    assert "Nothing was compared" in found.sentence


# Causes: a case that proves each, and the same case without its evidence.


@dataclass(frozen=True)
class Case:
    """A difference with its proof, and ways to take the proof away."""

    cause: Cause
    proved: Callable[[], Parity]
    without: tuple[Callable[[], Parity], ...]
    what: str = MISSING


def only_backtest(**evidence: Any) -> Parity:
    options = {"down": evidence.pop("down", ()), "most_open": evidence.pop("most_open", 3)}
    rows = evidence.pop("rows", ())
    others = evidence.pop("others", ())
    return parity(record(*rows, **evidence), record(trade(), *others), **options)


def shifted(name: str, value: Any, backtest: Any = None, **options: Any) -> Parity:
    """One decision that differs, and in its wake an entry."""
    live = decisions({(3, BTC): {"entry": 0, name: value}})
    files = decisions({(3, BTC): backtest or {}})
    return parity(record(signals=live), record(signals=files), **options)


def exits(live: dict, backtest: dict, **options: Any) -> Parity:
    return parity(record(trade(**live)), record(trade(**backtest)), **options)


STOPPED = trade()["closed_at"]
PRICED = {"open_rate": 100.5, "initial_stop": 80.4, "opened_at": candle(4) + 30 * SECOND}
TRAILED = {
    "exit_reason": "trailing_stop_loss",
    "best": 103.0,
    "stop": 98.5,
    "close_rate": 98.5,
}
LATER = {"closed_at": STOPPED + timedelta(minutes=20)}
BETWEEN = {BTC: above(98.2, STOPPED, STOPPED + timedelta(minutes=19))}
KNOCKED = {"rows": (trade(2, ETH),), "refusals": refusal("total_risk")}


WIDE = 8.0  # a stop so far away that the risk budget bounds the stake


EDGE = next(  # one that gives another leverage at 100.8 than at 100
    risk
    for risk in np.arange(10.0, 60.0, 0.05)
    if safe_leverage(
        risk / 100, Side.LONG, wanted=Settings().risk.target_leverage, tier_maximum=50,
        buffer=Settings().risk.stop_within_liquidation,
    )
    < safe_leverage(
        risk / 100.8, Side.LONG, wanted=Settings().risk.target_leverage, tier_maximum=50,
        buffer=Settings().risk.stop_within_liquidation,
    )
)  # fmt: skip


ADAPTIVE = settings_from({"adaptive": {"enabled": True}})
LOSSES = tuple(
    trade(-80 + 3 * number, closed_at=candle(-79 + 3 * number), profit_ratio=-0.06)
    for number in range(24)
)


def budget(price: float, equity: float) -> float:
    """The stake of the described trade, from its own price and equity."""
    return stake_for(
        Proposal(
            equity=equity, available=equity, stop_fraction=WIDE / price, leverage=3.0, fee=0.0005,
            confidence=0.9, min_confidence=0.78, drawdown=0.0, adaptive_scale=1.0,
            regime=Regime.TRENDING, min_stake=0.0, max_stake=1e308,
        ),
        Settings().risk,
    )  # fmt: skip


def staked(live_price: float, stake: float, earlier: tuple = ()) -> Parity:
    """Stakes as the budget gives them, on the backtest's side at 100 with 1,000."""
    ours = trade(
        8, open_rate=live_price, initial_stop=live_price * 0.8, stake=stake, plan_risk=WIDE
    )
    theirs = trade(8, stake=budget(100.0, 1000.0), plan_risk=WIDE)
    return parity(record(*earlier, ours), record(theirs))


def levered(live_leverage: float, price: float) -> Parity:
    """A stop so wide that its price decides about the leverage."""
    ours = trade(
        8, open_rate=price, initial_stop=price - 60 / live_leverage * price / 100,
        plan_risk=EDGE, leverage=live_leverage,
    )  # fmt: skip
    theirs = trade(8, plan_risk=EDGE, leverage=bound(100.0), initial_stop=100 - 60 / bound(100.0))
    return parity(record(ours), record(theirs))


def bound(price: float) -> float:
    risk = Settings().risk
    return float(
        safe_leverage(
            EDGE / price, Side.LONG, wanted=max(1.0, risk.target_leverage), tier_maximum=50,
            buffer=risk.stop_within_liquidation,
        )
    )  # fmt: skip


def earned(profit: float) -> dict[str, Any]:
    return trade(0, ETH, profit_abs=profit, closed_at=candle(2), best=100.4)


CASES = [
    Case(
        Cause.AVERAGES,
        lambda: parity(record(signals=decisions({(5, BTC): {"atr": 1 + 5e-7}})), record()),
        (
            lambda: parity(record(signals=decisions({(5, BTC): {"atr": 1 + 5e-6}})), record()),
            lambda: parity(record(signals=decisions({(5, BTC): {"close": 100 + 5e-5}})), record()),
            lambda: parity(record(signals=decisions({(5, BTC): {"entry": 1}})), record()),
        ),
        what="atr",
    ),
    Case(
        Cause.INPUT_LATE,
        lambda: shifted("state_1h", 0),
        (
            lambda: shifted("state_1h", 2),
            lambda: shifted("atr", 1.5),
            lambda: shifted("state_1h", 0, {"atr": 1.5}),
            lambda: shifted("state_1h", 0, {"squeeze_risk": 1.0}),
        ),
        what="entry",
    ),
    Case(
        Cause.INPUT_EXTRA,
        lambda: parity(
            record(), record(signals=decisions({(3, BTC): {"entry": 0, "state_1h": 0}}))
        ),
        (
            lambda: shifted("state_1h", 0, {"state_1h": 0}),
            lambda: shifted("state_1h", 2, {"state_1h": 0}),
        ),
        what="entry",
    ),
    Case(
        Cause.STARTUP,
        lambda: only_backtest(starts=(candle(5),)),
        (lambda: only_backtest(starts=(candle(3),)), lambda: only_backtest(starts=())),
    ),
    Case(
        Cause.DOWN,
        lambda: only_backtest(down=(down(4, 60),)),
        (lambda: only_backtest(down=(down(6, 60),)), only_backtest),
    ),
    Case(
        Cause.LATE_ANALYSIS,
        lambda: only_backtest(
            signals=decisions({(3, BTC): {"at": (candle(4) + 300 * SECOND).isoformat()}})
        ),
        (
            lambda: only_backtest(
                signals=decisions({(3, BTC): {"at": (candle(4) + 200 * SECOND).isoformat()}})
            ),
            lambda: only_backtest(
                signals=decisions({(4, BTC): {"at": (candle(5) + 300 * SECOND).isoformat()}})
            ),
            lambda: only_backtest(rows=(trade(4, ETH, opened_at=candle(4) + 200 * SECOND),)),
            lambda: only_backtest(rows=(trade(3, ETH, opened_at=candle(4) - 10 * SECOND),)),
        ),
    ),
    Case(
        Cause.SIGNAL,
        lambda: parity(
            record(signals=decisions({(3, BTC): {"entry": 0, "state_1h": 0}})),
            record(trade()),
        ),
        (
            lambda: parity(record(signals=decisions({(3, BTC): {"entry": 0}})), record(trade())),
            lambda: parity(
                record(signals=decisions({(3, ETH): {"entry": 0, "state_1h": 0}})),
                record(trade()),
            ),
        ),
    ),
    *(
        Case(
            Cause.ORDER_TIME_FILTER,
            lambda gate=gate: only_backtest(refusals=refusal(gate)),
            (
                lambda gate=gate: only_backtest(refusals=refusal(gate, number=5)),
                lambda gate=gate: only_backtest(refusals=refusal(gate, pair=ETH)),
                lambda gate=gate: only_backtest(refusals=refusal(gate, side="short")),
            ),
        )
        for gate in ("order_book", "news")
    ),
    Case(
        Cause.GATE,
        lambda: only_backtest(refusals=refusal("reward")),
        (
            lambda: only_backtest(refusals=refusal("reward", number=3)),
            lambda: only_backtest(refusals=refusal("signal")),
            lambda: only_backtest(refusals=refusal("analysis")),
            lambda: only_backtest(refusals=refusal("a gate of tomorrow")),
        ),
    ),
    Case(
        Cause.KNOCK_ON,
        lambda: only_backtest(**KNOCKED),
        (
            lambda: only_backtest(refusals=refusal("total_risk")),
            lambda: only_backtest(rows=(trade(2, ETH),)),
            lambda: only_backtest(
                rows=(trade(2, ETH),), others=(trade(2, ETH),), refusals=refusal("total_risk")
            ),
            lambda: only_backtest(rows=(trade(6, ETH),), refusals=refusal("total_risk")),
            lambda: only_backtest(rows=(trade(2, ETH),), refusals=refusal("cooldown")),
        ),
    ),
    Case(
        Cause.LOCKED,
        lambda: only_backtest(locks=lock()),
        (
            lambda: only_backtest(locks=lock(5)),
            lambda: only_backtest(locks=lock(pair=ETH)),
            lambda: only_backtest(locks=lock(side="short")),
            lambda: only_backtest(locks=lock(active=False)),
        ),
    ),
    Case(
        Cause.UNFILLED,
        lambda: only_backtest(canceled=canceled()),
        (
            lambda: only_backtest(canceled=canceled(5)),
            lambda: only_backtest(canceled=canceled(pair=ETH)),
        ),
    ),
    Case(
        Cause.FILL_PRICE,
        lambda: exits(PRICED, {}),
        (
            lambda: exits(PRICED, {}, minutes={}),
            lambda: exits(PRICED, {}, minutes={BTC: flat(99.0, 100.1)}),
            lambda: exits(PRICED, {}, minutes={BTC: flat(100.2, 101.0)}),
            lambda: exits(PRICED, {}, minutes={ETH: flat()}),
        ),
        what="price",
    ),
    Case(
        Cause.STAKE_OF_PRICE,
        lambda: staked(100.4, budget(100.4, 1000.0)),
        (
            lambda: staked(100.0, budget(100.0, 1000.0) * 0.999),
            lambda: staked(100.4, budget(100.4, 1000.0) * 1.5),
        ),
        what="stake",
    ),
    Case(
        Cause.STAKE_OF_PRICE,
        lambda: levered(bound(100.8), 100.8),
        (lambda: levered(bound(100.8), 100.0), lambda: levered(bound(100.0) / 2, 100.8)),
        what="leverage",
    ),
    Case(
        Cause.STAKE_OF_EQUITY,
        lambda: staked(100.0, budget(100.0, 1050.0), (earned(50.0),)),
        (
            lambda: staked(100.0, budget(100.0, 1050.0)),
            lambda: staked(100.0, budget(100.0, 1050.0) * 1.5, (earned(50.0),)),
        ),
        what="stake",
    ),
    Case(
        Cause.THROTTLE,
        lambda: exits({"closed_at": STOPPED + 80 * SECOND}, {}),
        (
            lambda: exits({"closed_at": STOPPED + 85 * SECOND}, {}),
            lambda: exits({"closed_at": STOPPED - 100 * SECOND}, {}),
        ),
        what="time",
    ),
    Case(
        Cause.STOP_IN_CANDLE,
        lambda: exits({"close_rate": 97.8}, {}),
        (
            lambda: exits({"close_rate": 97.0}, {}),
            lambda: exits({"close_rate": 97.8}, {}, minutes={}),
            lambda: exits({"close_rate": 97.8}, {}, minutes={BTC: flat(97.5, 97.9)}),
        ),
        what="price",
    ),
    Case(
        Cause.STOP_LEVEL,
        lambda: exits(LATER, TRAILED, minutes=BETWEEN),
        (
            lambda: exits(LATER, TRAILED | {"best": 100.4}, minutes=BETWEEN),
            lambda: exits(LATER, TRAILED | {"stop": 94.0}, minutes=BETWEEN),
            lambda: exits(LATER, TRAILED | {"exit_reason": "momentum_decay"}, minutes=BETWEEN),
            lambda: exits(LATER, TRAILED, minutes={}),
            lambda: exits(LATER, TRAILED),  # its stop was reached long before
            lambda: exits(
                LATER, TRAILED | {"best": 100.5, "stop": 99.9, "close_rate": 99.9}, minutes=BETWEEN
            ),
        ),
        what="time",
    ),
    Case(
        Cause.STOP_ON_EXCHANGE,
        lambda: exits({"exit_reason": "stoploss_on_exchange"}, {}),
        (
            lambda: exits({"exit_reason": "stoploss_on_exchange", "stop": 97.0}, {}),
            lambda: exits({"exit_reason": "stoploss_on_exchange", "stop": math.nan}, {}),
            lambda: exits({"exit_reason": "liquidation"}, {}),
            lambda: exits({"exit_reason": "stoploss_on_exchange"}, {"exit_reason": "roi"}),
        ),
        what="reason",
    ),
    Case(
        Cause.WINDOW_END,
        lambda: exits(
            {"closed_at": pd.NaT, "close_rate": math.nan, "exit_reason": ""},
            {"closed_at": candle(32), "exit_reason": "force_exit"},
        ),
        (
            lambda: exits(
                {"closed_at": pd.NaT, "close_rate": math.nan, "exit_reason": ""},
                {"closed_at": candle(20), "exit_reason": "force_exit"},
            ),
            lambda: exits(
                {"closed_at": pd.NaT, "close_rate": math.nan, "exit_reason": ""},
                {"closed_at": candle(32), "exit_reason": "stop_loss"},
            ),
        ),
        what="state",
    ),
]


def causes(found: Parity, what: str) -> list[Cause]:
    """The causes of the differences in question, of entries and values in BTC."""
    return [
        difference.verdict.cause
        for difference in found.differences
        if difference.finding.pair == BTC
        and what in difference.finding.what
        and (what != MISSING or difference.finding.backtest is not None)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cause.name)
def test_a_cause_is_given_where_it_is_proved(case):
    assert causes(case.proved(), case.what) == [case.cause]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cause.name)
def test_a_cause_without_its_evidence_is_not_given(case):
    for found in case.without:
        given_ = causes(found(), case.what)
        assert case.cause not in given_


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cause.name)
def test_without_evidence_nothing_else_is_claimed_either(case):
    """But for decisions that differ in an input of their own."""
    for found in case.without:
        for cause in causes(found(), case.what):
            assert cause in {Cause.UNEXPLAINED, Cause.INPUT_LATE}


def test_every_cause_has_a_case_and_says_what_it_needs():
    assert {case.cause for case in CASES} == set(Cause) - {Cause.UNEXPLAINED}
    assert set(EVIDENCE) == set(Cause)


def test_a_stop_that_follows_another_fill_ends_at_another_time():
    lower = LATER | {"open_rate": 99.7, "initial_stop": 79.8, "stop": 97.7, "close_rate": 97.7}
    quiet = {BTC: above(97.9, STOPPED, STOPPED + timedelta(minutes=19))}
    assert causes(exits(lower, {}, minutes=quiet), "time") == [Cause.STOP_LEVEL]
    assert causes(exits(lower, {}), "time") == [Cause.UNEXPLAINED], "its stop was passed over"
    further = lower | {"stop": 98.7, "close_rate": 98.7}
    assert causes(exits(further, {}, minutes=quiet), "time") == [Cause.UNEXPLAINED]


@pytest.mark.parametrize(("seconds", "late"), [(224, True), (222, False)])
def test_a_pair_whose_turn_came_after_a_late_order_was_late(seconds, late):
    other = trade(4, ETH, opened_at=candle(4) + seconds * SECOND)
    found = parity(record(other), record(trade(), trade(4, ETH)))
    assert causes(found, MISSING) == [Cause.LATE_ANALYSIS if late else Cause.UNEXPLAINED]


def test_all_pairs_are_analyzed_before_the_first_is_ordered():
    slow = {(3, ETH): {"at": (candle(4) + 300 * SECOND).isoformat()}}
    assert causes(only_backtest(signals=decisions(slow)), MISSING) == [Cause.LATE_ANALYSIS]


def test_a_minute_that_is_missing_proves_no_price():
    gap = flat()[lambda frame: ~frame["date"].between(candle(4), candle(4) + 30 * SECOND)]
    before = flat()[lambda frame: frame["date"] < candle(4)]
    for minutes in (gap, before):
        assert causes(exits(PRICED, {}, minutes={BTC: minutes}), "price") == [Cause.UNEXPLAINED]


def adapted(factor: float = 1.0, rows: tuple = LOSSES) -> Parity:
    """The bot lost before the window, so that its own results ask for another stop and target."""
    asked = adaptation_at(past_trades(record(*rows).trades), "momentum", candle(8), ADAPTIVE)
    distance = asked.stop_distance(2.0, 100.0, ADAPTIVE.exits) * factor
    reward = distance * asked.reward * factor
    ours = trade(8, plan_risk=distance, plan_reward=reward)
    return parity(record(*rows, ours), record(trade(8)), settings=ADAPTIVE)


def test_a_plan_that_follows_recent_results_follows_the_trades_that_differ():
    assert causes(adapted(), "reward") == [Cause.KNOCK_ON]
    assert causes(adapted(factor=1.01), "reward") == [Cause.UNEXPLAINED]
    assert causes(adapted(factor=1.01, rows=()), "reward") == [Cause.UNEXPLAINED]


def test_two_entries_of_a_candle_are_not_each_others_excuse():
    live = record(trade(4, ETH), refusals=refusal("candle", pair=BTC))
    backtest = record(trade(4, BTC), refusals=refusal("candle", pair=ETH))
    found = parity(live, backtest)
    assert [d.verdict.cause for d in found.differences].count(Cause.KNOCK_ON) <= 1
    assert found.unexplained


def test_an_entry_refused_for_an_unexplained_one_is_a_consequence_and_its_root_stays():
    live = record(trade(4, ETH), refusals=refusal("candle", pair=BTC))
    found = parity(live, record(trade(4, BTC)))
    assert {d.finding.pair: d.verdict.cause for d in found.differences} == {
        BTC: Cause.KNOCK_ON,
        ETH: Cause.UNEXPLAINED,
    }


def test_an_entry_that_follows_an_unexplained_decision_is_unexplained():
    found = parity(
        record(signals=decisions({(3, BTC): {"entry": 0}})), record(trade()),
    )  # fmt: skip
    assert [d.verdict.cause for d in found.differences] == [Cause.UNEXPLAINED] * 2


def test_a_trade_from_before_the_window_explains_what_it_kept_from_happening():
    live = record(trade(-2, closed_at=candle(20)))
    (difference,) = parity(live, record(trade())).differences
    assert difference.verdict.cause is Cause.KNOCK_ON
    assert "held already" in difference.verdict.evidence


def test_an_entry_beyond_the_backtest_is_told_from_one_within():
    (edge,) = parity(record(trade(31)), record()).differences
    (inside,) = parity(record(trade(30)), record()).differences
    assert edge.verdict.cause is Cause.WINDOW_END
    assert inside.verdict.cause is Cause.UNEXPLAINED


def test_the_bots_part_of_a_missing_decision_is_proved_by_its_own_absence():
    live = record(signals=decisions({(7, BTC): None}))
    (difference,) = parity(live, record(), down=(down(8, 850),)).differences
    assert difference.verdict.cause is Cause.DOWN
    assert "killed" in difference.verdict.evidence
    (difference,) = parity(live, record(), down=(down(8, 60),)).differences
    assert difference.verdict.cause is Cause.UNEXPLAINED, "it was back, and analyzed the candle"
    (difference,) = parity(record(), replace(live), down=(down(8, 850),)).differences
    assert difference.verdict.cause is Cause.UNEXPLAINED


def test_pauses_are_what_lies_between_the_last_trace_and_a_start():
    started = candle(9) + timedelta(minutes=7)
    live = record(
        trade(4, closed_at=candle(8) + 3 * SECOND),
        signals=decisions({(number, pair): None for number in range(8, 32) for pair in (BTC, ETH)}),
        starts=(candle(-4), started),
    )
    (pause,) = pauses(live)
    assert (pause.begin, pause.end) == (candle(8) + 5 * SECOND, started)
    assert pauses(record()) == []


def test_the_result_is_json_and_says_the_same():
    found = parity(record(trade()), record(trade(20)))
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["ok"] is False
    assert len(told["differences"]) == 2
    assert told["totals"]["entry"]["unexplained"] == 2
    assert told["tolerances"]["throttle_seconds"] == 20.0
    assert sum(told["causes"].values()) == 2
    assert "2 by one side only" in found.sentence


def test_order_of_rows_does_not_matter():
    rows = [trade(4), trade(2, ETH), trade(20, best=101.0)]
    found = parity(record(*rows), record(*reversed(rows)))
    assert found.ok
    assert trades(*rows).shape == (3, 27)
    assert timedelta(minutes=15) == STEP

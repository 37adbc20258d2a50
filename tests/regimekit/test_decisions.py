"""Decisions of bars whose inputs are written by hand, and the laws of every column."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.decisions import decision_columns, entry_tags, least_confidence, regime_labels
from regimekit.schema import ROUTES, Availability, Gate, Regime, Side, SubStrategy, parse_entry_tag
from regimekit.settings import FilterSettings, Settings
from tests.described import described
from tests.regimekit.rows import (
    BREAK,
    LONGS_CROWDED,
    NO_FUNDING,
    NO_OPEN_INTEREST,
    REVERSION,
    SETUPS,
    SHORTS_CROWDED,
    TREND,
    TWISTS,
    any_rows,
    repeated,
    upside_down,
)
from tests.regimekit.signals.evidence import NEUTRAL

OUTAGE, STALE, OK = Availability
CODES = {name: code for code, name in ROUTES.items()}

# Nothing that recent trades decide, so that a threshold is where its setting says.
PLAIN = described(trade_history=False)
FLAT = described(trade_history=False, filters={"alignment_bonus": 0.0})
# Every switch on, an input in outage blocks, and the same thresholds for both sides.
STRICT = described(
    filters={
        "funding_crowded_long": 0.001,
        "funding_crowded_short": -0.001,
        "funding_penalty": 0.3,
    },
    squeeze={"outage": "block", "bonus": 0.05},
    exits={"volatility_trail": True, "decay_bars": 1},
)
LENIENT = described(
    filters={
        "funding_outage": "abstain",
        "direction": "off",
        "funding_crowded_long": 0.0,
        "funding_crowded_short": 0.0,
    },
    gates={"regime_wait_bars": 0},
    momentum={"momentum_min_confidence": 0.3},
    mean_reversion={"mean_reversion_min_confidence": 0.3},
    breakout={"breakout_min_confidence": 0.3},
)
SHIPPED = Settings()
any_settings = st.sampled_from([STRICT, LENIENT, PLAIN, SHIPPED])


def decide(row: dict[str, Any], chosen: Settings = PLAIN, **changes: Any) -> pd.Series:
    """The decision of the third bar of a market that stands still."""
    return decision_columns(repeated(row, **changes), chosen).iloc[-1]


def mirrored(filters: FilterSettings) -> FilterSettings:
    """The same filters in a market upside down."""
    return replace(
        filters,
        funding_crowded_long=-filters.funding_crowded_short,
        funding_crowded_short=-filters.funding_crowded_long,
    )


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True)


# Laws


@settings(max_examples=100)
@given(any_rows(), any_settings, st.data())
def test_no_column_looks_ahead(frame, chosen, data):
    cut = data.draw(st.integers(1, len(frame)))
    assert_same(decision_columns(frame, chosen)[:cut], decision_columns(frame[:cut], chosen))


@settings(max_examples=100)
@given(any_rows(), any_rows(), st.sampled_from([np.nan, 1000.0, -1000.0]))
def test_no_later_bar_whatever_it_says_changes_an_earlier_decision(frame, later, factor):
    states = [name for name in frame if "state" in name]
    absurd = later.drop(columns=states).mul(factor).join(later[states])
    spliced = pd.concat([frame, absurd[frame.columns]], ignore_index=True)
    whole = decision_columns(spliced, STRICT)[: len(frame)]
    assert_same(whole, decision_columns(frame, STRICT))


@settings(max_examples=80)
@given(any_rows(), st.sampled_from([STRICT, LENIENT]))
def test_upside_down_each_side_is_decided_like_the_other(frame, chosen):
    upright, turned = (decision_columns(rows, chosen) for rows in (frame, upside_down(frame)))
    for name in upright:
        match name.rpartition("_"):
            case (stem, _, "long"):
                expected = upright[f"{stem}_short"]
            case (stem, _, "short"):
                expected = upright[f"{stem}_long"]
            case _:
                opposite = name in ("entry", "squeeze_risk", "squeeze_extreme")
                expected = -upright[name] if opposite else upright[name]
        pd.testing.assert_series_equal(turned[name], expected, check_names=False, atol=1e-12)


@settings(max_examples=80)
@given(any_rows(), any_settings)
def test_every_bar_of_a_side_is_entered_refused_outbid_or_has_no_confident_signal(frame, chosen):
    decided = decision_columns(frame, chosen)
    least = decided["min_confidence"] - least_confidence(chosen)
    enters = {}
    for side in Side:
        column = {name: decided[f"{name}_{side}"] for name in ("signal", "confidence", "refused")}
        bonuses = decided[[f"{name}_bonus_{side}" for name in ("direction", "funding", "squeeze")]]
        gained = np.clip(column["signal"] + bonuses.clip(lower=0).sum(axis=1), 0, 1)
        wanted = (column["signal"] > 0) & (gained >= least - 1e-9)
        stops = [  # what a gate asks, in the order of the gates
            (Gate.INPUTS, ~decided["inputs_ok"]),
            (Gate.DIRECTION, ~decided[f"direction_allows_{side}"]),
            (Gate.FUNDING, ~decided[f"funding_allows_{side}"]),
            (Gate.SQUEEZE, ~decided[f"squeeze_allows_{side}"]),
            (Gate.REGIME_WAIT, decided["regime_age"] < chosen.gates.regime_wait_bars),
            (Gate.STOP, ~(decided["stop_distance"] <= chosen.exits.max_stop * frame["close"])),
            (Gate.CONFIDENCE, ~(column["confidence"] >= least - 1e-9)),
        ]
        assert [gate for gate, _ in stops] == sorted(gate for gate, _ in stops)
        for bar in decided.index:
            first = next((gate for gate, holds in stops if holds[bar]), Gate.NONE)
            assert column["refused"][bar] == (first if wanted[bar] else Gate.NONE)
        enters[side] = wanted & (column["refused"] == Gate.NONE)
    both = enters[Side.LONG] & enters[Side.SHORT]
    lead = np.sign(decided["confidence_long"] - decided["confidence_short"])
    alone = enters[Side.LONG].astype(int) - enters[Side.SHORT].astype(int)
    assert (decided["entry"] == alone.where(~both, lead)).all()


INPUTS = [
    *([name] for name in TREND if not name.startswith(("funding", "oi_state"))),
    [name for name in TREND if name.startswith("oi_") or name == "price_oi_quadrant"],
    [name for name in TREND if name.startswith("funding")],
]


@settings(max_examples=120)
@given(any_rows(), st.sampled_from(INPUTS))
def test_a_missing_input_makes_no_signal(frame, names):
    """The last bar loses an input: it enters as before or not at all."""
    blank = {name: int(OUTAGE) if "state" in name else np.nan for name in names}
    blinded = frame.copy()
    for name, nothing in blank.items():
        blinded.loc[len(frame) - 1, name] = nothing
    before, after = (decision_columns(rows, STRICT).iloc[-1] for rows in (frame, blinded))
    assert after["entry"] in (0, before["entry"])
    for side in Side:
        if not before[f"signal_{side}"] > 0:
            assert not after[f"signal_{side}"] > 0
        assert not (after[f"decay_{side}"] and not before[f"decay_{side}"])


@given(any_rows())
def test_every_entry_is_confident_placeable_and_has_its_inputs(frame):
    decided = decision_columns(frame, STRICT)
    entered = decided[decided["entry"] != 0]
    assert entered["inputs_ok"].all()
    assert (entered["regime"] != Regime.UNKNOWN).all()
    assert (entered["squeeze_state"] == OK).all()
    assert (entered["squeeze_risk"] != entered["entry"]).all()
    assert (entered["regime_age"] >= 2).all()
    assert (entered["stop_distance"] > 0).all()
    confidence = entered["confidence_long"].where(entered["entry"] > 0, entered["confidence_short"])
    assert (confidence >= entered["min_confidence"] - 0.10 - 1e-9).all()


@given(any_rows(), st.integers(0, 100))
def test_rows_keep_their_labels_and_nothing_is_written_into_the_frame(frame, first):
    labeled = frame.set_axis(frame.index + first)
    untouched = labeled.copy(deep=True)
    decided = decision_columns(labeled, PLAIN)
    assert decided.index.equals(labeled.index)
    assert_same(labeled, untouched)
    assert decided.columns.is_unique
    assert not set(decided) & set(frame)


def test_the_rows_of_these_tests_meet_every_gate_and_enter_everything_on_both_sides():
    frame = pd.concat(
        [
            piece
            for setup in SETUPS.values()
            for twist in TWISTS
            for upright in [repeated(setup, 4).assign(**twist)]
            for piece in (upright, upside_down(upright))
        ],
        ignore_index=True,
    )
    restless = frame.sample(frac=1.0, random_state=1)
    decided = decision_columns(pd.concat([frame, restless], ignore_index=True), STRICT)
    entered = decided[decided["entry"] != 0]
    seen = set(zip(entered["regime"], entered["entry"], strict=True))
    assert seen == {(regime, entry) for regime in (0, 1, 2) for entry in (-1, 1)}
    # Missing funding is refused as a missing input, before anybody asks the funding filter.
    asked = set(Gate) - {Gate.FUNDING}
    for side in Side:
        assert set(decided[f"refused_{side}"]) == {
            gate for gate in asked if gate <= Gate.CONFIDENCE
        }
        assert decided[f"decay_{side}"].any()
    assert set(decided["squeeze_risk"].dropna()) == {-1.0, 0.0, 1.0}


# By hand


@pytest.mark.parametrize(
    ("row", "regime", "confidence", "distance", "target"),
    [
        (TREND, Regime.TRENDING, 0.95, 2.0, 2.0),
        (BREAK, Regime.VOLATILE, 1.0, 2.0, 2.0),
        (REVERSION, Regime.RANGING, 1.0, 2.0, 1.2),
        (TREND | {"atr": 4.0}, Regime.TRENDING, 0.95, 6.0, 2.0),
        (BREAK | {"atr": 4.0}, Regime.VOLATILE, 1.0, 6.0, 2.0),
        (REVERSION | {"atr": 4.0}, Regime.RANGING, 1.0, 4.8, 1.2),
    ],
)
def test_each_regime_enters_by_its_own_rules(row, regime, confidence, distance, target):
    decided = decide(row)
    assert decided["entry"] == 1
    assert decided["regime"] == regime
    assert decided["confidence_long"] == pytest.approx(confidence)
    assert decided["stop_distance"] == pytest.approx(distance)
    assert decided["target_rr"] == target


@pytest.mark.parametrize(("row", "stem"), [(TREND, "momentum"), (BREAK, "breakout")])
def test_stop_target_and_threshold_are_those_of_the_sub_strategy(row, stem):
    chosen = described(
        exits={f"stop_atr_{stem}": 3.5, f"target_rr_{stem}": 3.25},
        **{stem: {f"{stem}_min_confidence": 0.45}},
    )
    decided = decide(row, chosen)
    assert decided["stop_distance"] == pytest.approx(3.5)
    assert (decided["target_rr"], decided["min_confidence"]) == (3.25, 0.45)


def test_a_confidence_below_the_least_enters_nothing():
    assert decide(TREND, FLAT)["confidence_long"] == pytest.approx(0.75)
    assert decide(TREND, FLAT)["entry"] == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trend_1h": -1.0, "trend_4h": -1.0}, "direction_allows_long"),
        ({"trend_1h": np.nan, "state_1h": STALE}, "inputs_ok"),
        ({"trend_4h": np.nan, "state_4h": OUTAGE}, "inputs_ok"),
        (NO_FUNDING, "funding_allows_long"),
        (LONGS_CROWDED, "squeeze_allows_long"),
    ],
)
def test_a_filter_that_refuses_says_so_in_its_own_column(change, why):
    decided = decide(TREND, **change)
    assert decided["entry"] == 0
    assert not decided[why]
    assert decide(TREND)[why]


REFUSED = {  # a row and what is set -> the gate that stops a long
    "entered": ({}, {}, Gate.NONE),
    "no signal at all": ({"ema_fast": 100.5}, {}, Gate.NONE),
    "a signal that never was confident": ({"volume_ratio": 0.5, "obv_flow": 0}, {}, Gate.NONE),
    "an input is missing": (NO_FUNDING, {}, Gate.INPUTS),
    "both timeframes oppose a strong signal": (
        {"trend_1h": -1, "trend_4h": -1},
        {"momentum": {"momentum_min_confidence": 0.7}},
        Gate.DIRECTION,
    ),
    "longs are crowded": (LONGS_CROWDED, {}, Gate.SQUEEZE),
    "shorts are crowded": (SHORTS_CROWDED, {}, Gate.NONE),
    "open interest is missing, abstain": (NO_OPEN_INTEREST, {}, Gate.NONE),
    "open interest is missing, block": (
        NO_OPEN_INTEREST,
        {"squeeze": {"outage": "block"}},
        Gate.INPUTS,
    ),
    "a window over it is incomplete, block": (
        {"oi_z": np.nan},
        {"squeeze": {"outage": "block"}},
        Gate.SQUEEZE,
    ),
    "the regime is new": ({}, {"gates": {"regime_wait_bars": 3}}, Gate.REGIME_WAIT),
    "the regime is old enough": ({}, {"gates": {"regime_wait_bars": 2}}, Gate.NONE),
    "the stop is too far away": ({"atr": 10.5}, {}, Gate.STOP),
    "funding took its confidence": (
        {"funding_rate_8h": 0.002},
        {"momentum": {"momentum_min_confidence": 0.81}},
        Gate.CONFIDENCE,
    ),
    "funding left enough": (
        {"funding_rate_8h": 0.002},
        {"momentum": {"momentum_min_confidence": 0.8}},
        Gate.NONE,
    ),
    "a penalty of a signal that never was confident": (
        {"volume_ratio": 0.5, "obv_flow": 0, "funding_rate_8h": 0.002},
        {"filters": {"funding_penalty": 0.3}},
        Gate.NONE,
    ),
    "a new regime before the stop": (
        {"atr": 10.5},
        {"gates": {"regime_wait_bars": 3}},
        Gate.REGIME_WAIT,
    ),
    "the first gate is named": (
        LONGS_CROWDED | NO_FUNDING | {"oi_z": 2.5, "price_oi_quadrant": 2, "atr": 10.5},
        {},
        Gate.INPUTS,
    ),
    "a squeeze before the stop": (LONGS_CROWDED | {"atr": 10.5}, {}, Gate.SQUEEZE),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("changes", "config", "gate"), REFUSED.values(), ids=REFUSED)
def test_the_gate_that_stopped_a_signal_is_named(changes, config, gate, side):
    frame = repeated(TREND, **changes)
    chosen = described(trade_history=False, **config)
    if side is Side.SHORT:
        frame, chosen = upside_down(frame), replace(chosen, filters=mirrored(chosen.filters))
    assert decision_columns(frame, chosen)[f"refused_{side}"].iloc[-1] == gate


def test_an_entry_waits_until_the_regime_has_lasted():
    decided = decision_columns(pd.DataFrame([BREAK] * 3 + [TREND | {"atr_ratio": 1.0}] * 4), PLAIN)
    assert decided["regime_age"].tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert decided["entry"].tolist() == [0, 0, 1, 0, 0, 1, 1]
    assert decided["refused_long"].tolist() == [
        *(Gate.REGIME_WAIT, Gate.REGIME_WAIT, Gate.NONE),
        *(Gate.REGIME_WAIT, Gate.REGIME_WAIT, Gate.NONE, Gate.NONE),
    ]


def test_a_regime_that_the_four_hours_change_is_new():
    rows = [TREND | {"adx_4h": adx} for adx in (30.0, 30.0, 30.0, 10.0, 10.0, 30.0)]
    decided = decision_columns(pd.DataFrame(rows), PLAIN)
    assert (decided["regime_15m"] == Regime.TRENDING).all()
    assert decided["regime_age"].tolist() == [0, 1, 2, 0, 1, 0]


def test_funding_blocks_only_where_its_policy_is_to_block():
    abstaining = described(filters={"funding_outage": "abstain"})
    decided = decide(TREND, abstaining, **NO_FUNDING)
    assert (decided["entry"], decided["inputs_ok"]) == (1, True)


@pytest.mark.parametrize("state", [OUTAGE, STALE])
@pytest.mark.parametrize(
    ("config", "required"),
    [
        ({}, {"funding_state"}),
        ({"filters": {"funding_outage": "abstain"}}, set()),
        ({"filters": {"funding": False}}, set()),
        ({"squeeze": {"outage": "block"}}, {"funding_state", "oi_state"}),
        ({"squeeze": {"outage": "block", "enabled": False}}, {"funding_state"}),
    ],
    ids=["default", "abstain", "no funding filter", "squeeze blocks", "no squeeze filter"],
)
def test_an_input_is_required_where_its_filter_is_on_and_blocks(config, required, state):
    chosen = described(**config)
    for name in ("state_1h", "state_4h", "funding_state", "oi_state"):
        missing = name in required or name in ("state_1h", "state_4h")
        assert decide(TREND, chosen, **{name: state})["inputs_ok"] == (not missing), name


def test_a_crowded_side_needs_more_to_enter():
    assert decide(TREND, funding_rate_8h=0.002)["confidence_long"] == pytest.approx(0.80)
    assert decide(TREND, funding_rate_8h=-0.002)["confidence_long"] == 1.0


def test_the_other_side_of_a_squeeze_gains_its_bonus():
    generous = replace(FLAT, squeeze=replace(FLAT.squeeze, bonus=0.04))
    assert decide(TREND, generous, **SHORTS_CROWDED)["confidence_long"] == pytest.approx(0.79)
    assert decide(TREND, generous, **SHORTS_CROWDED)["entry"] == 1
    assert decide(TREND, generous, **LONGS_CROWDED)["confidence_long"] == pytest.approx(0.75)


def test_a_bonus_makes_no_signal_where_there_is_none():
    decided = decide(TREND, ema_fast=99.0)
    assert decided["signal_long"] == decided["confidence_long"] == 0.0


def test_no_least_confidence_turns_no_signal_into_an_entry():
    everything = described(momentum={"momentum_min_confidence": 0.0})
    decided = decide(TREND, everything, ema_fast=100.5)
    assert (decided["entry"], decided["refused_long"]) == (0, Gate.NONE)


def test_a_penalty_that_takes_all_confidence_leaves_no_entry():
    everything = described(
        momentum={"momentum_min_confidence": 0.0},
        filters={"alignment_bonus": 0.0, "funding_penalty": 1.0},
    )
    decided = decide(TREND, everything, funding_rate_8h=0.002)
    assert (decided["confidence_long"], decided["entry"]) == (0.0, 0)
    assert decided["refused_long"] == Gate.CONFIDENCE


@pytest.mark.parametrize(("atr", "entry"), [(10.0, 1), (10.01, 0)])
def test_a_stop_too_far_away_to_be_placed_refuses_the_entry(atr, entry):
    assert decide(TREND, atr=atr)["entry"] == entry  # 1.5 ATR, at most 15 % of 100


def test_a_stop_is_at_least_its_least_distance_away():
    near = described(exits={"min_stop": 0.05})
    assert decide(TREND, near)["stop_distance"] == pytest.approx(5.0)


def test_a_tie_between_the_sides_enters_neither():
    # Below its band for a long, overbought for a short: as much evidence for one as for the other.
    torn = NEUTRAL | {"bb_percent": -0.2, "rsi": 80.0, "volume_ratio": 1.6}
    tied = TREND | torn | {"adx": 15.0, "trend_1h": 0.0, "trend_4h": 0.0}
    lax = described(mean_reversion={"mean_reversion_min_confidence": 0.1})
    undecided = decide(tied, lax)
    assert undecided["confidence_long"] == undecided["confidence_short"] == pytest.approx(0.37)
    assert undecided["entry"] == 0
    assert undecided["refused_long"] == undecided["refused_short"] == Gate.NONE
    assert decide(tied, lax, obv_flow=0.1)["entry"] == 1
    assert decide(tied, lax, obv_flow=-0.1)["entry"] == -1


@pytest.mark.parametrize("name", ["adx", "atr_ratio", "adx_4h", "atr", "macd_hist", "close"])
def test_an_unknown_indicator_enters_nothing(name):
    assert decide(TREND, **{name: np.nan})["entry"] == 0


@pytest.mark.parametrize(
    ("config", "relief"),
    [
        ({}, 0.10),
        ({"adaptive": {"relief": 0.02}}, 0.02),
        ({"adaptive": {"enabled": False}}, 0.0),
        ({"trade_history": False}, 0.0),
    ],
    ids=str,
)
def test_signals_are_shown_from_what_recent_results_may_ask_for(config, relief):
    chosen = described(filters={"alignment_bonus": 0.0}, **config)
    assert least_confidence(chosen) == relief
    decided = decide(TREND, chosen)
    assert decided["min_confidence"] == 0.78
    assert decided["entry"] == (0.78 - relief <= 0.75)


def test_a_relieved_threshold_is_met_exactly():
    """0.8 - 0.2 is a little more than 0.6 in binary; a trader sees no difference."""
    for hundredths in range(61, 91):
        relief = round(hundredths / 100 - 0.6, 2)
        chosen = described(
            filters={"alignment_bonus": 0.0},
            momentum={"momentum_min_confidence": hundredths / 100},
            adaptive={"relief": relief},
        )
        without_volume = decide(TREND, chosen, volume_ratio=1.5)
        assert without_volume["confidence_long"] == 0.6
        assert without_volume["entry"] == 1, hundredths
        lower = replace(chosen, adaptive=replace(chosen.adaptive, relief=round(relief - 0.01, 2)))
        assert decide(TREND, lower, volume_ratio=1.5)["entry"] == 0, hundredths


DYING = [(4.0, 64.0), (3.0, 62.0), (2.0, 61.0), (1.0, 50.0)]


@pytest.mark.parametrize("side", Side)
def test_a_dying_move_is_shown_for_its_own_side_only(side):
    upright = pd.DataFrame([TREND | {"macd_hist": hist, "rsi": rsi} for hist, rsi in DYING])
    frame = upright if side is Side.LONG else upside_down(upright)
    decided = decision_columns(frame, PLAIN)
    other = Side.SHORT if side is Side.LONG else Side.LONG
    assert decided[f"decay_{side}"].tolist() == [False, False, False, True]
    assert not decided[f"decay_{other}"].any()


def test_the_trail_factor_is_that_of_the_confirmed_regime():
    chosen = replace(PLAIN, exits=replace(PLAIN.exits, volatility_trail=True))
    assert decide(TREND, chosen)["trail_factor"] == pytest.approx(1.2 * 1.075)
    assert decide(TREND, chosen, adx_4h=10.0)["trail_factor"] == pytest.approx(0.8 * 1.075)


def test_the_regime_before_confirmation_stays_visible():
    downgraded = decide(TREND, adx_4h=10.0)
    assert (downgraded["regime_15m"], downgraded["regime"]) == (Regime.TRENDING, Regime.RANGING)


# Switches: off, a filter or exit is inert whatever its inputs say; on, it changes something.

NO_FILTER = {"filters": {"funding": False, "alignment_bonus": 0.0, "direction": "off"}}
OFF = {  # settings that switch something off -> inputs that may then say anything
    "regime.confirm": (NO_FILTER | {"regime": {"confirm": False}}, {"adx_4h": 10.0}),
    "filters.direction": (
        {"filters": {"direction": "off", "alignment_bonus": 0.0}},
        {"trend_1h": -1.0, "trend_4h": -1.0},
    ),
    "filters.funding": ({"filters": {"funding": False}}, NO_FUNDING),
    "filters.funding, rate": ({"filters": {"funding": False}}, {"funding_rate_8h": 0.01}),
    "squeeze.enabled": ({"squeeze": {"enabled": False}}, LONGS_CROWDED),
    "squeeze.enabled, block": (
        {"squeeze": {"enabled": False, "outage": "block"}},
        NO_OPEN_INTEREST | {"atr_rank": np.nan},
    ),
    "squeeze.enabled, bonus": ({"squeeze": {"enabled": False, "bonus": 0.2}}, SHORTS_CROWDED),
}
DECIDES = [
    "entry",
    "inputs_ok",
    *(f"{name}_{side}" for name in ("confidence", "refused") for side in Side),
]


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
@pytest.mark.parametrize(("config", "inputs"), OFF.values(), ids=OFF)
def test_switched_off_its_inputs_decide_nothing(config, inputs, setup):
    off = described(trade_history=False, **config)
    for frame in (repeated(setup), upside_down(repeated(setup))):
        silent, loud = (decision_columns(rows, off) for rows in (frame, frame.assign(**inputs)))
        assert_same(loud[DECIDES], silent[DECIDES])


SWITCHES = {  # off -> on, and a bar that tells them apart
    "momentum.enabled": ({"momentum": {"enabled": False}}, {}, TREND),
    "breakout.enabled": ({"breakout": {"enabled": False}}, {}, BREAK),
    "mean_reversion.enabled": ({"mean_reversion": {"enabled": False}}, {}, REVERSION),
    "regime.confirm": ({"regime": {"confirm": False}}, {}, TREND | {"adx_4h": 10.0}),
    "filters.direction": (
        {"filters": {"direction": "off"}},
        {"filters": {"direction": "not_opposed"}},
        BREAK | {"trend_1h": -1.0, "trend_4h": -1.0},
    ),
    "filters.direction, slow": (
        {},
        {"filters": {"direction": "slow_agrees"}},
        BREAK | {"trend_4h": 0.0},
    ),
    "filters.direction, both": (
        {},
        {"filters": {"direction": "both_agree"}},
        BREAK | {"trend_1h": 0.0},
    ),
    "filters.alignment_bonus": ({"filters": {"alignment_bonus": 0.0}}, {}, TREND),
    "filters.funding": (
        {"filters": {"funding": False}},
        {"filters": {"funding_penalty": 0.3}},
        TREND | {"funding_rate_8h": 0.01},
    ),
    "filters.funding_outage": ({"filters": {"funding_outage": "abstain"}}, {}, TREND | NO_FUNDING),
    "squeeze.enabled": ({"squeeze": {"enabled": False}}, {}, TREND | LONGS_CROWDED),
    "squeeze.outage": ({}, {"squeeze": {"outage": "block"}}, TREND | NO_OPEN_INTEREST),
    "gates.regime_wait_bars": (
        {"gates": {"regime_wait_bars": 0}},
        {"gates": {"regime_wait_bars": 3}},
        TREND,
    ),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("off", "on", "row"), SWITCHES.values(), ids=SWITCHES)
def test_switched_on_it_decides_something(off, on, row, side):
    entries = []
    for config in (off, on):
        frame = repeated(row)
        chosen = described(trade_history=False, **config)
        if side is Side.SHORT:
            frame, chosen = upside_down(frame), replace(chosen, filters=mirrored(chosen.filters))
        entries.append(decision_columns(frame, chosen)["entry"].iloc[-1])
    assert sorted(entries) == sorted([0, side.sign])


@pytest.mark.parametrize("name", SubStrategy)
def test_a_sub_strategy_that_is_switched_off_still_shows_what_it_thinks(name):
    off = described(**{name.value: {"enabled": False}})
    shown, hidden = decide(SETUPS[name.value]), decide(SETUPS[name.value], off)
    assert hidden["regime"] == CODES[name]
    assert hidden[f"{name}_long"] == shown[f"{name}_long"] > 0
    assert hidden["signal_long"] == hidden["confidence_long"] == 0
    assert hidden["refused_long"] == Gate.NONE
    for other in set(SubStrategy) - {name}:
        assert decide(SETUPS[other.value], off)["entry"] == 1


@given(any_rows())
def test_exits_that_are_switched_off_ask_for_nothing(frame):
    off = replace(STRICT, exits=replace(STRICT.exits, momentum_decay=False, volatility_trail=False))
    on, without = decision_columns(frame, STRICT), decision_columns(frame, off)
    assert (without["trail_factor"] == 1.0).all()
    assert not without[["decay_long", "decay_short"]].any(axis=None)
    same = on.columns.drop(["trail_factor", "decay_long", "decay_short"])
    assert_same(on[same], without[same])


def test_exits_that_are_switched_on_ask_for_something():
    frame = pd.DataFrame([TREND | {"macd_hist": hist, "rsi": rsi} for hist, rsi in DYING])
    decided = decision_columns(frame, STRICT)
    assert decided["decay_long"].any()
    assert (decided["trail_factor"] != 1.0).all()


# Tags and labels


@given(st.lists(st.tuples(st.sampled_from(Regime), st.integers(-1, 1)), min_size=1, max_size=20))
def test_a_tag_names_the_reason_of_each_entry(rows):
    regime, entry = zip(*rows, strict=True)
    tags = entry_tags(pd.Series(regime, dtype=np.int8), pd.Series(entry, dtype=np.int8))
    for code, entered, tag in zip(regime, entry, tags, strict=True):
        if entered and code is not Regime.UNKNOWN:
            assert parse_entry_tag(tag)[0] is code
        else:
            assert pd.isna(tag)


def test_regimes_have_readable_names():
    codes = pd.Series([-1, 0, 1, 2], dtype=np.int8)
    assert regime_labels(codes).tolist() == ["unknown", "ranging", "trending", "volatile"]

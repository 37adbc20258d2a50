"""The laws of the whole way from candles to entries."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.frames import with_columns
from regimekit.pipeline import analyze
from regimekit.schema import Availability, Regime
from regimekit.settings import Settings
from tests.derivatives import open_interest_rows, taker_flow_rows
from tests.described import described
from tests.markets import POISONS, Market, known_by, market, markets, poisoned

BARS = 200  # each of which is an example, so that few markets are many of them
CANDLE = timedelta(minutes=15)

# So little confidence needed that a short market has entries of all kinds, so little crowding that
# it has squeezes, and every rule the same upside down: no margin relative to price, funding
# thresholds of one size.
EAGER = described(
    trade_history=False,
    indicators={"atr_rank": 20},
    momentum={"momentum_min_confidence": 0.3},
    mean_reversion={"mean_reversion_min_confidence": 0.2},
    breakout={"breakout_min_confidence": 0.2, "break_margin": 0.0},
    filters={"funding_crowded_long": 0.0005, "funding_crowded_short": -0.0005},
    inputs={"open_interest_z_bars": 16, "funding_z_days": 2.0},
    squeeze={
        "compression_rank": 0.9,
        "memory_bars": 96,
        "build_up_z": 0.5,
        "extreme_z": 1.0,
        "leave_z": 0.5,
        "bonus": 0.05,
    },
    exits={"max_stop": 0.4, "volatility_trail": True, "decay_bars": 2},
)


def decide(shown: Market, chosen: Settings = EAGER) -> pd.DataFrame:
    return analyze(shown.candles, shown.higher, shown.funding, chosen, timeframe=CANDLE)


def decide_with_all(
    shown: Market, of: Market | None = None, chosen: Settings = EAGER
) -> pd.DataFrame:
    """Decide `shown` with the open interest and taker flow that `of` had known by its end."""
    of, known = of or shown, shown.closes_at.iloc[-1]
    interest = open_interest_rows(of)
    flows = {"taker_flow": taker_flow_rows(of), "spot_taker_flow": taker_flow_rows(of, seed=2)}
    return analyze(
        shown.candles,
        shown.higher,
        shown.funding,
        chosen,
        timeframe=CANDLE,
        open_interest=interest[interest["date"] < known],
        **{name: rows[rows["known_at"] < known] for name, rows in flows.items()},
    )


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True)


@settings(max_examples=15)
@given(markets(BARS), st.integers(1, BARS))
def test_what_a_bot_had_at_the_time_decides_the_same(shown, bars):
    assert_same(decide(shown).iloc[:bars], decide(shown.until(bars)))


@settings(max_examples=12)
@given(markets(BARS), st.integers(1, BARS))
def test_derivatives_too_are_what_a_bot_had_at_the_time(shown, bars):
    whole = decide_with_all(shown)
    assert_same(whole.iloc[:bars], decide_with_all(shown.until(bars), of=shown))


INFORMATION = [
    *("open_interest_amount", "oi_z", "oi_change", "price_oi_quadrant", "oi_age_hours"),
    *("oi_state", "cvd", "spot_cvd", "cvd_divergence", "flow_age_hours", "flow_state"),
    *("spot_flow_age_hours", "spot_flow_state"),
]


def without_information(decided: pd.DataFrame) -> pd.DataFrame:
    told = [*INFORMATION, *(name for name in decided if name.startswith("squeeze_"))]
    return decided.drop(columns=told)


@settings(max_examples=10)
@given(markets(BARS))
def test_without_the_squeeze_filter_open_interest_and_taker_flow_decide_nothing(shown):
    off = replace(EAGER, squeeze=replace(EAGER.squeeze, enabled=False))
    plain, informed = decide(shown, off), decide_with_all(shown, chosen=off)
    assert (informed["squeeze_risk"].abs() == 1).any()
    assert_same(without_information(informed), without_information(plain))


@settings(max_examples=10)
@given(markets(BARS))
def test_a_squeeze_refuses_only_its_own_side(shown):
    plain, informed = decide(shown), decide_with_all(shown)
    risk, entry = informed["squeeze_risk"], informed["entry"]
    assert set(risk.dropna()) == {-1.0, 0.0, 1.0}
    assert (entry * risk != 1).all()
    calm = risk.isna() | (risk == 0)
    assert_same(without_information(informed[calm]), without_information(plain[calm]))
    assert plain["squeeze_risk"].isna().all()


@settings(max_examples=15)
@given(markets(BARS), st.integers(1, BARS - 1), POISONS)
def test_absurd_later_candles_change_no_earlier_decision(shown, bars, poison):
    candles = poisoned(shown.candles, shown.candles.index >= bars, poison)
    bad = replace(shown, candles=candles)
    assert_same(decide(shown).iloc[:bars], decide(bad).iloc[:bars])


@pytest.mark.parametrize("timeframe", ["1h", "4h"])
@settings(max_examples=12)
@given(shown=markets(BARS), bars=st.integers(1, BARS), poison=POISONS)
def test_an_incomplete_higher_candle_changes_no_decision(timeframe, shown, bars, poison):
    candles = shown.higher[timeframe]
    unknown = ~known_by(candles, timeframe, shown.closes_at.iloc[bars - 1])
    bad = shown.with_higher(timeframe, poisoned(candles, unknown, poison))
    assert_same(decide(shown).iloc[:bars], decide(bad).iloc[:bars])


@settings(max_examples=15)
@given(markets(BARS), st.integers(1, BARS), POISONS)
def test_a_settlement_at_or_after_the_close_changes_no_decision(shown, bars, poison):
    unknown = shown.funding["date"] >= shown.closes_at.iloc[bars - 1]
    bad = replace(shown, funding=poisoned(shown.funding, unknown, poison))
    assert_same(decide(shown).iloc[:bars], decide(bad).iloc[:bars])


@settings(max_examples=15)
@given(markets(BARS))
def test_the_mirrored_market_is_entered_on_the_other_side(shown):
    # Whether ATR is compressed as a share of price is not the same at the mirrored price.
    chosen = replace(EAGER, squeeze=replace(EAGER.squeeze, enabled=False))
    upright, turned = (decide_with_all(each, chosen=chosen) for each in (shown, shown.mirrored()))
    np.testing.assert_array_equal(turned["entry"], -upright["entry"])
    np.testing.assert_array_equal(turned["regime"], upright["regime"])
    for side, other in (("long", "short"), ("short", "long")):
        np.testing.assert_allclose(
            turned[f"confidence_{side}"], upright[f"confidence_{other}"], atol=1e-9
        )
        np.testing.assert_array_equal(turned[f"refused_{side}"], upright[f"refused_{other}"])
    np.testing.assert_array_equal(turned["squeeze_build_up"], upright["squeeze_build_up"])
    np.testing.assert_array_equal(turned["squeeze_extreme"], -upright["squeeze_extreme"])
    assert (upright["squeeze_extreme"] != 0).any()


@settings(max_examples=15)
@given(markets(BARS), st.sampled_from(["1h", "4h", "funding"]), st.floats(0, 1))
def test_no_entry_without_every_input(shown, lost, share):
    if lost == "funding":
        rows = shown.funding
        broken = replace(shown, funding=rows.sample(frac=share, random_state=1))
    else:
        rows = shown.higher[lost]
        broken = shown.with_higher(lost, rows.iloc[: int(share * len(rows))])
    decided = decide(broken)
    entered = decided[decided["entry"] != 0]
    assert entered["inputs_ok"].all()
    assert (entered["regime"] != Regime.UNKNOWN).all()
    assert (entered[["state_1h", "state_4h", "funding_state"]] == Availability.OK).all(axis=None)
    chosen = np.where(entered["entry"] > 0, entered["confidence_long"], entered["confidence_short"])
    assert (chosen >= entered["min_confidence"]).all()


@settings(max_examples=15)
@given(markets(BARS))
def test_an_unknown_regime_has_no_confidence_stop_or_target(shown):
    decided = decide(shown)
    unknown = decided["regime"] == Regime.UNKNOWN
    assert unknown.any()
    for name in ("confidence_long", "confidence_short", "stop_distance", "target_rr"):
        assert decided.loc[unknown, name].isna().all()


@settings(max_examples=10)
@given(markets(BARS))
def test_the_same_market_is_decided_the_same(shown):
    untouched = shown.candles.copy(deep=True)
    assert_same(decide(shown), decide(shown))
    assert_same(shown.candles, untouched)


@settings(max_examples=10)
@given(markets(BARS), st.permutations(["1h", "4h"]))
def test_deciding_again_replaces_the_columns(shown, order):
    once = decide(shown)
    again = decide(
        replace(shown, candles=once, higher={name: shown.higher[name] for name in order})
    )
    assert_same(again[once.columns], once)
    assert again.columns.is_unique


def test_the_markets_of_these_tests_enter_on_both_sides_in_every_regime():
    decided = pd.concat([decide(market(BARS, seed)) for seed in range(6)])
    entered = decided[decided["entry"] != 0]
    seen = set(zip(entered["regime"], entered["entry"], strict=True))
    assert seen == {(regime, entry) for regime in (0, 1, 2) for entry in (-1, 1)}


@pytest.mark.realdata
def test_a_week_of_bitcoin_needs_no_later_candle(shared_data):
    folder = shared_data / "binance" / "futures"

    def read(name, rows):
        return pd.read_feather(folder / f"BTC_USDT_USDT-{name}.feather").iloc[:rows]

    candles = read("15m-futures", 2000)
    recorded = Market(
        candles,
        {"1h": read("1h-futures", None), "4h": read("4h-futures", None)},
        read("1h-funding_rate", None),
    )
    whole = decide(recorded)
    assert (whole["entry"] != 0).any()
    for bars in range(1100, 2001, 97):
        assert_same(whole.iloc[:bars], decide(recorded.until(bars)))


def test_added_columns_replace_those_of_the_same_name():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert with_columns(frame, pd.DataFrame({"b": [3], "c": [4]})).to_dict("list") == {
        "a": [1],
        "b": [3],
        "c": [4],
    }

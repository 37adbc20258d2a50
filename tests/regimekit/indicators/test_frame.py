"""Every indicator column: causal, free of the units it should be free of, and forgetful."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.indicators.frame import indicator_columns, trend_columns
from regimekit.settings import IndicatorSettings
from tests.markets import OHLC, POISONS, candle_frame, candle_frames, poisoned, reflected

BARS = 260
PRICE_UNIT = ["atr", "ema_fast", "ema_mid", "ema_slow", "macd_hist", "resistance", "support"]
BOUNDS = {
    "atr": (0, np.inf),
    "atr_ratio": (0, np.inf),
    "atr_rank": (0, 1),
    "adx": (0, 100),
    "rsi_fast": (0, 100),
    "rsi": (0, 100),
    "volume_ratio": (0, np.inf),
    "obv_flow": (-1, 1),
    "body": (-1, 1),
    "reversal": (-1, 1),
    "rsi_divergence": (-1, 1),
    "obv_divergence": (-1, 1),
}
both = pytest.mark.parametrize("columns", [indicator_columns, trend_columns])


@both
@settings(max_examples=40)
@given(candles=candle_frames(BARS), cut=st.integers(1, BARS))
def test_later_candles_change_no_earlier_value(columns, candles, cut):
    pd.testing.assert_frame_equal(
        columns(candles).iloc[:cut], columns(candles.iloc[:cut]), check_exact=True
    )


@both
@settings(max_examples=40)
@given(candles=candle_frames(BARS), cut=st.integers(1, BARS), poison=POISONS)
def test_absurd_later_candles_change_no_earlier_value(columns, candles, cut, poison):
    bad = poisoned(candles, candles.index >= cut, poison)
    pd.testing.assert_frame_equal(
        columns(candles).iloc[:cut], columns(bad).iloc[:cut], check_exact=True
    )


@both
@settings(max_examples=20)
@given(candles=candle_frames(900), start=st.integers(1, 400))
def test_the_last_value_forgets_where_the_candles_began(columns, candles, start):
    whole, late = columns(candles).iloc[-1], columns(candles.iloc[start:]).iloc[-1]
    np.testing.assert_allclose(late, whole, rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(candle_frames(BARS), st.integers(-20, 20))
def test_no_column_knows_the_unit_of_volume(candles, power):
    scaled = candles.assign(volume=candles["volume"] * 2.0**power)
    pd.testing.assert_frame_equal(
        indicator_columns(scaled), indicator_columns(candles), check_exact=True
    )


@settings(max_examples=20)
@given(candle_frames(BARS), st.integers(-16, 16))
def test_only_price_columns_know_the_unit_of_price(candles, power):
    scaled = candles.copy()
    scaled[OHLC] *= 2.0**power
    expected = indicator_columns(candles)
    expected[PRICE_UNIT] *= 2.0**power
    pd.testing.assert_frame_equal(indicator_columns(scaled), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20)
@given(candle_frames(BARS), st.integers(-16, 16))
def test_trends_do_not_know_the_unit_of_price(candles, power):
    scaled = candles.copy()
    scaled[OHLC] *= 2.0**power
    pd.testing.assert_frame_equal(trend_columns(scaled), trend_columns(candles))


@settings(max_examples=20)
@given(candle_frames(BARS))
def test_a_trend_upside_down_is_the_opposite_trend(candles):
    upright, turned = trend_columns(candles), trend_columns(reflected(candles))
    pd.testing.assert_series_equal(turned["trend"], -upright["trend"])
    pd.testing.assert_series_equal(turned["adx"], upright["adx"], rtol=1e-6)


@settings(max_examples=40)
@given(candle_frames(BARS))
def test_columns_stay_within_their_bounds(candles):
    columns = indicator_columns(candles)
    for name, (low, high) in BOUNDS.items():
        known = columns[name].dropna()
        assert known.between(low, high).all(), name
    assert np.isfinite(columns.to_numpy()[~columns.isna().to_numpy()]).all()


def test_every_column_speaks_after_its_warm_up_and_none_before():
    columns = indicator_columns(candle_frame(BARS, seed=1))
    first = {name: int(columns[name].notna().to_numpy().argmax()) for name in columns}
    assert first == {
        "atr": 14,
        "atr_ratio": 33,
        "atr_rank": 205,
        "adx": 27,
        "ema_fast": 4,
        "ema_mid": 12,
        "ema_slow": 20,
        "rsi_fast": 8,
        "rsi": 14,
        "macd_hist": 16,
        "bb_percent": 9,
        "volume_ratio": 20,
        "obv_flow": 20,
        "resistance": 50,
        "support": 50,
        "break_up": 50,
        "break_down": 50,
        "body": 0,
        "reversal": 1,
        "rsi_divergence": 14,
        "obv_divergence": 6,
    }
    assert columns.drop(columns="atr_rank").iloc[50:].notna().all(axis=None)
    assert columns["atr_rank"].iloc[205:].notna().all()


def test_bollinger_percent_is_0_at_the_lower_and_1_at_the_upper_band():
    candles = candle_frame(60, seed=2)
    last = candles["close"].iloc[-10:]
    lower, upper = (last.mean() + sign * 2 * last.std(ddof=0) for sign in (-1, 1))
    expected = (last.iloc[-1] - lower) / (upper - lower)
    assert indicator_columns(candles)["bb_percent"].iloc[-1] == pytest.approx(expected)


def test_a_flat_market_has_no_bollinger_percent():
    candles = candle_frame(60, seed=3)
    candles[OHLC] = 512.0
    assert indicator_columns(candles)["bb_percent"].isna().all()


@settings(max_examples=20)
@given(candle_frames(120), st.integers(20, 60))
def test_an_atr_rank_is_the_share_of_the_other_bars_that_were_calmer(candles, bars):
    columns = indicator_columns(candles, IndicatorSettings(atr_rank=bars))
    shares = (columns["atr"] / candles["close"]).to_numpy()
    for bar in range(len(shares)):
        window = shares[max(bar - bars + 1, 0) : bar + 1]
        others, own = window[:-1], shares[bar]
        calmer = (others < own).sum() + (others == own).sum() / 2
        whole = len(window) == bars and np.isfinite(window).all()
        expected = calmer / (bars - 1) if whole else np.nan
        np.testing.assert_allclose(columns["atr_rank"].iloc[bar], expected, rtol=1e-12)


@pytest.mark.parametrize(("growth", "rank"), [(1.005, 1.0), (0.995, 0.0)])
def test_an_atr_rank_compares_moves_as_shares_of_price(growth, rank):
    price = 512 * 1.01 ** np.arange(100.0)
    move = 0.01 * price * growth ** np.arange(100.0)  # in price units they grow in both cases
    candles = pd.DataFrame(
        {"open": price, "high": price + move, "low": price - move, "close": price, "volume": 1.0}
    )
    columns = indicator_columns(candles, IndicatorSettings(atr_rank=20))
    assert columns["atr"].diff().iloc[-20:].gt(0).all()
    assert columns["atr_rank"].iloc[-1] == rank


def test_equal_bars_share_the_middle_rank():
    flat = candle_frame(60, seed=3).assign(**dict.fromkeys(OHLC, 512.0))
    assert indicator_columns(flat, IndicatorSettings(atr_rank=20))["atr_rank"].iloc[-1] == 0.5


def test_breaks_are_fractions_of_price_beyond_the_range():
    candles = candle_frame(60, seed=4)
    candles[OHLC] = 512.0
    candles.loc[59, ["high", "close"]] = 520.0
    columns = indicator_columns(candles)
    assert columns["break_up"].iloc[-1] == 520 / 512 - 1
    assert columns["break_down"].iloc[-1] == 512 / 520 - 1


@pytest.mark.parametrize(("step", "trend"), [(1.0, 1.0), (-1.0, -1.0), (0.0, 0.0)])
def test_a_straight_line_is_a_trend_in_its_direction(step, trend):
    close = 512 + step * np.arange(120.0)
    candles = pd.DataFrame({"high": close + 1, "low": close - 1, "close": close})
    columns = trend_columns(candles)["trend"]
    assert columns.iloc[:49].isna().all()
    assert (columns.iloc[49:] == trend).all()


def test_a_trend_is_undecided_once_price_crosses_its_slow_average():
    close = np.append(512 + np.arange(120.0), 500.0)
    candles = pd.DataFrame({"high": close + 1, "low": close - 1, "close": close})
    assert trend_columns(candles)["trend"].iloc[-2:].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", [item.name for item in fields(IndicatorSettings)])
def test_every_look_back_is_used(name):
    """A setting that changes nothing is a promise that nobody keeps."""
    candles = candle_frame(600, seed=3)
    default = IndicatorSettings()
    low = next(item.metadata["low"] for item in fields(default) if item.name == name)
    # An ordered neighbor bounds the change, so take one step toward the nearer allowed value.
    step = -1 if getattr(default, name) - 1 >= low else 1
    changed = replace(default, **{name: getattr(default, name) + step})
    columns = trend_columns if name.startswith("trend") else indicator_columns
    assert not columns(candles, changed).equals(columns(candles, default))

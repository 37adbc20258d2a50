"""Open interest: laws over drawn series, a window by hand, and live against backtest."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.derivatives.open_interest import open_interest_events, quadrant
from regimekit.inputs import open_interest_columns
from regimekit.schema import Availability, Positioning
from regimekit.settings import InputSettings
from tests.derivatives import open_interest_rows
from tests.markets import SEEDS, START, Market, market

STEP = pd.Timedelta("15min")
QUICK = InputSettings(open_interest_z_bars=8, open_interest_change_bars=3)
VALUES = ["open_interest_amount", "oi_z", "oi_change", "price_oi_quadrant"]
UNIT_FREE = VALUES[1:]
BARS = 60

drawn = SEEDS.map(lambda seed: market(BARS, seed))


def snapshots(amounts: list[float]) -> pd.DataFrame:
    date = pd.date_range(START, periods=len(amounts), freq=STEP).as_unit("ms")
    return pd.DataFrame({"date": date, "open_interest_amount": amounts})


def at_closes(prices: list[float]) -> pd.Series:
    """Prices of candles that close at the times of `snapshots`."""
    return pd.Series(prices, index=pd.date_range(START, periods=len(prices), freq=STEP))


def columns(shown: Market, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    rows = open_interest_rows(shown) if rows is None else rows
    return open_interest_columns(shown.closes_at, shown.candles["close"], rows, QUICK)


def test_by_hand():
    rows = snapshots([100.0, 104.0, 110.0, 99.0])
    events = open_interest_events(rows, at_closes([10.0, 9.0, 8.0, 11.0]), z_bars=4, change_bars=2)
    np.testing.assert_allclose(events["oi_change"], [np.nan, np.nan, 0.10, 99 / 104 - 1])
    last = (99 - 103.25) / np.std([100, 104, 110, 99])
    np.testing.assert_allclose(events["oi_z"], [np.nan, np.nan, np.nan, last])
    codes = [np.nan, np.nan, Positioning.NEW_SHORTS, Positioning.SHORT_COVERING]
    np.testing.assert_array_equal(events["price_oi_quadrant"], codes)


@pytest.mark.parametrize(
    ("price", "open_interest", "who"),
    [
        (0.01, 0.01, Positioning.NEW_LONGS),
        (0.01, -0.01, Positioning.SHORT_COVERING),
        (-0.01, 0.01, Positioning.NEW_SHORTS),
        (-0.01, -0.01, Positioning.LONG_LIQUIDATION),
        (0.0, 0.01, Positioning.FLAT),
        (0.01, 0.0, Positioning.FLAT),
        (-0.01, 0.0, Positioning.FLAT),
        (np.nan, 0.01, np.nan),
        (0.01, np.nan, np.nan),
        (np.nan, 0.0, np.nan),
    ],
)
def test_who_acted(price, open_interest, who):
    code = quadrant(np.array([price]), np.array([open_interest]))
    np.testing.assert_array_equal(code, [float(who)])
    assert not np.signbit(code[0]) or code[0] < 0


@pytest.mark.parametrize("nothing", [0.0, -5.0, np.nan, np.inf])
def test_a_missing_amount_is_missing_until_the_window_is_refilled(nothing):
    rows = snapshots([100.0 + (7 * number) % 5 for number in range(30)])
    rows.loc[12, "open_interest_amount"] = nothing
    prices = at_closes([10.0 + number % 3 for number in range(30)])
    events = open_interest_events(rows, prices, z_bars=8, change_bars=3)
    assert events.index[events["open_interest_amount"].isna()].tolist() == [12]
    missing = events["oi_z"].isna()
    assert events.index[missing].tolist() == [*range(7), *range(12, 20)]
    assert events.index[events["oi_change"].isna()].tolist() == [0, 1, 2, *range(12, 16)]


def test_a_missing_row_is_a_gap_and_nothing_bridges_it():
    rows = snapshots([100.0 + (7 * number) % 5 for number in range(30)]).drop(index=12)
    prices = at_closes([10.0 + number % 3 for number in range(30)])
    events = open_interest_events(rows, prices, z_bars=8, change_bars=3)
    assert events.index[events["oi_z"].isna()].tolist() == [*range(7), *range(13, 20)]
    assert events.index[events["oi_change"].isna()].tolist() == [0, 1, 2, *range(13, 16)]


def test_constant_open_interest_has_no_score_but_a_change_of_zero():
    events = open_interest_events(snapshots([50.0] * 12), at_closes([9.0] * 12), z_bars=8)
    assert events["oi_z"].isna().all()
    assert events["oi_change"].dropna().tolist() == [0.0] * 4


@settings(max_examples=30)
@given(drawn, st.integers(1, BARS))
def test_what_a_bot_had_at_the_time_says_the_same(shown, bars):
    whole, then = columns(shown), shown.until(bars)
    rows = open_interest_rows(shown)
    known = rows[rows["date"] <= then.closes_at.iloc[-1]]
    pd.testing.assert_frame_equal(columns(then, known), whole.iloc[:bars])


@settings(max_examples=20)
@given(drawn, st.integers(1, BARS), st.sampled_from([1e3, np.nan, 0.0, np.inf]))
def test_later_snapshots_change_nothing(shown, bars, poison):
    rows = open_interest_rows(shown)
    later = rows["date"] + STEP + timedelta(minutes=5) > shown.closes_at.iloc[bars - 1]
    bad = rows.assign(
        open_interest_amount=rows["open_interest_amount"].mask(later, rows.iloc[:, 1] * poison)
    )
    pd.testing.assert_frame_equal(columns(shown, bad)[:bars], columns(shown)[:bars])


@settings(max_examples=30)
@given(drawn, st.integers(0, BARS - 1), st.integers(0, 2))
def test_live_with_its_newest_row_withheld_agrees_with_a_backtest(shown, bar, withheld):
    """Freqtrade's live frame ends with the snapshot of the close, the one before or that before.

    It drops the one that is still forming, and the one before it until its successor is published;
    the bot analyzes seconds after the close, whatever the exchange's delay of up to 15 minutes.
    """
    closed = shown.closes_at.iloc[bar]
    rows = open_interest_rows(shown)
    rows = rows[rows["date"] <= closed - withheld * STEP]
    live = columns(shown, rows).iloc[bar]
    pd.testing.assert_series_equal(live, columns(shown).iloc[bar])


def test_a_snapshot_counts_two_candles_after_it_was_taken():
    shown = market(40, seed=1)
    rows, joined = open_interest_rows(shown), columns(shown)
    np.testing.assert_array_equal(
        joined["open_interest_amount"].iloc[1:], rows["open_interest_amount"].iloc[:-1]
    )
    assert joined["oi_state"].iloc[0] == Availability.OUTAGE
    np.testing.assert_allclose(joined["oi_age_hours"].iloc[1:], 10 / 60)


def test_snapshots_that_stop_coming_go_stale():
    shown = market(40, seed=1)
    joined = columns(shown, open_interest_rows(shown).iloc[:30])
    ok, stale = Availability.OK, Availability.STALE
    assert joined["oi_state"].iloc[30:].tolist() == [ok, ok, *[stale] * 8]
    assert joined.loc[32:, VALUES].isna().all(axis=None)


@settings(max_examples=20)
@given(drawn, st.sampled_from([1e-3, 1000.0, 3.0]), st.sampled_from([1e-3, 1000.0, 7.0]))
def test_units_of_price_and_of_contracts_do_not_matter(shown, price, contracts):
    rows = open_interest_rows(shown)
    scaled = rows.assign(open_interest_amount=contracts * rows["open_interest_amount"])
    other = open_interest_columns(shown.closes_at, price * shown.candles["close"], scaled, QUICK)
    pd.testing.assert_frame_equal(other[UNIT_FREE], columns(shown)[UNIT_FREE], atol=1e-6)


@settings(max_examples=20)
@given(drawn)
def test_in_the_mirrored_market_the_other_side_acts(shown):
    turned = open_interest_columns(
        shown.closes_at, shown.mirrored().candles["close"], open_interest_rows(shown), QUICK
    )
    upright = columns(shown)
    np.testing.assert_array_equal(turned["price_oi_quadrant"], -upright["price_oi_quadrant"])
    names = ["oi_z", "oi_change", "open_interest_amount"]
    pd.testing.assert_frame_equal(turned[names], upright[names])


@settings(max_examples=20)
@given(drawn, st.integers(0, 30))
def test_where_the_data_begin_does_not_matter(shown, begin):
    rows = open_interest_rows(shown)
    late = columns(shown, rows.iloc[begin:])
    settled = slice(begin + 10, None)
    pd.testing.assert_frame_equal(late.iloc[settled], columns(shown).iloc[settled])


@settings(max_examples=20)
@given(
    st.lists(st.integers(-5000, 5000), min_size=BARS, max_size=BARS),
    st.permutations(range(BARS)),
    st.lists(st.integers(0, BARS - 1), max_size=9),
    st.sampled_from(["ms", "us", "ns"]),
)
def test_jitter_order_repetition_and_unit_do_not_matter(jitter, order, repeated, unit):
    shown = market(BARS, seed=4)
    rows = open_interest_rows(shown)
    jittered = rows.assign(date=rows["date"] + pd.to_timedelta(jitter, unit="ms"))
    tangled = jittered.iloc[[*order, *repeated]]
    tangled = tangled.assign(date=tangled["date"].dt.as_unit(unit))
    pd.testing.assert_frame_equal(columns(shown, tangled), columns(shown))


@pytest.mark.parametrize("nothing", [None, pd.DataFrame(), snapshots([])])
def test_no_open_interest_is_an_outage(nothing):
    shown = market(5, seed=1)
    joined = open_interest_columns(shown.closes_at, shown.candles["close"], nothing)
    assert (joined["oi_state"] == Availability.OUTAGE).all()
    assert joined[[*VALUES, "oi_age_hours"]].isna().all(axis=None)


def test_one_snapshot_is_an_amount_and_no_more():
    shown = market(5, seed=1)
    joined = columns(shown, open_interest_rows(shown).iloc[:1])
    assert joined["oi_state"].tolist() == [0, 2, 2, 1, 1]
    assert joined[UNIT_FREE].isna().all(axis=None)


@pytest.mark.realdata
def test_recorded_open_interest_of_bitcoin(shared_data):
    folder = shared_data / "binance" / "futures"
    rows = pd.read_feather(folder / "BTC_USDT_USDT-15m-open_interest.feather").iloc[:2000]
    candles = pd.read_feather(folder / "BTC_USDT_USDT-15m-futures.feather")
    candles = candles[candles["date"] <= rows["date"].max()]
    closes_at = candles["date"] + STEP
    joined = open_interest_columns(closes_at, candles["close"], rows)
    settled = joined[closes_at > rows["date"].iloc[0] + 100 * STEP]
    assert (settled["oi_state"] == Availability.OK).mean() > 0.99
    assert settled["oi_z"].abs().max() < 8
    assert settled["oi_change"].abs().max() < 0.5
    shares = settled["price_oi_quadrant"].value_counts(normalize=True)
    assert (shares[[-2.0, -1.0, 1.0, 2.0]] > 0.1).all()
    assert shares[float(Positioning.FLAT)] < 0.01

"""Taker flow over a window: shares of volume, perpetual against spot."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.derivatives.flow import delta, flow_events
from regimekit.inputs import flow_columns
from regimekit.schema import Availability
from regimekit.settings import InputSettings
from tests.derivatives import taker_flow_rows
from tests.markets import SEEDS, START, Market, market

STEP = pd.Timedelta("15min")
QUICK = InputSettings(cvd_bars=4)
VALUES = ["cvd", "spot_cvd", "cvd_divergence"]
STATES = ["flow_state", "spot_flow_state"]
BARS = 40

drawn = SEEDS.map(lambda seed: market(BARS, seed))


def flow(*bars: tuple[float, float]) -> pd.DataFrame:
    """Rows from (volume, taker buys)."""
    date = pd.Series(pd.date_range(START, periods=len(bars), freq=STEP).as_unit("ms"))
    return pd.DataFrame(
        {
            "date": date,
            "volume": [volume for volume, _ in bars],
            "taker_buy_volume": [bought for _, bought in bars],
            "known_at": date + STEP,
        }
    )


def both(shown: Market) -> tuple[pd.DataFrame, pd.DataFrame]:
    return taker_flow_rows(shown), taker_flow_rows(shown, seed=2)


def columns(shown: Market, *flows: pd.DataFrame | None) -> pd.DataFrame:
    return flow_columns(shown.closes_at, *(flows or both(shown)), QUICK)


def scaled(rows: pd.DataFrame, unit: float) -> pd.DataFrame:
    names = ["volume", "taker_buy_volume"]
    return rows.assign(**{name: unit * rows[name] for name in names})


def turned(rows: pd.DataFrame) -> pd.DataFrame:
    """Every buyer is a seller."""
    return rows.assign(taker_buy_volume=rows["volume"] - rows["taker_buy_volume"])


def test_by_hand():
    events = flow_events(flow((10, 8), (30, 15), (20, 0), (0, 0)), bars=2)
    np.testing.assert_allclose(events["cvd"], [np.nan, 6 / 40, -20 / 50, -1.0])
    assert events["known_at"].tolist() == [
        START + (number + 1) * STEP + timedelta(minutes=1) for number in range(4)
    ]


def test_spot_against_the_perpetual_by_hand():
    shown = market(3, seed=1)
    perpetual = taker_flow_rows(shown).assign(volume=10.0, taker_buy_volume=2.0)
    spot = perpetual.assign(taker_buy_volume=[9.0, 9.0, 10.0])
    joined = flow_columns(shown.closes_at, perpetual, spot, InputSettings(cvd_bars=1))
    np.testing.assert_allclose(joined["cvd"], [np.nan, -0.6, -0.6])
    np.testing.assert_allclose(joined["spot_cvd"], [np.nan, 0.8, 0.8])
    np.testing.assert_allclose(joined["cvd_divergence"], [np.nan, 1.4, 1.4])


@pytest.mark.parametrize(
    ("volume", "bought"), [(10, 11), (10, -1), (np.nan, 1), (10, np.nan), (np.inf, 1), (-1, -1)]
)
def test_flow_that_contradicts_itself_is_missing(volume, bought):
    assert np.isnan(delta(np.array([bought], dtype=float), np.array([volume], dtype=float))).all()


@pytest.mark.parametrize("missing", ["volume", "taker_buy_volume", "row"])
def test_a_hole_empties_every_window_that_holds_it(missing):
    rows = flow(*[(10.0 + number % 3, 5.0) for number in range(12)])
    if missing == "row":
        rows = rows.drop(index=6)
    else:
        rows.loc[6, missing] = np.nan
    events = flow_events(rows, bars=3)
    holes = [0, 1, *range(6, 9)] if missing != "row" else [0, 1, 7, 8]
    assert events.index[events["cvd"].isna()].tolist() == holes


def test_nothing_traded_is_no_balance():
    assert flow_events(flow((0, 0), (0, 0)), bars=2)["cvd"].isna().all()


@settings(max_examples=25)
@given(drawn)
def test_all_is_bounded(shown):
    joined = columns(shown)
    assert joined[["cvd", "spot_cvd"]].abs().max(axis=None) <= 1
    assert joined["cvd_divergence"].abs().max() <= 2
    settled = joined.iloc[5:]
    assert settled[VALUES].notna().all(axis=None)
    pd.testing.assert_series_equal(
        settled["cvd_divergence"], settled["spot_cvd"] - settled["cvd"], check_names=False
    )


@settings(max_examples=25)
@given(drawn, st.sampled_from([1e-3, 7.0, 1000.0]), st.sampled_from([1e-3, 3.0, 1000.0]))
def test_the_units_of_perpetual_and_spot_do_not_matter(shown, unit, spot_unit):
    """A contract of 1000PEPE is a thousand of what spot counts."""
    perpetual, spot = both(shown)
    other = columns(shown, scaled(perpetual, unit), scaled(spot, spot_unit))
    pd.testing.assert_frame_equal(other, columns(shown))


@settings(max_examples=25)
@given(drawn)
def test_when_buyers_are_sellers_all_signs_turn(shown):
    perpetual, spot = both(shown)
    mirrored = columns(shown, turned(perpetual), turned(spot))
    pd.testing.assert_frame_equal(mirrored[VALUES], -columns(shown)[VALUES])


@settings(max_examples=25)
@given(drawn)
def test_exchanging_spot_and_perpetual_turns_their_difference(shown):
    perpetual, spot = both(shown)
    swapped, straight = columns(shown, spot, perpetual), columns(shown)
    pd.testing.assert_series_equal(swapped["cvd_divergence"], -straight["cvd_divergence"])


@settings(max_examples=25)
@given(drawn, st.integers(1, BARS))
def test_what_a_bot_had_at_the_time_says_the_same(shown, bars):
    closed = shown.closes_at.iloc[bars - 1]
    known = [rows[rows["known_at"] <= closed] for rows in both(shown)]
    # A feed has it some time after the close, when the bot has long analyzed.
    fetched = [rows[rows["known_at"] < closed] for rows in both(shown)]
    whole = columns(shown).iloc[:bars]
    pd.testing.assert_frame_equal(columns(shown.until(bars), *known), whole)
    pd.testing.assert_frame_equal(columns(shown.until(bars), *fetched), whole)


@settings(max_examples=25)
@given(drawn, st.integers(1, BARS), st.sampled_from([1e3, np.nan, 0.0, -1.0]))
def test_later_rows_change_nothing(shown, bars, poison):
    closed = shown.closes_at.iloc[bars - 1]
    bad = []
    for rows in both(shown):
        later = rows["known_at"] >= closed
        values = rows["taker_buy_volume"].mask(later, rows["taker_buy_volume"] * poison)
        bad.append(rows.assign(taker_buy_volume=values))
    pd.testing.assert_frame_equal(columns(shown, *bad)[:bars], columns(shown)[:bars])


@settings(max_examples=25)
@given(drawn, st.integers(0, 20))
def test_where_the_data_begin_does_not_matter(shown, begin):
    late = columns(shown, *(rows.iloc[begin:] for rows in both(shown)))
    pd.testing.assert_frame_equal(late.iloc[begin + 5 :], columns(shown).iloc[begin + 5 :])


@settings(max_examples=25)
@given(
    st.lists(st.integers(-900, 900), min_size=BARS, max_size=BARS),
    st.permutations(range(BARS)),
    st.lists(st.integers(0, BARS - 1), max_size=9),
)
def test_jitter_order_and_repetition_do_not_matter(jitter, order, repeated):
    shown = market(BARS, seed=3)

    def tangled(rows):
        shift = pd.to_timedelta(jitter, unit="ms")
        # A stamp is moved, and what is derived from it with it.
        moved = rows.assign(date=rows["date"] + shift, known_at=rows["known_at"] + shift)
        return moved.iloc[[*order, *repeated]]

    joined = columns(shown, *(tangled(rows) for rows in both(shown)))
    plain = columns(shown)
    ages = ["flow_age_hours", "spot_flow_age_hours"]
    pd.testing.assert_frame_equal(joined.drop(columns=ages), plain.drop(columns=ages))
    pd.testing.assert_frame_equal(joined[ages], plain[ages], atol=1 / 3600)


def test_a_late_row_holds_back_the_windows_it_is_part_of():
    rows = flow(*[(10.0, 5.0 + number) for number in range(5)])
    rows.loc[2, "known_at"] += timedelta(hours=2)
    events = flow_events(rows, bars=1, delay=timedelta(0))
    late = rows.loc[2, "known_at"]
    assert events["known_at"].tolist() == [START + STEP, START + 2 * STEP, late, late, late]


def test_candles_of_another_length_are_not_summed():
    rows = flow((10.0, 5.0), (10.0, 6.0))
    five_minutes = rows.assign(known_at=rows["date"] + timedelta(minutes=5))
    assert flow_events(five_minutes, bars=1).empty


def test_without_a_delay_the_candle_that_closes_is_used():
    shown = market(10, seed=1)
    prompt = InputSettings(cvd_bars=1, flow_delay_minutes=0)
    joined = flow_columns(shown.closes_at, *both(shown), prompt)
    delayed = flow_columns(shown.closes_at, *both(shown), InputSettings(cvd_bars=1))
    np.testing.assert_array_equal(joined["cvd"].iloc[:-1], delayed["cvd"].iloc[1:])
    assert (joined["flow_age_hours"] == 0).all()


def test_flow_that_stops_coming_goes_stale_on_its_own_side():
    shown = market(BARS, seed=1)
    perpetual, spot = both(shown)
    joined = columns(shown, perpetual, spot.iloc[:30])
    assert (joined["flow_state"].iloc[4:] == Availability.OK).all()
    ok, stale = Availability.OK, Availability.STALE
    assert joined["spot_flow_state"].iloc[30:33].tolist() == [ok, ok, stale]
    assert joined["spot_cvd"].iloc[32:].isna().all()
    assert joined["cvd_divergence"].iloc[32:].isna().all()


@pytest.mark.parametrize("nothing", [None, pd.DataFrame(), flow()])
def test_no_flow_is_an_outage(nothing):
    shown = market(BARS, seed=1)
    joined = columns(shown, nothing, nothing)
    assert (joined[STATES] == Availability.OUTAGE).all(axis=None)
    assert joined[VALUES].isna().all(axis=None)
    only_spot = columns(shown, nothing, taker_flow_rows(shown))
    assert only_spot["spot_cvd"].iloc[5:].notna().all()
    assert only_spot["cvd_divergence"].isna().all()

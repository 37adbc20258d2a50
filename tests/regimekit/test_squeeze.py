"""A squeeze risk: compression, build-up and an extreme together, held until the crowd has left."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.schema import Availability, Positioning, Side
from regimekit.settings import SqueezeSettings
from regimekit.squeeze import squeeze, squeeze_columns

NAN = np.nan
OUTAGE, STALE, OK = Availability
DEFAULTS = SqueezeSettings()
BLOCK = SqueezeSettings(outage="block")

CALM = {
    "atr_rank": 0.5,
    "oi_state": OK,
    "oi_z": 0.0,
    "oi_change": 0.0,
    "price_oi_quadrant": Positioning.FLAT,
    "funding_state": OK,
    "funding_z": 0.0,
    "cvd_divergence": 0.0,
}
LOW_RANK, GROWTH = {"atr_rank": 0.25}, {"oi_change": 0.051}
READY = LOW_RANK | GROWTH
CROWDED_LONG, CROWDED_SHORT = READY | {"funding_z": 2.1}, READY | {"funding_z": -2.1}
NO_INTEREST = {
    "oi_state": OUTAGE,
    "oi_z": NAN,
    "oi_change": NAN,
    "price_oi_quadrant": NAN,
}
NO_FUNDING = {"funding_state": OUTAGE, "funding_z": NAN}
MIRRORED = ["funding_z", "price_oi_quadrant", "cvd_divergence"]

scores = st.sampled_from(
    [-3.0, -2.1, -2.0, -1.0, -0.9, 0.0, 0.9, 1.0, 1.5, 1.6, 2.0, 2.1, 3.0, NAN]
)
states = st.sampled_from([OK, OK, OK, OK, STALE, OUTAGE])
a_bar = st.fixed_dictionaries(
    {
        "atr_rank": st.sampled_from([0.0, 0.25, 0.26, 1.0, NAN]),
        "oi_state": states,
        "oi_z": scores,
        "oi_change": st.sampled_from([-0.1, 0.0, 0.05, 0.06, 0.06, NAN]),
        "price_oi_quadrant": st.sampled_from([*map(float, Positioning), NAN]),
        "funding_state": states,
        "funding_z": scores,
        "cvd_divergence": st.sampled_from([-0.5, 0.0, 0.5, NAN]),
    }
)
# Mostly bars that begin or hold a risk: with arbitrary ones alone it would hardly ever begin.
a_begin = st.builds(
    lambda bar, more: CALM | bar | more,
    st.fixed_dictionaries({"cvd_divergence": st.sampled_from([-0.5, 0.5])}),
    st.sampled_from([CROWDED_LONG, CROWDED_SHORT, {"funding_z": 1.5}, {"oi_z": 1.5}, {}]),
)
frames = st.lists(a_bar | a_begin, min_size=1, max_size=40).map(pd.DataFrame)
some_settings = st.builds(
    SqueezeSettings,
    outage=st.sampled_from(["block", "abstain"]),
    memory_bars=st.sampled_from([1, 2, 3, 16]),
    leave_z=st.sampled_from([0.0, 1.0, 2.0]),
    bonus=st.sampled_from([0.0, 0.05]),
)


def bars(*rows: dict) -> pd.DataFrame:
    """Calm bars with the changes of each row."""
    return pd.DataFrame([CALM | row for row in rows])


def risks(*rows: dict, settings: SqueezeSettings = DEFAULTS) -> list[float]:
    return squeeze_columns(bars(*rows), settings)["squeeze_risk"].tolist()


def verdict(columns: pd.DataFrame, side: Side, settings: SqueezeSettings):
    return squeeze(
        columns["squeeze_risk"].to_numpy(), columns["squeeze_state"].to_numpy(), side, settings
    )


def mirrored(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: -frame[name] for name in MIRRORED})


def by_definition(frame: pd.DataFrame, settings: SqueezeSettings) -> list[dict]:
    """What a bot would note down bar by bar."""
    crowded, since, rows = 0, settings.memory_bars, []
    for bar in frame.itertuples():
        since = 0 if bar.atr_rank <= settings.compression_rank else since + 1
        compression = since < settings.memory_bars
        build_up = bar.oi_change > settings.build_up_change or bar.oi_z > settings.build_up_z
        if abs(bar.funding_z) > settings.extreme_z:
            extreme = 1 if bar.funding_z > 0 else -1
        elif bar.oi_z > settings.extreme_z:
            extreme = {Positioning.NEW_LONGS: 1, Positioning.NEW_SHORTS: -1}.get(
                bar.price_oi_quadrant, 0
            )
        else:
            extreme = 0
        state = bar.oi_state
        if (
            state == OK
            and np.isnan([bar.oi_z, bar.oi_change, bar.price_oi_quadrant, bar.atr_rank]).any()
        ):
            state = OUTAGE
        if state != OK:
            crowded = 0
        elif compression and build_up and extreme:
            crowded = extreme
        elif not (bar.oi_z >= settings.leave_z or crowded * bar.funding_z >= settings.leave_z):
            crowded = 0
        if crowded == 0:
            state = min(state, bar.funding_state)
        known = state == OK
        confirms = crowded * bar.cvd_divergence < 0
        rows.append(
            {
                "squeeze_compression": compression,
                "squeeze_build_up": build_up,
                "squeeze_extreme": extreme,
                "squeeze_risk": crowded if known else NAN,
                "squeeze_state": state,
                "squeeze_cvd_confirms": NAN
                if np.isnan(bar.cvd_divergence) or not known
                else float(confirms),
            }
        )
    return rows


@given(frames, some_settings)
def test_matches_the_bar_by_bar_definition(frame, settings):
    expected = pd.DataFrame(by_definition(frame, settings), index=frame.index)
    pd.testing.assert_frame_equal(squeeze_columns(frame, settings), expected, check_dtype=False)


@given(frames, st.data())
def test_never_looks_ahead(frame, data):
    cut = data.draw(st.integers(1, len(frame)))
    pd.testing.assert_frame_equal(
        squeeze_columns(frame, DEFAULTS)[:cut],
        squeeze_columns(frame[:cut], DEFAULTS),
        check_exact=True,
    )


@given(frames, frames)
def test_no_later_bar_whatever_it_says_changes_an_earlier_one(frame, later):
    spliced = pd.concat([frame, later * 1000.0], ignore_index=True)
    spliced[["oi_state", "funding_state"]] = int(OUTAGE)
    spliced.loc[: len(frame) - 1, ["oi_state", "funding_state"]] = frame[
        ["oi_state", "funding_state"]
    ].astype(int)
    pd.testing.assert_frame_equal(
        squeeze_columns(spliced, DEFAULTS)[: len(frame)], squeeze_columns(frame, DEFAULTS)
    )


@given(frames, some_settings)
def test_upside_down_the_other_side_is_crowded(frame, settings):
    upright, turned = (squeeze_columns(rows, settings) for rows in (frame, mirrored(frame)))
    opposite = upright.assign(
        squeeze_risk=-upright["squeeze_risk"], squeeze_extreme=-upright["squeeze_extreme"]
    )
    pd.testing.assert_frame_equal(turned, opposite)
    for side, other in ((Side.LONG, Side.SHORT), (Side.SHORT, Side.LONG)):
        one, mirror = verdict(upright, side, settings), verdict(turned, other, settings)
        np.testing.assert_array_equal(one.allows, mirror.allows)
        np.testing.assert_array_equal(one.bonus, mirror.bonus)


@given(frames, some_settings)
def test_a_risk_is_known_exactly_where_its_inputs_are(frame, settings):
    columns = squeeze_columns(frame, settings)
    known = columns["squeeze_state"] == OK
    assert (columns["squeeze_risk"].notna() == known).all()
    assert columns["squeeze_cvd_confirms"][~known].isna().all()
    assert (columns["squeeze_state"] <= frame["oi_state"]).all()


@given(frames, some_settings)
def test_only_the_crowded_side_is_refused_and_only_the_other_gains(frame, settings):
    columns = squeeze_columns(frame, settings)
    risk, missing = columns["squeeze_risk"], columns["squeeze_state"] != OK
    for side in Side:
        answer = verdict(columns, side, settings)
        crowded, other = risk == side.sign, risk == -side.sign
        refused = crowded | (missing & (settings.outage == "block"))
        assert (answer.allows == ~refused).all()
        assert (answer.bonus == np.where(other, settings.bonus, 0.0)).all()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("state", [OUTAGE, STALE])
def test_an_outage_follows_its_policy_and_gives_no_bonus(side, state):
    risk, states = np.array([NAN]), np.array([state], dtype=np.int8)
    for settings, allowed in ((replace(BLOCK, bonus=0.1), False), (DEFAULTS, True)):
        answer = squeeze(risk, states, side, settings)
        assert (answer.allows.tolist(), answer.bonus.tolist()) == ([allowed], [0.0])


BEGINS = {  # one bar -> risk
    "all three, longs pay": (CROWDED_LONG, 1),
    "all three, shorts pay": (CROWDED_SHORT, -1),
    "no compression": (CROWDED_LONG | {"atr_rank": 0.251}, 0),
    "no build-up": (CROWDED_LONG | {"oi_change": 0.05, "oi_z": 1.5}, 0),
    "build-up by level": (CROWDED_LONG | {"oi_change": -0.1, "oi_z": 1.6}, 1),
    "no extreme": (READY | {"funding_z": 2.0, "oi_z": 2.0, "price_oi_quadrant": 2}, 0),
    "open interest opened by longs": (READY | {"oi_z": 2.1, "price_oi_quadrant": 2}, 1),
    "open interest opened by shorts": (READY | {"oi_z": 2.1, "price_oi_quadrant": -2}, -1),
    "open interest that closes": (READY | {"oi_z": 2.1, "price_oi_quadrant": 1}, 0),
    "longs are liquidated": (READY | {"oi_z": 2.1, "price_oi_quadrant": -1}, 0),
    "open interest and no direction": (READY | {"oi_z": 9.0, "price_oi_quadrant": 0}, 0),
    "open interest that is unusually low": (READY | {"oi_z": -2.1, "price_oi_quadrant": 2}, 0),
    "funding outranks who opened": (CROWDED_SHORT | {"oi_z": 3.0, "price_oi_quadrant": 2}, -1),
    "extreme funding alone": ({"funding_z": 5.0}, 0),
}


@pytest.mark.parametrize(("bar", "risk"), BEGINS.values(), ids=BEGINS)
def test_a_risk_begins(bar, risk):
    assert risks(bar) == [risk]


HELD = {  # what follows a bar on which longs are crowded -> risk from there on
    "funding still leans that way": ([{"funding_z": 1.0}], [1]),
    "open interest is still high": ([{"oi_z": 1.0}], [1]),
    "both have calmed down": ([{"funding_z": 0.99, "oi_z": 0.99}], [0]),
    "funding leans the other way": ([{"funding_z": -1.9}], [0]),
    "compression and build-up are over": ([{"atr_rank": 1.0, "funding_z": 1.5}] * 20, [1] * 20),
    "it does not begin again by itself": ([{}, {"funding_z": 1.9}], [0, 0]),
    "shorts are crowded": ([CROWDED_SHORT, {"funding_z": -1.0}, {}], [-1, -1, 0]),
    "shorts crowd in by open interest": (
        [READY | {"oi_z": 2.1, "price_oi_quadrant": -2, "funding_z": 1.5}, {"oi_z": 1.0}],
        [-1, -1],
    ),
    "open interest in outage": ([NO_INTEREST, {"funding_z": 1.9}], [NAN, 0]),
    "an outage while all three hold": (
        [CROWDED_LONG | {"oi_z": NAN}, {"funding_z": 1.9}],
        [NAN, 0],
    ),
    "stale open interest": ([{"oi_state": STALE, "funding_z": 1.9}] * 2, [NAN, NAN]),
    "funding in outage": ([NO_FUNDING, {}], [NAN, 0]),
    "funding in outage, open interest high": ([NO_FUNDING | {"oi_z": 1.0}, {}], [1, 0]),
    "a funding score that cannot be told": ([{"funding_z": NAN}], [0]),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("later", "expected"), HELD.values(), ids=HELD)
def test_a_risk_is_held_until_the_crowd_has_left(later, expected, side):
    frame = bars(CROWDED_LONG, *later)
    shown = frame if side is Side.LONG else mirrored(frame)
    held = side.sign * squeeze_columns(shown, DEFAULTS)["squeeze_risk"]
    np.testing.assert_array_equal(held, [1, *expected])


@pytest.mark.parametrize(
    ("memory", "apart", "risk"), [(16, 15, 1), (16, 16, 0), (1, 0, 1), (1, 1, 0), (3, 2, 1)]
)
def test_a_compression_is_recent_for_so_many_bars(memory, apart, risk):
    build_up = GROWTH | {"funding_z": 2.1}
    rows = [{} for _ in range(apart + 1)]
    rows[0] = rows[0] | LOW_RANK
    rows[-1] = rows[-1] | build_up
    assert risks(*rows, settings=SqueezeSettings(memory_bars=memory))[-1] == risk


def test_what_never_was_is_not_recent():
    patient = SqueezeSettings(memory_bars=96)
    assert risks(*[GROWTH | {"funding_z": 2.1}] * 3, settings=patient) == [0, 0, 0]


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({}, OK),
        (NO_INTEREST, OUTAGE),
        ({"oi_state": STALE}, STALE),
        ({"oi_state": STALE, "oi_z": NAN}, STALE),
        *[({name: NAN}, OUTAGE) for name in ("oi_z", "oi_change", "price_oi_quadrant", "atr_rank")],
        (NO_FUNDING, OUTAGE),
        ({"funding_state": STALE}, STALE),
        ({"funding_state": STALE} | NO_INTEREST, OUTAGE),
        ({"funding_state": OUTAGE, "oi_state": STALE}, OUTAGE),
        (READY | NO_FUNDING | {"oi_z": 2.1, "price_oi_quadrant": 2}, OK),
    ],
    ids=str,
)
def test_the_state_is_that_of_what_the_answer_needs(row, state):
    assert squeeze_columns(bars(row), DEFAULTS)["squeeze_state"].tolist() == [state]


@pytest.mark.parametrize(
    ("row", "divergence", "confirms"),
    [
        (CROWDED_LONG, -0.1, 1.0),
        (CROWDED_LONG, 0.1, 0.0),
        (CROWDED_LONG, 0.0, 0.0),
        (CROWDED_SHORT, 0.1, 1.0),
        (CROWDED_SHORT, -0.1, 0.0),
        ({}, -0.1, 0.0),
        (CROWDED_LONG, NAN, NAN),
        (NO_INTEREST, -0.1, NAN),
    ],
)
def test_spot_that_does_not_follow_the_crowd_confirms(row, divergence, confirms):
    columns = squeeze_columns(bars(row | {"cvd_divergence": divergence}), DEFAULTS)
    np.testing.assert_array_equal(columns["squeeze_cvd_confirms"], [confirms])


@pytest.mark.parametrize(
    ("bar", "changed"),
    [
        (CROWDED_LONG | {"atr_rank": 0.3}, {"compression_rank": 0.3}),
        (CROWDED_LONG | {"oi_change": 0.04}, {"build_up_change": 0.03}),
        (CROWDED_LONG | {"oi_change": 0.0, "oi_z": 1.3}, {"build_up_z": 1.2}),
        (READY | {"funding_z": 1.8}, {"extreme_z": 1.7}),
        (READY | {"oi_z": 1.8, "price_oi_quadrant": 2}, {"extreme_z": 1.7}),
    ],
    ids=str,
)
def test_each_threshold_is_a_setting(bar, changed):
    assert risks(bar) == [0]
    assert risks(bar, settings=SqueezeSettings(**changed)) == [1]


def test_an_empty_frame_has_empty_columns():
    columns = squeeze_columns(bars({})[:0], DEFAULTS)
    assert len(columns) == 0
    assert "squeeze_risk" in columns


def test_rows_keep_their_labels():
    frame = bars({}, CROWDED_LONG).set_axis([7, 9])
    assert squeeze_columns(frame, DEFAULTS).index.tolist() == [7, 9]

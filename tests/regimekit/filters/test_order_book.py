"""A book counts for the side it leans to, for seconds, and never before it was known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.filters.order_book import Books, imbalance, order_book
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings

MOMENT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SETTINGS = FilterSettings()
LIMIT = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
OTHER = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}

volume = st.floats(0.001, 1e6)
sides = st.sampled_from(Side)


def books(*snapshots: tuple[float, float, float], unit: Any = "ms") -> pd.DataFrame:
    """Rows from (seconds before MOMENT, volume of the bids, of the asks)."""
    moments = pd.DatetimeIndex([MOMENT - second * SECOND for second, _, _ in snapshots], tz="UTC")
    stamps = pd.Series(moments).dt.as_unit(unit)
    return pd.DataFrame(
        {
            "date": stamps,
            "bid_volume_10": [bids for _, bids, _ in snapshots],
            "ask_volume_10": [asks for _, _, asks in snapshots],
            "known_at": stamps,
        }
    )


@given(volume, volume)
def test_imbalance_is_bounded_and_changes_sign_with_the_book(bids, asks):
    one, mirrored = imbalance(np.array([bids, asks]), np.array([asks, bids]))
    assert -1 <= one <= 1
    assert one == -mirrored
    assert (one > 0) == (bids > asks)


@pytest.mark.parametrize(
    ("bids", "asks", "lean"),
    [(30, 10, 0.5), (10, 30, -0.5), (7, 7, 0.0), (5, 0, 1.0), (0, 5, -1.0)],
)
def test_imbalance_by_hand(bids, asks, lean):
    assert imbalance(np.array([float(bids)]), np.array([float(asks)])).tolist() == [lean]


@pytest.mark.parametrize(
    ("bids", "asks"), [(np.nan, 1), (1, np.nan), (0, 0), (-1, 3), (np.inf, np.inf)]
)
def test_a_side_without_enough_levels_is_no_balance(bids, asks):
    assert np.isnan(imbalance(np.array([float(bids)]), np.array([float(asks)]))).all()


@given(volume, volume, sides)
def test_the_mirrored_book_says_the_same_to_the_other_side(bids, asks, side):
    said = order_book(Books(books((1, bids, asks))).imbalance_at(MOMENT, LIMIT), side, SETTINGS)
    mirrored = Books(books((1, asks, bids))).imbalance_at(MOMENT, LIMIT)
    assert order_book(mirrored, OTHER[side], SETTINGS) == said


@given(st.floats(-1, 1), sides)
def test_a_book_in_sight_never_refuses_and_moves_confidence_by_a_step(lean, side):
    verdict = order_book(lean, side, SETTINGS)
    assert (verdict.gate, verdict.allows, verdict.available) == (Gate.ORDER_BOOK, True, True)
    stands = lean if side is Side.LONG else -lean
    expected = 0.08 if stands > 0.15 else -0.10 if stands < -0.15 else 0.0
    assert verdict.bonus == expected


def test_a_reason_tells_how_the_book_stands_to_the_order():
    assert order_book(0.4, Side.SHORT, SETTINGS).reason == "order book imbalance 0.40 against it"
    assert order_book(0.4, Side.LONG, SETTINGS).reason == "order book imbalance 0.40 for it"
    assert order_book(0.15, Side.LONG, SETTINGS).reason == "order book imbalance within 0.15"


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("policy", "allowed"), [("block", False), ("abstain", True)])
def test_no_book_blocks_or_abstains_but_never_weighs(side, policy, allowed):
    verdict = order_book(np.nan, side, FilterSettings(book_outage=policy))
    assert (verdict.allows, verdict.bonus, verdict.available) == (allowed, 0.0, False)
    assert verdict.reason == "order book imbalance is not known"


offsets = st.lists(st.integers(-120_000, 120_000), min_size=1, max_size=12, unique=True)


@given(offsets, st.integers(-100_000, 100_000))
def test_a_lookup_matches_the_definition_and_ignores_the_future(milliseconds, at):
    rows = books(*[(ms / 1000, 1.0 + ms % 7, 3.0) for ms in milliseconds])
    moment = MOMENT + timedelta(milliseconds=at)
    known = rows[rows["known_at"] <= moment].sort_values("known_at")
    expected = np.nan
    if len(known) and moment - known["known_at"].iloc[-1] <= LIMIT:
        bids = known["bid_volume_10"].iloc[-1]
        expected = (bids - 3.0) / (bids + 3.0)
    for seen in (rows, known):
        np.testing.assert_equal(Books(seen).imbalance_at(moment, LIMIT), expected)


@pytest.mark.parametrize(("age", "lean"), [(0, 0.5), (30, 0.5), (30.001, np.nan), (-0.001, np.nan)])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_snapshot_counts_from_its_arrival_for_thirty_seconds(age, lean, unit):
    found = Books(books((age, 30, 10), unit=unit)).imbalance_at(MOMENT, LIMIT)
    np.testing.assert_equal(found, lean)


def test_an_older_book_does_not_stand_in_for_one_with_too_few_levels():
    thin = books((10, 30, 10), (5, np.nan, 10))
    assert np.isnan(Books(thin).imbalance_at(MOMENT, LIMIT))


@pytest.mark.parametrize("rows", [pd.DataFrame(), books(), books((1, 3, 1))[["known_at"]]])
def test_nothing_is_known_of_no_rows_or_rows_of_another_shape(rows):
    assert np.isnan(Books(rows).imbalance_at(MOMENT, LIMIT))

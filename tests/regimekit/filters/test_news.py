"""Sentiment weighs votes on recent headlines as they stood at the moment of the order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.filters.news import Headlines, news, sentiment
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings

MOMENT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SETTINGS = FilterSettings()
DAY, MINUTE = timedelta(hours=24), timedelta(minutes=1)
OTHER = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}
LEAST = 10

votes = st.integers(0, 50)


def posts(*rows: tuple[str, float, float, float, float]) -> pd.DataFrame:
    """Rows from (url, minutes before MOMENT published, and known, positive, negative votes)."""
    published, known = (
        pd.Series(pd.DatetimeIndex([MOMENT - row[at] * MINUTE for row in rows], tz="UTC"))
        for at in (1, 2)
    )
    return pd.DataFrame(
        {
            "date": published.dt.as_unit("ms"),
            "votes_positive": [float(row[3]) for row in rows],
            "votes_negative": [float(row[4]) for row in rows],
            "title": "<b>words of a stranger</b>",
            "url": [row[0] for row in rows],
            "known_at": known.dt.as_unit("ms"),
        }
    )


def at(rows: pd.DataFrame, moment: datetime = MOMENT) -> float:
    return Headlines(rows).sentiment_at(moment, DAY, LEAST)


@given(votes, votes)
def test_sentiment_is_bounded_and_changes_sign_with_the_votes(positive, negative):
    one = sentiment(positive, negative, LEAST)
    assert one == pytest.approx(-sentiment(negative, positive, LEAST), nan_ok=True)
    assert np.isnan(one) == (positive + negative < LEAST)
    assert not abs(one) > 1


def test_nobody_voted_is_not_calm():
    assert np.isnan(sentiment(0, 0, 0))


several = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from([-100, 60, 1430, 1500]),
        st.integers(-300, 2000),
        votes | st.just(np.nan),
        votes,
    ),
    max_size=8,
    unique_by=lambda row: (row[0], row[2]),
).map(
    lambda rows: [(url, max(born, known), known, up, down) for url, born, known, up, down in rows]
)


@given(several, st.integers(-200, 200))
def test_a_lookup_matches_the_definition_and_ignores_the_future(rows, minutes):
    moment, frame = MOMENT + minutes * MINUTE, posts(*rows)
    latest: dict[tuple[str, int], tuple] = {}
    for row in sorted(rows, key=lambda row: -row[2]):
        if -row[2] <= minutes and row[1] <= 1440 - minutes and not np.isnan(row[3]):
            latest[row[0], row[1]] = row
    expected = sentiment(
        sum(row[3] for row in latest.values()), sum(row[4] for row in latest.values()), LEAST
    )
    np.testing.assert_equal(at(frame, moment), expected)
    np.testing.assert_equal(at(frame[frame["known_at"] <= moment], moment), expected)


def test_every_vote_weighs_the_same():
    assert at(posts(("a", 60, 50, 30, 0), ("b", 90, 80, 0, 10))) == 0.5


def test_a_headline_counts_in_the_version_known_last():
    versions = posts(
        ("a", 60, 50, 0, 20), ("a", 60, 20, 25, 20), ("a", 60, -5, 500, 20), ("b", 60, 40, 1, 1)
    )
    assert at(versions) == pytest.approx((26 - 21) / 47)
    assert at(versions, MOMENT - 45 * MINUTE) == -1.0
    assert at(versions, MOMENT + 5 * MINUTE) == pytest.approx((501 - 21) / 522)


def test_the_same_address_at_another_time_is_another_headline():
    assert at(posts(("", 60, 50, 20, 0), ("", 90, 80, 0, 20))) == 0.0


@pytest.mark.parametrize(
    ("published", "known", "found"),
    [(1440, 1440, 1.0), (1440, 0, 1.0), (1441, 0, np.nan), (10, -1, np.nan)],
)
def test_old_news_are_no_news_however_late_they_come(published, known, found):
    np.testing.assert_equal(at(posts(("a", published, known, 20, 0))), found)


@pytest.mark.parametrize("rows", [pd.DataFrame(), posts(), posts(("a", 9, 9, 20, 0))[["date"]]])
def test_nothing_is_known_of_no_rows_or_rows_of_another_shape(rows):
    assert np.isnan(at(rows))


@given(st.floats(-1, 1), st.sampled_from(Side))
def test_the_sides_are_mirror_images_and_news_never_refuse(lean, side):
    verdict = news(lean, side, SETTINGS)
    assert news(-lean, OTHER[side], SETTINGS) == verdict
    assert (verdict.gate, verdict.allows, verdict.available) == (Gate.NEWS, True, True)
    stands = lean if side is Side.LONG else -lean
    expected = 0.05 if stands > 0.3 else -0.15 if stands < -0.3 else 0.0
    assert verdict.bonus == expected


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("policy", "allowed"), [("block", False), ("abstain", True)])
def test_no_news_block_or_abstain_but_never_weigh(side, policy, allowed):
    verdict = news(np.nan, side, FilterSettings(news_outage=policy))
    assert (verdict.allows, verdict.bonus, verdict.available) == (allowed, 0.0, False)

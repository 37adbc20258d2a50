import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import MARKET, Span
from providers.datasets.senticrypt import SentiCrypt
from providers.errors import BadAnswerError
from tests.providers.asking import a_page, at, sources, vouched
from tests.providers.recorded import recording


def day(date, mean=0.1, count=12):
    scores = {"score1": 0.1, "score2": 0.1, "score3": 0.1}
    return {"date": date, "mean": mean, "sum": 1.2, "count": count, "price": 1.0, **scores}


@given(
    st.sets(st.integers(0, 2000), min_size=1, max_size=30), st.integers(0, 48 * 60), st.randoms()
)
def test_a_day_counts_an_hour_after_its_end_and_not_before(days, minutes, random):
    dates = [at("2021-01-01") + pd.Timedelta(days=number) for number in days]
    rows = [day(f"{date:%Y-%m-%d}") for date in dates]
    random.shuffle(rows)
    now = max(dates) + pd.Timedelta(minutes=minutes)
    final = sorted(date for date in dates if date + pd.Timedelta(hours=25) <= now)
    checked = vouched(SentiCrypt(sources()), rows, MARKET, now)
    assert checked.frame["date"].tolist() == final
    assert checked.found["unfinished"] == len(dates) - len(final)
    assert (checked.frame["known_at"] == checked.frame["date"] + pd.Timedelta(hours=25)).all()


def test_the_documented_days():
    content = recording("senticrypt/constructed_v2_all.json")
    checked = vouched(SentiCrypt(sources()), content, MARKET)
    assert checked.frame["date"].tolist() == [at("2023-04-14"), at("2023-04-16"), at("2023-04-17")]
    assert checked.frame["sentiment_mean"].tolist() == [0.1471, 0.1308, -0.0722]
    assert checked.frame["sentiment_count"].tolist() == [11.0, 12.0, 12.0]
    assert checked.frame["sentiment_score_3"].tolist() == [0.0811, 0.2011, 0.1719]
    assert checked.found["gaps"] == 1


def test_one_day_has_the_same_shape():
    content = recording("senticrypt/v2_history_2023-04-17_doc.json")
    frame = vouched(SentiCrypt(sources()), content, MARKET).frame
    assert frame["sentiment_sum"].tolist() == [-0.8669]


def test_a_day_without_samples_says_nothing():
    frame = vouched(SentiCrypt(sources()), [day("2023-01-01", mean=None, count=0)], MARKET).frame
    assert frame[["sentiment_mean", "sentiment_count"]].isna().all(axis=None)


def test_a_score_out_of_range_is_missing():
    frame = vouched(SentiCrypt(sources()), [day("2023-01-01", mean=1.5)], MARKET).frame
    assert frame["sentiment_mean"].isna().all()
    assert frame.loc[0, "quality"] & 4


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (recording("senticrypt/v1_bitcoin_doc.json"), "version 1, which is frozen"),
        ([5], "expected objects"),
        ("text", "expected a list of rows"),
        (b"<html>", "a page"),
    ],
)
def test_what_is_no_list_of_days_is_refused(body, message):
    with pytest.raises(BadAnswerError, match=message):
        SentiCrypt(sources()).parse(a_page(body, MARKET))


def test_the_whole_history_is_asked_for_once():
    provider = SentiCrypt(sources(lambda url, params: json.dumps([]).encode()))
    assert len(list(provider.pages(MARKET, Span(at("2023-01-01"), at("2024-01-01"))))) == 1
    assert provider.sources.client.asked == [("https://api.senticrypt.com/v2/all.json", {})]


KEYS = ("mean", "sum", "count", "score1", "score2", "score3")


@pytest.mark.parametrize("word", ["now", "today"])
def test_a_day_is_not_read_from_our_clock(word):
    frame = SentiCrypt(sources()).parse(a_page([{"date": word, **dict.fromkeys(KEYS, 0.5)}]))
    assert frame["date"].isna().all()

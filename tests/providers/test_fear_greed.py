import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import MARKET, Span
from providers.datasets.fear_greed import FearGreed
from providers.errors import BadAnswerError
from tests.providers.asking import a_page, at, sources, vouched
from tests.providers.recorded import NOW, recording

DAY = 86_400
FIRST = 1_517_443_200  # 2018-02-01


def answer(rows, error=None):
    data = [{"value": str(value), "timestamp": str(stamp)} for stamp, value in rows]
    return {"name": "Fear and Greed Index", "data": data, "metadata": {"error": error}}


@given(st.dictionaries(st.integers(0, 3000), st.integers(0, 100), min_size=1), st.randoms())
def test_every_day_stands_whatever_the_order(days, random):
    rows = [(FIRST + day * DAY, value) for day, value in days.items()]
    random.shuffle(rows)
    frame = vouched(FearGreed(sources()), answer(rows), MARKET).frame
    assert frame["fear_greed"].tolist() == [days[day] for day in sorted(days)]
    assert (frame["known_at"] - frame["date"]).dt.total_seconds().eq(3600).all()


def test_the_recorded_answer_is_newest_first_and_comes_out_oldest_first():
    content = recording("alternative_me/fng_limit3_real_2026-02-27.json")
    frame = vouched(FearGreed(sources()), content, MARKET, at("2026-02-27 07:18:52")).frame
    assert frame["fear_greed"].tolist() == [11.0, 11.0, 13.0]
    assert frame["date"].iloc[-1] == at("2026-02-27")
    assert frame["known_at"].iloc[-1] == at("2026-02-27 01:00")


def test_missing_days_are_gaps_and_stay_missing():
    content = recording("alternative_me/constructed_fng_gap_first_days_2018.json")
    checked = vouched(FearGreed(sources()), content, MARKET)
    assert len(checked.frame) == 6
    assert checked.found["gaps"] == (at("2018-04-17") - at("2018-02-04")).days - 2
    after = checked.frame["quality"] & 32 > 0
    assert checked.frame.loc[after, "date"].tolist() == [at("2018-04-13"), at("2018-04-17")]


@pytest.mark.parametrize("value", ["", "null", "101", "-1", "greed"])
def test_what_is_no_index_is_missing_and_never_neutral(value):
    frame = vouched(FearGreed(sources()), answer([(FIRST, value)]), MARKET).frame
    assert frame["fear_greed"].isna().all()
    assert (frame["quality"] != 0).all()


def test_a_value_from_tomorrow_is_dropped():
    rows = [(round(NOW.floor("D").timestamp()) + day * DAY, 50) for day in (0, 1)]
    checked = vouched(FearGreed(sources()), answer(rows), MARKET)
    assert len(checked.frame) == 1
    assert checked.found["future"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (recording("alternative_me/constructed_error_metadata.json"), "Invalid request"),
        (recording("alternative_me/constructed_fng_csv_malformed.txt"), "a page"),
        (answer([("27-02-2026", 13)]), "date_format"),
        ({"data": 5}, "expected a list of rows"),
        ({"data": [5]}, "expected objects"),
        ([], "expected an object"),
    ],
)
def test_what_is_no_index_is_refused(body, message):
    with pytest.raises(BadAnswerError, match=message):
        FearGreed(sources()).parse(a_page(body, MARKET))


def test_the_whole_history_is_asked_for_once_in_the_one_good_format():
    provider = FearGreed(sources(lambda url, params: json.dumps(answer([])).encode()))
    pages = list(provider.pages(MARKET, Span(at("2020-01-01"), at("2021-01-01"))))
    assert len(pages) == 1
    ((url, params),) = provider.sources.client.asked
    assert url == "https://api.alternative.me/fng/"
    assert params == {"limit": 0, "format": "json"}
    assert vouched(provider, pages[0].content, MARKET).frame.empty


def test_history_begins_in_2018():
    span = FearGreed(sources()).covers(Span(at("2015-01-01"), at("2027-01-01")), NOW)
    assert span == Span(at("2018-02-01"), NOW)


def test_of_values_that_contradict_each_other_the_newest_stands():
    stamp = str(int(at("2026-09-30").timestamp()))
    content = {"data": [{"value": value, "timestamp": stamp} for value in ("60", "40")]}
    checked = vouched(FearGreed(sources()), content)
    assert checked.frame["fear_greed"].tolist() == [60.0]
    assert checked.found["conflicts"] == 1

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.coinglass import ENTRIES
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BlockedError,
    KeyMissingError,
    RateLimitedError,
    UnavailableError,
)
from tests.providers.asking import BTC, a_page, at, collected, ms, sources, vouched
from tests.providers.recorded import NOW, recording

KEYS = {"COINGLASS_KEY": "secret"}
NAMES = ("coinglass_open_interest", "coinglass_liquidations", "coinglass_taker_flow")
STEP = 4 * 3_600_000
ORIGIN = ms("2026-01-01")


def provider(name, answers=None, **settings):
    (entry,) = (entry for entry in ENTRIES if entry.dataset.name == name)
    return entry.providers(sources(answers, **settings))[0]


def flow(stamp, buys="5", sells="6"):
    return {"time": stamp, "taker_buy_volume_usd": buys, "taker_sell_volume_usd": sells}


def answer(*rows):
    return {"code": "0", "msg": "success", "data": list(rows)}


@given(
    buckets=st.sets(st.integers(0, 1500), max_size=30),
    start=st.integers(0, 1500),
    length=st.integers(1, 1500),
)
def test_every_bucket_of_a_span_comes_exactly_once(buckets, start, length):
    stamps = [ORIGIN + bucket * STEP for bucket in buckets]

    def venue(url, params):
        first, last = params["start_time"], params["end_time"]
        found = [stamp for stamp in sorted(stamps) if first <= stamp <= last]
        assert len(found) <= params["limit"]
        return json.dumps(answer(*map(flow, found))).encode()

    begin, end = ORIGIN + start * STEP, ORIGIN + (start + length) * STEP
    span = Span(*(pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (begin, end)))
    asked = provider("coinglass_taker_flow", venue, keys=KEYS, now=at("2028-01-01"))
    found = [round(date.timestamp() * 1000) for date in collected(asked, span)["date"]]
    assert found == sorted(stamp for stamp in stamps if begin <= stamp < end)


def test_the_documented_answers():
    content = recording("coinglass/liquidation_history_doc.json")
    frame = vouched(provider("coinglass_liquidations"), content).frame
    assert frame["long_liquidations"].tolist() == [2369935.19562, 5118407.85124]
    assert frame["short_liquidations"].tolist() == [6947459.43674, 8517330.44192]
    assert frame["known_at"].tolist() == [at("2022-07-27 08:00"), at("2022-07-28 08:00")]


def test_instants_that_cannot_be_are_refused_as_a_whole():
    content = recording("coinglass/open_interest_history_doc.json")
    with pytest.raises(BadAnswerError):  # 2052 and 2053, as printed
        vouched(provider("coinglass_open_interest"), content)


def test_another_history_is_refused_by_the_key_it_lacks():
    for name, file, key in (
        ("coinglass_taker_flow", "cvd_history_doc_mixed_units", "taker_buy_volume_usd"),
        ("coinglass_liquidations", "liquidation_aggregated_history_doc", "long_liquidation_usd"),
    ):
        with pytest.raises(BadAnswerError, match=f"a row without '{key}'"):
            provider(name).parse(a_page(recording(f"coinglass/{file}.json")))


def test_seconds_among_milliseconds_are_the_same_instants_and_flagged():
    rows = [flow(ORIGIN), flow((ORIGIN + STEP) // 1000), flow((ORIGIN + 2 * STEP) // 1000)]
    checked = vouched(provider("coinglass_taker_flow"), answer(*rows))
    assert checked.frame["date"].tolist() == [
        at("2026-01-01 00:00"),
        at("2026-01-01 04:00"),
        at("2026-01-01 08:00"),
    ]
    assert checked.frame["quality"].tolist() == [0, 64, 64]
    assert checked.found["relabeled"] == 2


def test_a_bucket_that_may_still_change_is_left_out():
    rows = [flow(ms("2026-10-01 00:00")), flow(ms("2026-10-01 08:00"))]
    checked = vouched(provider("coinglass_taker_flow"), answer(*rows))
    assert checked.frame["date"].tolist() == [at("2026-10-01 00:00")]
    assert checked.found["unfinished"] == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("400", BadRequestError),
        ("40001", BadRequestError),
        ("401", BlockedError),
        ("429", RateLimitedError),
        ("500", UnavailableError),
        ("odd", BadRequestError),
        (30001, BadRequestError),
    ],
)
def test_refusals_with_http_200_are_typed(code, error):
    with pytest.raises(error, match=f"Upgrade plan.*code {code}"):
        provider(NAMES[0]).parse(a_page({"code": code, "msg": "Upgrade plan"}))


@pytest.mark.parametrize("body", [[], {}, {"code": None}, answer(5), {"code": "0"}, None])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(BadAnswerError, match="a page"):
        provider(NAMES[0]).parse(a_page(body))


@pytest.mark.parametrize("name", NAMES)
def test_the_key_goes_into_the_header_and_nowhere_else(name):
    asked = provider(name, lambda url, params: json.dumps(answer()).encode(), keys=KEYS)
    (page,) = asked.pages(BTC, Span(at("2026-09-30"), at("2026-10-01")))
    client = asked.sources.client
    assert client.calls[0]["headers"] == {"CG-API-KEY": "secret"}
    assert "secret" not in page.name + str(client.asked)
    assert vouched(asked, page.content).frame.empty


@pytest.mark.parametrize("name", NAMES)
def test_without_a_key_the_variable_is_named(name):
    with pytest.raises(KeyMissingError, match="COINGLASS_KEY"):
        list(provider(name).pages(BTC, Span(at("2026-09-30"), NOW)))


def test_open_interest_is_asked_for_in_coins():
    asked = provider(NAMES[0], lambda url, params: json.dumps(answer()).encode(), keys=KEYS)
    list(asked.pages(BTC, Span(at("2026-09-30"), at("2026-10-01"))))
    url, params = asked.sources.client.asked[0]
    assert url.endswith("/api/futures/open-interest/history")
    assert params["unit"] == "coin"
    assert params["interval"] == "4h"


def test_the_end_of_a_span_is_not_asked_for():
    provider = ENTRIES[0].providers(
        sources(lambda url, params: b'{"code": "0", "data": []}', keys=KEYS)
    )[0]
    list(provider.pages(BTC, Span(at("2026-01-01"), at("2026-07-01"))))
    asked = [
        (params["start_time"], params["end_time"]) for _, params in provider.sources.client.asked
    ]
    assert asked[0] == (ORIGIN, ORIGIN + 1000 * STEP - 1)
    assert asked[1] == (ORIGIN + 1000 * STEP, ms("2026-07-01") - 1)

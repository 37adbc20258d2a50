"""Bybit answers newest first and hides errors behind HTTP 200; nothing may be lost or doubled."""

import json
from urllib.parse import quote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.bybit_open_interest import DATASET, BybitOpenInterest
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from tests.providers.asking import BTC, a_page, at, collected, ms, sources, vouched
from tests.providers.recorded import recording

STEP = 300_000
ORIGIN = ms("2026-03-01")


def envelope(rows, cursor="", symbol="BTCUSDT", category="linear"):
    result = {"symbol": symbol, "category": category, "list": rows, "nextPageCursor": cursor}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": ORIGIN}


def row(stamp, both="200.5", single=None):
    cells = {"openInterest": both, "timestamp": str(stamp)}
    return cells if single is None else {**cells, "singleOpenInterest": single}


def venue(labels, cap):
    """Bybit: the newest `cap` rows within both bounds, inclusive, and a cursor to the rest."""

    def answer(url, params):
        if not {"startTime", "endTime"} <= set(params):  # a lone bound is ignored
            return json.dumps(envelope([row(max(labels))])).encode()
        end = params["endTime"]
        if "cursor" in params:
            name, _, last = params["cursor"].partition("=")
            assert name == "lasttime"  # encoded once by the client, so plain here
            end = int(last) - 1
        limit = min(cap, params["limit"])
        found = sorted(label for label in labels if params["startTime"] <= label <= end)[::-1]
        more = quote(f"lasttime={found[limit - 1]}", safe="") if len(found) > limit else ""
        return json.dumps(envelope([row(label) for label in found[:limit]], more)).encode()

    return answer


@given(
    labels=st.sets(st.integers(0, 700), min_size=1, max_size=40),
    cap=st.integers(1, 12),
    start=st.integers(-50, 700),
    length=st.integers(0, 500),
)
def test_every_row_of_a_span_comes_exactly_once(labels, cap, start, length):
    stamps = {ORIGIN + label * STEP for label in labels}
    begin = ORIGIN + start * STEP
    end = begin + length * STEP
    span = Span(*(pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (begin, end)))
    rows = collected(BybitOpenInterest(sources(venue(stamps, cap))), span)
    found = [round(date.timestamp() * 1000) for date in rows["date"]]
    assert found == sorted(stamp for stamp in stamps if begin <= stamp < end)


def test_a_full_day_takes_two_questions():
    labels = {ORIGIN + number * STEP for number in range(288)}
    provider = BybitOpenInterest(sources(venue(labels, 200)))
    assert len(collected(provider, Span(at("2026-03-01"), at("2026-03-02")))) == 288
    assert len(provider.sources.client.asked) == 2


def test_a_cursor_that_repeats_itself_ends_the_window():
    body = json.dumps(envelope([row(ms("2026-03-01 10:00"))], "again")).encode()
    provider = BybitOpenInterest(sources(lambda url, params: body))
    list(provider.pages(BTC, Span(at("2026-03-01"), at("2026-03-01 12:00"))))
    assert len(provider.sources.client.asked) == 2


def test_one_side_is_preferred_and_half_of_both_stands_in():
    rows = [row(ORIGIN + STEP, "200.5", "100.3"), row(ORIGIN, "200.5")]
    checked = vouched(BybitOpenInterest(sources()), envelope(rows))
    assert checked.frame["open_interest_amount"].tolist() == [100.25, 100.3]
    assert checked.frame["date"].tolist() == [at("2026-03-01 00:00"), at("2026-03-01 00:05")]
    assert checked.frame["known_at"].tolist() == [at("2026-03-01 00:05"), at("2026-03-01 00:10")]
    assert "open_interest_value" not in DATASET.values


def test_no_open_interest_at_all_is_missing():
    frame = vouched(BybitOpenInterest(sources()), envelope([row(ORIGIN, "0", "0")])).frame
    assert frame["open_interest_amount"].isna().all()
    assert frame.loc[0, "quality"] & 2


def test_the_recorded_row_is_one_side():
    content = recording("bybit/open_interest_linear_1h_rows_real.json")
    frame = vouched(BybitOpenInterest(sources()), content).frame
    assert frame["open_interest_amount"].tolist() == [27328.097]
    assert frame["date"].tolist() == [at("2026-08-20 18:00")]


def test_inverse_contracts_are_refused():
    content = recording("bybit/open_interest_inverse_1d_doc.json")
    with pytest.raises(BadAnswerError, match="'inverse' contracts, expected linear"):
        BybitOpenInterest(sources()).parse(a_page(content))


def test_another_symbol_is_refused():
    with pytest.raises(BadAnswerError, match="'ETHUSDT', not BTCUSDT"):
        BybitOpenInterest(sources()).parse(a_page(envelope([], symbol="ETHUSDT")))


@pytest.mark.parametrize(
    ("name", "error"),
    [("200_10001_param", BadRequestError), ("200_10006_too_many_visits", RateLimitedError)],
)
def test_refusals_with_http_200_are_typed(name, error):
    body = json.loads(recording(f"bybit/errors/{name}.json"))["body"]
    provider = BybitOpenInterest(sources(lambda url, params: json.dumps(body).encode()))
    with pytest.raises(error, match=r"/v5/market/open-interest.*retCode"):
        list(provider.pages(BTC, Span(at("2026-03-01"), at("2026-03-02"))))
    with pytest.raises(error) as raised:
        provider.parse(a_page(body))
    if error is RateLimitedError:
        assert raised.value.until > a_page(body).fetched_at
    else:
        assert raised.value.code == 10001


@pytest.mark.parametrize(
    "body",
    [[], {}, {"retCode": "0"}, {"retCode": 0}, {"retCode": 0, "result": {"list": 5}}, None],
)
def test_what_is_no_envelope_is_refused(body):
    with pytest.raises(BadAnswerError, match="a page"):
        BybitOpenInterest(sources()).parse(a_page(body))


class Launched:
    """Bybit with a contract that was launched late; `tells` is what instruments-info answers."""

    def __init__(self, labels, tells):
        self.book, self.tells, self.lookups = venue(labels, 200), tells, 0

    def __call__(self, url, params):
        if not url.endswith("/v5/market/instruments-info"):
            return self.book(url, params)
        self.lookups += 1
        assert params == {"category": "linear", "symbol": "BTCUSDT"}
        if isinstance(self.tells, Exception):
            raise self.tells
        return self.tells if isinstance(self.tells, bytes) else json.dumps(self.tells).encode()


def launch(stamp, symbol="BTCUSDT"):
    found = [{"symbol": symbol, "launchTime": stamp}]
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": found}}


LATE = {ms("2026-02-20 10:00") + number * STEP for number in range(400)}
YEARS = Span(at("2021-01-01"), at("2026-03-01"))


def test_a_coin_listed_late_costs_no_empty_years():
    answers = Launched(LATE, launch(str(ms("2026-02-20 09:30"))))
    provider = BybitOpenInterest(sources(answers))
    rows = collected(provider, YEARS)
    assert len(rows) == 400
    assert len(provider.sources.client.asked) < 20  # 2,716 windows otherwise
    list(provider.pages(BTC, YEARS))
    assert answers.lookups == 1


def test_a_short_span_is_asked_for_without_looking_up():
    answers = Launched(LATE, launch(str(ms("2026-02-20 09:30"))))
    span = Span(at("2026-02-18"), at("2026-02-23"))
    assert len(collected(BybitOpenInterest(sources(answers)), span)) == 400
    assert answers.lookups == 0


@pytest.mark.parametrize(
    "tells",
    [
        *(UnavailableError("x"), NotFoundError("x"), BadRequestError("x"), b"<html>", b"[]"),
        *({"retCode": 10001, "retMsg": "?"}, {"retCode": 0, "result": {"list": []}}),
        *(launch("0"), launch(""), launch(None), launch([]), launch("x"), launch("1e300")),
        launch(str(ms("2026-02-25")), symbol="ETHUSDT"),
        launch(str(ms("2026-02-25"))),  # rows lie before it: the launch was dated anew
        launch(str(ms("2025-12-20"))),  # not worth it
    ],
)
def test_a_launch_that_cannot_be_relied_on_costs_no_rows(tells):
    span = Span(at("2025-12-15"), at("2026-03-01"))
    rows = collected(BybitOpenInterest(sources(Launched(LATE, tells))), span)
    assert len(rows) == 400


def test_a_launch_after_the_span_is_no_mistake():
    provider = BybitOpenInterest(sources(Launched(set(), launch(str(ms("2026-09-01"))))))
    assert collected(provider, YEARS).empty
    assert len(provider.sources.client.asked) == 2


def test_a_limit_is_not_taken_for_an_unknown_launch():
    limit = RateLimitedError("slower", at("2026-10-01"))
    with pytest.raises(RateLimitedError):
        list(BybitOpenInterest(sources(Launched(LATE, limit))).pages(BTC, YEARS))


def test_the_recorded_launch_is_read():
    content = recording("bybit/instruments_info_linear.json")
    provider = BybitOpenInterest(sources(Launched(set(), content)))
    assert collected(provider, YEARS).empty
    lookup, probe, first, *_ = [params for _, params in provider.sources.client.asked]
    assert "startTime" not in lookup
    assert (probe["startTime"], probe["endTime"]) == (ms("2021-01-01"), ms("2023-11-14") - 1)
    assert first["startTime"] == ms("2023-11-14")  # launchTime 1699990000000


@pytest.mark.parametrize("stamp", [ms("2026-03-01 10:00"), None])
def test_cursors_that_lead_in_circles_end(stamp):
    calls = iter(range(100))
    provider = BybitOpenInterest(
        sources(lambda u, p: json.dumps(envelope([row(stamp)], f"c{next(calls) % 2}")).encode())
    )
    with pytest.raises(BadAnswerError, match="no older than"):
        list(provider.pages(BTC, Span(at("2026-03-01"), at("2026-03-01 12:00"))))


def test_of_rows_that_contradict_each_other_the_newest_stands():
    rows = [row(ORIGIN, "300"), row(ORIGIN, "200")]
    checked = vouched(BybitOpenInterest(sources()), envelope(rows))
    assert checked.frame["open_interest_amount"].tolist() == [150.0]
    assert checked.found["conflicts"] == 1


def test_the_launch_of_another_contract_is_not_ours():
    tells = launch(str(ms("2026-02-20 09:30")))
    tells["result"]["list"] += launch(str(ms("2021-06-01")), symbol="ETHUSDT")["result"]["list"]
    provider = BybitOpenInterest(sources(Launched(LATE, tells)))
    assert len(collected(provider, YEARS)) == 400
    assert len(provider.sources.client.asked) < 20

"""Bybit answers newest first and hides errors behind HTTP 200; nothing may be lost or doubled."""

import json
from urllib.parse import quote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.bybit_open_interest import DATASET, BybitOpenInterest
from providers.errors import BadAnswerError, BadRequestError, RateLimitedError
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

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.coinalyze import ENTRIES
from providers.errors import BadAnswerError, BadRequestError, KeyMissingError
from tests.providers.asking import BTC, a_page, at, collected, sources, vouched
from tests.providers.recorded import NOW, recording

KEYS = {"COINALYZE_KEY": "secret"}
NAMES = ("coinalyze_open_interest", "coinalyze_liquidations", "coinalyze_taker_flow")


def provider(name, answers=None, **settings):
    (entry,) = (entry for entry in ENTRIES if entry.dataset.name == name)
    return entry.providers(sources(answers, **settings))[0]


def history(*rows, symbol="BTCUSDT_PERP.A"):
    return [{"symbol": symbol, "history": list(rows)}]


@given(
    hours=st.sets(st.integers(0, 40)),
    start=st.integers(0, 40 * 3600),
    length=st.integers(1, 40 * 3600),
)
def test_a_span_is_asked_for_in_seconds_and_holds_its_start_but_not_its_end(hours, start, length):
    origin = 1_790_000_000 // 3600 * 3600
    stamps = [origin + hour * 3600 for hour in hours]

    def venue(url, params):
        rows = [{"t": t, "l": 1, "s": 2} for t in stamps if params["from"] <= t <= params["to"]]
        return json.dumps(history(*rows)).encode()

    begin, end = origin + start, origin + start + length
    span = Span(*(pd.Timestamp(moment, unit="s", tz="UTC") for moment in (begin, end)))
    rows = collected(provider("coinalyze_liquidations", venue, keys=KEYS), span)
    found = [round(date.timestamp()) for date in rows["date"]]
    assert found == sorted(t for t in stamps if begin <= t < end)


@pytest.mark.parametrize(
    ("name", "file", "columns", "values"),
    [
        (
            "coinalyze_open_interest",
            "open_interest",
            ["open", "high", "low", "close"],
            [91234.5, 91500.1, 91000.0, 91410.2],
        ),
        (
            "coinalyze_liquidations",
            "liquidation",
            ["long_liquidations", "short_liquidations"],
            [12.345, 3.21],
        ),
        (
            "coinalyze_taker_flow",
            "ohlcv",
            ["volume", "taker_buy_volume", "trades", "taker_buy_trades"],
            [12345.6, 6400.1, 210000, 108000],
        ),
    ],
)
def test_the_described_answers(name, file, columns, values):
    content = recording(f"coinalyze/constructed_{file}_history.json")
    row = vouched(provider(name), content).frame.iloc[0]
    assert row[columns].tolist() == values
    assert row["date"] == at("2024-03-09 16:00")
    assert row["known_at"] == at("2024-03-09 18:00")


def test_a_bucket_that_may_still_change_is_left_out():
    rows = [{"t": round(at(f"2026-10-01 {h}:00").timestamp()), "l": 1, "s": 0} for h in (9, 10, 11)]
    checked = vouched(provider("coinalyze_liquidations"), history(*rows))
    assert checked.frame["date"].dt.hour.tolist() == [9, 10]
    assert checked.found["unfinished"] == 1
    assert checked.frame["short_liquidations"].tolist() == [0.0, 0.0]  # said, so true


def test_takers_never_buy_more_than_was_traded():
    row = {"t": 1710000000, "v": 10, "bv": 11, "tx": 5, "btx": 4}
    frame = vouched(provider("coinalyze_taker_flow"), history(row)).frame
    assert frame[["volume", "taker_buy_volume"]].isna().all(axis=None)
    assert frame[["trades", "taker_buy_trades"]].to_numpy().tolist() == [[5.0, 4.0]]
    assert frame["quality"].tolist() == [4]


@pytest.mark.parametrize("name", NAMES)
def test_the_key_goes_into_the_header_and_nowhere_else(name):
    asked = provider(name, lambda url, params: b"[]", keys=KEYS)
    (page,) = asked.pages(BTC, Span(at("2026-09-30"), at("2026-10-01")))
    client = asked.sources.client
    assert client.calls == [{"bucket": "coinalyze", "weight": 1, "headers": {"api_key": "secret"}}]
    assert "secret" not in page.name + str(client.asked)
    assert client.asked[0][1]["symbols"] == "BTCUSDT_PERP.A"
    assert vouched(asked, page.content).frame.empty


@pytest.mark.parametrize("name", NAMES)
def test_without_a_key_the_variable_is_named(name):
    with pytest.raises(KeyMissingError, match="COINALYZE_KEY"):
        list(provider(name).pages(BTC, Span(at("2026-09-30"), at("2026-10-01"))))


def test_it_keeps_two_months():
    span = provider(NAMES[0]).covers(Span(at("2020-01-01"), NOW), NOW)
    assert span == Span(NOW - pd.Timedelta(hours=1500), NOW)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (history(symbol="ETHUSDT_PERP.A"), "'ETHUSDT_PERP.A', not BTCUSDT_PERP.A"),
        (history({"t": 1710000000, "o": 1}), "a row without 'h'"),
        ([{"symbol": "BTCUSDT_PERP.A"}], "no list of rows under 'history'"),
        ([5], "expected objects"),
        ({}, "expected a list of rows"),
    ],
)
def test_what_is_no_history_is_refused(body, message):
    with pytest.raises(BadAnswerError, match=message):
        provider("coinalyze_open_interest").parse(a_page(body))


def test_a_refusal_is_typed():
    with pytest.raises(BadRequestError, match="Too Many Requests"):
        provider("coinalyze_open_interest").parse(a_page({"message": "Too Many Requests"}))


def test_the_bucket_that_begins_at_the_end_is_not_asked_for():
    asked = provider(NAMES[0], lambda url, params: b"[]", keys=KEYS)
    list(asked.pages(BTC, Span(at("2026-09-30 10:00"), at("2026-09-30 12:00"))))
    params = asked.sources.client.asked[0][1]
    assert params["from"] == round(at("2026-09-30 10:00").timestamp())
    assert params["to"] == round(at("2026-09-30 12:00").timestamp()) - 1

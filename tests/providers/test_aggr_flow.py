"""An absent field is a zero, an absent bucket is a gap."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.aggr_flow import DATASET, FIELDS, AggrFlow
from providers.errors import BadAnswerError, BadRequestError
from tests.providers.asking import BTC, a_page, at, ms, sources, vouched
from tests.providers.recorded import NOW, recording

ORIGIN = ms("2026-09-30")
STEP = 300_000
COLUMNS = ("time", *FIELDS.values())


def series(*rows, columns=COLUMNS, market="BINANCE_FUTURES:btcusdt"):
    tags = {"market": market}
    table = {"name": "trades_5m", "tags": tags, "columns": list(columns), "values": list(rows)}
    return {"results": [{"statement_id": 0, "series": [table]}]}


def bucket(number, *cells):
    return [ORIGIN + number * STEP, *cells]


flows = st.none() | st.floats(0, 1e9) | st.integers(0, 10**6)


@given(st.dictionaries(st.integers(0, 200), st.tuples(*[flows] * 6), min_size=1))
def test_a_null_in_a_bucket_is_zero_and_a_missing_bucket_is_a_gap(buckets):
    rows = [bucket(number, *cells) for number, cells in buckets.items()]
    checked = vouched(AggrFlow(sources()), series(*rows))
    expected = [[cell or 0 for cell in buckets[number]] for number in sorted(buckets)]
    assert checked.frame[list(FIELDS)].to_numpy().tolist() == expected
    assert checked.found["gaps"] == max(buckets) - min(buckets) + 1 - len(buckets)


def test_the_described_answer_of_two_markets():
    provider = AggrFlow(sources(), replace(DATASET, step=timedelta(minutes=1)))
    content = recording("aggr_server/constructed_influx_query_trades_1m.json")
    checked = vouched(provider, content)
    assert checked.frame["date"].tolist() == [at(f"2026-01-01 00:0{n}") for n in range(7)]
    assert checked.frame["buy_volume"].tolist()[:2] == [9200000.5, 9209000.5]
    last = checked.frame.iloc[-1]  # nothing but a liquidation
    assert last[list(FIELDS)].tolist() == [0.0, 0.0, 1500.5, 0.0, 0.0, 0.0]
    assert checked.frame["known_at"].iloc[0] == at("2026-01-01 00:03")


def test_a_bucket_counts_two_minutes_after_its_end():
    rows = [[ms(f"2026-10-01 11:{minute}"), *[1] * 6] for minute in (50, 55)]
    for second, expected in (("11:56:59", 0), ("11:57", 1), ("12:01:59", 1), ("12:02", 2)):
        checked = vouched(AggrFlow(sources()), series(*rows), fetched_at=at(f"2026-10-01 {second}"))
        assert len(checked.frame) == expected


@pytest.mark.parametrize("cell", ["1", True, [1], {}])
def test_what_is_neither_null_nor_a_number_is_missing(cell):
    frame = vouched(AggrFlow(sources()), series(bucket(0, cell, 1, 1, 1, 1, 1))).frame
    assert frame["buy_volume"].isna().all()
    assert frame["sell_volume"].tolist() == [1.0]


def test_no_series_is_no_rows():
    content = recording("aggr_server/constructed_influx_empty.json")
    assert vouched(AggrFlow(sources()), content).frame.empty


def test_another_market_is_no_rows():
    rows = series(bucket(0, *[1] * 6), market="BINANCE:btcusdt")
    assert vouched(AggrFlow(sources()), rows).frame.empty


def test_a_refused_query_is_typed():
    content = json.loads(recording("aggr_server/constructed_influx_error_rp_not_found.json"))
    with pytest.raises(BadRequestError, match="retention policy not found"):
        AggrFlow(sources()).parse(a_page(content["body"]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (recording("aggr_server/constructed_influx_query_rfc3339.json"), "ask with epoch=ms"),
        ({"error": "authorization failed"}, "authorization failed"),
        (series([1], columns=["time", "vbuy"]), "without a table"),
        (series([ORIGIN], columns=["time"]), "lacks cbuy, csell, lbuy"),
        ({"results": [{"series": [5]}]}, "without a table"),
        ({"results": [{"series": 5}]}, "expected a list of series"),
        ([], "no results"),
        ({}, "no results"),
    ],
)
def test_what_is_no_answer_is_refused(body, message):
    with pytest.raises(BadAnswerError, match=message):
        AggrFlow(sources()).parse(a_page(body))


def test_what_is_asked_for():
    provider = AggrFlow(sources(lambda url, params: b"{}", keys={"AGGR_INFLUX_URL": "http://a:1/"}))
    span = Span(at("2026-09-30"), at("2026-09-30 00:10"))
    list(provider.pages(BTC, span))
    ((url, params),) = provider.sources.client.asked
    assert url == "http://a:1/query"
    assert params == {
        "db": "significant_trades",
        "epoch": "ms",
        "q": 'SELECT sum("vbuy") AS "vbuy", sum("vsell") AS "vsell", sum("lbuy") AS "lbuy", '  # noqa: S608
        'sum("lsell") AS "lsell", sum("cbuy") AS "cbuy", sum("csell") AS "csell" '
        'FROM "significant_trades"."aggr_5m"."trades_5m" '
        f"WHERE time >= {ORIGIN}ms AND time < {ORIGIN + 2 * STEP}ms "
        "AND market='BINANCE_FUTURES:btcusdt' GROUP BY time(5m),market fill(none)",
    }


def test_the_server_is_local_unless_the_environment_says_otherwise():
    provider = AggrFlow(sources(lambda url, params: b"{}"))
    list(provider.pages(BTC, Span(at("2026-09-30"), at("2026-10-01"))))
    assert provider.sources.client.asked[0][0] == "http://127.0.0.1:8086/query"


@pytest.mark.parametrize("pair", ["BT'C/USDT:USDT", 'B"/USDT:USDT', "B C/USDT:USDT"])
def test_no_pair_escapes_its_quotes(pair):
    with pytest.raises(ValueError, match="cannot stand in a query"):
        AggrFlow(sources()).query(pair, Span(at("2026-09-30"), at("2026-10-01")))


def test_it_keeps_five_thousand_buckets():
    span = AggrFlow(sources()).covers(Span(at("2020-01-01"), NOW), NOW)
    assert span == Span(NOW - timedelta(minutes=25_000), NOW)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "localhost:8086",
            "http://",
            "http://u:hunter2@host:99999",
            "http://u:hun/ter2@host:8086",
        ),
        *("http://u:12/hunter2@host:8086", "http://host:8086?u=me&p=hunter2", "ftp://host"),
        *("http://[hunter2", "http://host:8086/#hunter2"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_variable(address):
    provider = AggrFlow(sources(keys={"AGGR_INFLUX_URL": address}))
    with pytest.raises(BadRequestError, match="AGGR_INFLUX_URL is no address") as raised:
        list(provider.pages(BTC, Span(at("2026-09-30"), at("2026-09-30 01:00"))))
    assert "ter2" not in str(raised.value)
    assert provider.sources.client.asked == []


def test_a_login_is_sent_and_not_kept():
    address = "http://me:hunter2@host:8086/influx/"
    provider = AggrFlow(
        sources(
            lambda url, params: json.dumps(series()).encode(), keys={"AGGR_INFLUX_URL": address}
        )
    )
    (page,) = provider.pages(BTC, Span(at("2026-09-30"), at("2026-09-30 01:00")))
    assert provider.sources.client.asked[0][0] == "http://me:hunter2@host:8086/influx/query"
    assert "hunter2" not in page.name

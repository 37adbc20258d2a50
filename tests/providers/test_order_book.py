"""A book is two-sided and fresh, or it is no book."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.order_book import ENTRY, BinanceOrderBook
from providers.errors import BadAnswerError
from tests.providers.asking import BTC, a_page, at, ms, sources, vouched
from tests.providers.recorded import NOW, recording

SENT = round(NOW.timestamp() * 1000)


def book(bids, asks, sent=SENT, changed=SENT):
    return {"E": sent, "T": changed, "bids": bids, "asks": asks, "lastUpdateId": 1}


def side(count, start, step, size="2"):
    return [[str(start + step * level), size] for level in range(count)]


@given(bids=st.integers(1, 100), asks=st.integers(1, 100))
def test_volume_of_a_depth_needs_that_many_levels(bids, asks):
    content = book(side(bids, 1000, -1), side(asks, 1001, 1))
    row = vouched(BinanceOrderBook(sources()), content).frame.iloc[0]
    for name, count in (("bid", bids), ("ask", asks)):
        for depth in (10, 50):
            expected = 2.0 * depth if count >= depth else np.nan
            assert row[f"{name}_volume_{depth}"] == pytest.approx(expected, nan_ok=True)


def test_the_recorded_book_is_dated_by_its_arrival():
    content = recording("binance_um/depth_100_2024.json")
    received = pd.Timestamp(json.loads(content)["E"] + 200, unit="ms", tz="UTC")
    row = vouched(BinanceOrderBook(sources()), content, fetched_at=received).frame.iloc[0]
    levels = json.loads(content)
    for name in ("bid", "ask"):
        sizes = [float(size) for _, size in levels[f"{name}s"]]
        assert row[f"best_{name}"] == float(levels[f"{name}s"][0][0])
        assert row[f"{name}_volume_10"] == pytest.approx(sum(sizes[:10]), rel=1e-12)
        assert row[f"{name}_volume_50"] == pytest.approx(sum(sizes[:50]), rel=1e-12)
    assert row["date"] == row["known_at"] == received


def test_five_levels_have_prices_and_no_depth():
    content = recording("binance_um/depth_5_2020.json")
    received = pd.Timestamp(json.loads(content)["E"], unit="ms", tz="UTC")
    row = vouched(BinanceOrderBook(sources()), content, fetched_at=received).frame.iloc[0]
    assert (row["best_bid"], row["best_ask"]) == (11492.09, 11492.10)
    assert row[["bid_volume_10", "ask_volume_50"]].isna().all()
    assert row["quality"] & 1


GOOD = side(3, 100, -1), side(3, 101, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (book([], GOOD[1]), "no bids: the book is one-sided"),
        (book(GOOD[0], []), "no asks: the book is one-sided"),
        (book([], []), "empty"),
        (book(side(3, 101, -1), side(3, 101, 1)), "crossed: the best bid is 101.0"),
        (book(side(3, 102, -1), side(3, 101, 1)), "crossed"),
        (book(GOOD[0][::-1], GOOD[1]), "not sorted"),
        (book(GOOD[0], [["101", "0"]]), "not above zero"),
        (book([["NaN", "1"]], GOOD[1]), "not above zero"),
        (book([["100"]], GOOD[1]), "no bids of pairs"),
        ({"E": SENT, "T": SENT, "asks": []}, "no bids of pairs"),
        (book(*GOOD, sent=SENT - 11_000), "0 days 00:00:11|0:00:11"),
        (book(*GOOD, sent=SENT + 1500), "clock"),
        (book(*GOOD, changed=SENT + 1500), "clock"),
        (book(*GOOD, sent=None), "expected milliseconds"),
        ([], "expected an order book"),
    ],
)
def test_what_is_no_book_is_refused_and_not_balanced(content, message):
    with pytest.raises(BadAnswerError, match=message):
        BinanceOrderBook(sources()).parse(a_page(content))


def test_a_quiet_market_is_no_old_book():
    frame = vouched(BinanceOrderBook(sources()), book(*GOOD, changed=SENT - 3_600_000)).frame
    assert frame["best_bid"].tolist() == [100.0]


def test_it_asks_once_and_only_about_now():
    answer = json.dumps(book(*GOOD)).encode()
    provider = BinanceOrderBook(sources(lambda url, params: answer))
    (page,) = provider.pages(BTC, Span(at("2020-01-01"), NOW))
    assert page.fetched_at == NOW
    assert provider.sources.client.asked == [
        ("https://fapi.binance.com/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 100})
    ]
    assert provider.sources.client.calls[0]["weight"] == 5
    assert provider.covers(Span(at("2020-01-01"), at("2021-01-01")), NOW) is None
    assert ENTRY.recorded
    assert ms("2026-10-01 12:00") == SENT


@pytest.mark.parametrize("stamp", [10**18, -(10**18), 2**63, 2**64 - 1])
@pytest.mark.parametrize("key", ["E", "T"])
def test_a_stamp_from_no_time_at_all_is_refused(key, stamp):
    if key == "T" and stamp < 0:  # a quiet market changes seldom
        return
    with pytest.raises(BadAnswerError, match=f"a page has {key}={stamp}"):
        vouched(BinanceOrderBook(sources()), {**book(*GOOD), key: stamp})


@pytest.mark.parametrize(
    "bids", [["12"], {"12": 1}, [[True, "5"]], [["1_0", "5"]], [["9", "1", "1"]], [["9", None]]]
)
def test_a_level_is_a_pair_of_numbers(bids):
    with pytest.raises(BadAnswerError, match="a page"):
        vouched(BinanceOrderBook(sources()), book(bids, side(3, 101, 1)))

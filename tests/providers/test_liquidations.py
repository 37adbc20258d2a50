"""Two venues, one meaning: +1 is a liquidated long, whatever the venue calls it."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets.bybit_liquidations import BybitLiquidations
from providers.datasets.liquidations import BinanceLiquidations
from providers.errors import BadAnswerError
from tests.providers.asking import BTC, a_page, at, ms, sources, vouched
from tests.providers.recorded import NOW, recording

ETH = "ETH/USDT:USDT"
BINANCE, BYBIT = BinanceLiquidations(sources()), BybitLiquidations(sources())
THEN = ms("2026-10-01 11:59:58")


def binance(stamp=THEN, side="SELL", price="100", amount="0.5", symbol="BTCUSDT"):
    order = {"s": symbol, "S": side, "p": "99", "ap": price, "q": "9", "z": amount, "T": stamp}
    return {"e": "forceOrder", "E": stamp + 5, "o": order}


def bybit(*stamps, side="Buy", price="100", amount="0.5", symbol="BTCUSDT"):
    data = [{"T": t, "s": symbol, "S": side, "v": amount, "p": price} for t in stamps or (THEN,)]
    return {"topic": f"allLiquidation.{symbol}", "type": "snapshot", "ts": THEN, "data": data}


@pytest.mark.parametrize(
    ("provider", "message", "side"),
    [
        (BINANCE, binance(side="SELL"), 1.0),  # the order sells: it closes a long
        (BINANCE, binance(side="BUY"), -1.0),
        (BYBIT, bybit(side="Buy"), 1.0),  # the position bought: it was a long
        (BYBIT, bybit(side="Sell"), -1.0),
    ],
)
def test_a_liquidated_long_is_plus_one(provider, message, side):
    row = vouched(provider, message).frame.iloc[0]
    assert row[["side", "price", "amount", "value"]].tolist() == [side, 100.0, 0.5, 50.0]
    assert row["date"] == at("2026-10-01 11:59:58")
    assert row["known_at"] == NOW


@pytest.mark.parametrize("provider", [BINANCE, BYBIT])
@pytest.mark.parametrize("change", [{"side": "buy?"}, {"price": ""}, {"amount": "0"}])
def test_what_is_unclear_is_missing(provider, change):
    message = binance(**change) if provider is BINANCE else bybit(**change)
    row = vouched(provider, message).frame.iloc[0]
    assert row[["side", "price", "amount"]].isna().sum() == 1
    assert row["quality"] != 0


events = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=12)


@given(events)
def test_a_batch_holds_what_its_messages_hold_and_repeats_nothing(found):
    messages = [binance(THEN - 1000 * second, amount=str(size)) for second, size in found]
    frame = vouched(BINANCE, messages).frame
    rows = [
        (round(row.date.timestamp() * 1000), row.amount)
        for row in frame[["date", "amount"]].itertuples()
    ]
    assert sorted(rows) == sorted({(THEN - 1000 * second, float(size)) for second, size in found})
    assert frame["date"].is_monotonic_increasing


def test_several_at_one_instant_all_count():
    frame = vouched(BYBIT, [bybit(THEN, amount="1"), bybit(THEN, amount="2")]).frame
    assert frame["amount"].sum() == 3.0


def test_recorded_messages():
    one = vouched(BINANCE, recording("binance_um/ws_forceOrder.json")).frame
    assert one[["side", "amount"]].to_numpy().tolist() == [[1.0, 0.014]]
    assert one["price"].tolist() == [9910.12345678]  # the average fill, not the limit
    two = vouched(BINANCE, recording("binance_um/ws_forceOrder_real_2022.json")).frame
    assert two["date"].tolist() == [at("2022-04-25 14:52:09.196"), at("2022-04-25 14:52:16.320")]
    rose = "ROSE/USDT:USDT"
    short = vouched(BYBIT, recording("bybit/ws_allLiquidation_doc.json"), rose).frame
    assert short[["side", "price", "amount"]].to_numpy().tolist() == [[-1.0, 0.04499, 20000.0]]
    assert short["value"].tolist() == pytest.approx([899.8])


def test_a_venue_whose_clock_is_ahead_is_not_known_before_it_happened():
    row = vouched(BINANCE, binance(ms("2026-10-01 12:00:00") + 400)).frame.iloc[0]
    assert row["known_at"] == row["date"] == NOW + pd.Timedelta(milliseconds=400)


def test_how_to_subscribe():
    combined = BINANCE.subscription((BTC, ETH))
    assert combined.url == (
        "wss://fstream.binance.com/market/stream?streams=btcusdt@forceOrder/ethusdt@forceOrder"
    )
    assert (combined.messages, combined.ping) == ((), None)
    topics = BYBIT.subscription((BTC, ETH))
    assert topics.url == "wss://stream.bybit.com/v5/public/linear"
    assert [json.loads(message) for message in topics.messages] == [
        {"op": "subscribe", "args": ["allLiquidation.BTCUSDT", "allLiquidation.ETHUSDT"]}
    ]
    assert json.loads(topics.ping) == {"op": "ping"}
    assert topics.ping_every.total_seconds() == 20


@pytest.mark.parametrize("provider", [BINANCE, BYBIT])
def test_nothing_to_subscribe_to_is_a_mistake(provider):
    with pytest.raises(ValueError, match="no pairs"):
        provider.subscription(())


@pytest.mark.parametrize(
    ("provider", "message", "pair"),
    [
        (BINANCE, binance(), BTC),
        (BINANCE, {"stream": "ethusdt@forceOrder", "data": binance(symbol="ETHUSDT")}, ETH),
        (BINANCE, binance(symbol="XRPUSDT"), None),
        (BINANCE, {"result": None, "id": 1}, None),
        (BYBIT, bybit(), BTC),
        (BYBIT, bybit(symbol="XRPUSDT"), None),
        (BYBIT, {"success": True, "ret_msg": "pong", "op": "ping"}, None),
        (BYBIT, {"success": True, "ret_msg": "", "op": "subscribe"}, None),
    ],
)
def test_a_message_finds_its_pair(provider, message, pair):
    assert provider.pair_of(json.dumps(message).encode(), (BTC, ETH)) == pair


@pytest.mark.parametrize("provider", [BINANCE, BYBIT])
@pytest.mark.parametrize(
    "message",
    [
        {"success": False, "op": "subscribe", "ret_msg": "Invalid symbol"},
        {"error": {"code": 2}},
        {"e": "trade"},
        {"e": "forceOrder", "o": {"s": "BTCUSDT"}},
        {"topic": "allLiquidation.BTCUSDT", "data": [{"s": "BTCUSDT"}]},
        {"topic": "publicTrade.BTCUSDT", "data": []},
        "text",
        [[1]],
        b"{",
    ],
)
def test_what_is_no_liquidation_is_refused(provider, message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(BadAnswerError):
        provider.pair_of(body, (BTC,))
    with pytest.raises(BadAnswerError, match="a page"):
        provider.parse(a_page(message))


@pytest.mark.parametrize(("provider", "message"), [(BINANCE, binance()), (BYBIT, bybit())])
def test_another_symbol_is_refused(provider, message):
    with pytest.raises(BadAnswerError, match="is about BTCUSDT, expected ETHUSDT"):
        provider.parse(a_page(message, ETH))


@pytest.mark.parametrize("provider", [BINANCE, BYBIT])
def test_there_is_no_history(provider):
    assert provider.covers(Span(at("2020-01-01"), NOW), NOW) is None
    assert not list(provider.pages(BTC, Span(at("2020-01-01"), NOW)))


@pytest.mark.parametrize("symbol", [[], {}, None, 5, True])
@pytest.mark.parametrize("message", [binance, bybit])
def test_a_symbol_is_a_word(message, symbol):
    provider = BINANCE if message is binance else BYBIT
    content = json.dumps(message(symbol="BTCUSDT")).replace('"s": "BTCUSDT"', '"s": @').encode()
    content = content.replace(b"@", json.dumps(symbol).encode())
    with pytest.raises(BadAnswerError, match="where a symbol should be"):
        provider.pair_of(content, (BTC,))
    with pytest.raises(BadAnswerError, match="where a symbol should be"):
        provider.parse(a_page(content))

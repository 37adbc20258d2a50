"""What the endpoints answer: hand-computed values, shapes and errors against recordings."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from tests.replay.market import BTC, FIXTURES, NOW, START, Client

HOUR = 3_600_000
FIRST = int(START.timestamp() * 1000)
NOW_MS = int(NOW.timestamp() * 1000)


def recording(name: str):
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no recording {path.name}; the recordings are not part of this repository")
    return json.loads(path.read_text())


def rows_of(datadir, timeframe: str, kind: str = "futures") -> pd.DataFrame:
    return read_frame(native_path(datadir, BTC, timeframe, kind))


def klines(client: Client, interval: str, path: str = "/fapi/v1/klines", **params) -> list:
    answer = client.get(path, symbol="BTCUSDT", interval=interval, **params)
    assert answer.status_code == 200
    return answer.json()


def test_candles_are_the_files_candles_with_their_taker_flow(client, datadir):
    rows = klines(client, "15m", startTime=FIRST, limit=1500)
    file = rows_of(datadir, "15m")
    closed = file[file["date"] + pd.Timedelta("15min") <= NOW]
    flow = read_frame(store_path(datadir, "taker_flow", BTC, "15m"))
    assert len(rows) == len(closed) + 1  # and the forming one
    for column, name in enumerate(["open", "high", "low", "close", "volume"], start=1):
        assert [float(row[column]) for row in rows[:-1]] == closed[name].tolist()
    assert [row[8] for row in rows[:3]] == [100, 101, 102]
    assert float(rows[0][9]) == flow["taker_buy_volume"][0]
    assert float(rows[0][10]) == flow["taker_buy_quote_volume"][0]
    assert rows[0][6] == rows[0][0] + 15 * 60_000 - 1


def test_an_hour_takes_its_taker_flow_from_its_quarters(client, datadir):
    [row] = klines(client, "1h", startTime=FIRST, limit=1)
    flow = read_frame(store_path(datadir, "taker_flow", BTC, "15m"))
    assert float(row[9]) == pytest.approx(flow["taker_buy_volume"][:4].sum())
    assert row[8] == 100 + 101 + 102 + 103


def test_unknown_taker_flow_is_empty_and_not_zero(client):
    [row] = client.get(
        "/fapi/v1/klines", symbol="ETHUSDT", interval="15m", startTime=FIRST, limit=1
    ).json()
    assert row[8:11] == [0, "", ""]


@pytest.mark.parametrize(("interval", "quarters"), [("30m", 2), ("4h", 16), ("1d", 96)])
def test_slower_candles_are_made_of_faster_ones(client, datadir, interval, quarters):
    [row] = klines(client, interval, startTime=FIRST, limit=1)
    part = rows_of(datadir, "15m").head(quarters)
    assert [float(text) for text in row[1:6]] == [
        part["open"].iloc[0],
        part["high"].max(),
        part["low"].min(),
        part["close"].iloc[-1],
        pytest.approx(part["volume"].sum()),
    ]


def test_the_forming_candle_has_the_closed_quarters_and_the_open_of_the_open_one(client, datadir):
    """At 10:20 an hour has the quarter from 10:00, and the open of 10:15."""
    [*_, row] = klines(client, "1h")
    file = rows_of(datadir, "15m").set_index("date")
    closed, opened = file.loc[NOW.floor("1h")], file.loc[NOW.floor("15min")]
    assert row[0] == int(NOW.floor("1h").timestamp() * 1000)
    assert [float(text) for text in row[1:6]] == [
        closed["open"],
        max(closed["high"], opened["open"]),
        min(closed["low"], opened["open"]),
        opened["open"],
        closed["volume"],
    ]
    [*_, quarter] = klines(client, "15m")
    assert set(quarter[1:5]) == {f"{opened['open']:.8f}"}
    assert float(quarter[5]) == 0


def test_after_the_data_nothing_forms_and_the_pair_stays_listed(exchange_at):
    later = exchange_at("2026-11-01")
    rows = klines(later, "1h", limit=2)
    assert [row[0] for row in rows] == [FIRST + (240 - 2) * HOUR, FIRST + (240 - 1) * HOUR]
    symbols = later.get("/fapi/v1/exchangeInfo").json()["symbols"]
    assert [row["status"] for row in symbols] == ["TRADING", "TRADING"]
    day = later.get("/fapi/v1/ticker/24hr", symbol="BTCUSDT").json()
    assert (float(day["lastPrice"]), float(day["volume"])) == (float(rows[-1][4]), 0)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.none() | st.integers(FIRST - 5 * HOUR, NOW_MS + 5 * HOUR),
    end=st.none() | st.integers(FIRST - 5 * HOUR, NOW_MS + 5 * HOUR),
    limit=st.integers(1, 40),
    endpoint=st.sampled_from(
        [
            ("/fapi/v1/klines", "interval"),
            ("/fapi/v1/markPriceKlines", "interval"),
            ("/fapi/v1/fundingRate", None),
            ("/futures/data/openInterestHist", "period"),
        ]
    ),
)
def test_histories_ascend_within_inclusive_bounds_and_limit(client, start, end, limit, endpoint):
    path, timeframe = endpoint
    params = {"symbol": "BTCUSDT", "limit": limit, "startTime": start, "endTime": end}
    params = {name: value for name, value in params.items() if value is not None}
    answer = client.get(path, **params, **({timeframe: "1h"} if timeframe else {}))
    if start is not None and end is not None and start > end:
        assert answer.json()["code"] == -1023
        return
    keys = {"fundingRate": "fundingTime", "openInterestHist": "timestamp"}
    key = keys.get(path.rpartition("/")[2], 0)
    stamps = [row[key] for row in answer.json()]
    grid = 8 * HOUR if key == "fundingTime" else HOUR
    everything = range(FIRST, NOW_MS + 1, grid)
    inside = [s for s in everything if (start or 0) <= s <= (end if end is not None else NOW_MS)]
    assert stamps == (inside[-limit:] if start is None else inside[:limit])


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("/fapi/v1/klines?interval=15m", 500),
        ("/futures/data/openInterestHist?period=5m", 30),
    ],
)
def test_default_limits(client, path, default):
    assert len(client.get(f"{path}&symbol=BTCUSDT").json()) == default


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("400_-1121_invalid_symbol", "/fapi/v1/klines?symbol=NOUSDT&interval=1h"),
        ("400_-1121_invalid_symbol", "/fapi/v1/premiumIndex?symbol=btcusdt"),
        (
            "400_-1130_startTime_older_than_30d",
            "/futures/data/openInterestHist?symbol=BTCUSDT&period=1h&startTime=1760000000000",
        ),
    ],
)
def test_errors_equal_the_recorded_ones(client, name, path):
    recorded = recording(f"errors/{name}.json")
    answer = client.get(path)
    assert answer.status_code == recorded["http_status"]
    assert answer.json() == recorded["body"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("klines?symbol=BTCUSDT&interval=1h&limit=1501", -1130),
        ("klines?symbol=BTCUSDT&interval=1h&limit=0", -1130),
        ("klines?symbol=BTCUSDT", -1102),
        ("klines?symbol=&interval=1h", -1102),
        ("klines?interval=1h", -1102),
        ("indexPriceKlines?symbol=BTCUSDT&interval=1h", -1102),
        ("klines?symbol=BTCUSDT&interval=1h&startTime=yesterday", -1102),
        ("fundingRate?symbol=BTCUSDT&limit=1001", -1130),
        ("depth?symbol=BTCUSDT&limit=7", -4021),
        ("../../futures/data/openInterestHist?symbol=BTCUSDT&period=8h", -1130),
        ("../../futures/data/openInterestHist?symbol=BTCUSDT", -1102),
    ],
)
def test_refusals(client, path, code):
    answer = client.get(f"/fapi/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/fapi/v1/aggTrades?symbol=BTCUSDT", "/fapi/v1/order", "/"])
def test_what_candles_cannot_tell_is_not_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "path", "not_ours"),
    [
        ("klines_1d_2023", "/fapi/v1/klines?symbol=BTCUSDT&interval=1d", ()),
        ("markPriceKlines_doc", "/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1h", ()),
        ("fundingRate_doc_markPrice", "/fapi/v1/fundingRate?symbol=BTCUSDT", ()),
        (
            "fundingInfo",
            "/fapi/v1/fundingInfo",
            ("adjustedFundingRateCap", "adjustedFundingRateFloor", "updateTime"),
        ),
        ("premiumIndex_symbol_2023", "/fapi/v1/premiumIndex?symbol=BTCUSDT", ()),
        ("openInterest_2026", "/fapi/v1/openInterest?symbol=BTCUSDT", ()),
        (
            "openInterestHist_5m_2026",
            "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m",
            ("CMCCirculatingSupply",),
        ),
        ("depth_5_2020", "/fapi/v1/depth?symbol=BTCUSDT&limit=5", ()),
    ],
)
def test_shapes_equal_the_recorded_ones(client, name, path, not_ours):
    recorded, answer = recording(f"{name}.json"), client.get(path).json()
    assert type(answer) is type(recorded)
    if isinstance(recorded, list):
        recorded, answer = recorded[0], answer[0]
    if isinstance(recorded, list):
        assert [type(value) for value in answer] == [type(value) for value in recorded]
    else:
        expected = {key: type(value) for key, value in recorded.items() if key not in not_ours}
        assert {key: type(value) for key, value in answer.items()} == expected


def test_every_symbol_has_the_filters_ccxt_needs(client):
    info = client.get("/fapi/v1/exchangeInfo").json()
    assert info["serverTime"] == NOW_MS
    btc, eth = info["symbols"]
    assert (btc["symbol"], eth["symbol"]) == ("BTCUSDT", "ETHUSDT")
    assert btc["onboardDate"] == FIRST
    filters = {entry["filterType"]: entry for entry in btc["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert filters["MIN_NOTIONAL"]["notional"] == "100"
    assert eth["filters"][0]["tickSize"] == "0.01"


def test_funding_is_known_when_it_is_settled(exchange_at):
    def last(now: str) -> dict:
        return exchange_at(now).get("/fapi/v1/fundingRate", symbol="BTCUSDT").json()[-1]

    eight = int(pd.Timestamp("2026-01-13 08:00", tz="UTC").timestamp() * 1000)
    assert last("2026-01-13T07:59:59.999Z")["fundingTime"] == eight - 8 * HOUR
    assert last("2026-01-13T08:00Z")["fundingTime"] == eight


def test_funding_has_the_mark_price_of_its_settlement(client, datadir):
    row = client.get("/fapi/v1/fundingRate", symbol="BTCUSDT", limit=1).json()[0]
    marks = rows_of(datadir, "1h", "mark").set_index("date")["open"]
    assert float(row["markPrice"]) == marks[pd.Timestamp(row["fundingTime"], unit="ms", tz="UTC")]


def test_funding_from_time_zero_is_the_latest_as_on_binance(client):
    ask = {"path": "/fapi/v1/fundingRate", "symbol": "BTCUSDT", "limit": 2}
    assert client.get(**ask, startTime=0).json() == client.get(**ask).json()


def test_funding_of_all_symbols_is_in_time_order(client):
    rows = client.get("/fapi/v1/fundingRate", limit=5).json()
    assert [row["symbol"] for row in rows[-2:]] == ["BTCUSDT", "ETHUSDT"]
    assert [row["fundingTime"] for row in rows] == sorted(row["fundingTime"] for row in rows)


def test_premium_index_names_the_next_settlement(client):
    row = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT").json()
    sixteen = pd.Timestamp("2026-01-13 16:00", tz="UTC")
    assert row["nextFundingTime"] == int(sixteen.timestamp() * 1000)
    assert row["indexPrice"] == ""


def test_open_interest_appears_after_its_publication_delay(exchange_at):
    def last(client: Client) -> int:
        history = client.get(
            "/futures/data/openInterestHist", symbol="BTCUSDT", period="15m", limit=1
        ).json()
        return history[-1]["timestamp"]

    quarter = int(NOW.floor("15min").timestamp() * 1000)
    assert last(exchange_at(NOW)) == quarter
    assert last(exchange_at(NOW, oi_delay=300_001)) == quarter - 15 * 60_000
    now = exchange_at(NOW, oi_delay=60_000).get("/fapi/v1/openInterest", symbol="BTCUSDT").json()
    assert now["time"] == NOW_MS - 5 * 60_000


def test_open_interest_beyond_thirty_days_is_gone(exchange_at):
    later = exchange_at(START + pd.Timedelta(days=35))
    ask = {"symbol": "BTCUSDT", "period": "1h", "limit": 500}
    rows = later.get("/futures/data/openInterestHist", **ask).json()
    assert rows[0]["timestamp"] == FIRST + 5 * 24 * HOUR
    edge = later.get("/futures/data/openInterestHist", **ask, startTime=FIRST + 5 * 24 * HOUR)
    assert edge.json() == rows


def test_the_book_stands_on_the_last_price_one_tick_wide(client, datadir):
    book = client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5).json()
    price = rows_of(datadir, "15m").set_index("date").loc[NOW.floor("15min"), "open"]
    bids, asks = ([float(price) for price, _ in book[side]] for side in ("bids", "asks"))
    assert bids == [pytest.approx(price - 0.1 * level) for level in range(5)]
    assert asks == [pytest.approx(price + 0.1 * level) for level in range(1, 6)]
    top = client.get("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT").json()
    assert [top["bidPrice"], top["bidQty"]] == book["bids"][0]
    assert [top["askPrice"], top["askQty"]] == book["asks"][0]


def test_the_day_is_the_sum_of_its_candles(client, datadir):
    day = client.get("/fapi/v1/ticker/24hr", symbol="BTCUSDT").json()
    file = rows_of(datadir, "15m").set_index("date")
    rows = file.loc[NOW - pd.Timedelta("1D") : NOW - pd.Timedelta("15min")]
    last = file.loc[NOW.floor("15min"), "open"]
    typical = (rows["high"] + rows["low"] + rows["close"]) / 3
    assert float(day["volume"]) == pytest.approx(rows["volume"].sum())
    assert float(day["quoteVolume"]) == pytest.approx((typical * rows["volume"]).sum())
    assert float(day["highPrice"]) == max(rows["high"].max(), last)
    assert float(day["lastPrice"]) == last


def test_a_damaged_file_is_an_error_of_the_exchange(datadir, tmp_path):
    """Its header was fine at start-up; the damage is found when it is read."""
    path = store_path(tmp_path, "taker_flow", BTC, "15m")
    write_frame(read_frame(native_path(datadir, BTC, "15m")), native_path(tmp_path, BTC, "15m"))
    write_frame(read_frame(store_path(datadir, "taker_flow", BTC, "15m")), path, checksum=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    client = Client(create_app(Exchange(Datadir.scan(tmp_path), FrozenClock(NOW_MS))))
    answer = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m")
    assert (answer.status_code, answer.json()["code"]) == (500, -1000)
    assert "differs from its checksum" in answer.json()["msg"]


def test_files_that_are_no_linear_perpetual_are_not_served(datadir, tmp_path):
    candles = read_frame(native_path(datadir, BTC, "15m"))
    for name in (
        *("BTC_USD_BTC-15m-futures", "BTC_USDT_USDT_260327-15m-futures"),
        *("XRP_USDT_USDT-1M-futures", "notes"),
    ):
        write_frame(candles, tmp_path / "futures" / f"{name}.feather")
    write_frame(candles.head(0), native_path(tmp_path, "SOL/USDT:USDT", "15m"))
    write_frame(candles, native_path(tmp_path, "1000PEPE/USDT:USDT", "15m"))
    assert [pair.name for pair in Datadir.scan(tmp_path).pairs] == ["1000PEPE/USDT:USDT"]

"""Binance's /futures/data beside open interest, and spot candles."""

import json

import pandas as pd
import pytest

from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from replay.limits import BYBIT, SPOT, UNLIMITED, cost
from tests.replay.market import BTC, FIXTURES, NOW, RECORDINGS, START, Client

MINUTE = 60_000
FIRST, NOW_MS = (int(instant.timestamp() * 1000) for instant in (START, NOW))
RATIOS = {
    "globalLongShortAccountRatio": "global_account_ratio",
    "topLongShortAccountRatio": "top_account_ratio",
    "topLongShortPositionRatio": "top_position_ratio",
}
PATHS = {
    **{name: f"/futures/data/{name}?symbol=BTCUSDT" for name in RATIOS},
    "takerlongshortRatio": "/futures/data/takerlongshortRatio?symbol=BTCUSDT",
    "basis": "/futures/data/basis?pair=BTCUSDT&contractType=PERPETUAL",
    "openInterestHist": "/futures/data/openInterestHist?symbol=BTCUSDT",
}


def recording(name: str, folder=FIXTURES):
    path = folder / name
    if not path.exists():
        pytest.skip(f"no recording {path.name}; the recordings are not part of this repository")
    return json.loads(path.read_text())


def stored(datadir, dataset: str, timeframe: str = "5m") -> pd.DataFrame:
    frame = read_frame(store_path(datadir, dataset, BTC, timeframe))
    return frame.set_index(frame.pop("date").astype("int64"))


@pytest.mark.parametrize(("name", "column"), RATIOS.items())
def test_ratios_are_the_stores_and_their_shares_agree(client, datadir, name, column):
    rows = client.get(f"{PATHS[name]}&period=5m&limit=500").json()
    told = pd.Series({row["timestamp"]: float(row["longShortRatio"]) for row in rows})
    assert told.index[-1] == NOW_MS
    assert told.tolist() == stored(datadir, "long_short_ratio").loc[told.index, column].tolist()
    for row in rows[:50]:
        long, short = float(row["longAccount"]), float(row["shortAccount"])
        assert long + short == pytest.approx(1, abs=1e-3)
        assert long / short == pytest.approx(float(row["longShortRatio"]), rel=1e-3)


def test_basis_is_perpetual_minus_index(client, datadir):
    [row] = client.get(f"{PATHS['basis']}&period=1h&limit=1").json()
    kept = stored(datadir, "basis").loc[row["timestamp"]]
    assert row["timestamp"] == NOW_MS - 20 * MINUTE
    assert float(row["indexPrice"]) == kept["index_price"]
    assert float(row["futuresPrice"]) == kept["futures_price"]
    assert float(row["basis"]) == pytest.approx(kept["basis"])
    assert float(row["basisRate"]) == pytest.approx(kept["basis_rate"], abs=5e-5)


def test_taker_volume_is_dated_by_its_end(client, datadir):
    rows = client.get(f"{PATHS['takerlongshortRatio']}&period=15m&limit=2").json()
    quarter = NOW.floor("15min")
    assert [row["timestamp"] for row in rows][-1] == int(quarter.timestamp() * 1000)
    opened = quarter - pd.Timedelta("15min")
    flow = read_frame(store_path(datadir, "taker_flow", BTC, "15m")).set_index("date").loc[opened]
    volume = read_frame(native_path(datadir, BTC, "15m")).set_index("date").loc[opened, "volume"]
    bought, sold = flow["taker_buy_volume"], volume - flow["taker_buy_volume"]
    assert float(rows[-1]["buyVol"]) == pytest.approx(bought, abs=1e-4)
    assert float(rows[-1]["sellVol"]) == pytest.approx(sold, abs=1e-4)
    assert float(rows[-1]["buySellRatio"]) == pytest.approx(bought / sold, abs=1e-4)


@pytest.mark.parametrize("name", PATHS)
def test_the_wall_stands_thirty_days_back(exchange_at, name):
    later = exchange_at(START + pd.Timedelta(days=35))
    edge = FIRST + 5 * 24 * 60 * MINUTE
    refused = later.get(f"{PATHS[name]}&period=1h&startTime={edge - 1}")
    assert (refused.status_code, refused.json()["code"]) == (400, -1130)
    rows = later.get(f"{PATHS[name]}&period=1h&startTime={edge}").json()
    assert rows[0]["timestamp"] == edge
    assert len(rows) == 30


@pytest.mark.parametrize("name", PATHS)
def test_limits_periods_and_symbols_are_checked(client, name):
    for wrong in ("period=8h", "period=1m", "period=1h&limit=501", "period=1h&limit=0"):
        assert client.get(f"{PATHS[name]}&{wrong}").json()["code"] == -1130, wrong
    unlisted = client.get(f"{PATHS[name].replace('BTCUSDT', 'NOUSDT')}&period=1h")
    assert unlisted.json()["code"] == -1121


@pytest.mark.parametrize("name", PATHS)
def test_what_no_file_holds_is_an_empty_list(client, name):
    """ETH has candles without taker flow, and nothing in the store."""
    answer = client.get(f"{PATHS[name].replace('BTCUSDT', 'ETHUSDT')}&period=1h")
    assert (answer.status_code, answer.json()) == (200, [])


def test_contracts_that_expire_have_no_basis_here(client):
    path = PATHS["basis"].replace("PERPETUAL", "{}")
    assert client.get(f"{path.format('NEXT_QUARTER')}&period=1h").json() == []
    assert client.get(f"{path.format('FOREVER')}&period=1h").json()["code"] == -1130


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("globalLongShortAccountRatio", "globalLongShortAccountRatio_4h_2020"),
        ("topLongShortAccountRatio", "topLongShortAccountRatio_5m_2020"),
        ("topLongShortPositionRatio", "topLongShortPositionRatio_1d_2020"),
        ("takerlongshortRatio", "takerlongshortRatio_5m_2020"),
        ("basis", "basis_doc"),
    ],
)
def test_shapes_equal_the_recorded_ones(client, name, recorded):
    row = recording(f"{recorded}.json")[0]
    answer = client.get(f"{PATHS[name]}&period=1h").json()[0]
    shape = {key: type(value) for key, value in row.items()}
    assert {key: type(value) for key, value in answer.items()} == shape


@pytest.mark.parametrize("kind", ["premiumIndexKlines", "markPriceKlines"])
def test_price_candles_have_the_documented_shape(client, kind):
    row = client.get(f"/fapi/v1/{kind}?symbol=BTCUSDT&interval=1h").json()[0]
    documented = recording(f"{kind}_doc.json")[0]
    assert [type(cell) for cell in row] == [type(cell) for cell in documented]


def test_the_premium_comes_from_the_store(client, datadir):
    rows = client.get("/fapi/v1/premiumIndexKlines?symbol=BTCUSDT&interval=1h&limit=3").json()
    kept = stored(datadir, "premium_index", "1h")
    for row in rows[:-1]:  # the last one is forming
        assert [float(cell) for cell in row[1:5]] == kept.loc[row[0]].tolist()


def test_spot_candles_carry_the_taker_flow_of_spot(client, datadir):
    rows = client.get(f"/api/v3/klines?symbol=BTCUSDT&interval=15m&startTime={FIRST}").json()
    assert len(rows) == 500
    candles = read_frame(native_path(datadir, "BTC/USDT", "15m", "spot"))
    flow = stored(datadir, "spot_taker_flow", "15m")
    for number, row in enumerate(rows[:20]):
        opened = candles.iloc[number]
        assert [float(cell) for cell in row[1:6]] == opened.drop("date").tolist()
        kept = flow.loc[row[0]]
        columns = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
        assert [float(cell) for cell in row[7:11]] == kept[list(columns)].tolist()
    recorded = recording("klines_1h_2023.json", RECORDINGS / "binance_spot")[0]
    assert [type(cell) for cell in rows[0]] == [type(cell) for cell in recorded]


def test_spot_has_its_own_limits_and_listing(client):
    path = "/api/v3/klines?symbol={}&interval={}&limit={}"
    assert client.get(path.format("ETHUSDT", "1h", 5)).json()["code"] == -1121
    assert client.get(path.format("BTCUSDT", "7m", 5)).json()["code"] == -1120
    assert client.get(path.format("BTCUSDT", "1h", 1001)).json()["code"] == -1130
    assert client.get("/api/v3/time").json() == {"serverTime": NOW_MS}
    assert client.get("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"]
    assert cost("/api/v3/klines", "limit=1000") == (SPOT, 2)
    assert cost("/v5/market/open-interest", "") == (BYBIT, 1)
    assert cost("/data/futures/um/daily/metrics/x.zip", "")[0] is UNLIMITED


def test_a_multiple_trades_as_the_coin_on_spot(datadir, tmp_path):
    perpetual = read_frame(native_path(datadir, BTC, "15m"))
    write_frame(perpetual, native_path(tmp_path, "1000PEPE/USDT:USDT", "15m"))
    write_frame(perpetual, native_path(tmp_path, "PEPE/USDT", "15m", "spot"))
    flow = read_frame(store_path(datadir, "spot_taker_flow", BTC, "15m"))
    write_frame(flow, store_path(tmp_path, "spot_taker_flow", "1000PEPE/USDT:USDT", "15m"))
    client = Client(create_app(Exchange(Datadir.scan(tmp_path), FrozenClock(NOW_MS))))
    row = client.get(f"/api/v3/klines?symbol=PEPEUSDT&interval=15m&startTime={FIRST}").json()[0]
    assert float(row[9]) == flow["taker_buy_volume"][0]

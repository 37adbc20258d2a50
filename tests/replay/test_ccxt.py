"""The real ccxt, pointed at the exchange through its two addresses."""

import ccxt
import pandas as pd
import pytest

from providers.storage.store import native_path, read_frame
from replay.client import running
from tests.replay.market import BTC, NOW


@pytest.fixture(scope="module")
def binance(datadir):
    with running(datadir, at=NOW, freeze=True) as url:
        addresses = {"fapiPublic": f"{url}/fapi/v1", "fapiData": f"{url}/futures/data"}
        exchange = ccxt.binance({"options": {"fetchMarkets": {"types": ["linear"]}}})
        exchange.urls["api"] |= addresses
        exchange.enableRateLimit = False
        exchange.load_markets()
        yield exchange


def frame(rows: list, columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows)[list(range(len(columns)))].set_axis(columns, axis=1)
    return table.assign(date=pd.to_datetime(table["date"], unit="ms", utc=True).dt.as_unit("ms"))


def test_markets(binance):
    market = binance.market(BTC)
    assert (market["id"], market["swap"], market["linear"], market["active"]) == (
        *("BTCUSDT", True, True, True),
    )
    assert market["precision"]["price"] == 0.1
    assert market["precision"]["amount"] == 0.001
    assert market["limits"]["cost"]["min"] == 100
    assert market["limits"]["amount"]["max"] == 1e6
    assert pd.Timestamp(market["created"], unit="ms") == pd.Timestamp("2026-01-05")


@pytest.mark.parametrize(
    ("timeframe", "kind", "params"), [("15m", "futures", {}), ("1h", "mark", {"price": "mark"})]
)
def test_candles_survive_the_round_trip(binance, datadir, timeframe, kind, params):
    rows = binance.fetch_ohlcv(BTC, timeframe, since=0, limit=1000, params=params)
    served = frame(rows, ["date", "open", "high", "low", "close", "volume"])
    file = read_frame(native_path(datadir, BTC, timeframe, kind))
    closed = file[file["date"] + pd.Timedelta(timeframe) <= NOW]
    pd.testing.assert_frame_equal(served.iloc[:-1], closed, check_dtype=False)


def test_funding_survives_the_round_trip(binance, datadir):
    rows = binance.fetch_funding_rate_history(BTC, since=1, limit=1000)
    file = read_frame(native_path(datadir, BTC, "1h", "funding_rate"))
    known = file[file["date"] <= NOW]
    assert [row["fundingRate"] for row in rows] == known["funding_rate"].tolist()
    assert binance.fetch_funding_rate(BTC)["fundingRate"] == known["funding_rate"].iloc[-1]
    assert binance.fetch_funding_intervals([BTC])[BTC]["interval"] == "8h"


def test_open_interest_survives_the_round_trip(binance, datadir):
    since = NOW.floor("D")
    rows = binance.fetch_open_interest_history(BTC, "15m", int(since.timestamp() * 1000), 500)
    file = read_frame(native_path(datadir, BTC, "5m", "open_interest")).set_index("date")
    on_grid = file.loc[since:NOW].iloc[::3]
    assert [row["openInterestAmount"] for row in rows] == on_grid["open_interest_amount"].tolist()
    assert [row["openInterestValue"] for row in rows] == on_grid["open_interest_value"].tolist()
    amount = binance.fetch_open_interest(BTC)["openInterestAmount"]
    assert amount == file.loc[:NOW, "open_interest_amount"].iloc[-1]


def test_open_interest_beyond_the_wall_is_a_bad_request(binance):
    with pytest.raises(ccxt.BadRequest, match="-1130"):
        binance.fetch_open_interest_history(BTC, "1h", since=1_700_000_000_000)


def test_book_and_tickers(binance):
    book = binance.fetch_order_book(BTC, 5)
    assert book["asks"][0][0] - book["bids"][0][0] == pytest.approx(0.1)
    assert set(binance.fetch_tickers([BTC, "ETH/USDT:USDT"])) == {BTC, "ETH/USDT:USDT"}
    assert binance.fetch_ticker(BTC)["last"] == book["bids"][0][0]
    assert set(binance.fetch_bids_asks(params={"subType": "linear"})) == {BTC, "ETH/USDT:USDT"}


def test_refusals_become_ccxts_exceptions(binance):
    with pytest.raises(ccxt.BadSymbol):
        binance.fapiPublicGetDepth({"symbol": "NOUSDT"})
    with pytest.raises(ccxt.BadRequest):
        binance.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "7m"})

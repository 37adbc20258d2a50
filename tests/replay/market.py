"""A tiny market, two pairs over ten days, as Freqtrade and our store write it, and a client."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from fastapi import FastAPI

from providers.contract import MARKET
from providers.storage.store import native_path, store_path, write_frame

START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday
DAYS = 10
# Within the data, and within 15m, 1h, 4h and 1d candles: 10:20 on the ninth day
NOW = pd.Timestamp("2026-01-13 10:20", tz="UTC")
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
RECORDINGS = Path(__file__).parents[3] / "shared" / "fixtures"
FIXTURES = RECORDINGS / "binance_um"


def dates(freq: str, *, start: pd.Timestamp = START, days: float = DAYS) -> pd.DatetimeIndex:
    index = pd.date_range(start, start + pd.Timedelta(days=days), freq=freq, inclusive="left")
    return index.as_unit("ms")


def candle_frame(freq: str, price: float, tick: float, *, seed: int, **period) -> pd.DataFrame:
    """A random walk on the grid of `tick`, candles joined open to close."""
    date = dates(freq, **period)
    rng = np.random.default_rng(seed)
    ticks = np.cumsum(rng.integers(-60, 61, len(date) + 1)) + round(price / tick)
    opens, closes = ticks[:-1], ticks[1:]
    frame = {
        "open": opens,
        "high": np.maximum(opens, closes) + rng.integers(0, 30, len(date)),
        "low": np.minimum(opens, closes) - rng.integers(0, 30, len(date)),
        "close": closes,
    }
    prices = pd.DataFrame(frame).mul(tick).round(8)
    volume = rng.integers(1_000, 900_000, len(date)) / 1000
    return prices.assign(volume=volume).set_axis(prices.index).pipe(_dated, date)


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """The same market in 1h candles, by pandas."""
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample("1h", on="date").agg(how).reset_index()


def funding_frame(**period) -> pd.DataFrame:
    date = dates("8h", **period)
    return _dated(
        pd.DataFrame({"funding_rate": np.linspace(-1e-4, 3e-4, len(date)).round(8)}), date
    )


def open_interest_frame(freq: str, **period) -> pd.DataFrame:
    date = dates(freq, **period)
    amount = 90_000 + np.arange(len(date)) / 8
    frame = {"open_interest_amount": amount, "open_interest_value": amount * 90_000}
    return _dated(pd.DataFrame(frame), date)


def taker_frame(candles: pd.DataFrame) -> pd.DataFrame:
    volume = (candles["volume"] * 0.25).round(3)
    return pd.DataFrame(
        {
            "date": candles["date"],
            "taker_buy_volume": volume,
            "taker_buy_quote_volume": (volume * candles["open"]).round(5),
            "trades": np.arange(len(candles)) + 100.0,
        }
    )


def ratio_frame(**period) -> pd.DataFrame:
    date = dates("5min", **period)
    number = np.arange(len(date)) % 997
    frame = {
        "global_account_ratio": 1.5 + number / 1e3,
        "top_account_ratio": 1.2 + number / 2e3,
        "top_position_ratio": 0.9 + number / 4e3,
    }
    return _dated(pd.DataFrame(frame).round(4), date)


def basis_frame(**period) -> pd.DataFrame:
    date = dates("5min", **period)
    index = 90_000 + np.arange(len(date)) / 8
    futures = index + np.arange(len(date)) % 101 - 40
    frame = {"index_price": index, "futures_price": futures, "basis": futures - index}
    return _dated(pd.DataFrame(frame).assign(basis_rate=(futures - index) / index), date)


def premium_frame(**period) -> pd.DataFrame:
    date = dates("1h", **period)
    opens = (np.arange(len(date)) % 13 - 6) * 1e-5
    frame = {"open": opens, "high": opens + 3e-5, "low": opens - 2e-5, "close": opens + 1e-5}
    return _dated(pd.DataFrame(frame).round(8), date)


def fear_greed_frame(**period) -> pd.DataFrame:
    date = dates("1D", **period)
    return _dated(pd.DataFrame({"fear_greed": 20.0 + 7 * (np.arange(len(date)) % 11)}), date)


def senticrypt_frame(**period) -> pd.DataFrame:
    date = dates("1D", **period)
    number = np.arange(len(date), dtype=float)
    frame = {
        "sentiment_mean": 0.01 * number,
        "sentiment_sum": 12 * 0.01 * number,
        "sentiment_count": 12 + number,
        **{f"sentiment_score_{which}": 0.02 * which * number for which in (1, 2, 3)},
    }
    return _dated(pd.DataFrame(frame).round(4), date)


def _dated(frame: pd.DataFrame, date: pd.DatetimeIndex) -> pd.DataFrame:
    frame.insert(0, "date", date)
    return frame


def write_market(folder: Path) -> Path:
    """Write the files: BTC has everything, ETH has candles, mark and funding.

    BTC's spot market lies a little beside the perpetual; its taker flow knows the turnover.
    """
    btc = candle_frame("15min", 90_000, 0.1, seed=1)
    eth = candle_frame("15min", 3_000, 0.01, seed=2)
    write_frame(btc, native_path(folder, BTC, "15m"))
    write_frame(hourly(btc), native_path(folder, BTC, "1h"))
    write_frame(eth, native_path(folder, ETH, "15m"))
    for pair, candles in ((BTC, btc), (ETH, eth)):
        mark = hourly(candles).assign(volume=0.0)
        write_frame(mark, native_path(folder, pair, "1h", "mark"))
        write_frame(funding_frame(), native_path(folder, pair, "1h", "funding_rate"))
    interest = open_interest_frame("5min")
    write_frame(interest, native_path(folder, BTC, "5m", "open_interest"))
    flow = store_path(folder, "taker_flow", BTC, "15m")
    write_frame(taker_frame(btc), flow, checksum=True)
    spot = candle_frame("15min", 89_990, 0.01, seed=6)
    write_frame(spot, native_path(folder, "BTC/USDT", "15m", "spot"))
    spot_flow = taker_frame(spot).assign(quote_volume=(spot["volume"] * spot["low"]).round(4))
    for dataset, pair, timeframe, frame in (
        ("spot_taker_flow", BTC, "15m", spot_flow),
        ("long_short_ratio", BTC, "5m", ratio_frame()),
        ("basis", BTC, "5m", basis_frame()),
        ("premium_index", BTC, "1h", premium_frame()),
        ("fear_greed", MARKET, "1d", fear_greed_frame()),
        ("senticrypt", MARKET, "1d", senticrypt_frame()),
    ):
        write_frame(frame, store_path(folder, dataset, pair, timeframe), checksum=True)
    return folder


class Client:
    """Asks an application in this process, without a port."""

    def __init__(self, app: FastAPI, *, address: str = "127.0.0.1") -> None:
        self._app = app
        self._address = address

    def get(self, path: str, **params) -> httpx.Response:
        return self.request("GET", path, params=params or None)

    def get_all(self, paths: Sequence[str]) -> list[httpx.Response]:
        async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
            return [await client.get(path) for path in paths]

        return self._ask(ask)

    def request(self, method: str, path: str, **settings) -> httpx.Response:
        return self._ask(lambda client: client.request(method, path, **settings))

    def _ask(self, ask: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            transport = httpx.ASGITransport(self._app, client=(self._address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://replay") as client:
                return await ask(client)

        return asyncio.run(connected())

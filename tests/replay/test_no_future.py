"""The law of a replay: what happens after the clock cannot be read from any answer.

The data after an instant are poisoned in every file (made NaN, multiplied, removed), and every
answer given at that instant must stay the same to the byte.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.contract import MARKET
from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from tests.replay.market import (
    BTC,
    ETH,
    START,
    Client,
    basis_frame,
    candle_frame,
    fear_greed_frame,
    funding_frame,
    hourly,
    open_interest_frame,
    premium_frame,
    ratio_frame,
    senticrypt_frame,
    taker_frame,
)

DAYS = 2.5
HISTORIES = [
    *(
        f"/fapi/v1/{name}={symbol}&interval={interval}&limit=1500"
        for name in ("klines?symbol", "markPriceKlines?symbol", "indexPriceKlines?pair")
        for symbol in ("BTCUSDT", "ETHUSDT")
        for interval in ("5m", "15m", "1h", "4h", "1d")
    ),
    *(
        f"/futures/data/openInterestHist?symbol={symbol}&period={period}&limit=500"
        for symbol in ("BTCUSDT", "ETHUSDT")
        for period in ("5m", "15m", "1h", "1d")
    ),
    "/fapi/v1/fundingRate?limit=1000",
    "/fapi/v1/premiumIndexKlines?symbol=BTCUSDT&interval=1h&limit=1500",
    *(f"/api/v3/klines?symbol=BTCUSDT&interval={i}&limit=1000" for i in ("15m", "1h", "1d")),
    *(
        f"/futures/data/{name}&period={period}&limit=500"
        for name in (
            *(
                "globalLongShortAccountRatio?symbol=BTCUSDT",
                "topLongShortAccountRatio?symbol=ETHUSDT",
            ),
            *("topLongShortPositionRatio?symbol=BTCUSDT", "takerlongshortRatio?symbol=BTCUSDT"),
            "basis?pair=BTCUSDT&contractType=PERPETUAL",
        )
        for period in ("5m", "15m", "1h")
    ),
    *(
        f"/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime={period}&limit=200"
        for period in ("5min", "1h")
    ),
    "/v5/market/funding/history?category=linear&symbol=BTCUSDT",
    "/fng/?limit=0&format=json",
    "/v2/all.json",
    "/v2/history/2026-01-05.json",
    "/v2/history/2026-01-06.json",
]
ARCHIVE = [
    *(f"/?delimiter=/&prefix=data/{folder}" for folder in ("", "futures/um/", "futures/um/daily/")),
    *(
        f"/?delimiter=/&prefix=data/{folder}/"
        for folder in (
            *("futures/um/daily/metrics/BTCUSDT", "futures/um/daily/klines/BTCUSDT/15m"),
            *("futures/um/monthly/fundingRate/BTCUSDT", "spot/daily/klines/BTCUSDT/1h"),
        )
    ),
    *(
        f"/data/{name}-2026-01-{day:02}.zip{checksum}"
        for day in (4, 5, 6)
        for checksum in ("", ".CHECKSUM")
        for name in (
            "futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics",
            "futures/um/daily/klines/BTCUSDT/15m/BTCUSDT-15m",
            "futures/um/daily/klines/ETHUSDT/4h/ETHUSDT-4h",
            "futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h",
            "futures/um/daily/premiumIndexKlines/BTCUSDT/1h/BTCUSDT-1h",
            "spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h",
        )
    ),
]
STATES = [
    *("exchangeInfo", "time", "fundingInfo", "premiumIndex", "openInterest?symbol=BTCUSDT"),
    *("depth?symbol=BTCUSDT&limit=5", "depth?symbol=ETHUSDT&limit=5"),
    *("ticker/24hr", "ticker/bookTicker", "ticker/price"),
]
EMPTY_LISTING = b"<IsTruncated>false</IsTruncated></ListBucketResult>"
ENDPOINTS = [*HISTORIES, *ARCHIVE, *(f"/fapi/v1/{state}" for state in STATES)]


STORED = ("taker_flow", "spot_taker_flow", "long_short_ratio", "basis", "premium_index")


def _market() -> dict[tuple[str, str, str], pd.DataFrame]:
    """Frames by pair, timeframe and kind; they begin at different times on purpose."""
    btc = candle_frame("15min", 90_000, 0.1, seed=3, days=DAYS)
    late = START + pd.Timedelta(hours=20)
    eth = candle_frame("15min", 3_000, 0.01, seed=4, start=late, days=1)
    return {
        (BTC, "15m", "futures"): btc,
        (BTC, "1h", "futures"): hourly(btc).iloc[7:],
        (BTC, "5m", "futures"): candle_frame("5min", 90_000, 0.1, seed=5, start=late, days=1),
        (BTC, "1h", "mark"): hourly(btc),
        (BTC, "15m", "index"): btc,
        (BTC, "1h", "funding_rate"): funding_frame(days=DAYS),
        (BTC, "5m", "open_interest"): open_interest_frame("5min", days=DAYS),
        (BTC, "1h", "open_interest"): open_interest_frame("1h", start=late, days=1),
        (BTC, "15m", "taker_flow"): taker_frame(btc),
        (BTC, "1h", "taker_flow"): taker_frame(hourly(btc)).iloc[12:],
        (BTC, "15m", "spot"): candle_frame("15min", 89_990, 0.01, seed=6, days=DAYS),
        (BTC, "15m", "spot_taker_flow"): taker_frame(
            candle_frame("15min", 89_990, 0.01, seed=6, days=DAYS)
        ),
        (BTC, "5m", "long_short_ratio"): ratio_frame(days=DAYS),
        (BTC, "5m", "basis"): basis_frame(days=DAYS),
        (BTC, "1h", "premium_index"): premium_frame(days=DAYS),
        (MARKET, "1d", "fear_greed"): fear_greed_frame(days=DAYS),
        (MARKET, "1d", "senticrypt"): senticrypt_frame(days=DAYS),
        (ETH, "15m", "futures"): eth,
        (ETH, "1h", "funding_rate"): funding_frame(start=late, days=1),
    }


def _known(frame: pd.DataFrame, key, now: pd.Timestamp, delay: pd.Timedelta) -> pd.Series:
    """Which rows may matter at `now`, at least with one column."""
    _, timeframe, kind = key
    if kind in ("open_interest", "long_short_ratio", "basis"):
        return frame["date"] <= now - delay
    if kind in ("taker_flow", "spot_taker_flow", "senticrypt"):
        return frame["date"] + pd.Timedelta(timeframe.replace("d", "D")) <= now
    return frame["date"] <= now


def _poisoned(frame: pd.DataFrame, key, known: pd.Series, now: pd.Timestamp, how: str):
    """Return `frame` with everything unknown at `now` made NaN, multiplied, or removed."""
    columns = frame.columns.drop("date")
    factor = np.nan if how == "nan" else 1000.0
    frame = frame.copy()
    frame.loc[~known, columns] *= factor
    if key[2] in (
        "futures",
        "mark",
        "index",
        "spot",
        "premium_index",
    ):  # of an open candle, the open alone is known
        forming = known & (frame["date"] + pd.Timedelta(key[1]) > now)
        frame.loc[forming, columns.drop("open")] *= factor
    return frame[known] if how == "removed" else frame


def _write(folder: Path, frames: dict) -> Datadir:
    for (pair, timeframe, kind), frame in frames.items():
        if kind in STORED or pair == MARKET:
            path = store_path(folder, kind, pair, timeframe)
        elif kind == "spot":
            path = native_path(folder, pair.partition(":")[0], timeframe, kind)
        else:
            path = native_path(folder, pair, timeframe, kind)
        write_frame(frame.reset_index(drop=True), path)
    return Datadir.scan(folder)


def _answers(datadir: Datadir, now: pd.Timestamp, delay: pd.Timedelta) -> dict[str, bytes]:
    milliseconds = pd.Timedelta(milliseconds=1)
    clock = FrozenClock(int((now - pd.Timestamp(0, tz="UTC")) / milliseconds))
    client = Client(create_app(Exchange(datadir, clock, int(delay / milliseconds))))
    answers = client.get_all(ENDPOINTS)
    return {endpoint: answer.content for endpoint, answer in zip(ENDPOINTS, answers, strict=True)}


FRAMES = _market()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Datadir:
    return _write(tmp_path_factory.mktemp("recorded"), FRAMES)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    # On the grid of candles and settlements, just before it, and anywhere
    minutes=st.integers(0, int(DAYS * 96) - 1).map(lambda quarter: 15 * quarter)
    | st.integers(0, int(DAYS * 1440) - 1),
    just_before=st.booleans(),
    how=st.sampled_from(["nan", "multiplied", "removed"]),
    delay=st.sampled_from([pd.Timedelta(0), pd.Timedelta(minutes=4)]),
)
def test_no_answer_depends_on_what_is_not_known_yet(
    recorded, tmp_path, minutes, just_before, how, delay
):
    now = START + pd.Timedelta(minutes=minutes, milliseconds=-1 if just_before and minutes else 0)
    frames = {
        key: _poisoned(frame, key, _known(frame, key, now, delay), now, how)
        for key, frame in FRAMES.items()
    }
    shutil.rmtree(tmp_path, ignore_errors=True)
    poisoned = _write(tmp_path, frames)
    expected, answers = _answers(recorded, now, delay), _answers(poisoned, now, delay)
    for endpoint, answer in answers.items():
        assert answer == expected[endpoint], endpoint


def test_the_poison_is_noticed_when_it_is_known(recorded, tmp_path):
    """The property above would hold for a server that says nothing; this one does speak."""
    now = START + pd.Timedelta(hours=30, minutes=20)
    earlier = now - pd.Timedelta(hours=26)
    no_delay = pd.Timedelta(0)
    frames = {
        key: _poisoned(frame, key, _known(frame, key, earlier, no_delay), earlier, "multiplied")
        for key, frame in FRAMES.items()
    }
    expected, answers = (
        _answers(recorded, now, no_delay),
        _answers(_write(tmp_path, frames), now, no_delay),
    )
    silent = {endpoint for endpoint in ENDPOINTS if answers[endpoint] == expected[endpoint]}
    without_rows = (b"[]", b'"list":[]', b'"data":[]', b"NoSuchKey", b"Not Found")
    no_data = {
        endpoint
        for endpoint in ENDPOINTS
        if any(text in expected[endpoint] for text in without_rows)
    }
    folders = {endpoint for endpoint in ARCHIVE if b"<CommonPrefixes>" in expected[endpoint]}
    nothing = {endpoint for endpoint in ARCHIVE if expected[endpoint].endswith(EMPTY_LISTING)}
    before = {endpoint for endpoint in ARCHIVE if "2026-01-04" in endpoint}
    constant = {"/fapi/v1/time", "/fapi/v1/fundingInfo"}
    assert silent <= no_data | folders | nothing | before | constant
    spoken = {endpoint for endpoint in ARCHIVE if "2026-01-05" in endpoint}
    assert not silent & (spoken - no_data)


def test_files_are_only_read(recorded, datadir):
    path = native_path(datadir, BTC, "15m")
    before = read_frame(path)
    Client(create_app(Exchange(Datadir.scan(datadir), FrozenClock(10**13)))).get(
        "/fapi/v1/exchangeInfo"
    )
    pd.testing.assert_frame_equal(read_frame(path), before)

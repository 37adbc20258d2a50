"""The public archive: when a file appears, what its labels mean, and that its checksum holds."""

import csv
import hashlib
import io
import re
import zipfile
from itertools import pairwise

import pandas as pd
import pytest

from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.app import create_app
from replay.archive import zipped
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from tests.replay.market import (
    BTC,
    NOW,
    RECORDINGS,
    START,
    Client,
    candle_frame,
    funding_frame,
    open_interest_frame,
    ratio_frame,
    taker_frame,
)

METRICS = "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{}.zip"
STEP = pd.Timedelta("5min")
SWITCH = pd.Timestamp("2026-06-25", tz="UTC")


def recorded(name: str) -> str:
    path = RECORDINGS / "binance_vision" / name
    if not path.exists():
        pytest.skip(f"no recording {path.name}; the recordings are not part of this repository")
    return path.read_text()


def table(client: Client, key: str) -> list[list[str]]:
    """Return the lines of the one file in a zip whose checksum holds."""
    answer = client.get(f"/{key}")
    assert answer.status_code == 200, answer.text
    said = client.get(f"/{key}.CHECKSUM").text
    name = key.rpartition("/")[2]
    assert said == f"{hashlib.sha256(answer.content).hexdigest()}  {name}\n"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name.replace(".zip", ".csv")]
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


def around(folder, start: pd.Timestamp, days: float, freq: str = "5min") -> Datadir:
    """A folder with open interest, ratios, candles and funding from `start` on."""
    period = {"start": start, "days": days}
    candles = candle_frame("15min", 90_000, 0.1, seed=8, **period)
    timeframe = freq.replace("min", "m")
    write_frame(candles, native_path(folder, BTC, "15m"))
    write_frame(candles, native_path(folder, "BTC/USDT", "15m", "spot"))
    write_frame(taker_frame(candles), store_path(folder, "spot_taker_flow", BTC, "15m"))
    held = open_interest_frame(freq, **period)
    write_frame(held, native_path(folder, BTC, timeframe, "open_interest"))
    write_frame(ratio_frame(**period), store_path(folder, "long_short_ratio", BTC, "5m"))
    write_frame(funding_frame(**period), native_path(folder, BTC, "1h", "funding_rate"))
    return Datadir.scan(folder)


def at(datadir: Datadir, now: str, oi_delay: int = 0) -> Client:
    instant = int(pd.Timestamp(now, tz="UTC").timestamp() * 1000)
    return Client(create_app(Exchange(datadir, FrozenClock(instant), oi_delay)))


def test_a_day_appears_at_two_of_the_next(exchange_at):
    key = f"/{METRICS.format('2026-01-08')}"
    for file in (key, f"{key}.CHECKSUM"):
        assert exchange_at("2026-01-09 01:59:59").get(file).status_code == 404
        assert exchange_at("2026-01-09 02:00").get(file).status_code == 200
    # what is published does not change
    later = exchange_at("2026-01-13").get(key).content
    assert exchange_at("2026-01-09 02:00").get(key).content == later


def test_a_month_appears_on_the_second_of_the_next(tmp_path):
    datadir = around(tmp_path, pd.Timestamp("2026-03-20", tz="UTC"), 20)
    for key in (
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-03.zip",
        "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-03.zip",
    ):
        assert at(datadir, "2026-04-02 01:59").get(f"/{key}").status_code == 404
        rows = table(at(datadir, "2026-04-02 02:00"), key)
        stamps = pd.to_datetime([int(row[0]) for row in rows[1:]], unit="ms", utc=True)
        assert stamps[0] == pd.Timestamp("2026-03-20", tz="UTC")
        assert stamps.month.unique().tolist() == [3]


def test_publication_waits_for_late_snapshots(exchange_at):
    key, hour = f"/{METRICS.format('2026-01-08')}", 3_600_000
    assert exchange_at("2026-01-09 04:59", oi_delay=3 * hour).get(key).status_code == 404
    on_time = exchange_at("2026-01-09 02:00").get(key).content
    assert exchange_at("2026-01-09 05:00", oi_delay=3 * hour).get(key).content == on_time


def test_metrics_are_the_snapshots_behind_midnight_up_to_the_next(client, datadir):
    header, *rows = table(client, METRICS.format("2026-01-08"))
    assert header == recorded("metrics_rows_real_BTCUSDT_2024-01-01.csv").splitlines()[0].split(",")
    assert len(rows) == 288
    labels = pd.to_datetime([row[0] for row in rows], utc=True)
    assert labels[0] == pd.Timestamp("2026-01-08 00:05", tz="UTC")
    assert labels[-1] == pd.Timestamp("2026-01-09 00:00", tz="UTC")
    held = read_frame(native_path(datadir, BTC, "5m", "open_interest")).set_index("date")
    kept = read_frame(store_path(datadir, "long_short_ratio", BTC, "5m")).set_index("date")
    columns = ["top_account_ratio", "top_position_ratio", "global_account_ratio"]
    assert {row[1] for row in rows} == {"BTCUSDT"}
    for row, label in zip(rows, labels, strict=True):
        assert [float(cell) for cell in row[2:4]] == held.loc[label].tolist()
        assert [float(cell) for cell in row[4:7]] == kept.loc[label, columns].tolist()
        assert row[7] == ""  # no file knows five minutes of taker flow


def test_labels_move_with_the_file_of_the_twenty_fifth_of_june(tmp_path):
    datadir = around(tmp_path, SWITCH - pd.Timedelta("2D"), 4)
    client = at(datadir, "2026-06-27 03:00")
    held = read_frame(native_path(tmp_path, BTC, "5m", "open_interest"))
    amounts = held.set_index("date")["open_interest_amount"]
    before, after = (table(client, METRICS.format(f"2026-06-{day}"))[1:] for day in (24, 25))
    for rows, shift, first in ((before, 0 * STEP, "00:05:00"), (after, STEP, "00:00:00")):
        assert len(rows) == 288
        assert rows[0][0].endswith(first)
        for row in rows:
            assert float(row[2]) == amounts[pd.Timestamp(row[0], tz="UTC") + shift]
    # the label in both files, as on Binance
    assert before[-1][0] == after[0][0] == "2026-06-25 00:00:00"
    assert before[-1][2] != after[0][2]


def test_slow_files_give_gaps_and_no_inventions(tmp_path):
    datadir = around(tmp_path, START, 2, freq="15min")
    rows = table(at(datadir, "2026-01-07 12:00"), METRICS.format("2026-01-05"))[1:]
    labels = pd.to_datetime([row[0] for row in rows], utc=True)
    assert len(rows) == 96
    assert set(labels.minute) == {0, 15, 30, 45}


def test_taker_ratios_come_from_five_minute_candles(tmp_path):
    period = {"start": START, "days": 2}
    candles = candle_frame("5min", 90_000, 0.1, seed=9, **period)
    write_frame(candles, native_path(tmp_path, BTC, "5m"))
    write_frame(taker_frame(candles), store_path(tmp_path, "taker_flow", BTC, "5m"))
    held = native_path(tmp_path, BTC, "5m", "open_interest")
    write_frame(open_interest_frame("5min", **period), held)
    client = at(Datadir.scan(tmp_path), "2026-01-07 12:00")
    rows = table(client, METRICS.format("2026-01-05"))[1:]
    flow = taker_frame(candles).set_index("date")["taker_buy_volume"]
    volume = candles.set_index("date")["volume"]
    for row in rows[:20]:
        begins = pd.Timestamp(row[0], tz="UTC") - STEP
        expected = flow[begins] / (volume[begins] - flow[begins])
        assert float(row[7]) == pytest.approx(expected, abs=1e-8)
        assert row[4:7] == ["", "", ""]  # nobody counted accounts


@pytest.mark.parametrize(
    ("start", "header", "spot_digits"),
    [("2022-04-28", False, 13), ("2022-05-02", True, 13), ("2025-01-01", True, 16)],
)
def test_headers_and_units_follow_the_calendar(tmp_path, start, header, spot_digits):
    day = pd.Timestamp(start, tz="UTC")
    client = at(around(tmp_path, day, 2), f"{day + pd.Timedelta('2D'):%F} 02:00")
    rows = table(client, f"data/futures/um/daily/klines/BTCUSDT/15m/BTCUSDT-15m-{start}.zip")
    assert (rows[0][0] == "open_time") is header
    assert len(rows) - header == 96
    assert len(rows[-1][0]) == 13
    spot = table(client, f"data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-{start}.zip")
    assert len(spot) == 24  # never a header
    assert len(spot[0][0]) == len(spot[0][6]) == spot_digits
    factor = 10 ** (spot_digits - 10)
    assert int(spot[0][0]) == int(day.timestamp()) * factor
    assert int(spot[0][6]) == int(day.timestamp() + 3600) * factor - 1


def test_candle_files_equal_what_rest_serves(client):
    key = "data/futures/um/daily/klines/BTCUSDT/15m/BTCUSDT-15m-2026-01-08.zip"
    header, *rows = table(client, key)
    assert header == recorded("um_klines_1d_with_header_2023-01.csv").splitlines()[0].split(",")
    start = int(pd.Timestamp("2026-01-08", tz="UTC").timestamp() * 1000)
    path = f"/fapi/v1/klines?symbol=BTCUSDT&interval=15m&startTime={start}&limit=96"
    assert rows == [[str(cell) for cell in row] for row in client.get(path).json()]
    key = "data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2026-01-08.zip"
    path = f"/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1h&startTime={start}&limit=24"
    assert table(client, key)[1:] == [[str(c) for c in row] for row in client.get(path).json()]


def test_funding_names_its_interval(tmp_path):
    start = pd.Timestamp("2026-03-30", tz="UTC")
    folder = tmp_path / "market"
    around(folder, start, 5)
    frame = funding_frame(start=start, days=5)
    four_hourly = pd.date_range(frame["date"].iloc[6], periods=9, freq="4h").as_unit("ms")
    frame.loc[6:, "date"] = four_hourly
    write_frame(frame, native_path(folder, BTC, "1h", "funding_rate"))
    datadir = Datadir.scan(folder)
    key = "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-{}.zip"
    header, *rows = table(at(datadir, "2026-05-03"), key.format("03"))
    assert ",".join(header) == recorded("um_fundingRate_monthly_rows.csv").splitlines()[0]
    april = table(at(datadir, "2026-05-03"), key.format("04"))[1:]
    assert [row[1] for row in rows + april] == ["8"] * 7 + ["4"] * 8
    assert [float(row[2]) for row in rows + april] == frame["funding_rate"].tolist()


@pytest.mark.parametrize(
    "key",
    [
        METRICS.format("2026-01-13"),
        METRICS.format("2026-1-8"),
        METRICS.format("2026-01-08").replace("BTCUSDT", "NOUSDT"),
        METRICS.format("2026-01-08").replace("daily", "monthly"),
        METRICS.format("2025-12-08"),
        "data/futures/um/daily/klines/BTCUSDT/7m/BTCUSDT-7m-2026-01-08.zip",
        "data/futures/um/daily/klines/BTCUSDT/1h/ETHUSDT-1h-2026-01-08.zip",
        "data/futures/um/daily/metrics/BTCUSDT/",
    ],
)
def test_what_is_not_there_is_no_such_key(client, key):
    answer = client.get(f"/{key}")
    assert answer.status_code == 404
    assert f"<Key>{key}</Key>" in answer.text
    theirs = recorded("constructed_404_NoSuchKey.xml")
    assert re.findall(r"<(\w+)>", answer.text) == re.findall(r"<(\w+)>", theirs)


def test_zips_repeat_to_the_byte():
    assert zipped("a.csv", "1,2\n") == zipped("a.csv", "1,2\n")
    assert zipped("a.csv", "1,2\n") != zipped("a.csv", "1,3\n")


def keys(text: str) -> list[str]:
    return re.findall(r"<Key>([^<]+)</Key>", text)


def folders(text: str) -> list[str]:
    return re.findall(r"<CommonPrefixes><Prefix>([^<]+)</Prefix>", text)


def test_the_listing_leads_from_the_root_to_a_file(client):
    prefix, seen = "data/", []
    while found := folders(client.get(f"/?delimiter=/&prefix={prefix}").text):
        prefix = found[-1] if "futures" not in prefix else found[0]
        seen.append(prefix)
    assert seen[-1].startswith("data/spot/monthly/") or keys(
        client.get(f"/?delimiter=/&prefix={prefix}").text
    )
    assert all(following.startswith(before) for before, following in pairwise(seen))


def test_the_listing_tells_what_is_published_with_its_size(client):
    text = client.get("/?delimiter=/&prefix=data/futures/um/daily/metrics/BTCUSDT/").text
    listed = keys(text)
    days = [f"2026-01-{day:02}" for day in range(4, 13)]  # the midnight of the 5th ends the 4th
    assert listed == [
        f"{METRICS.format(day)}{suffix}" for day in days for suffix in ("", ".CHECKSUM")
    ]
    sizes = [int(size) for size in re.findall(r"<Size>(\d+)</Size>", text)]
    assert sizes == [len(client.get(f"/{key}").content) for key in listed]
    theirs = recorded("constructed_listing_metrics_page2_last.xml")
    assert set(re.findall(r"<(\w+)", text)) == set(re.findall(r"<(\w+)", theirs))


@pytest.mark.parametrize("size", [1, 4, 5, 1000])
def test_pages_join_to_the_whole(client, size):
    base = "/?delimiter=/&prefix=data/futures/um/daily/metrics/BTCUSDT/"
    whole = keys(client.get(base).text)
    marker, joined = "", []
    while True:
        text = client.get(f"{base}&max-keys={size}&marker={marker}").text
        joined += keys(text)
        assert len(keys(text)) <= size
        if "<IsTruncated>false" in text:
            break
        marker = re.search(r"<NextMarker>([^<]+)</NextMarker>", text)[1]
    assert joined == whole


def test_a_page_holds_a_thousand_keys(tmp_path):
    candles = candle_frame("4h", 90_000, 0.1, seed=3, days=520)
    write_frame(candles, native_path(tmp_path, BTC, "4h"))
    client = at(Datadir.scan(tmp_path), (START + pd.Timedelta("520D")).strftime("%F 03:00"))
    text = client.get("/?delimiter=/&prefix=data/futures/um/daily/klines/BTCUSDT/4h/").text
    assert len(keys(text)) == 1000
    assert "<IsTruncated>true" in text


def test_an_empty_folder_is_an_empty_listing(client):
    text = client.get("/?delimiter=/&prefix=data/futures/um/daily/trades/").text
    assert (keys(text), folders(text)) == ([], [])
    assert "<IsTruncated>false</IsTruncated>" in text
    assert NOW.day == 13  # the fixture's clock, on which the days above rely

"""Bybit's envelope, order and refusals; daily sentiment and when it appears."""

import json

import pandas as pd
import pytest

from providers.storage.store import native_path, read_frame, store_path, write_frame
from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from tests.replay.market import BTC, NOW, RECORDINGS, START, Client

MINUTE = 60_000
NOW_MS = int(NOW.timestamp() * 1000)
OPEN_INTEREST = "/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime={}"
FUNDING = "/v5/market/funding/history?category=linear&symbol=BTCUSDT"


def recording(*parts: str):
    path = RECORDINGS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recording {path.name}; the recordings are not part of this repository")
    return json.loads(path.read_text())


def result(client: Client, path: str) -> dict:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["retCode"]) == (200, 0)
    return answer.json()["result"]


def stamps(rows: dict, key: str = "timestamp") -> list[int]:
    return [int(row[key]) for row in rows["list"]]


def test_open_interest_counts_both_sides_and_one(client, datadir):
    held = read_frame(native_path(datadir, BTC, "5m", "open_interest"))
    amounts = held.set_index(held["date"].astype("int64"))["open_interest_amount"]
    rows = result(client, OPEN_INTEREST.format("5min"))
    assert stamps(rows) == [NOW_MS - 5 * MINUTE * number for number in range(50)]
    for row in rows["list"]:
        assert float(row["singleOpenInterest"]) == amounts[int(row["timestamp"])]
        assert float(row["openInterest"]) == 2 * amounts[int(row["timestamp"])]


def test_bybits_own_open_interest_is_preferred(datadir, tmp_path):
    write_frame(read_frame(native_path(datadir, BTC, "15m")), native_path(tmp_path, BTC, "15m"))
    held = read_frame(native_path(datadir, BTC, "5m", "open_interest"))
    write_frame(held, native_path(tmp_path, BTC, "5m", "open_interest"))
    own = held[["date"]].assign(open_interest_amount=7.0)
    write_frame(own, store_path(tmp_path, "bybit_open_interest", BTC, "5m"))
    client = Client(create_app(Exchange(Datadir.scan(tmp_path), FrozenClock(NOW_MS))))
    [row] = result(client, f"{OPEN_INTEREST.format('5min')}&limit=1")["list"]
    assert (row["openInterest"], row["singleOpenInterest"]) == ("14.00000000", "7.00000000")


def test_a_start_alone_is_ignored(client):
    path = OPEN_INTEREST.format("1h")
    start = NOW_MS - 5 * 24 * 60 * MINUTE
    assert result(client, f"{path}&startTime={start}") == result(client, path)
    both = result(client, f"{path}&startTime={start}&endTime={start + 4 * 60 * MINUTE}")
    assert len(both["list"]) == 4


def test_the_cursor_leads_back_to_the_first_row_without_a_gap(client):
    path = f"{OPEN_INTEREST.format('30min')}&limit=100"
    seen, rows = [], result(client, path)
    while True:
        seen += stamps(rows)
        if not rows["nextPageCursor"]:
            break
        assert "%3D" in rows["nextPageCursor"]  # encoded already, as Bybit sends it
        rows = result(client, f"{path}&cursor={rows['nextPageCursor']}")
    first, last = int(START.timestamp() * 1000), NOW_MS - 20 * MINUTE
    assert seen == list(range(last, first - 1, -30 * MINUTE))


def test_funding_is_newest_first_and_a_lone_start_an_error(client):
    rows = result(client, f"{FUNDING}&limit=3")
    settled = stamps(rows, "fundingRateTimestamp")
    assert settled[0] == int(NOW.floor("8h").timestamp() * 1000)
    assert settled == sorted(settled, reverse=True)
    refused = client.get(f"{FUNDING}&startTime={settled[-1]}")
    assert (refused.status_code, refused.json()["retCode"]) == (200, 10001)
    bounded = result(client, f"{FUNDING}&startTime={settled[-1]}&endTime={settled[0]}")
    assert bounded == rows


@pytest.mark.parametrize(
    "wrong",
    [
        OPEN_INTEREST.format("7min"),
        OPEN_INTEREST.format("5min").replace("BTC", "NO"),
        OPEN_INTEREST.format("5min").replace("linear", "inverse"),
        f"{OPEN_INTEREST.format('5min')}&limit=201",
        f"{OPEN_INTEREST.format('5min')}&endTime=yesterday",
        f"{OPEN_INTEREST.format('5min')}&cursor=lastid%3Dx",
        f"{FUNDING}&limit=0",
    ],
)
def test_refusals_are_http_200(client, wrong):
    answer, recorded = client.get(wrong), recording("bybit", "errors", "200_10001_param.json")
    assert answer.status_code == recorded["http_status"]
    assert answer.json().keys() == recorded["body"].keys()
    assert answer.json()["retCode"] == recorded["body"]["retCode"]


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        (OPEN_INTEREST.format("1h"), "open_interest_linear_1h_rows_real.json"),
        (FUNDING, "funding_history.json"),
    ],
)
def test_shapes_of_bybit(client, path, recorded):
    theirs, ours = recording("bybit", recorded), client.get(path).json()
    assert theirs.keys() - ours.keys() == set()
    assert theirs["result"].keys() == ours["result"].keys()
    row = theirs["result"]["list"][0]
    shape = {key: type(value) for key, value in ours["result"]["list"][0].items()}
    assert shape == {key: type(value) for key, value in row.items()}


def points(client: Client, limit: int = 0) -> list[dict]:
    return client.get(f"/fng/?limit={limit}&format=json").json()["data"]


def test_fear_and_greed_is_text_newest_first(client):
    rows = points(client)
    midnights = [int((START + pd.Timedelta(days=day)).timestamp()) for day in range(9)]
    assert [row["timestamp"] for row in rows] == [str(stamp) for stamp in midnights[::-1]]
    assert [row["value"] for row in rows[::-1]][:3] == ["20", "27", "34"]
    assert rows[0]["time_until_update"] == str((13 * 60 + 40) * 60)
    assert all("time_until_update" not in row for row in rows[1:])
    assert len(client.get("/fng/").json()["data"]) == 1
    recorded = recording("alternative_me", "fng_limit3_real_2026-02-27.json")
    answer = client.get("/fng/?limit=3").json()
    assert answer.keys() == recorded.keys()
    shapes = [[row.keys() for row in each["data"]] for each in (answer, recorded)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (13, "Extreme Fear"),
        (25, "Extreme Fear"),
        (40, "Fear"),
        (50, "Neutral"),
        (76, "Extreme Greed"),
    ],
)
def test_classes(datadir, tmp_path, value, name):
    write_frame(read_frame(native_path(datadir, BTC, "15m")), native_path(tmp_path, BTC, "15m"))
    frame = pd.DataFrame({"date": [START], "fear_greed": [float(value)]})
    write_frame(frame, store_path(tmp_path, "fear_greed", "MARKET", "1d"))
    client = Client(create_app(Exchange(Datadir.scan(tmp_path), FrozenClock(NOW_MS))))
    assert points(client)[0]["value_classification"] == name


def test_a_days_value_appears_minutes_after_midnight(exchange_at):
    midnight = START + pd.Timedelta(days=3)
    counts = [
        len(points(exchange_at(midnight + pd.Timedelta(minutes=minutes)))) for minutes in (0, 6, 7)
    ]
    assert counts == [3, 3, 4]


def test_senticrypt_tells_complete_days_only(exchange_at, client):
    rows = client.get("/v2/all.json").json()
    assert rows[0]["date"] == "2026-01-12"
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert client.get("/v2/history/2026-01-06.json").json() == rows[-2]
    assert client.get("/v2/history/2026-01-13.json").status_code == 404
    assert client.get("/v2/history/yesterday.json").status_code == 404
    for minutes, last in ((9, "2026-01-11"), (10, "2026-01-12")):
        now = pd.Timestamp("2026-01-13", tz="UTC") + pd.Timedelta(minutes=minutes)
        assert exchange_at(now).get("/v2/all.json").json()[0]["date"] == last
    recorded = recording("senticrypt", "v2_history_2023-04-17_doc.json")
    shape = {key: type(value) for key, value in rows[0].items()}
    assert shape == {key: type(value) for key, value in recorded.items()}


def test_without_files_there_is_no_sentiment(datadir, tmp_path):
    write_frame(read_frame(native_path(datadir, BTC, "15m")), native_path(tmp_path, BTC, "15m"))
    client = Client(create_app(Exchange(Datadir.scan(tmp_path), FrozenClock(NOW_MS))))
    assert points(client) == []
    assert client.get("/v2/all.json").json() == []
    assert result(client, OPEN_INTEREST.format("5min"))["list"] == []
    metrics = "/data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-01-06.zip"
    assert client.get(metrics).status_code == 404

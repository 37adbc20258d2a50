"""The chain that proves both ends: providers ask the exchange over HTTP and find what it holds.

The simulated store says what a backfill should bring home; the archive and REST are the two ways.
"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from providers.backfill import Backfill
from providers.contract import MARKET, Quality, Span
from providers.endpoints import Endpoints
from providers.registry import DATASETS
from providers.sources import Sources
from providers.storage.store import read_frame, store_path
from providers.transport.http import HttpClient
from replay.client import Faults, running
from replay.simulator import MarketSpec, simulate, write_market

PAIR = "LINK/USDT:USDT"
FIRST = pd.Timestamp("2026-06-23", tz="UTC")  # the labels of archived metrics change on the 25th
END = FIRST + timedelta(days=5)
OF_THE_MARKET = ("fear_greed", "senticrypt")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    start = datetime(2026, 6, 23, tzinfo=UTC)
    datadir = tmp_path_factory.mktemp("simulated")
    write_market(simulate(MarketSpec(pairs=(PAIR,), start=start, days=5, seed=5)), datadir)
    return datadir


def fetched(simulated, folder, now: pd.Timestamp, *names: str, faults=()) -> dict:
    """Backfill datasets on the clock `now`; return fetched and expected rows that can be known."""
    with running(simulated, at=now, freeze=True) as url, HttpClient(clock=lambda: now) as client:
        Faults(url).set(*faults)
        backfill = Backfill(folder, Sources(client, Endpoints.all_at(url)))
        backfill.run([DATASETS[name] for name in names], [PAIR], Span(FIRST, min(now, END)))
    rows = {}
    for name in names:
        pair = MARKET if name in OF_THE_MARKET else PAIR
        timeframe = DATASETS[name].dataset.timeframe
        got, kept = (
            read_frame(store_path(at, name, pair, timeframe)) for at in (folder, simulated)
        )
        got = got[got["known_at"] <= now]  # the exchange publishes at once, our rule is slower
        kept = kept[(kept["known_at"] <= now) & (kept["date"] < min(now, END))]
        rows[name] = got.reset_index(drop=True), kept.reset_index(drop=True)
    return rows


def assert_same(got: pd.DataFrame, kept: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        got.drop(columns="quality"), kept.drop(columns="quality"), check_exact=True
    )


def test_ratios_come_home_over_rest(simulated, tmp_path):
    rows = fetched(simulated, tmp_path, FIRST + timedelta(days=2.4), "long_short_ratio")
    got, kept = rows["long_short_ratio"]
    assert len(kept) > 600
    assert_same(got, kept)


def test_open_interest_survives_the_archive_and_its_moved_labels(simulated, tmp_path):
    """After sixty days only the archive has it; its files begin behind their midnight."""
    rows = fetched(simulated, tmp_path, FIRST + timedelta(days=60), "open_interest")
    got, kept = (
        frame[frame["date"] > FIRST].reset_index(drop=True) for frame in rows["open_interest"]
    )
    assert len(kept) == 5 * 288 - 1
    assert_same(got, kept)
    moved = got["date"] > pd.Timestamp("2026-06-25 00:00", tz="UTC")
    assert (got["quality"] == moved * int(Quality.RELABELED)).all()


def test_everything_else_comes_home_as_it_was(simulated, tmp_path):
    now = END - timedelta(hours=3, minutes=40)
    names = ("basis", "premium_index", "taker_flow", "spot_taker_flow", *OF_THE_MARKET)
    for got, kept in fetched(simulated, tmp_path, now, *names).values():
        assert len(kept) >= 4
        assert_same(got, kept)


def test_blocked_rest_and_a_damaged_day_leave_that_day_missing(simulated, tmp_path):
    faults = (
        {"path": "/futures/data/", "kind": "status", "status": 451},
        {"path": "*-2026-06-24.zip", "kind": "flip"},
    )
    now = END + timedelta(days=2)
    rows = fetched(simulated, tmp_path, now, "open_interest", faults=faults)
    got, kept = rows["open_interest"]
    lost = kept["date"].between("2026-06-24 00:05", "2026-06-25 00:00")
    kept = kept[~lost & (kept["date"] > FIRST)].reset_index(drop=True)
    assert lost.sum() == 288
    assert_same(got[got["date"] > FIRST].reset_index(drop=True), kept)

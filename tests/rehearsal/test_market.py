"""The data folder of a rehearsal: the recorded files, and minutes beside them."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from providers.coverage import Period
from providers.errors import ProviderError
from providers.storage.store import native_path, read_frame, write_frame
from rehearsal.errors import RehearsalError
from rehearsal.market import AROUND, stage_market
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(START, START + timedelta(days=1))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    datadir = tmp_path_factory.mktemp("recorded")
    spec = MarketSpec(pairs=(BTC, ETH), start=START, days=2, seed=5, warmup_days=75)
    write_market(simulate(spec), datadir)
    return datadir


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_recorded_files_are_linked_and_stay_as_they_are(recorded, tmp_path):
    before = contents(recorded)
    market = stage_market(recorded, tmp_path / "market", PERIOD)
    assert contents(recorded) == before
    assert market.pairs == (BTC, ETH)
    assert market.simulated
    for pair in market.pairs:
        staged, source = (native_path(f, pair, "15m") for f in (market.datadir, recorded))
        assert staged.resolve() == source.resolve()
        assert not native_path(recorded, pair, "1m").exists()
    stored = {path.name for path in recorded.iterdir()}
    assert {path.name for path in market.datadir.iterdir()} == stored


def test_minutes_cover_the_period_and_hold_the_open(recorded, tmp_path):
    market = stage_market(recorded, tmp_path / "market", PERIOD, (BTC,), hold=7)
    path = read_frame(native_path(market.datadir, BTC, "1m"))
    assert path["date"].iloc[0] == pd.Timestamp(START - AROUND)
    assert path["date"].iloc[-1] == pd.Timestamp(PERIOD.end + AROUND - timedelta(minutes=1))
    first = path[path["date"].between(START, START + timedelta(minutes=6))]
    assert len(first) == 7
    assert (first["close"] == first["open"].iloc[0]).all()


def test_recorded_minutes_are_used_where_they_cover_the_period(recorded, tmp_path):
    datadir = tmp_path / "with_minutes"
    stage_market(recorded, datadir, PERIOD, (BTC,))  # a folder that has the 1m file of one pair
    marked = read_frame(native_path(datadir, BTC, "1m")).assign(volume=123.0)
    write_frame(marked, native_path(datadir, BTC, "1m"))
    market = stage_market(datadir, tmp_path / "market", PERIOD)
    assert (read_frame(native_path(market.datadir, BTC, "1m"))["volume"] == 123).all()
    assert (read_frame(native_path(market.datadir, ETH, "1m"))["volume"] != 123).any()
    late = Period(START + timedelta(days=1), START + timedelta(days=2))
    market = stage_market(datadir, tmp_path / "late", late, (BTC,))
    assert (read_frame(native_path(market.datadir, BTC, "1m"))["volume"] != 123).any()
    assert (read_frame(native_path(datadir, BTC, "1m"))["volume"] == 123).all(), "left alone"


def test_an_earlier_folder_is_replaced(recorded, tmp_path):
    stage_market(recorded, tmp_path / "market", PERIOD, (ETH,))
    market = stage_market(recorded, tmp_path / "market", PERIOD, (BTC,))
    assert not native_path(market.datadir, ETH, "1m").exists()


def test_a_pair_without_data_is_named(recorded, tmp_path):
    with pytest.raises(RehearsalError, match=r"SOL/USDT:USDT cannot be rehearsed"):
        stage_market(recorded, tmp_path / "market", PERIOD, (BTC, "SOL/USDT:USDT"))


def test_a_period_without_data_is_refused(recorded, tmp_path):
    with pytest.raises((ProviderError, RehearsalError)):
        stage_market(recorded, tmp_path / "market", Period(*(2 * [START + timedelta(days=90)])))

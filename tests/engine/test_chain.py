"""The whole way over real HTTP: backfill, Freqtrade's own files, a backtest that reads them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from providers.storage.store import native_path, read_dataset, read_frame
from replay.client import running
from tests.described import DESCRIBED
from tests.engine.bot import ROOT, Bot

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("chain")]

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
# Funding is compared with two weeks of it, from the first of the startup candles on.
SINCE, UNTIL = "2026-01-02", "2026-01-30"
TIMERANGE = "20260121-20260130"
DATASETS = ("open_interest", "funding_rate", "taker_flow", "spot_taker_flow")
STRATEGIES = ROOT / "tests" / "engine" / "strategies"


def backfill(url: str, datadir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "scripts/backfill.py", f"--base-url={url}", f"--datadir={datadir}"]
    command += [f"--since={SINCE}", f"--until={UNTIL}", "--datasets", *DATASETS, "--pairs", *PAIRS]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def bare(simulated, tmp_path_factory) -> Path:
    """A data folder with candles and mark prices only, as `freqtrade download-data` leaves it."""
    folder = tmp_path_factory.mktemp("chain") / "market"
    derivatives = shutil.ignore_patterns("*-open_interest.*", "*-funding_rate.*", "regimekit")
    return Path(shutil.copytree(simulated, folder, ignore=derivatives))


@pytest.fixture(scope="module")
def filled(bare, simulated, tmp_path_factory) -> Path:
    """The same folder after the backfill."""
    folder = Path(shutil.copytree(bare, tmp_path_factory.mktemp("filled") / "market"))
    with running(simulated, at="2026-01-31T12:00") as url:
        run = backfill(url, folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def trades(url: str, datadir: Path, folder: Path, strategy: str) -> list[dict[str, object]]:
    run, result = Bot(url, datadir, folder).backtest(
        f"--strategy-path={STRATEGIES}",
        settings={"regimekit": DESCRIBED},
        strategy=strategy,
        pairs=PAIRS,
        timerange=TIMERANGE,
    )
    assert run.ok, run.explain()
    return list(result["trades"])


@pytest.mark.parametrize(("timeframe", "minutes"), [("15m", 15), ("1h", 60), ("4h", 240)])
def test_native_open_interest_is_what_the_exchange_had(filled, simulated, timeframe, minutes):
    for pair in PAIRS:
        mine = read_frame(native_path(filled, pair, timeframe, "open_interest"))
        theirs = read_frame(native_path(simulated, pair, timeframe, "open_interest"))
        begin, end = pd.Timestamp(SINCE, tz="UTC"), pd.Timestamp(UNTIL, tz="UTC")
        mine = mine[(mine["date"] >= begin) & (mine["date"] < end)].reset_index(drop=True)
        theirs = theirs[(theirs["date"] >= begin) & (theirs["date"] < end)].reset_index(drop=True)
        assert len(mine) == (end - begin) / pd.Timedelta(minutes=minutes)
        pd.testing.assert_frame_equal(mine, theirs[mine.columns], check_dtype=False)


def test_freqtrade_lists_the_files_and_nothing_else(bare, filled, exchange, tmp_path):
    def listed(datadir: Path) -> set[str]:
        run = Bot(exchange, datadir, tmp_path).run(
            "list-data", f"--datadir={datadir}", "--trading-mode=futures"
        )
        assert run.ok, run.explain()
        return {
            f"{pair} {kind}"
            for line in run.output.splitlines()
            for pair in PAIRS
            for kind in ("open_interest", "funding_rate", "futures", "mark")
            if pair in line and kind in line
        }

    new = {f"{pair} {kind}" for pair in PAIRS for kind in ("open_interest", "funding_rate")}
    assert listed(filled) - listed(bare) == new


def test_a_backtest_trades_on_what_was_fetched(bare, filled, exchange, tmp_path):
    fetched = trades(exchange, filled, tmp_path, "ReadsDerivatives")
    assert fetched
    # Not one entry where the same candles come without open interest and flow
    shutil.copytree(bare, tmp_path / "candles")
    for pair in PAIRS:
        for timeframe, kind in (("1h", "funding_rate"), ("1h", "open_interest")):
            source = native_path(filled, pair, timeframe, kind)
            shutil.copy(source, native_path(tmp_path / "candles", pair, timeframe, kind))
    assert trades(exchange, tmp_path / "candles", tmp_path, "ReadsDerivatives") == []


def test_the_strategy_trades_as_on_the_exchanges_own_files(filled, simulated, exchange, tmp_path):
    mine = trades(exchange, filled, tmp_path, "RegimeRouter")
    theirs = trades(exchange, simulated, tmp_path, "RegimeRouter")
    assert mine
    assert mine == theirs


def test_asking_again_changes_nothing_and_asks_little(filled, simulated):
    paths = sorted((filled / "regimekit").rglob("*-5m.feather"))
    before = {path: path.read_bytes() for path in paths}
    rows = len(read_dataset(filled, "taker_flow", PAIRS[0]))
    with running(simulated, at="2026-01-31T12:00") as url:
        run = backfill(url, filled)
    assert run.returncode == 0, run.stdout + run.stderr
    assert paths
    assert {path: path.read_bytes() for path in paths} == before
    assert len(read_dataset(filled, "taker_flow", PAIRS[0])) == rows

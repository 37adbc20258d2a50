"""`scripts/backfill.py` as a process, killed and interrupted while the exchange takes its time."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from providers.storage.store import read_frame
from replay.client import Faults, running
from replay.simulator import MarketSpec, simulate, write_market

PAIRS = ("LINK/USDT:USDT", "ADA/USDT:USDT")
TODAY = pd.Timestamp.now("UTC").floor("D")  # the script has the clock of the computer
SINCE, UNTIL = TODAY - timedelta(days=5), TODAY - timedelta(days=2)
DATASETS = ("open_interest", "funding_rate", "taker_flow", "funding_rate")
KILLS = 4
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "backfill.py"


@pytest.fixture(scope="module")
def faults(tmp_path_factory) -> Iterator[Faults]:
    """An exchange that needs a moment for every answer."""
    folder = tmp_path_factory.mktemp("market")
    spec = MarketSpec(pairs=PAIRS, start=SINCE.to_pydatetime(), days=4, seed=3)
    write_market(simulate(spec), folder)
    with running(folder) as url:
        yield Faults(url)


@contextmanager
def backfilling(url: str, datadir: Path, *datasets: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SCRIPT), "--base-url", url, "--datadir", str(datadir)]
    command += ["--since", f"{SINCE:%Y-%m-%d}", "--until", f"{UNTIL:%Y-%m-%d}"]
    with subprocess.Popen(
        [*command, "--pairs", *PAIRS, "--datasets", *(datasets or DATASETS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell ignores the interruption, and so do its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # leaving the block waits for it


def finished(url: str, datadir: Path) -> dict[str, pd.DataFrame]:
    """Run to the end; return what is stored."""
    with backfilling(url, datadir) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return tables(datadir)


def tables(datadir: Path) -> dict[str, pd.DataFrame]:
    """Read every table, which fails where one is torn."""
    paths = [path for path in datadir.rglob("*.feather") if not path.name.startswith(".")]
    return {str(path.relative_to(datadir)): read_frame(path) for path in sorted(paths)}


def assert_grown(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> None:
    assert set(before) <= set(after)
    for name, rows in before.items():
        kept = after[name][after[name]["date"].isin(rows["date"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, rows)


def test_a_backfill_that_is_killed_again_and_again_ends_where_an_undisturbed_one_does(
    faults, tmp_path
):
    faults.set({"path": "/", "kind": "hang", "seconds": 0.2})
    whole = finished(faults.url, tmp_path / "undisturbed")
    chance, partial, before = random.Random(5), 0, {}
    for _ in range(KILLS):
        faults.forget()
        with backfilling(faults.url, tmp_path / "killed") as process:
            while not faults.requests():
                assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.1, 0.7))
            process.kill()
            assert process.wait(30) == -signal.SIGKILL
        stored = tables(tmp_path / "killed")
        assert_grown(before, stored)
        partial += 0 < sum(map(len, stored.values())) < sum(map(len, whole.values()))
        before = stored
    assert partial > 1
    completed = finished(faults.url, tmp_path / "killed")
    assert_grown(before, completed)
    assert list(completed) == list(whole)
    for name, rows in whole.items():
        pd.testing.assert_frame_equal(completed[name], rows)
    litter = [path.name for path in (tmp_path / "killed").rglob(".*.feather.*")]
    assert not litter


# A download that hangs ends with its read timeout of ten seconds, whatever becomes of the rest
@pytest.mark.parametrize(
    ("path", "seconds"), [("/fapi/v1/klines", 5), ("/data/", 20)], ids=["REST", "archive"]
)
def test_an_interrupted_backfill_keeps_what_has_come_and_says_how_to_go_on(
    faults, tmp_path, path, seconds
):
    rules = [{"path": path, "kind": "hang"}]
    if path == "/data/":  # which is asked where REST is refused
        rules.insert(0, {"path": "/fapi/v1/klines", "kind": "status", "status": 451})
    faults.set(*rules)
    with backfilling(faults.url, tmp_path, "funding_rate", "taker_flow") as process:
        told = [process.stderr.readline() for _ in PAIRS]
        while not faults.rules()[-1]["applied"]:
            assert process.poll() is None
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - begun
    assert process.returncode == 130, out + err
    assert "funding_rate" in told[-1]
    assert "Traceback" not in err
    assert err.endswith("what had come is stored, the same command goes on from there\n")
    assert took < seconds
    stored = tables(tmp_path)
    assert len(stored) >= len(PAIRS)
    assert all(len(rows) >= 8 for rows in stored.values())
    faults.clear()
    with backfilling(faults.url, tmp_path, "funding_rate", "taker_flow") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert_grown(stored, tables(tmp_path))

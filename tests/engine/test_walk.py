"""A walk-forward as a user runs it: the real hyperopt and backtests on a small invented market."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from experiments.chain import Chain
from tests.engine.bot import ROOT, SPEC

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("walk")]

TIMES = ("--train=10d", "--test=5d", "--purge=1d", "--timerange")
EPOCHS = 2


def command(bot, *arguments):
    return [
        *(sys.executable, "scripts/walk_forward.py"),
        *("--datadir", str(bot.datadir), "--results", str(bot.folder / "tuning")),
        *("--ablation", str(bot.folder / "none.jsonl"), "--epochs", str(EPOCHS)),
        *(*TIMES, *arguments, "--pairs", *SPEC.pairs[:2]),
    ]


def environment(bot):
    return {**os.environ, "REGIMEROUTER_CACHE": str(bot.folder / "cache")}


def walk_forward(bot, *arguments):
    return subprocess.run(
        command(bot, *arguments),
        cwd=ROOT,
        env=environment(bot),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def lines(bot, what):
    chain = Chain(bot.folder / "tuning" / "ledger.jsonl")
    assert chain.verify() is None
    return [line for line in chain.entries() if line["what"] == what]


def reports(bot):
    return list((bot.folder / "tuning" / "walks").glob("*/report.html"))


def test_a_walk_searches_trades_and_counts(bot):
    listed = walk_forward(bot, "20260101-20260117", "--dry-run")
    assert listed.returncode == 0, listed.stderr
    assert "20260101-20260111" in listed.stdout
    assert "20260112-20260117" in listed.stdout
    assert not (bot.folder / "tuning" / "ledger.jsonl").exists()

    run = walk_forward(bot, "20260101-20260117", "--workers=1")
    assert run.returncode == 0, run.stderr
    assert "simulated" in run.stdout
    assert len(lines(bot, "trial")) == EPOCHS
    (page,) = reports(bot)
    assert "simulated" in page.read_text()
    document = json.loads(page.with_name("report.json").read_text())
    assert document["verdict"]["level"] == "no verdict"
    assert document["trials"]["epochs"] == EPOCHS

    again = walk_forward(bot, "20260101-20260117", "--export", str(bot.folder / "choice.json"))
    assert again.returncode == 0, again.stderr
    assert "0 backtests to make" in again.stderr
    assert (len(lines(bot, "trial")), len(lines(bot, "walk"))) == (EPOCHS, 1)
    exported = json.loads((bot.folder / "choice.json").read_text())
    assert exported["strategy_name"] == "RegimeRouter"
    assert exported["params"]["buy"].keys() > {"adx_enter"}


def killed_worker(parent: int) -> bool:
    """Kill a worker process that has a Freqtrade running; False while there is none."""
    for process in psutil.Process(parent).children(recursive=True):
        try:
            if "hyperopt" in process.cmdline():
                above = process.parents()
                worker = next(it for it in above if "keeper.py" not in " ".join(it.cmdline()))
                worker.send_signal(signal.SIGKILL)
                return True
        except (psutil.NoSuchProcess, StopIteration):
            continue
    return False


@pytest.mark.verify
def test_a_killed_worker_and_a_killed_walk_lose_nothing_and_count_nothing_twice(bot):
    arguments = ("20260101-20260127", "--workers=2")  # three folds
    first = subprocess.Popen(
        command(bot, *arguments), cwd=ROOT, env=environment(bot), start_new_session=True
    )
    while not killed_worker(first.pid):
        assert first.poll() is None
        os.sched_yield()
    while not list((bot.folder / "tuning" / "runs").glob("*/search.json.gz")):
        assert first.poll() is None
        os.sched_yield()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()

    second = walk_forward(bot, *arguments)
    assert second.returncode == 0, second.stderr
    trials = lines(bot, "trial")
    assert len(trials) == len({line["key"] for line in trials}) == 3 * EPOCHS
    assert {line["fold"] for line in trials} == {1, 2, 3}

    undisturbed = type(bot)(bot.url, bot.datadir, bot.folder / "undisturbed")
    undisturbed.folder.mkdir()
    assert walk_forward(undisturbed, *arguments).returncode == 0
    told = [(line["fold"], line["epoch"], line["result"]) for line in trials]
    expected = [(it["fold"], it["epoch"], it["result"]) for it in lines(undisturbed, "trial")]
    assert sorted(told) == sorted(expected)


def test_data_may_come_from_an_address(bot, tmp_path):
    """The fingerprint of the candles decides, not where they lie."""
    url = f"local://{Path(bot.datadir)}"
    listed = walk_forward(bot, "20260101-20260117", "--dry-run", "--datadir", url)
    assert listed.returncode == 0, listed.stderr
    other = walk_forward(bot, "20260101-20260117", "--dry-run")
    assert listed.stdout == other.stdout

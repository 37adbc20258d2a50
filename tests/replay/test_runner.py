"""Freqtrade as a subprocess: what is captured, and that nothing outlives it."""

import textwrap
import threading
from pathlib import Path

import pytest

from replay import runner
from replay.runner import run_freqtrade
from tests.processes import gone

# Stands in for Freqtrade: starts a child that keeps its pipes, as hyperopt's workers do.
STUBBORN = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    print("child", child.pid, file=sys.stderr, flush=True)
    time.sleep(300)
"""
LOUD = """
    import sys
    print("x" * 200_000)
    print("first - INFO - started", file=sys.stderr)
    print("y" * 200_000, file=sys.stderr)
    print("freqtrade - ERROR - it went wrong", file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture
def stand_in(tmp_path):
    """Return an environment in which `python -m freqtrade` runs other source code."""

    def make(source: str) -> dict[str, str]:
        package = tmp_path / "freqtrade"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(textwrap.dedent(source))
        return {"PYTHONPATH": str(tmp_path)}

    return make


def test_output_and_log_are_captured_however_long(stand_in, tmp_path):
    run = run_freqtrade(["backtesting"], cwd=tmp_path, environment=stand_in(LOUD))
    assert (run.returncode, run.ok) == (2, False)
    assert len(run.output) > 200_000
    assert "started" in run.log
    assert run.explain().startswith("freqtrade backtesting ended with exit code 2")
    assert "it went wrong" in run.explain()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the state of processes from /proc")
def test_a_timeout_ends_its_children_too(stand_in, tmp_path):
    run = run_freqtrade(["hyperopt"], cwd=tmp_path, environment=stand_in(STUBBORN), timeout=3)
    assert run.returncode < 0
    assert gone(int(run.log.split()[1]))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the state of processes from /proc")
def test_an_interruption_ends_it_and_its_children(stand_in, tmp_path):
    pids = []

    def interrupt(line: str) -> None:
        pids.append(int(line.split()[1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_freqtrade(["hyperopt"], cwd=tmp_path, environment=stand_in(STUBBORN), on_log=interrupt)
    assert gone(pids[0])


def test_ticks_come_while_it_runs_and_not_after(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.01)
    go_on, ticks = tmp_path / "go on", []
    waits = """
        import pathlib, signal
        signal.alarm(60)
        while not pathlib.Path("go on").exists():
            pass
    """

    def tick() -> None:
        ticks.append(threading.current_thread() is threading.main_thread())
        if len(ticks) == 3:
            go_on.touch()

    run = run_freqtrade([], cwd=tmp_path, environment=stand_in(waits), on_tick=tick)
    assert run.returncode == 0
    assert len(ticks) >= 3
    assert not any(ticks)
    assert not [it for it in threading.enumerate() if "tick" in it.name]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the state of processes from /proc")
def test_what_a_tick_raises_ends_it_and_is_raised(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.01)
    lines = []

    def tick() -> None:
        if lines:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        run_freqtrade(
            ["hyperopt"],
            cwd=tmp_path,
            environment=stand_in(STUBBORN),
            on_log=lines.append,
            on_tick=tick,
        )
    assert gone(int(lines[0].split()[1]))

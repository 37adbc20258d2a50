"""The market that all benchmarks run on: ten simulated pairs over a year, always the same."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from measure import BenchmarkError

from replay.simulator.cli import WARMUP_DAYS
from replay.simulator.spec import MarketSpec

SPEC = MarketSpec(start=datetime(2025, 1, 1, tzinfo=UTC), days=365, warmup_days=WARMUP_DAYS)


def prepare(datadir: Path) -> None:
    """Simulate `SPEC` into `datadir` unless it is there already.

    In a process of its own: a child's peak memory starts at what its parent once held.

    Raises
    ------
    BenchmarkError
        The simulator failed; it has said why.
    """
    command = [sys.executable, "-m", "replay", "simulate", f"--out={datadir}"]
    command += [f"--start={SPEC.start:%Y-%m-%d}", f"--days={SPEC.days}"]
    command += [f"--warmup-days={SPEC.warmup_days}", f"--seed={SPEC.seed}"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise BenchmarkError(f"the market could not be simulated into {datadir}")

"""Run Freqtrade and see what it cost, each time in a process of its own."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from replay.runner import Run, run_freqtrade

ROOT = Path(__file__).resolve().parents[1]
# A measurement is no run of the user's: it leaves the ledgers of refused orders alone.
NO_LEDGER = {"FREQTRADE__REGIMEKIT__VETOES__LEDGER": "false"}
Found = TypeVar("Found")


class BenchmarkError(RuntimeError):
    """Something broke, so there is no number; the message says what."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of Freqtrade took."""

    run: Run
    wall_seconds: float
    cpu_seconds: float
    peak_memory: int  # bytes


@dataclass(frozen=True, slots=True)
class Bench:
    """What the benchmarks share: a market, its exchange, a scratch folder, a way to tell."""

    datadir: Path
    url: str
    folder: Path
    quick: bool
    say: Callable[[str], None]

    def backtest(
        self, strategy: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> Cost:
        """Backtest with the stock Freqtrade and the configuration as shipped.

        Raises
        ------
        BenchmarkError
            Freqtrade ended with an error, or a callback failed on the way.
        """
        command = [
            "backtesting",
            f"--strategy={strategy}",
            "--config=user_data/config.json",
            f"--datadir={self.datadir}",
            "--cache=none",
            *arguments,
        ]
        variables = {**NO_LEDGER, **(environment or {})}
        cost = in_fresh_process(_freqtrade, command, self.url, variables)
        if not cost.run.ok:
            raise BenchmarkError(cost.run.explain())
        return cost


def in_fresh_process(function: Callable[..., Found], *arguments: object) -> Found:
    """Call a module-level function in a new interpreter, so that its memory is its own.

    Raises
    ------
    BenchmarkError
        The process died, as it does when memory runs out.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise BenchmarkError(f"{function.__name__} died, perhaps for want of memory") from error


def peak_memory(whose: int) -> int:
    """Return the largest resident set in bytes, of `resource.RUSAGE_SELF` or ``_CHILDREN``."""
    kept = resource.getrusage(whose).ru_maxrss
    return kept if sys.platform == "darwin" else kept * 1024


def _freqtrade(command: list[str], url: str, environment: dict[str, str]) -> Cost:
    """Run the only child of this process, so that what its children cost is what Freqtrade cost."""
    began = perf_counter()
    run = run_freqtrade(command, url=url, cwd=ROOT, environment=environment)
    wall = perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    return Cost(run, wall, cpu, peak_memory(resource.RUSAGE_CHILDREN))

"""A small simulated market, and Freqtrade's commands run on it as a user runs them."""

import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replay.runner import Run, run_freqtrade
from replay.simulator.spec import MarketSpec
from tests.engine.warm import run_warm

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "user_data/config.json"

# The market of the golden backtest: four pairs, thirty traded days.
SPEC = MarketSpec(
    pairs=("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT"),
    start=datetime(2026, 1, 1, tzinfo=UTC),
    days=30,
    seed=11,
    warmup_days=75,
)
TIMERANGE = "20260101-20260131"
# Refused orders are written into the user's own folder otherwise, and the oldest ledgers deleted.
NO_LEDGER = {"FREQTRADE__REGIMEKIT__VETOES__LEDGER": "false"}


@dataclass(frozen=True)
class Bot:
    """Runs Freqtrade's commands from the repository's root, as a user does."""

    url: str
    datadir: Path
    folder: Path

    def run(
        self,
        *arguments: str,
        settings: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        typed: bool = False,
    ) -> Run:
        """Run a command; `settings` overlay the configuration as a further file.

        It is forked from a process that has imported Freqtrade, unless it is to be run as `typed`
        or is hyperopt, which starts processes of its own.
        """
        command = list(arguments)
        if settings:
            overlay = self.folder / "overlay.json"
            overlay.write_text(json.dumps(settings))
            command += [] if "--config" in command else ["--config", CONFIG]
            command += ["--config", str(overlay)]
        variables = {**NO_LEDGER, **(environment or {})}
        run = run_freqtrade if typed or arguments[0] == "hyperopt" else run_warm
        return run(command, url=self.url, cwd=ROOT, environment=variables, timeout=240)

    def backtest(
        self,
        *arguments: str,
        settings: dict[str, Any] | None = None,
        pairs: tuple[str, ...] = SPEC.pairs,
        strategy: str = "RegimeRouter",
        timerange: str = TIMERANGE,
        environment: dict[str, str] | None = None,
        typed: bool = False,
    ) -> tuple[Run, dict[str, Any]]:
        """Backtest and return the run and what Freqtrade exported for the strategy."""
        results = self.folder / "results"
        results.mkdir(exist_ok=True)
        run = self.run(
            "backtesting",
            f"--strategy={strategy}",
            f"--timerange={timerange}",
            f"--datadir={self.datadir}",
            f"--backtest-directory={results}",
            "--cache=none",
            *arguments,
            "--pairs",
            *pairs,
            settings=settings,
            environment=environment,
            typed=typed,
        )
        exports = sorted(results.glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)
        if not exports:
            return run, {}
        with zipfile.ZipFile(exports[-1]) as archive:
            name = next(n for n in archive.namelist() if n == f"{exports[-1].stem}.json")
            return run, json.loads(archive.read(name))["strategy"][strategy]

"""One job on this machine: Freqtrade, a replay exchange for it, and a folder of its own."""

import gzip
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.outcome import measure
from providers.errors import ProviderError
from providers.results import latest_result, read_result
from replay.client import ReplayError, running
from replay.runner import run_freqtrade
from tuning.execution.commands import QUIET_ENVIRONMENT, RESULTS, command_of, epochs_file, furnish
from tuning.execution.epochs import pack_epochs, read_epochs
from tuning.execution.places import private_folder
from tuning.execution.shelf import EPOCHS, OUTCOME, RAW_EPOCHS, RECORD, RESULT, TRADES
from tuning.execution.trades import pack_trades, trades_of
from tuning.jobs import Job, Search
from tuning.model import TuningError

# Longer than any epoch or backtest takes; without an end a run that hangs would hold its worker
MOST_SECONDS = 3600.0
TAIL_LINES = 25
OVERRIDES = "FREQTRADE__"
# What a backtest never reads; whoever runs a bot on the same machine has set them
HARMLESS = tuple(
    f"{OVERRIDES}{section}__"
    for section in ("API_SERVER", "TELEGRAM", "WEBHOOK", "DISCORD", "REGIMEKIT__VETOES")
) + tuple(f"{OVERRIDES}EXCHANGE__{name}" for name in ("KEY", "SECRET", "PASSWORD", "UID"))

OnEpochs = Callable[[int], None]


def execute(
    job: Job, *, tree: Path, datadir: Path, work: Path, on_epochs: OnEpochs | None = None
) -> dict[str, bytes]:
    """Do `job` and return the files to keep, by name.

    Parameters
    ----------
    tree : Path
        The source that the run imports and is configured by; it is only read.
    datadir : Path
        Candles, in Freqtrade's layout.
    work : Path
        Where the job gets a folder of its own, which is removed at the end.
    on_epochs : callable, optional
        Told about once a second, from another thread, how many epochs are finished. What it raises
        ends the job, and is raised here.

    Raises
    ------
    TuningError
        Freqtrade failed; the message ends with the last lines of its log.
    """
    started = time.monotonic()
    _refuse_environment()
    tree, datadir, work = (path.absolute() for path in (tree, datadir, work))
    with private_folder(work, job.key) as folder:
        userdir = folder / "user_data"
        furnish(job, userdir=userdir, tree=tree)
        command = command_of(job, userdir=userdir, datadir=datadir, tree=tree)
        _run(command, tree, datadir, _Progress(userdir, on_epochs))
        files = _searched(job, userdir) if isinstance(job, Search) else _tested(userdir, datadir)
    return files | {RECORD: _record(job, command, time.monotonic() - started)}


@dataclass(slots=True)
class _Progress:
    """Looks at the epochs while Freqtrade runs; its log is silent about them."""

    userdir: Path
    on_epochs: OnEpochs | None
    epochs: int = 0
    read: int = 0  # bytes
    since: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        if new := self._more().count(b"\n"):
            self.epochs, self.since = self.epochs + new, time.monotonic()
        if time.monotonic() - self.since > MOST_SECONDS:
            raise TuningError(f"Freqtrade made no progress for {MOST_SECONDS:.0f} s; it was ended")
        if self.on_epochs:
            self.on_epochs(self.epochs)

    def _more(self) -> bytes:
        """Return what has been written since the last look."""
        path = epochs_file(self.userdir)
        if path is None:
            return b""
        with path.open("rb") as file:
            file.seek(self.read)
            more = file.read()
        self.read += len(more)
        return more


def _refuse_environment() -> None:
    """Raise TuningError where this machine's environment would override a job's configuration."""
    found = [it for it in sorted(os.environ) if it.startswith(OVERRIDES)]
    if wrong := [it for it in found if not it.startswith(HARMLESS)]:
        raise TuningError(
            f"{platform.node()} has {', '.join(wrong)} in its environment, which Freqtrade lays "
            "over every configuration; unset it there, and give its value as a setting"
        )


def _run(command: Sequence[str], tree: Path, datadir: Path, progress: _Progress) -> None:
    # What runs is the source in `tree`, wherever else the same packages are installed
    paths = [str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]
    imports = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    try:
        with running(datadir, environment=imports) as url:
            run = run_freqtrade(
                command,
                url=url,
                cwd=tree,
                environment={**imports, **QUIET_ENVIRONMENT},
                on_tick=progress.look,
            )
    except ReplayError as error:
        raise TuningError(str(error)) from error
    if not run.ok:
        tail = "\n".join(run.log.splitlines()[-TAIL_LINES:])
        raise TuningError(f"{run.explain()}\n{tail}")


def _searched(search: Search, userdir: Path) -> dict[str, bytes]:
    path = epochs_file(userdir)
    if path is None:
        raise TuningError(
            f"hyperopt finished none of {search.epochs} epochs; check that the strategy has "
            f"parameters in the spaces {', '.join(search.spaces)}"
        )
    lines = path.read_bytes()
    epochs = read_epochs(lines, search)
    return {EPOCHS: pack_epochs(epochs), RAW_EPOCHS: gzip.compress(lines, mtime=0)}


def _tested(userdir: Path, datadir: Path) -> dict[str, bytes]:
    try:
        path = latest_result(userdir / RESULTS)
        result = read_result(path)
        outcome = measure(result, datadir)
        trades = trades_of(result, datadir)
    except ProviderError as error:
        raise TuningError(f"the backtest cannot be measured: {error}") from error
    return {
        RESULT: path.read_bytes(),
        OUTCOME: json.dumps(outcome.document()).encode(),
        TRADES: pack_trades(trades, float(result.stats["starting_balance"])),
    }


def _record(job: Job, command: Sequence[str], seconds: float) -> bytes:
    facts: dict[str, Any] = {
        "job": asdict(job),
        "command": ["freqtrade", *command],
        "seconds": round(seconds, 1),
        "host": platform.node(),
        "finished_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(facts, indent=1).encode()

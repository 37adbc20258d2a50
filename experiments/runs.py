"""One backtest: from a variant and a sample to a kept folder, or to nothing at all.

A run works in a folder of its own and is moved to its place, ``runs/<key>``, when everything is
written, so a folder under a key is always whole.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.identity import MEASURES, ROOT, key_of, source_fingerprint
from experiments.outcome import Outcome, measure
from experiments.variants import STRATEGY
from providers.errors import ProviderError
from providers.results import latest_result, read_result
from providers.storage.store import replace_file
from replay.runner import run_freqtrade

BASELINES = "experiments/strategies"
MOST_SECONDS = 3600.0

RESULT, OUTCOME, RECORD = "result.zip", "outcome.json", "run.json"


class ExperimentError(RuntimeError):
    """A run failed or cannot be trusted; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """A backtest to be made; equal jobs have equal results.

    Attributes
    ----------
    settings : mapping
        The whole config section ``regimekit``; empty for a baseline.
    fee : float
        Of one side, a fraction.
    source, data : str
        Fingerprints of what it is made with.
    tree : Path
        Where that source is.
    """

    name: str
    strategy: str
    settings: Mapping[str, Any]
    period: str
    timerange: str
    datadir: Path
    pairs: tuple[str, ...]
    fee: float
    source: str
    data: str
    tree: Path = ROOT

    @property
    def key(self) -> str:
        """Return what the result is kept under; names and places do not matter."""
        parts = asdict(self)
        for name in ("name", "period", "datadir", "tree"):
            del parts[name]
        return key_of(parts)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder that keeps finished runs."""

    folder: Path

    def outcome(self, key: str, datadir: Path) -> Outcome | None:
        """Return what a finished run came to; None when there is none.

        It is measured again where the way of measuring has changed since.
        """
        kept = self.folder / key
        if not (kept / RECORD).is_file():
            return None
        by = source_fingerprint(patterns=MEASURES)
        try:
            document = json.loads((kept / OUTCOME).read_text(encoding="utf-8"))
            if document.pop("measured_by", None) == by:
                return Outcome.from_document(document)
        except (FileNotFoundError, ValueError):
            pass  # measured again below
        outcome = measure(read_result(kept / RESULT), datadir)
        replace_file(kept / OUTCOME, _document(outcome))
        return outcome

    def seconds(self, key: str) -> float | None:
        """Return how long a finished run took."""
        try:
            record = json.loads((self.folder / key / RECORD).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return float(record["seconds"])

    def discard(self, key: str) -> None:
        """Forget a finished run."""
        shutil.rmtree(self.folder / key, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed runs have left; nobody else may be running."""
        for left in self.folder.glob(".run-*"):
            shutil.rmtree(left, ignore_errors=True)


def execute(job: Job, shelf: Shelf, url: str) -> None:
    """Backtest `job` on the exchange `url` and keep what came of it.

    Raises
    ------
    ExperimentError
        Freqtrade failed; nothing is kept but its log.
    ProviderError
        The result cannot be read.
    """
    shelf.folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f".run-{job.key}-", dir=shelf.folder) as name:
        folder, kept = Path(name), Path(name) / "kept"
        kept.mkdir()
        command = _command(job, folder)
        run = run_freqtrade(command, url=url, cwd=job.tree, timeout=MOST_SECONDS)
        if not run.ok:
            log = shelf.folder / f"{job.key}.failed.log"
            replace_file(log, run.log.encode())
            raise ExperimentError(f"{run.explain()} (whole log: {log})")
        exported = latest_result(folder)
        outcome = measure(read_result(exported), job.datadir)
        exported.rename(kept / RESULT)
        (kept / OUTCOME).write_bytes(_document(outcome))
        seconds = round(time.monotonic() - started, 1)
        (kept / RECORD).write_text(_record(job, command, seconds), encoding="utf-8")
        shelf.discard(job.key)
        kept.rename(shelf.folder / job.key)
    (shelf.folder / f"{job.key}.failed.log").unlink(missing_ok=True)


def _command(job: Job, folder: Path) -> list[str]:
    overlay = folder / "overlay.json"
    overlay.write_text(json.dumps({"regimekit": job.settings} if job.settings else {}))
    own_path = [] if job.strategy == STRATEGY else [f"--strategy-path={BASELINES}"]
    return [
        "backtesting",
        f"--strategy={job.strategy}",
        *own_path,
        "--config=user_data/config.json",
        f"--config={overlay}",
        f"--datadir={job.datadir}",
        f"--timerange={job.timerange}",
        f"--fee={job.fee:g}",
        f"--backtest-directory={folder}",
        "--cache=none",  # our keys know more of what a result depends on
        "--pairs",
        *job.pairs,
    ]


def _document(outcome: Outcome) -> bytes:
    by = source_fingerprint(patterns=MEASURES)
    return json.dumps({**outcome.document(), "measured_by": by}).encode()


def _record(job: Job, command: list[str], seconds: float) -> str:
    at = datetime.now(tz=UTC).isoformat(timespec="seconds")
    facts = {**asdict(job), "datadir": str(job.datadir), "command": command}
    del facts["tree"]
    return json.dumps({**facts, "seconds": seconds, "finished_at": at}, indent=1)


def refuse_parameter_file(root: Path = ROOT) -> None:
    """Raise ExperimentError where a hyperopt result would override what the variants set."""
    found = root / "user_data" / "strategies" / f"{STRATEGY}.json"
    if found.exists():
        raise ExperimentError(
            f"{found} holds hyperopted parameters, which override the settings of every variant; "
            "move it away and give its values with --settings"
        )


FAILURES = (ExperimentError, ProviderError, OSError, ValueError)

"""The ledger of refused orders: one file per run, one line per refusal.

The first line names the run, each further one is a refusal::

    {"run": {"strategy": "RegimeRouter", "run_mode": "backtest", "started_at": ..., ...}}
    {"at": "2026-01-05T08:00:00+00:00", "pair": "BTC/USDT:USDT", "side": "long", ...}

``at`` is the open of the candle in which the order was refused, UTC; ``rate`` and
``stop_distance`` are in quote currency, ``target_rr`` in R, ``confidence`` 0 to 1. What is not
known is null.

Lines are appended with one write and nothing is held back, so a process that is killed loses the
line it was writing and no other. A line that was torn is passed over when the file is read. A file
that grows beyond its bound loses its oldest rows, by a new file that takes its place.
"""

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import replace_file, set_aside

FOLDER = "vetoes"  # below Freqtrade's user_data
SUFFIX = ".jsonl"
BACKTEST = "backtest"
SLACK = 10  # a file may grow by a tenth of its bound before it is rewritten
TEXTS = ("pair", "side", "gate", "reason", "regime", "sub_strategy")
NUMBERS = ("confidence", "rate", "stop_distance", "target_rr")
ROW = ("at", *TEXTS, *NUMBERS)
SAME = ["at", "pair", "side", "gate"]  # a restart within a candle may repeat a refusal
# A backtest begins and then starts the strategy, at once; Freqtrade notes whole seconds.
START_DELAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a file holds.

    Attributes
    ----------
    run : mapping
        What was written about the run: ``strategy``, ``run_mode``, ``timerange``, ``started_at``
        (ISO, UTC) and what else the writer knew.
    rows : DataFrame
        The columns `ROW`, ascending by ``at``; a refusal that came twice is there once.
    """

    run: Mapping[str, Any]
    rows: pd.DataFrame


class LedgerFile:
    """Appends to one file, which is begun with the first row or by `begin`.

    Parameters
    ----------
    run : mapping
        Goes into the first line; a file that is there already keeps its own.
    most_rows : int
        Kept after the file outgrew them by a tenth.

    All methods raise OSError when the disk does not take what they write; what was there before
    stays as it was.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], most_rows: int) -> None:
        self.path = path
        self._run = run
        self._most = most_rows
        self._lines: int | None = None

    def begin(self) -> None:
        """Make the file unless it is there; one that names no run is set aside."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not _header(self.path):
            set_aside(self.path, "damaged")
        if not self.path.exists():
            replace_file(self.path, _line({"run": dict(self._run)}))
        self._lines = self.path.read_bytes().count(b"\n") - 1

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows at the end; a number that is not finite becomes null."""
        lines = [_line({name: _plain(row.get(name)) for name in ROW}) for row in rows]
        if self._lines is None or not self.path.exists():  # it may have been cleared away
            self.begin()
        _append(self.path, b"".join(lines))
        self._lines = (self._lines or 0) + len(lines)
        if self._lines > self._most + self._most // SLACK:
            self._lines = 0  # should this fail, it is tried again a whole file later
            self._lines = _keep_newest(self.path, self._most)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; lines that were torn are left out.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        The first line does not name a run.
    """
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise DataMissingError(
            f"{path} does not exist; a run with vetoes.ledger writes one"
        ) from None
    run = _run_of(lines[0] if lines else b"")
    if run is None:
        raise CorruptDataError(f"{path} is no ledger of refusals: its first line names no run")
    found = (_object(line) or {} for line in lines[1:])
    rows = [row for row in found if isinstance(row.get("at"), str)]
    return Ledger(run, _frame(rows))


def ledger_path(folder: Path, strategy: str, run_mode: str, name: str) -> Path:
    """Return the file of a run; `name` tells it from others of its strategy and run mode."""
    parts = (re.sub(r"[^A-Za-z0-9_]+", "_", part) for part in (strategy, run_mode, name))
    return folder / f"{'-'.join(parts)}{SUFFIX}"


def find_ledger(
    folder: Path,
    strategy: str,
    began: datetime,
    *,
    timerange: str | None = None,
) -> Path | None:
    """Return the ledger of a backtest, None where there is none.

    Parameters
    ----------
    folder : Path
        Of the ledgers, usually ``user_data/vetoes``.
    began : datetime
        The run's ``backtest_run_start_ts``, UTC. The ledger of a run starts just after it; of
        several the nearest is taken.
    timerange : str, optional
        As it was given to the backtest; told apart runs that began at the same time.
    """
    found: list[tuple[timedelta, Path]] = []
    for path in folder.glob(f"*-{BACKTEST}-*{SUFFIX}"):
        run = _header(path)
        started = _instant(run.get("started_at"))
        if run.get("strategy") != strategy or started is None:
            continue
        if timerange is not None and (run.get("timerange") or "") != timerange:
            continue
        delay = started - began.replace(microsecond=0)
        if timedelta(0) <= delay <= START_DELAY:
            found.append((delay, path))
    return min(found)[1] if found else None


def prune_backtests(folder: Path, keep: int) -> None:
    """Delete the ledgers of all backtests but the latest `keep`; those of bots stay."""
    paths: list[tuple[float, Path]] = []
    for path in folder.glob(f"*-{BACKTEST}-*{SUFFIX}"):
        try:
            paths.append((path.stat().st_mtime, path))
        except FileNotFoundError:  # another process prunes too
            continue
    for _, path in sorted(paths)[: max(0, len(paths) - keep)]:
        path.unlink(missing_ok=True)


def _append(path: Path, content: bytes) -> None:
    """Add to a file with one write, behind a line break where the last line was torn."""
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            content = content if file.read(1) == b"\n" else b"\n" + content
        written = file.write(content)
        if written < len(content):  # as much as the disk took
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _keep_newest(path: Path, most: int) -> int:
    """Rewrite a file with its first line and the last `most` rows; return how many it has."""
    first, *rows = path.read_bytes().splitlines(keepends=True)
    kept = rows[-most:]
    replace_file(path, b"".join([first, *kept]))
    return len(kept)


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: a number that is not finite is not known."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def _object(line: bytes) -> dict[str, Any] | None:
    """Return what a line holds, None where it was torn."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _run_of(line: bytes) -> dict[str, Any] | None:
    run = (_object(line) or {}).get("run")
    return run if isinstance(run, dict) else None


def _header(path: Path) -> dict[str, Any]:
    """Return what a file says about its run, nothing where it says nothing."""
    try:
        with path.open("rb") as file:
            return _run_of(file.readline()) or {}
    except OSError:
        return {}


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(ROW))
    frame["at"] = pd.to_datetime(frame["at"], utc=True, errors="coerce", format="ISO8601")
    frame = frame.astype(dict.fromkeys(TEXTS, "object"))
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    frame["at"] = frame["at"].dt.as_unit("ms")
    frame = frame.dropna(subset=["at"]).drop_duplicates(SAME)
    return frame.sort_values("at", kind="stable", ignore_index=True)

"""The ledger of refused orders: one file per run, one line per refusal.

The first line names the run, each further one is a refusal::

    {"run": {"strategy": "RegimeRouter", "run_mode": "backtest", "started_at": ..., ...}}
    {"at": "2026-01-05T08:00:00+00:00", "pair": "BTC/USDT:USDT", "side": "long", ...}

``at`` is the open of the candle in which the order was refused, UTC; ``rate`` and
``stop_distance`` are in quote currency, ``target_rr`` in R, ``confidence`` 0 to 1. What is not
known is null.

How lines are written, bounded and read is told in `lines`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from providers.storage.lines import SUFFIX, LineFile, file_name, read_rows, read_run

FOLDER = "vetoes"  # below Freqtrade's user_data
BACKTEST = "backtest"
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


class LedgerFile(LineFile):
    """A `LineFile` of the columns `ROW`; what a row does not have is null."""

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows at the end; a number that is not finite becomes null."""
        super().append([{name: row.get(name) for name in ROW} for row in rows])


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; lines that were torn are left out.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        The first line does not name a run.
    """
    run, rows = read_rows(
        path, what="ledger of refusals", wanted="a run with vetoes.ledger writes one"
    )
    return Ledger(run, _frame(rows))


def ledger_path(folder: Path, strategy: str, run_mode: str, name: str) -> Path:
    """Return the file of a run; `name` tells it from others of its strategy and run mode."""
    return folder / file_name(strategy, run_mode, name)


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
        run = read_run(path)
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

"""The journal of decisions: what a bot decided at each candle's close, a line per candle and pair.

The first line names the run, each further one is a decision or a start of the bot::

    {"run": {"strategy": "RegimeRouter", "run_mode": "dry_run", "bot": ..., ...}}
    {"at": "2026-01-05T08:00:31+00:00", "start": true}
    {"at": "2026-01-05T08:15:24+00:00", "candle": "2026-01-05T08:00:00+00:00", "pair": ..., ...}

``at`` is when the candle was analyzed, ``candle`` its open, both UTC. Prices are in quote currency,
confidences 0 to 1, codes those of the strategy's columns. What is not known is null.

How lines are written, bounded and read is told in `lines`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from providers.storage.lines import SUFFIX, LineFile, file_name, read_rows

FOLDER = "journal"  # below Freqtrade's user_data
TEXTS = ("enter_tag",)
NUMBERS = (
    *("entry", "regime", "confidence_long", "confidence_short", "min_confidence"),
    *("refused_long", "refused_short", "stop_distance", "atr", "close", "squeeze_risk"),
)
INPUTS = ("_state", "_age_hours")  # what the names of input columns end in; "state_1h" begins so
KEYS = ("at", "candle", "pair")
SAME = ["candle", "pair"]  # a restart analyzes the newest candle once more


@dataclass(frozen=True, slots=True)
class Journal:
    """What a file holds.

    Attributes
    ----------
    run : mapping
        What was written about the run: ``strategy``, ``run_mode``, ``started_at`` (ISO, UTC).
    rows : DataFrame
        `KEYS`, `TEXTS`, `NUMBERS` and every input column that a row had, one row per candle and
        pair: the first that was written. Ascending by ``candle``, then by ``pair``.
    starts : tuple of datetime
        When the bot was started, UTC, ascending.
    """

    run: Mapping[str, Any]
    rows: pd.DataFrame
    starts: tuple[datetime, ...]


class JournalFile(LineFile):
    """A `LineFile` of decisions."""

    def note_start(self, at: datetime) -> None:
        """Write down that the bot was started; what it missed until then it could not see."""
        self.append([{"at": at.isoformat(), "start": True}])

    def note(self, at: datetime, candle: datetime, pair: str, values: Mapping[str, Any]) -> None:
        """Write down what was decided at `at` about a candle of `pair`, dated by its open."""
        self.append([{"at": at.isoformat(), "candle": candle.isoformat(), "pair": pair, **values}])


def is_input(column: str) -> bool:
    """Tell whether a column says if an input was there, or how old it was.

    Examples
    --------
    >>> is_input("funding_state"), is_input("state_1h"), is_input("regime_age"), is_input("rsi")
    (True, True, True, False)
    """
    return column.endswith(INPUTS) or column.startswith("state_")


def journal_path(folder: Path, strategy: str, bot: str) -> Path:
    """Return the journal of a bot."""
    return folder / file_name(strategy, bot)


def find_journals(folder: Path, strategy: str) -> tuple[Path, ...]:
    """Return the journals of a strategy's bots, by name."""
    return tuple(sorted(folder.glob(f"{file_name(strategy).removesuffix(SUFFIX)}-*{SUFFIX}")))


def read_journal(path: Path) -> Journal:
    """Read a journal; lines that were torn are left out.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        The first line does not name a run.
    """
    run, rows = read_rows(
        path, what="journal of decisions", wanted="a bot with journal.enabled writes one"
    )
    marks = _moments([row["at"] for row in rows if row.get("start") is True])
    return Journal(
        run,
        decisions_frame(row for row in rows if isinstance(row.get("candle"), str)),
        tuple(moment.to_pydatetime() for moment in marks.sort_values()),
    )


def decisions_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as `Journal.rows` holds them; one without a time, candle or pair is left out."""
    found = list(rows)
    inputs = sorted({name for row in found for name in row if is_input(name)})
    columns = [*KEYS, *TEXTS, *NUMBERS, *inputs]
    frame = pd.DataFrame(
        [{name: row.get(name) for name in columns} for row in found], columns=columns
    )
    for name in ("at", "candle"):
        frame[name] = _moments(frame[name])
    for name in ("pair", *TEXTS):
        frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    for name in (*NUMBERS, *inputs):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    frame = frame.dropna(subset=list(KEYS)).drop_duplicates(SAME)
    return frame.sort_values(SAME, kind="stable", ignore_index=True)


def _moments(texts: Any) -> pd.Series:
    found = pd.to_datetime(
        pd.Series(texts, dtype="object"), utc=True, errors="coerce", format="ISO8601"
    )
    return found.dropna().dt.as_unit("ms") if isinstance(texts, list) else found.dt.as_unit("ms")

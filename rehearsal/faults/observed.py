"""What was seen of a bot during a fault, and where it is read from.

Nothing here asks the bot: trades and locks come from its database, refusals from its ledger, words
from its log. Only the watch in `rehearsal.faults.run` talks to its REST API.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from providers.storage.vetoes import FOLDER, read_ledger
from rehearsal.faults.scenarios import Scenario

OURS = ("regimekit", "providers")
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) - (\S+) - (\w+) - (.*)")
_CANDLE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Trade:
    """A row of the trades' table; instants in UTC, None while open."""

    id: int
    pair: str
    opened: datetime
    closed: datetime | None
    exit_reason: str
    profit: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pair was not entered: a lock's words, or the gate of a refused order."""

    pair: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log."""

    at: datetime
    logger: str
    level: str
    words: str

    @property
    def ours(self) -> bool:
        """Tell whether the pack said it, not Freqtrade."""
        return self.logger.split(".")[0] in OURS


@dataclass(frozen=True, slots=True)
class Observation:
    """All that the criteria judge by.

    Attributes
    ----------
    pairs : tuple of str
        Those that the fault befell.
    healthy : tuple of str
        Those that nothing befell in this act.
    began, ended : datetime
        Of the fault, market time.
    first_close : datetime
        The first candle that was analyzed during the fault.
    watched_until : datetime
        When the act was over.
    alive : bool
        The process lived when the act was over.
    loops : tuple of datetime
        When the bot's loop was seen to come round.
    healthy_gap : timedelta
        Its longest round while nothing was wrong, with the analysis of a candle in it.
    throttle : timedelta
        What it waits between two rounds.
    integrity : str
        The database's own check, "ok".
    before : tuple of Trade
        Trades that were closed when the fault began, as they read then.
    asked : tuple of (datetime, int)
        Requests so far for what the scenario spoils.
    exits_asked : tuple of int
        Trades that a person ordered to be closed during the fault.
    """

    scenario: Scenario
    pairs: tuple[str, ...]
    healthy: tuple[str, ...]
    began: datetime
    ended: datetime
    first_close: datetime
    watched_until: datetime
    alive: bool
    loops: tuple[datetime, ...]
    healthy_gap: timedelta
    throttle: timedelta
    trades: tuple[Trade, ...]
    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]
    integrity: str = "ok"
    before: tuple[Trade, ...] = ()
    asked: tuple[tuple[datetime, int], ...] = ()
    exits_asked: tuple[int, ...] = ()

    def entries(self, pairs: Iterable[str], since: datetime, until: datetime) -> list[Trade]:
        """Return the trades of `pairs` that were opened in ``since <= t < until``."""
        return [t for t in self.trades if t.pair in pairs and since <= t.opened < until]

    def exits(self, pairs: Iterable[str]) -> list[Trade]:
        """Return the trades of `pairs` that were closed while the fault lasted."""
        return [
            trade
            for trade in self.trades
            if trade.pair in pairs and trade.closed and self.began <= trade.closed < self.ended
        ]


def read_trades(database: Path) -> tuple[Trade, ...]:
    """Return all trades of a bot's database, oldest first."""
    rows = _rows(
        database,
        "select id, pair, open_date, close_date, exit_reason, close_profit_abs from trades"
        " order by id",
    )
    return tuple(
        Trade(number, pair, _utc(opened), _utc(closed) if closed else None, reason or "", profit)
        for number, pair, opened, closed, reason, profit in rows
    )


def read_stops(database: Path) -> dict[int, float]:
    """Return the stop of each open trade, quote currency."""
    rows = _rows(database, "select id, stop_loss from trades where is_open and stop_loss > 0")
    return {number: float(stop) for number, stop in rows}


def read_reasons(database: Path, user_data: Path) -> tuple[Reason, ...]:
    """Return locks, in force or over, and refused orders; those of a candle by its open."""
    locks = _rows(database, "select pair, lock_time, reason from pairlocks order by id")
    found = [Reason(pair, _utc(at), _words(pair, reason or "")) for pair, at, reason in locks]
    for path in sorted((user_data / FOLDER).glob("*.jsonl")):
        rows = read_ledger(path).rows
        stamps = zip(rows["pair"], rows["at"], rows["gate"], strict=True)
        found += [Reason(pair, at.to_pydatetime(), f"gate {gate}") for pair, at, gate in stamps]
    return tuple(found)


def integrity(database: Path) -> str:
    """Return what SQLite says of the file, "ok" when nothing is wrong."""
    return str(_rows(database, "pragma integrity_check")[0][0])


def read_lines(log: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines of a log; what belongs to a line before, such as a traceback, is left."""
    found = [match for match in map(_LINE.fullmatch, log) if match]
    return tuple(Line(_utc(f"{m[1]}.{m[2]}"), logger=m[3], level=m[4], words=m[5]) for m in found)


def _rows(database: Path, query: str) -> list[tuple]:  # type: ignore[type-arg]
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query).fetchall()


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _words(pair: str, reason: str) -> str:
    return reason.replace(pair, "").strip(": ")

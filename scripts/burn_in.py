"""Judge a burn-in: seven days of dry run before real money, by profit factor, parity and outages.

Reads the bot's database, what cron kept of ``scripts/health.py --json``, and what
``scripts/parity.py --json`` wrote; docs/operations.md, "Burn-in", says how to get them. Exits with
0 when all three marks pass, with 1 when one fails, with 3 when it must go on, with 2 when it cannot
be judged.
"""

import argparse
import json
import math
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

DAYS = 7
# A week says little about profit: these sort out what is clearly broken.
PASSING_FACTOR, FAILING_FACTOR = 1.2, 0.8
LEAST_TRADES = 20
MOST_BAD_SHARE = 0.01  # of all minutes
LONGEST_OUTAGE = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
COLORS = {"passes": "green", "extend": "yellow", "fails": "red"}


class Mark(StrEnum):
    """How one of the marks came out, from good to bad."""

    PASSES = "passes"
    EXTEND = "extend"
    FAILS = "fails"


EXIT_CODES = {Mark.PASSES: 0, Mark.EXTEND: 3, Mark.FAILS: 1}


class BurnInError(Exception):
    """Something to judge by is missing or damaged; the message says what and the way out."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One mark, and the figures behind it in words."""

    name: str
    mark: Mark
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """The days that are judged, UTC; the end is not in it."""

    start: datetime
    end: datetime


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the marks; return what the exit code of the script is to be."""
    options = _parser().parse_args(arguments)
    try:
        answers = list(_answers(options.health))
        start = options.since or _first(answers, options.health)
        end = min(start + timedelta(days=DAYS), options.at or datetime.now(UTC))
        if end <= start:
            raise BurnInError(
                f"the burn-in begins at {start:%Y-%m-%d %H:%M} and is judged as of "
                f"{end:%Y-%m-%d %H:%M} UTC; give an earlier --since or a later --at"
            )
        window = Window(start, end)
        judged = [
            judge_length(window),
            judge_profit(_profits(options.db, window)),
            judge_parity(_parity(options.parity), window),
            judge_outages(answers, window),
        ]
    except (BurnInError, OSError) as error:
        print(f"burn_in: {error}", file=sys.stderr)
        return 2
    table = Table(
        box=None, pad_edge=False, title=f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    )
    for name in ("Mark", "Verdict", "Figures"):
        table.add_column(name)
    for item in judged:
        table.add_row(item.name, f"[{COLORS[item.mark]}]{item.mark}[/]", item.why)
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    worst = max((item.mark for item in judged), key=list(Mark).index)
    print(f"The burn-in {'must go on' if worst is Mark.EXTEND else worst}.")
    return EXIT_CODES[worst]


def judge_length(window: Window) -> Judged:
    """Return whether all days are over."""
    days = (window.end - window.start) / timedelta(days=1)
    mark = Mark.PASSES if days >= DAYS else Mark.EXTEND
    return Judged("length", mark, f"{days:.1f} of {DAYS} days")


def judge_profit(profits: Sequence[float]) -> Judged:
    """Return whether closed trades won enough more than they lost.

    Parameters
    ----------
    profits : sequence of float
        Of each closed trade, stake currency, after fees.
    """
    won = math.fsum(profit for profit in profits if profit > 0)
    lost = -math.fsum(profit for profit in profits if profit < 0)
    factor = won / lost if lost else math.inf if won else math.nan
    told = f"profit factor {factor:.2f} of {len(profits)} closed trades"
    if len(profits) < LEAST_TRADES:
        return Judged("profit factor", Mark.EXTEND, f"{told}, {LEAST_TRADES} are needed")
    if factor > PASSING_FACTOR:
        return Judged("profit factor", Mark.PASSES, told)
    # Not a number is no reason to go on: trades that neither won nor lost are broken.
    mark = Mark.EXTEND if factor >= FAILING_FACTOR else Mark.FAILS
    return Judged("profit factor", mark, told)


def judge_parity(parity: Mapping[str, Any], window: Window) -> Judged:
    """Return whether every difference from the backtest has a cause, over all of the window.

    Raises
    ------
    BurnInError
        The file is not what ``scripts/parity.py --json`` writes, or is about a simulation.
    """
    try:
        totals = [(total["compared"], total["unexplained"]) for total in parity["totals"].values()]
        compared, unexplained = (sum(column) for column in zip(*totals, strict=True))
        start, end = (datetime.fromisoformat(parity[name]) for name in ("start", "end"))
        ok, simulated = parity["ok"], parity["simulated"]
        outside = start - window.start > timedelta(days=1) or window.end - end > timedelta(days=1)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BurnInError(
            f"the parity file is not what scripts/parity.py --json writes ({error!r})"
        ) from error
    if simulated:
        raise BurnInError("the parity file is about a simulated market, which proves nothing here")
    told = f"{unexplained} of {compared} without a cause"
    if unexplained or (compared and not ok):
        return Judged("parity", Mark.FAILS, told)
    if outside or not compared:
        told = f"{told}; compared from {start:%Y-%m-%d} to {end:%Y-%m-%d} only"
        return Judged("parity", Mark.EXTEND, told)
    return Judged("parity", Mark.PASSES, told)


def judge_outages(answers: Sequence[tuple[datetime, bool]], window: Window) -> Judged:
    """Return whether the bot was well for long enough.

    A minute without a healthy answer is an outage: the machine may have been off.

    Parameters
    ----------
    answers : sequence of (datetime, bool)
        When health was asked, and whether it was well.
    """
    well = {_minute(at) for at, healthy in answers if healthy}
    ill = {_minute(at) for at, healthy in answers if not healthy}
    count = math.floor((window.end - window.start) / MINUTE)
    minutes = (_minute(window.start) + number * MINUTE for number in range(count))
    # Cron is not punctual: one of two neighboring minutes may have no answer at all.
    bad = [
        moment in ill or (moment not in well and moment - MINUTE not in well) for moment in minutes
    ]
    longest = max((sum(1 for _ in run) for is_bad, run in groupby(bad) if is_bad), default=0)
    told = f"{sum(bad)} of {count} minutes, the longest {longest} min"
    late = sum(bad) > MOST_BAD_SHARE * count or longest * MINUTE > LONGEST_OUTAGE
    return Judged("outages", Mark.FAILS if late else Mark.PASSES, told)


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _answers(path: Path) -> Iterator[tuple[datetime, bool]]:
    """Yield what health answered; a line that was torn is passed over."""
    if not path.is_file():
        raise BurnInError(
            f"{path} does not exist; let cron run `scripts/health.py --json >> {path}` each minute"
        )
    for line in path.read_text(errors="replace").splitlines():
        try:
            answer = json.loads(line)
            at, healthy = datetime.fromisoformat(answer["at"]), answer["healthy"]
        except (KeyError, TypeError, ValueError):
            continue
        if at.tzinfo is not None and isinstance(healthy, bool):
            yield at, healthy


def _first(answers: Sequence[tuple[datetime, bool]], path: Path) -> datetime:
    """Return when the bot was first well: the burn-in begins there."""
    well = [at for at, healthy in answers if healthy]
    if not well:
        raise BurnInError(f"{path} holds no healthy answer; start the bot, see its log")
    return _minute(min(well))


def _profits(path: Path, window: Window) -> list[float]:
    if not path.is_file():
        raise BurnInError(f"{path} does not exist; pass the database of the bot with --db")
    query = (
        "select close_profit_abs from trades where is_open = 0 and close_profit_abs is not null "
        "and close_date >= ? and close_date < ?"
    )
    edges = [f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for moment in (window.start, window.end)]
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return [float(profit) for (profit,) in database.execute(query, edges)]
    except sqlite3.Error as error:
        raise BurnInError(f"{path} is no database of Freqtrade ({error})") from error


def _parity(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BurnInError(
            f"{path} does not exist; `scripts/parity.py ... --json {path}` writes it"
        ) from None
    except ValueError as error:
        raise BurnInError(f"{path} is no JSON ({error})") from error
    if not isinstance(found, Mapping):
        raise BurnInError(f"{path} is not what scripts/parity.py --json writes")
    return found


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-03-01T12:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="burn_in", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--db", type=Path, required=True, metavar="FILE", help="database of the bot (SQLite)"
    )
    parser.add_argument(
        "--health", type=Path, required=True, metavar="FILE",
        help="lines that `scripts/health.py --json` printed, one a minute",
    )  # fmt: skip
    parser.add_argument(
        "--parity", type=Path, required=True, metavar="FILE",
        help="what `scripts/parity.py --json` wrote",
    )  # fmt: skip
    parser.add_argument(
        "--since", type=_instant, metavar="TIME",
        help="when it began, UTC (default: the first healthy answer)",
    )  # fmt: skip
    parser.add_argument(
        "--at", type=_instant, metavar="TIME", help="judge as of this time, UTC (default: now)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

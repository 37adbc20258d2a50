"""Where two records differ: rows in, differences out, without asking why."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from providers.coverage import Period
from providers.storage.journal import NUMBERS, SAME, TEXTS, is_input
from regimekit.schema import Availability
from rehearsal.records import PLAN_NUMBERS, PLAN_TEXTS, Record

MISSING = "missing"
AGE = "_age_hours"
# A journal keeps ten digits, a database all of them.
SAME_NUMBER = 1e-8


class Kind(StrEnum):
    """What was compared."""

    SIGNAL = "signal"  # a candle's decision
    ENTRY = "entry"  # a trade, when it was opened, at which price
    SIZE = "size"  # stake and leverage
    PLAN = "plan"  # initial stop and exit plan
    EXIT = "exit"  # why, when and at which price it was closed


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time, half open, UTC, and what was the matter in it."""

    begin: datetime
    end: datetime
    why: str = ""

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Tell whether some of [begin, end) lies in it."""
        return self.begin < end and begin < self.end

    def __str__(self) -> str:
        """Return it as a sentence would have it."""
        why = f" ({self.why})" if self.why else ""
        return f"{self.begin:%m-%d %H:%M:%S} to {self.end:%m-%d %H:%M:%S}{why}"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What time and prices may do between a backtest and a bot.

    Attributes
    ----------
    speed : float
        Seconds of market per real second; only told in the report.
    throttle : timedelta
        Between two looks of the bot at the market.
    analysis : timedelta
        What a loop may take on top when it analyzes a new candle.
    order : timedelta
        What the bot takes to send an entry, before it looks at the next pair.
    hold : timedelta
        How long made-up minutes hold a candle's open; only told in the report.
    late : timedelta
        How old a candle's close may be when it is entered on
        (``ignore_buying_expired_candle_after``).
    detail : timedelta
        Candles that the backtest took prices within candles from.
    spread : float
        How far a fill may lie outside the prices that were traded, fraction of the price.
    averages : float
        How far recursive averages that began elsewhere may still be apart, as a fraction.
    """

    speed: float = 1.0
    throttle: timedelta = timedelta(seconds=5)
    analysis: timedelta = timedelta(seconds=10)
    order: timedelta = timedelta(seconds=2)
    hold: timedelta = timedelta(0)
    late: timedelta = timedelta(seconds=225)
    detail: timedelta = timedelta(minutes=1)
    spread: float = 0.0005
    averages: float = 1e-6

    @property
    def notice(self) -> timedelta:
        """Return how long the bot may take to notice a price: a loop, and an analysis in it."""
        return self.throttle + self.analysis

    @property
    def entry(self) -> timedelta:
        """Return how long after a candle's open a bot may still enter: allowed, sent, filled."""
        return self.late + self.order + self.throttle


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    Attributes
    ----------
    kind : Kind
        What was compared.
    at : datetime
        Open of the candle that was decided on or entered in, UTC.
    what : str
        `MISSING`, or the name of what differs; of a decision the names of all columns that do.
    live, backtest : Any
        The two values, None where there is none.
    live_row, backtest_row : mapping or None
        The rows they are from.
    """

    kind: Kind
    pair: str
    at: datetime
    what: str
    live: Any
    backtest: Any
    side: str = ""
    live_row: Mapping[str, Any] | None = None
    backtest_row: Mapping[str, Any] | None = None
    columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Found:
    """All differences of two records, and how much was compared, by kind."""

    findings: list[Finding] = field(default_factory=list)
    compared: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))

    def note(self, kind: Kind, finding: Finding | None) -> None:
        """Count one comparison, and keep what it found."""
        self.compared[kind] += 1
        if finding is not None:
            self.findings.append(finding)


def find(
    live: Record, backtest: Record, window: Period, step: timedelta, tolerances: Tolerances
) -> Found:
    """Return where two records differ in `window`.

    Swapping the records swaps the two sides of each finding and changes nothing else.

    Parameters
    ----------
    window : Period
        Decisions and entries count whose candle opened in it.
    step : timedelta
        Length of a candle.
    """
    found = Found()
    _signals(found, live.signals, backtest.signals, window)
    ours, theirs = (by_entry(record.trades, window, step) for record in (live, backtest))
    for key in sorted(ours.keys() | theirs.keys()):
        _trade(found, key, ours.get(key), theirs.get(key), tolerances)
    return found


def by_entry(
    trades: pd.DataFrame, window: Period, step: timedelta
) -> dict[tuple[datetime, str, str, int], dict[str, Any]]:
    """Return trades by candle, pair, side and how many such there were before."""
    found: dict[tuple[datetime, str, str, int], dict[str, Any]] = {}
    for trade in trades.to_dict("records"):
        candle = candle_of(trade["opened_at"], step)
        if not window.start <= candle < window.end:
            continue
        number = 0
        while (key := (candle, trade["pair"], trade["side"], number)) in found:
            number += 1
        found[key] = {str(name): value for name, value in trade.items()}
    return found


def candle_of(moment: datetime, step: timedelta) -> datetime:
    """Return when the candle opened that contains `moment`."""
    opened: datetime = pd.Timestamp(moment).floor(step).to_pydatetime()
    return opened


def _signals(found: Found, live: pd.DataFrame, backtest: pd.DataFrame, window: Period) -> None:
    """Compare decisions row by row, in all columns that both sides have."""
    ours, theirs = (
        frame[(frame["candle"] >= window.start) & (frame["candle"] < window.end)]
        for frame in (live, backtest)
    )
    inputs = [name for name in ours.columns.intersection(theirs.columns) if is_input(str(name))]
    columns = [*TEXTS, *NUMBERS, *inputs]
    both = ours.merge(theirs, on=SAME, suffixes=("_live", "_backtest"), validate="1:1")
    unequal = {
        name: _unequal(both[f"{name}_live"], both[f"{name}_backtest"]) & _matters(name, both)
        for name in columns
    }
    differs = np.column_stack(list(unequal.values())) if len(both) else np.zeros((0, len(columns)))
    found.compared[Kind.SIGNAL] += len(both)
    for row in np.flatnonzero(differs.any(axis=1)):
        names = tuple(name for name, flag in zip(columns, differs[row], strict=True) if flag)
        values = both.iloc[row]
        ours_row, theirs_row = (
            {name: values[f"{name}_{side}"] for name in ("at", *columns)}
            for side in ("live", "backtest")
        )
        found.findings.append(
            Finding(
                kind=Kind.SIGNAL,
                pair=str(values["pair"]),
                at=pd.Timestamp(values["candle"]).to_pydatetime(),
                what=", ".join(names),
                live=", ".join(_text(ours_row[name]) for name in names),
                backtest=", ".join(_text(theirs_row[name]) for name in names),
                live_row=ours_row,
                backtest_row=theirs_row,
                columns=names,
            )
        )
    known = set(zip(both["candle"], both["pair"], strict=True))
    for frame, is_live in ((ours, True), (theirs, False)):
        for lone in frame.to_dict("records"):
            if (lone["candle"], lone["pair"]) not in known:
                found.note(Kind.SIGNAL, _lone(Kind.SIGNAL, lone, lone["candle"], is_live=is_live))


def _matters(name: str, both: pd.DataFrame) -> Any:
    """Return where a column says something: how old an input is that neither side has does not."""
    state = name.removesuffix(AGE) + "_state"
    if not name.endswith(AGE) or f"{state}_live" not in both:
        return np.ones(len(both), dtype=bool)
    present = [both[f"{state}_{side}"].eq(int(Availability.OK)) for side in ("live", "backtest")]
    return (present[0] | present[1]).to_numpy(bool)


def _unequal(one: pd.Series, other: pd.Series) -> Any:
    """Return where two columns differ; unknown equals unknown."""
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        first, second = one.to_numpy(np.float64), other.to_numpy(np.float64)
        scale = np.maximum(np.abs(first), np.abs(second))
        with np.errstate(invalid="ignore"):
            near = np.abs(first - second) <= SAME_NUMBER * scale
        return ~(near | (np.isnan(first) & np.isnan(second)))
    return (one.fillna("") != other.fillna("")).to_numpy(bool)


def _lone(kind: Kind, row: Mapping[Any, Any], at: Any, *, is_live: bool) -> Finding:
    """Return that one side has a row that the other has not."""
    row = {str(name): value for name, value in row.items()}
    said = _decision(row) if kind is Kind.SIGNAL else _opened(row)
    return Finding(
        kind,
        row["pair"],
        pd.Timestamp(at).to_pydatetime(),
        MISSING,
        said if is_live else None,
        None if is_live else said,
        side=row.get("side", ""),
        live_row=row if is_live else None,
        backtest_row=None if is_live else row,
    )


def _decision(row: Mapping[str, Any]) -> str:
    entry = row.get("entry", math.nan)
    return {1.0: "long", -1.0: "short", 0.0: "no entry"}.get(float(entry), "unknown")


def _opened(row: Mapping[str, Any]) -> str:
    return f"{row['side']} at {row['open_rate']:.10g}"


def _trade(
    found: Found,
    key: tuple[datetime, str, str, int],
    ours: Mapping[str, Any] | None,
    theirs: Mapping[str, Any] | None,
    tolerances: Tolerances,
) -> None:
    candle, pair, side, _ = key
    if ours is None or theirs is None:
        alone = ours if theirs is None else theirs
        if alone is not None:
            found.note(Kind.ENTRY, _lone(Kind.ENTRY, alone, candle, is_live=theirs is None))
        return
    found.note(Kind.ENTRY, None)  # both were opened
    for kind, what, one, other, differs in _fields(ours, theirs, tolerances):
        finding = None
        if differs:
            finding = Finding(kind, pair, candle, what, one, other, side, ours, theirs)
        found.note(kind, finding)


def _fields(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], tolerances: Tolerances
) -> Iterator[tuple[Kind, str, Any, Any, bool]]:
    """Yield what is compared of a trade that both sides made, and whether it differs."""

    def pair(name: str) -> tuple[Any, Any]:
        return ours[name], theirs[name]

    opened = pair("opened_at")
    yield Kind.ENTRY, "time", *opened, abs(opened[0] - opened[1]) > tolerances.entry
    yield Kind.ENTRY, "tag", *pair("enter_tag"), ours["enter_tag"] != theirs["enter_tag"]
    yield Kind.ENTRY, "price", *pair("open_rate"), not close(*pair("open_rate"))
    for name in ("stake", "leverage"):
        yield Kind.SIZE, name, *pair(name), not close(*pair(name))
    stops = initial_stop(ours), initial_stop(theirs)
    yield Kind.PLAN, "initial stop", *stops, not close(*stops)
    for name in PLAN_NUMBERS:
        values = pair(f"plan_{name}")
        yield Kind.PLAN, name.replace("_", " "), *values, not close(*values)
    for name in PLAN_TEXTS:
        values = pair(f"plan_{name}")
        yield Kind.PLAN, name.replace("_", " "), *values, values[0] != values[1]
    closed = pair("closed_at")
    ends = [not pd.isna(moment) for moment in closed]
    states = ["closed" if end else "open" for end in ends]
    yield Kind.EXIT, "state", states[0], states[1], ends[0] != ends[1]
    if all(ends):
        reasons = pair("exit_reason")
        yield Kind.EXIT, "reason", *reasons, reasons[0] != reasons[1]
        yield Kind.EXIT, "time", *closed, abs(closed[0] - closed[1]) >= tolerances.detail
        yield Kind.EXIT, "price", *pair("close_rate"), not close(*pair("close_rate"))


def initial_stop(trade: Mapping[str, Any]) -> float:
    """Return Freqtrade's first stop as the share of the margin that it would have lost."""
    distance = abs(trade["open_rate"] - trade["initial_stop"])
    return float(distance / trade["open_rate"] * trade["leverage"])


def close(one: float, other: float, tolerance: float = SAME_NUMBER) -> bool:
    """Tell whether two numbers are the same but for rounding; unknown equals unknown."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=0.0)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.10g}" if isinstance(value, int | float | np.number) else str(value)

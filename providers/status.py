"""What lies in a data folder: how much, how complete, how old, and what is damaged.

Freqtrade's candle files and our store are looked at alike. A candle file is fresh while its last
candle closed at most two timeframes ago, a dataset of ours while its last row that says something
is no older than the dataset allows.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from providers.contract import Dataset, Quality, Span
from providers.errors import DataMissingError, ProviderError
from providers.sources import Entry
from providers.storage.history import missing_labels
from providers.storage.store import STORE_FOLDER, file_stem, read_frame, restated_path

FUNDING_INTERVAL = timedelta(hours=8)  # the longest; shorter ones show no gap
JITTER = timedelta(minutes=10)
_NO_SILENCE = timedelta(days=36_500)

_NATIVE = re.compile(r"(?P<stem>[\w-]+?)-(?P<timeframe>\d+[a-zA-Z]{1,2})(-(?P<type>[a-z_]+))?")
_STORED = re.compile(r"(?P<stem>[\w-]+?)-(?P<timeframe>\d+[a-z]|\d+mo|events)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class State(StrEnum):
    """What can be said about a series at a glance."""

    FRESH = "fresh"
    STALE = "stale"
    CORRUPT = "corrupt"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Series:
    """One dataset of one pair, as it lies on disk.

    Attributes
    ----------
    name : str
        A dataset, or candle type and timeframe of a native file (``futures-15m``).
    first, last : Timestamp or None
        Labels of the first and the last row.
    gaps : list of Span
        Stretches without rows.
    missing : int
        Labels that lie in them; 0 for events, which have no grid.
    age : timedelta or None
        Since the last row was first known; `allowed` is how old it may be.
    quality : Counter
        Rows by `Quality`, and ``restated`` and ``set_aside`` for what lies beside the file.
    problem : str
        What is wrong, with the way out; empty if nothing is.
    """

    pair: str
    name: str
    timeframe: str
    native: bool
    state: State
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    rows: int = 0
    gaps: list[Span] = field(default_factory=list)
    missing: int = 0
    age: timedelta | None = None
    allowed: timedelta | None = None
    quality: Counter[str] = field(default_factory=Counter)
    problem: str = ""

    @property
    def longest_gap(self) -> timedelta:
        """Return the length of the longest stretch without rows."""
        return max((gap.end - gap.start for gap in self.gaps), default=timedelta(0))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it; durations are seconds."""
        return {
            "pair": self.pair,
            "dataset": self.name,
            "timeframe": self.timeframe,
            "native": self.native,
            "state": self.state.value,
            "first": None if self.first is None else self.first.isoformat(),
            "last": None if self.last is None else self.last.isoformat(),
            "rows": self.rows,
            "gaps": len(self.gaps),
            "missing_labels": self.missing,
            "longest_gap_seconds": self.longest_gap.total_seconds(),
            "age_seconds": None if self.age is None else self.age.total_seconds(),
            "allowed_age_seconds": None if self.allowed is None else self.allowed.total_seconds(),
            "quality": dict(self.quality),
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class _Rule:
    """How to judge a file: its grid, its patience, and when a row counts as known."""

    step: timedelta | None
    allowed: timedelta
    delay: timedelta = timedelta(0)  # from label to known, where no ``known_at`` tells
    silence: timedelta | None = None  # of events: beyond it there is a gap


def survey(
    datadir: Path,
    now: pd.Timestamp,
    entries: Mapping[str, Entry],
    *,
    pairs: Sequence[str] = (),
    datasets: Sequence[str] = (),
) -> list[Series]:
    """Return everything in `datadir`, native files before ours, by pair and name.

    Parameters
    ----------
    entries : mapping of str to Entry
        The registry: how long each dataset stays fresh.
    pairs, datasets : sequence of str
        Only these; all by default. ``futures`` stands for ``futures-15m`` and its like.

    Raises
    ------
    DataMissingError
        No such folder.
    """
    if not datadir.is_dir():
        raise DataMissingError(
            f"data folder {datadir} does not exist; pass Freqtrade's data folder of one exchange, "
            "for example user_data/data/binance"
        )
    found = [*_native(datadir, now), *_stored(datadir, now, entries)]
    chosen = [
        series
        for series in found
        if (not pairs or series.pair in pairs)
        and (not datasets or any(is_called(series.name, name) for name in datasets))
    ]
    return sorted(chosen, key=lambda series: (series.pair, not series.native, _order(series)))


def is_called(name: str, wanted: str) -> bool:
    """Tell whether a series is meant by `wanted`: its name or the first part of it."""
    return name == wanted or name.startswith(f"{wanted}-")


def absent(found: Sequence[Series], required: Sequence[str], pairs: Sequence[str]) -> list[Series]:
    """Return a series in state MISSING for each required one that `found` lacks."""
    lacking = []
    for name in required:
        there = {series.pair for series in found if is_called(series.name, name)}
        if "MARKET" not in there:
            wanted = pairs or sorted({series.pair for series in found} - {"MARKET"}) or [""]
            lacking += [
                Series(pair, name, "", False, State.MISSING, problem=_FETCH.format(name))
                for pair in wanted
                if pair not in there
            ]
    return lacking


_FETCH = "not there; fetch it with `python scripts/backfill.py --datasets {}`"


def duration_of(timeframe: str) -> timedelta:
    """Return the length of a Freqtrade timeframe; a month counts thirty days."""
    number, unit = re.fullmatch(r"(\d+)([a-zA-Z]+)", timeframe).groups()  # type: ignore[union-attr]
    if unit in _UNITS:
        return timedelta(**{_UNITS[unit]: int(number)})
    return timedelta(days=30 * int(number))


def _native(datadir: Path, now: pd.Timestamp) -> Iterator[Series]:
    for path in sorted([*datadir.glob("*.feather"), *(datadir / "futures").glob("*.feather")]):
        match = _NATIVE.fullmatch(path.stem)
        if match is None:
            continue
        timeframe, kind = match["timeframe"], match["type"] or "spot"
        blank = _Blank(_pair_of(match["stem"]), f"{kind}-{timeframe}", timeframe, native=True)
        yield _look([path], blank, _native_rule(kind, duration_of(timeframe)), now)


def _native_rule(kind: str, step: timedelta) -> _Rule:
    if kind == "funding_rate":
        return _Rule(None, FUNDING_INTERVAL + JITTER, silence=FUNDING_INTERVAL)
    if kind == "open_interest":
        return _Rule(step, 2 * step)
    return _Rule(step, 2 * step, delay=step)


def _stored(datadir: Path, now: pd.Timestamp, entries: Mapping[str, Entry]) -> Iterator[Series]:
    for folder in sorted(path for path in (datadir / STORE_FOLDER).glob("[!.]*") if path.is_dir()):
        entry = entries.get(folder.name)
        for path in sorted(folder.iterdir()):
            match = _STORED.fullmatch(path.stem if path.suffix == ".feather" else path.name)
            if match is None or path.suffix not in {"", ".feather"}:
                continue
            files = sorted(path.glob("????-??-??.feather")) if path.is_dir() else [path]
            timeframe = match["timeframe"]
            blank = _Blank(_pair_of(match["stem"]), folder.name, timeframe, native=False)
            if files:
                yield _look(files, blank, _stored_rule(timeframe, entry), now)


def _stored_rule(timeframe: str, entry: Entry | None) -> _Rule:
    step = None if timeframe == "events" else duration_of(timeframe)
    if entry is None:  # a dataset of another version
        return _Rule(step, 2 * (step or timedelta(days=1)))
    # The registry knows taker flow of one length only
    dataset: Dataset = entry.dataset
    allowed = dataset.max_age if step == dataset.step or step is None else 2 * step
    pushed = entry.recorded and entry.poll is None  # nothing may have happened
    return _Rule(step, allowed, silence=None if pushed else dataset.max_age)


@dataclass(frozen=True, slots=True)
class _Blank:
    """What the name of a file tells."""

    pair: str
    name: str
    timeframe: str
    native: bool

    def series(self, state: State, **facts: Any) -> Series:
        return Series(self.pair, self.name, self.timeframe, self.native, state, **facts)


def _look(paths: Sequence[Path], blank: _Blank, rule: _Rule, now: pd.Timestamp) -> Series:
    beside = _beside(paths)
    try:
        frame = pd.concat([read_frame(path) for path in paths], ignore_index=True)
        if "date" not in frame or not isinstance(frame["date"].dtype, pd.DatetimeTZDtype):
            raise ProviderError(f"{paths[0]} has no dates; move it away and fetch it again")
    except ProviderError as error:
        return blank.series(State.CORRUPT, quality=beside, problem=str(error))
    frame = frame[frame["date"] <= now].sort_values("date", ignore_index=True)
    if frame.empty:
        return blank.series(State.STALE, quality=beside, problem=f"no rows up to {now:%F %H:%M}")
    dates = frame["date"].drop_duplicates(ignore_index=True)
    step = _grid(rule.step, dates, blank)
    allowed = rule.allowed if step is None or step == rule.step else 2 * step
    gaps = missing_labels(dates, step or rule.silence or _NO_SILENCE)
    known = _known(frame, rule)
    age = max(now - known, timedelta(0)) if known is not None else None
    late = age is None or age > allowed
    problem = ""
    if late:
        problem = (
            f"the last row was known {words(age)} ago, {words(allowed)} is allowed; fetch it again"
            if age is not None
            else "no row holds a value; fetch it again"
        )
    return blank.series(
        State.STALE if late else State.FRESH,
        first=dates.iloc[0],
        last=dates.iloc[-1],
        rows=len(frame),
        gaps=gaps,
        missing=0 if step is None else sum(round((g.end - g.start) // step) for g in gaps),
        age=age,
        allowed=allowed,
        quality=_flags(frame) + beside,
        problem=problem,
    )


def _grid(
    step: timedelta | None, dates: "pd.Series[pd.Timestamp]", blank: _Blank
) -> timedelta | None:
    """Return the grid; mark prices of old days exist at the funding instants only."""
    at_funding = dates.dt.floor(FUNDING_INTERVAL).eq(dates).all()
    if blank.name.startswith("mark-") and step is not None and at_funding:
        return max(step, FUNDING_INTERVAL)
    return step


def _known(frame: pd.DataFrame, rule: _Rule) -> pd.Timestamp | None:
    """Return when the last row that says something was known, None when none does."""
    values = frame.select_dtypes("number").drop(columns="quality", errors="ignore")
    telling = frame[np.isfinite(values).any(axis=1)] if values.shape[1] else frame
    if telling.empty:
        return None
    known = telling["known_at"] if "known_at" in frame else telling["date"] + rule.delay
    return pd.Timestamp(known.max())


def _flags(frame: pd.DataFrame) -> Counter[str]:
    if "quality" not in frame:
        return Counter()
    quality = frame["quality"].to_numpy(dtype=np.int64)
    named = {str(flag.name).lower(): int(flag) for flag in Quality if flag}
    return +Counter({name: int((quality & flag > 0).sum()) for name, flag in named.items()})


def _beside(paths: Sequence[Path]) -> Counter[str]:
    """Count what lies beside the files: contradictions, and damaged ones that were set aside."""
    found: Counter[str] = Counter()
    for path in paths:
        aside = path.parent.glob(f"{path.name}.corrupt-*")
        found["set_aside"] += sum(1 for file in aside if file.suffix != ".sha256")
        if restated_path(path).exists():
            try:
                found["restated"] += len(read_frame(restated_path(path)))
            except ProviderError:
                found["damaged_restated"] += 1
    return +found


def _pair_of(stem: str) -> str:
    """Return the pair of a file name: BTC_USDT_USDT -> BTC/USDT:USDT."""
    pair = stem.replace("_", "/", 1).replace("_", ":", 1)
    return pair if file_stem(pair) == stem else stem


def _order(series: Series) -> tuple[str, timedelta, str]:
    events = series.timeframe == "events"
    kind = series.name.partition("-")[0]
    return kind, timedelta(0) if events else duration_of(series.timeframe), series.name


def words(span: timedelta) -> str:
    """Return a duration as days, hours and minutes: ``3 d 04:05``."""
    minutes = span // timedelta(minutes=1)
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{days} d {clock}" if days else clock

"""How rows come into our store: appended, never altered.

A number that is stored stays. A blank may be filled later, and the row then counts as known from
the moment it was fetched. Where that would take other values of the row away from the past, the
blank stays blank. A newcomer that differs from a stored row goes to ``*.restated.feather`` beside
it, so both versions are kept. Taking in the same rows again changes nothing.

What is fetched lies in one file per pair; what is recorded in one small file per UTC day, which is
rewritten with each batch. Rows are told apart by ``date`` and the dataset's keys.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from providers.contract import Dataset, Span
from providers.errors import BadAnswerError, CorruptDataError, DataMissingError
from providers.storage.spans import union
from providers.storage.store import (
    read_frame,
    recording_folder,
    restated_path,
    set_aside,
    store_path,
    write_frame,
)

TOLERANCE = 1e-9  # relative; sources print the same number with more or fewer digits
LEAST_OVERLAP = 12  # labels from which on a comparison says something
FEW = 3  # labels that say something when not one of them agrees: a day has three settlements
MOST_DIFFERING = 0.5  # share of them beyond which the newcomers are not believed

_WRITING = threading.RLock()  # a lease keeps other processes away, this other threads
_STAMP = "datetime64[ms, UTC]"


class RestatedError(BadAnswerError):
    """Newcomers contradict the stored history so widely that they cannot be about the same time."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of taking rows in.

    Attributes
    ----------
    frame : DataFrame
        What is to be stored.
    appended, filled : int
        Rows that are new, and stored rows that got a value where they had none.
    restated : DataFrame
        Newcomers that differ from what is stored, with ``fetched_at``.
    """

    frame: pd.DataFrame
    appended: int
    filled: int
    restated: pd.DataFrame

    @property
    def changed(self) -> bool:
        """Return whether there is something to write."""
        return bool(self.appended or self.filled)


def columns_of(dataset: Dataset) -> list[str]:
    """Return the columns of a stored frame, in order."""
    return ["date", *_told(dataset), "known_at", "quality"]


def _told(dataset: Dataset) -> list[str]:
    """Return the columns that say something: numbers and words."""
    return [*list(dataset.values), *dataset.texts]


def identity(dataset: Dataset) -> list[str]:
    """Return the columns that tell rows apart."""
    return list(dict.fromkeys(["date", *dataset.keys]))


def empty(dataset: Dataset) -> pd.DataFrame:
    """Return no rows, in the shape of a stored frame."""
    return tidy(pd.DataFrame(columns=columns_of(dataset)), dataset)


def tidy(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return the columns of `dataset` in order, with the types that are stored."""
    types: dict[str, str] = dict.fromkeys(("date", "known_at"), _STAMP)
    types |= dict.fromkeys(dataset.values, "float64") | {"quality": "uint8"}
    if list(frame.columns) != columns_of(dataset):
        frame = frame[columns_of(dataset)]
    as_they_are = all(frame[name].dtype == kind for name, kind in types.items())
    return frame if as_they_are else frame.astype(types)


def merge(
    stored: pd.DataFrame, fresh: pd.DataFrame, dataset: Dataset, fetched_at: pd.Timestamp
) -> Merge:
    """Return `stored` with what is new in `fresh`; both stay as they are.

    Parameters
    ----------
    stored, fresh : DataFrame
        Rows of `dataset`.
    fetched_at : Timestamp
        When `fresh` came: a value that fills a blank was not known before.

    Raises
    ------
    RestatedError
        More than half of at least twelve common rows differ.
    """
    keys, values = identity(dataset), list(dataset.values)
    stored, fresh = tidy(stored, dataset), tidy(fresh, dataset)
    again = fresh.duplicated(keys)
    if again.any():
        first = merge(stored, fresh[~again], dataset, fetched_at)
        return _both(first, merge(first.frame, fresh[again], dataset, fetched_at))
    place = _labels(stored, keys).get_indexer(_labels(fresh, keys))
    common = fresh[place >= 0].reset_index(drop=True)
    mine, theirs = stored.iloc[place[place >= 0]].reset_index(drop=True), common
    differs = _differs(mine, theirs, dataset)
    _believe(mine[values], theirs[values], differs, dataset, theirs["date"])
    if dataset.step is None and not dataset.keys:
        _believe_stamps(stored["date"], fresh["date"], dataset)

    fills = _fills(mine, theirs, dataset, fetched_at) & ~differs
    kept = stored.copy()
    if fills.any():
        filled = _filled(mine[fills], theirs[fills], values, fetched_at)
        kept.iloc[place[place >= 0][fills.to_numpy()]] = filled
        kept = tidy(kept, dataset)
    new = fresh[place < 0]
    frame = pd.concat([kept, new], ignore_index=True) if len(new) else kept
    frame = frame.sort_values(keys, kind="stable", ignore_index=True)
    restated = theirs[differs].assign(fetched_at=fetched_at).astype({"fetched_at": _STAMP})
    return Merge(frame, len(new), int(fills.sum()), restated.reset_index(drop=True))


def _labels(frame: pd.DataFrame, keys: list[str]) -> pd.Index:
    """Return what tells rows apart, for looking them up."""
    return pd.Index(frame["date"]) if keys == ["date"] else pd.MultiIndex.from_frame(frame[keys])


def _fills(
    mine: pd.DataFrame, theirs: pd.DataFrame, dataset: Dataset, fetched_at: pd.Timestamp
) -> "pd.Series[bool]":
    """Mark stored rows that a newcomer may complete."""
    known = mine[list(dataset.values)].notna()
    news = (~known & theirs[list(dataset.values)].notna()).any(axis=1)
    # One ``known_at`` is about the whole row: filled years later, all of it would be known late
    young = fetched_at - mine["known_at"] <= dataset.max_age
    return news & (young | ~known.any(axis=1))


def _both(first: Merge, second: Merge) -> Merge:
    """Return the outcome of one merge after the other."""
    parts = [part for part in (first.restated, second.restated) if len(part)]
    restated = pd.concat(parts, ignore_index=True) if parts else first.restated
    filled = first.filled + second.filled
    return Merge(second.frame, first.appended + second.appended, filled, restated)


def _differs(mine: pd.DataFrame, theirs: pd.DataFrame, dataset: Dataset) -> "pd.Series[bool]":
    """Mark rows that disagree about a value both have."""
    values = list(dataset.values)
    one, other = mine[values].to_numpy(), theirs[values].to_numpy()
    both = np.isfinite(one) & np.isfinite(other)
    scale = np.maximum(np.abs(one), np.abs(other))
    apart = both & (np.abs(one - other) > np.maximum(TOLERANCE * scale, dataset.tolerance))
    different = pd.Series(apart.any(axis=1), index=mine.index)
    for text in dataset.texts:
        different |= mine[text].fillna("") != theirs[text].fillna("")
    return different


def _believe(
    mine: pd.DataFrame,
    theirs: pd.DataFrame,
    differs: "pd.Series[bool]",
    dataset: Dataset,
    dates: "pd.Series[pd.Timestamp]",
) -> None:
    """Raise when too much of what both know differs: shifted stamps, another unit or coin."""
    comparable = (mine.notna() & theirs.notna()).any(axis=1)
    count, wrong = int(comparable.sum()), int((differs & comparable).sum())
    mostly = count >= LEAST_OVERLAP and wrong > MOST_DIFFERING * count
    if mostly or count == wrong >= FEW:
        raise RestatedError(
            f"{dataset.name} disagrees with stored history at {wrong} of {count} labels, the "
            f"first {dates[differs].iloc[0]}; it looks like shifted stamps or another unit, and "
            "stored rows are untouched; if the stored file is the wrong one, move it away and "
            "fetch it again"
        )


def _believe_stamps(
    stored: "pd.Series[pd.Timestamp]", fresh: "pd.Series[pd.Timestamp]", dataset: Dataset
) -> None:
    """Raise when events of the same time share no stamp: shifted ones do not look restated."""
    if fresh.isin(stored).any():
        return
    among = int(stored.between(fresh.min(), fresh.max()).sum())
    beside = int(fresh.between(stored.min(), stored.max()).sum())
    if min(among, beside) >= FEW:
        raise RestatedError(
            f"{dataset.name} has no stamp in common with stored history between {fresh.min()} and "
            f"{fresh.max()}; it looks like shifted stamps, and stored rows are untouched; if the "
            "stored file is the wrong one, move it away and fetch it again"
        )


def _filled(
    mine: pd.DataFrame, theirs: pd.DataFrame, values: list[str], fetched_at: pd.Timestamp
) -> pd.DataFrame:
    """Return stored rows with their blanks filled, known no earlier than they were fetched."""
    filled = mine.copy()
    filled[values] = mine[values].where(mine[values].notna(), theirs[values])
    rule = mine["known_at"].where(mine["known_at"] > theirs["known_at"], theirs["known_at"])
    filled["known_at"] = rule.where(rule > fetched_at, fetched_at.as_unit("ms"))
    whole = theirs[values].notna().all(axis=1)
    both = mine["quality"] | theirs["quality"]
    filled["quality"] = theirs["quality"].where(whole, both)
    return filled


@dataclass(frozen=True, slots=True)
class History:
    """The file that holds one dataset of one pair."""

    datadir: Path
    dataset: Dataset
    pair: str

    @property
    def path(self) -> Path:
        """Return where the rows lie."""
        return store_path(self.datadir, self.dataset.name, self.pair, self.dataset.timeframe)

    def read(self) -> pd.DataFrame:
        """Return the stored rows, none where there is no file; CorruptDataError otherwise."""
        return _read(self.path, self.dataset)

    def heal(self) -> str | None:
        """Set a damaged file aside, so that it can be fetched anew; return what to report."""
        return heal(self.path)

    def add(self, fresh: pd.DataFrame, fetched_at: pd.Timestamp) -> Merge:
        """Take rows in and write; a crash leaves the file as it was or complete."""
        return _add(self.path, self.dataset, fresh, fetched_at)

    def keep_restated(self, rows: pd.DataFrame) -> None:
        """Keep rows, with ``fetched_at``, that contradict others which are kept as the first."""
        _keep_restated(self.path, rows, self.dataset)


def append_recording(datadir: Path, dataset: Dataset, pair: str, frame: pd.DataFrame) -> Merge:
    """Take in rows that were recorded, into a small file per UTC day of their ``date``.

    A crash loses nothing that was written before. A damaged day is set aside and begun anew.

    Returns
    -------
    Merge
        Its frame holds the days that were touched.
    """
    folder = recording_folder(datadir, dataset.name, pair)
    merges = []
    for day, rows in frame.groupby(frame["date"].dt.floor("D")):
        path = folder / f"{day:%Y-%m-%d}.feather"
        heal(path)
        received = rows["known_at"].max()
        try:
            merges.append(_add(path, dataset, rows, received))
        except RestatedError:  # what is recorded cannot be asked for again: keep both versions
            _keep_restated(path, rows.assign(fetched_at=received), dataset)
    whole = pd.concat([empty(dataset), *(m.frame for m in merges)], ignore_index=True)
    restated = [m.restated for m in merges if len(m.restated)]
    return Merge(
        whole,
        sum(m.appended for m in merges),
        sum(m.filled for m in merges),
        pd.concat(restated, ignore_index=True) if restated else empty(dataset),
    )


def heal(path: Path) -> str | None:
    """Set a damaged file aside; return what happened, None where nothing is wrong."""
    try:
        read_frame(path)
    except DataMissingError:
        return None
    except CorruptDataError as error:
        aside = set_aside(path, "corrupt")
        reason = str(error).removesuffix("; delete it and fetch it again")
        return f"{reason}; it was kept as {aside.name} and is fetched anew"
    return None


def nothing_known(stored: pd.DataFrame, dataset: Dataset) -> list[Span]:
    """Return the stretches within `stored` that lack rows, or whose rows have no value."""
    step = dataset.step or timedelta(minutes=1)
    blank = stored.loc[stored[list(dataset.values)].isna().all(axis=1), "date"]
    holes = [Span(date, date + step) for date in blank]
    if dataset.step is not None:
        holes += missing_labels(stored["date"], step)
    if dataset.longest is not None:
        silent = np.flatnonzero((stored["date"].diff() > dataset.longest).to_numpy())
        dates = stored["date"]
        holes += [Span(dates.iloc[row - 1] + step, dates.iloc[row]) for row in silent]
    return union(holes)


def missing_labels(dates: "pd.Series[pd.Timestamp]", step: timedelta) -> list[Span]:
    """Return the stretches between ascending labels in which labels are missing.

    A stretch is half-open and holds the missing labels themselves.
    """
    return list(_stretches(dates, step))


def _stretches(dates: "pd.Series[pd.Timestamp]", step: timedelta) -> Iterator[Span]:
    wide = np.flatnonzero((dates.diff() > step).to_numpy())
    for row in wide:
        yield Span(dates.iloc[row - 1] + step, dates.iloc[row])


def _read(path: Path, dataset: Dataset) -> pd.DataFrame:
    try:
        frame = read_frame(path)
    except DataMissingError:
        return empty(dataset)
    lacking = [name for name in columns_of(dataset) if name not in frame]
    if lacking:
        raise CorruptDataError(
            f"{path} has no column {', '.join(lacking)}, which {dataset.name} needs; "
            "move it away and fetch it again"
        )
    return tidy(frame, dataset)


def _add(path: Path, dataset: Dataset, fresh: pd.DataFrame, fetched_at: pd.Timestamp) -> Merge:
    with _WRITING:
        outcome = merge(_read(path, dataset), fresh, dataset, fetched_at)
        if len(outcome.restated):
            _keep_restated(path, outcome.restated, dataset)
        if outcome.changed:
            write_frame(outcome.frame, path, checksum=True)
    return outcome


def _keep_restated(path: Path, restated: pd.DataFrame, dataset: Dataset) -> None:
    """Add rows to the file of contradictions; the same one is kept once, as it first came."""
    beside, keys = restated_path(path), identity(dataset)
    columns = [*columns_of(dataset), "fetched_at"]
    with _WRITING:
        heal(beside)
        known = read_frame(beside)[columns] if beside.exists() else None
        whole = restated[columns] if known is None else pd.concat([known, restated[columns]])
        whole = whole.drop_duplicates(list(dict.fromkeys([*keys, *_told(dataset)])))
        whole = whole.sort_values([*keys, "fetched_at"], kind="stable", ignore_index=True)
        if known is None or len(whole) > len(known):
            write_frame(whole, beside, checksum=True)

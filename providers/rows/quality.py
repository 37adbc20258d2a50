"""The rules that hold for the rows of every dataset.

A row is never repaired: it is dropped and counted, or kept with the doubtful value as NaN and a
`Quality` that says why. What was counted adds up::

    rows = rows kept + dropped + future + duplicates + conflicts

``dropped`` rows have no instant, one outside our era or off the grid, or claim to have been known
before their label; ``future`` rows are labeled after the answer came. ``duplicates`` and
``conflicts`` gave way to another row of the same label, equal or different. The other counts are
rows among those kept, except ``disordered`` (rows that came against the order of the page, which
may run either way) and ``gaps`` (labels that are missing between the first row and the last).

Vouching again changes nothing. Nor does the order in which rows come, except that of rows which
contradict each other: there the last one stands, being what the source appended last.
"""

from collections import Counter
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from providers.contract import Checked, Dataset, Page, Quality
from providers.errors import BadAnswerError

ERA_START = pd.Timestamp("2017-01-01", tz="UTC")
CLOCK_TOLERANCE = timedelta(seconds=1)  # our clock and theirs differ
GRID_TOLERANCE = timedelta(seconds=30)
FROZEN_FROM = 12  # rows alike, an hour of snapshots
FROZEN_STEP = timedelta(minutes=5)

Instants = NDArray[np.int64]  # milliseconds since 1970
Flags = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MILLISECOND = timedelta(milliseconds=1)
_NEVER = np.iinfo(np.int64).min  # how NaT looks as a number
_EXPLAINED = int(Quality.BLANK | Quality.ZERO | Quality.INVALID)
_COUNTED = {
    "blanks": Quality.BLANK,
    "zeros": Quality.ZERO,
    "invalid": Quality.INVALID,
    "off_grid": Quality.OFF_GRID,
    "relabeled": Quality.RELABELED,
    "frozen": Quality.FROZEN,
}


def vouch(
    frame: pd.DataFrame,
    dataset: Dataset,
    page: Page,
    *,
    conflicts: Literal["first", "last"] = "last",
) -> Checked:
    """Return the rows of a page that can be vouched for, and what was found.

    Parameters
    ----------
    frame : DataFrame
        ``date``, the values and texts of `dataset`, ``known_at``; ``quality`` where `parse`
        already has something to say.
    conflicts : {"last", "first"}
        Which of several rows with one label stands; the first where a page runs newest first.

    Returns
    -------
    Checked
        Rows ascending by ``date`` (and by the dataset's keys), unique.

    Raises
    ------
    BadAnswerError
        Rows came, and none survives.
    """
    came, known = _milliseconds(frame["date"]), _milliseconds(frame["known_at"])
    dates = _on_grid(came, dataset.step)
    known = np.where(dates > came, known + dates - came, known)  # moved along, never back
    flags = _carried(frame) | np.where(dates != came, int(Quality.OFF_GRID), 0)
    future = np.maximum(came, dates) > _instant(page.fetched_at + CLOCK_TOLERANCE)
    sound = (dates >= _instant(ERA_START)) & (known >= dates)
    found = Counter(
        rows=len(frame),
        disordered=_disordered(came),
        future=int(future.sum()),
        dropped=int((~sound & ~future).sum()),
    )
    kept = np.flatnonzero(sound & ~future)
    if len(frame) and not len(kept):
        raise BadAnswerError(
            f"{page.name}: none of {len(frame)} rows of {dataset.name} can be trusted, "
            f"{found['future']} lie in the future and {found['dropped']} have no usable label "
            f"or a known_at before it; the first is labeled {frame['date'].iloc[0]}"
        )
    values, doubts = _plausible(frame, dataset, flags)
    flags |= doubts
    keys = [_codes(values[key] if key in values else frame[key]) for key in dataset.keys]
    newest = np.arange(len(frame)) * (1 if conflicts == "last" else -1)
    order = kept[np.lexsort([axis[kept] for axis in (newest, known, dates == came, *keys, dates)])]
    content = np.column_stack([*values.values(), *(_codes(frame[text]) for text in dataset.texts)])
    group = _groups(np.column_stack([dates, *keys])[order])
    final = _settle(order, group, content, flags, found)
    flags[final] |= _gaps(dates[final], dataset.step, found)
    flags[final] |= _frozen(np.column_stack([*values.values()])[final], dataset.step)
    found.update(
        {name: int(((flags[final] & int(flag)) != 0).sum()) for name, flag in _COUNTED.items()}
    )
    columns = {
        "date": _as_instants(dates[final]),
        **{name: column[final] for name, column in values.items()},
        **{text: frame[text].iloc[final].reset_index(drop=True) for text in dataset.texts},
        "known_at": _as_instants(known[final]),
        "quality": flags[final].astype(np.uint8),
    }
    return Checked(pd.DataFrame(columns), +found)


def _milliseconds(column: "pd.Series[pd.Timestamp]") -> Instants:
    instants = pd.to_datetime(column, utc=True).to_numpy("datetime64[ms]")
    return instants.astype(np.int64)


def _instant(moment: pd.Timestamp) -> int:
    return int(moment.as_unit("ms").asm8.astype(np.int64))


def _as_instants(milliseconds: Instants) -> "pd.Series[pd.Timestamp]":
    return pd.Series(milliseconds.astype("datetime64[ms]")).dt.tz_localize("UTC")


def _on_grid(came: Instants, step: timedelta | None) -> Instants:
    """Return the nearest label of the grid, `_NEVER` where that is too far."""
    if step is None:
        return came
    length = step // _MILLISECOND
    tolerance = min(GRID_TOLERANCE // _MILLISECOND, length // 4)
    within = came - came % length
    nearest = np.where(came % length > length // 2, within + length, within)
    close = (came != _NEVER) & (np.abs(came - nearest) <= tolerance)
    return np.where(close, nearest, _NEVER)


def _carried(frame: pd.DataFrame) -> Flags:
    if "quality" not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    return frame["quality"].to_numpy(np.int64, copy=True)


def _disordered(came: Instants) -> int:
    """Count the steps against the direction in which most rows come."""
    steps = np.diff(came[came != _NEVER])
    return int(min((steps > 0).sum(), (steps < 0).sum()))


def _plausible(
    frame: pd.DataFrame, dataset: Dataset, carried: Flags
) -> tuple[dict[str, NDArray[np.float64]], Flags]:
    """Return the values, NaN where they cannot be, and why."""
    values, doubts = {}, np.zeros(len(frame), dtype=np.int64)
    explained = (carried & _EXPLAINED) != 0  # vouched for before: the reason is known
    for name, bounds in dataset.values.items():
        column = frame[name].to_numpy(np.float64, copy=True)
        blank = ~np.isfinite(column)
        zero = (column == 0) & bounds.zero_is_missing
        invalid = ~blank & ~zero & ~((column >= bounds.least) & (column <= bounds.most))
        doubts |= np.where(blank & ~explained, int(Quality.BLANK), 0)
        doubts |= np.where(zero, int(Quality.ZERO), 0) | np.where(invalid, int(Quality.INVALID), 0)
        column[blank | zero | invalid] = np.nan
        values[name] = column
    return values, doubts


def _codes(column: Any) -> NDArray[np.int64]:
    """Return numbers that are equal where cells are, and sort as the cells do."""
    return np.asarray(pd.factorize(column, sort=True)[0], dtype=np.int64)


def _groups(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each sorted row the number of its label."""
    if not len(labels):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], (labels[1:] != labels[:-1]).any(axis=1).cumsum()])


def _settle(
    order: NDArray[np.int64],
    group: NDArray[np.int64],
    content: NDArray[np.float64],
    flags: Flags,
    found: Counter[str],
) -> NDArray[np.int64]:
    """Return the last row of each label; flag it where another one contradicts it."""
    final = order[np.flatnonzero(np.diff(group, append=-1))]
    champion = final[group] if len(final) else final
    differs = ~_alike(content[order], content[champion])
    flags[champion[differs]] |= int(Quality.CONFLICT)
    found["conflicts"] = int(differs.sum())
    found["duplicates"] = len(order) - len(final) - found["conflicts"]
    return final


def _alike(left: NDArray[np.float64], right: NDArray[np.float64]) -> Mask:
    alike: Mask = ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)
    return alike


def _gaps(dates: Instants, step: timedelta | None, found: Counter[str]) -> Flags:
    if step is None:
        return np.zeros(len(dates), dtype=np.int64)
    missing = np.diff(dates, prepend=dates[:1]) // (step // _MILLISECOND) - 1
    missing[:1] = 0  # what came before the first row is on another page
    found["gaps"] = int(missing.sum())
    return np.where(missing > 0, int(Quality.AFTER_GAP), 0)


def _frozen(values: NDArray[np.float64], step: timedelta | None) -> Flags:
    """Flag the rows from the twelfth that repeats all values of its predecessors."""
    if step is None or step > FROZEN_STEP or not len(values):
        return np.zeros(len(values), dtype=np.int64)
    repeats = np.zeros(len(values), dtype=bool)
    repeats[1:] = _alike(values[1:], values[:-1]) & np.isfinite(values[1:]).any(axis=1)
    index = np.arange(len(values))
    begun = np.maximum.accumulate(np.where(repeats, 0, index))
    return np.where(index - begun >= FROZEN_FROM - 1, int(Quality.FROZEN), 0)

"""From the bytes of a page to numbers and instants, or to a `BadAnswerError` that names the page.

What comes from outside is not trusted: size and depth are bounded, NaN and infinity are no JSON,
and a cell that is no number is missing, never zero. A missing key is an error, because it means
that the source has changed; a blank is not, because sources do send blanks, and
`providers.rows.quality` counts them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from providers.contract import Page
from providers.errors import BadAnswerError

LARGEST = 64 << 20  # bytes; a month of candles has a tenth of it
DEEPEST = 32  # brackets within brackets; no source needs ten
EARLIEST, LATEST = pd.Timestamp("2009-01-03", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")

Floats = NDArray[np.float64]
Unit = Literal["s", "ms", "us", "ns"]
_MILLISECONDS: dict[Unit, float] = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_NO_NUMBER = re.compile(rb"(?:^|[\[,:\s])-?(?:NaN|Infinity)\b")


def json_of(page: Page) -> Any:
    """Return what the JSON of a page says.

    Raises
    ------
    BadAnswerError
        It is empty, HTML, no JSON, holds a number that is none, or is too large or too deep.
    """
    refuse_oddities(page)
    try:
        answer = orjson.loads(page.content)
    except orjson.JSONDecodeError as error:
        why = "it holds NaN or Infinity" if _NO_NUMBER.search(page.content) else str(error)
        raise BadAnswerError(f"{page.name} is no JSON: {why}") from None
    if _deeper_than(DEEPEST, answer):
        raise BadAnswerError(f"{page.name} nests more than {DEEPEST} levels deep")
    return answer


def rows_of(page: Page, *path: str) -> list[dict[str, Any]]:
    """Return the list of objects that a page holds under the keys `path`, one within the other.

    Raises
    ------
    BadAnswerError
        Something else is there; the message names the key.
    """
    found = json_of(page)
    for depth, key in enumerate(path, 1):
        if not isinstance(found, dict) or key not in found:
            raise BadAnswerError(f"{page.name} has no {'.'.join(path[:depth])!r}: {found!r:.120}")
        found = found[key]
    where = repr(".".join(path)) if path else "the page"
    if not isinstance(found, list):
        raise BadAnswerError(f"{page.name}: {where} is {found!r:.120}, expected a list of rows")
    for row in found:
        if not isinstance(row, dict):
            raise BadAnswerError(f"{page.name}: {where} holds {row!r:.80}, expected objects")
    return found


def numbers(
    rows: Sequence[Mapping[str, Any]],
    key: str,
    page: Page | None = None,
    *,
    optional: bool = False,
) -> Floats:
    """Return what the rows hold under `key`.

    Null, an empty cell and a word are NaN. With `optional` so is a key that is not there.

    Raises
    ------
    BadAnswerError
        A row has no such key, or holds true, false, a list or an object there.
    """
    if not optional:
        for row in rows:
            if key not in row:
                raise BadAnswerError(
                    f"{_name(page)} has a row without {key!r}, only with "
                    f"{', '.join(map(str, row)):.120}; the source has changed"
                )
    return floats((row.get(key) for row in rows), key, page)


def floats(cells: Iterable[Any], key: str, page: Page | None = None) -> Floats:
    """Return cells as numbers, NaN where one is null, empty, a word or infinite.

    Raises
    ------
    BadAnswerError
        A cell is true, false, a list or an object; the message calls it `key`.
    """
    found = list(cells)
    for cell in found:
        if isinstance(cell, bool | list | dict):
            raise BadAnswerError(f"{_name(page)} holds {cell!r:.80} as {key!r}, expected a number")
    return np.array([_float(cell) for cell in found], dtype=np.float64)


def instants(
    values: Iterable[Any], unit: Unit, page: Page | None = None
) -> "pd.Series[pd.Timestamp]":
    """Return numbers since 1970 as datetime64[ms, UTC], NaT where there is none.

    Raises
    ------
    BadAnswerError
        An instant lies outside 2009 to 2100: most likely the source changed its unit.
    """
    if isinstance(values, np.ndarray | pd.Series):
        stamps = np.asarray(values, dtype=np.float64)
    else:
        stamps = floats(values, "instant", page)
    with np.errstate(over="ignore"):  # infinity is refused below
        milliseconds = np.floor(stamps * _MILLISECONDS[unit])
    blank = np.isnan(milliseconds)
    odd = ~blank & ~_plausible(milliseconds)
    if odd.any():
        raise BadAnswerError(_odd_instant(float(stamps[odd][0]), unit, page))
    whole = np.where(blank, 0.0, milliseconds).astype(np.int64).astype("datetime64[ms]")
    whole[blank] = np.datetime64("NaT")
    return pd.Series(whole).dt.tz_localize("UTC")


def written(words: Iterable[Any], layout: str) -> "pd.Series[pd.Timestamp]":
    """Return instants written in a `layout` of strptime or ``ISO8601`` as datetime64[ms, UTC].

    NaT stands for what is none, and for the words that pandas knows: ``now`` is our clock's.
    """
    texts = [word if isinstance(word, str) and word[:1].isdigit() else None for word in words]
    found = pd.to_datetime(pd.Series(texts, dtype=object), format=layout, utc=True, errors="coerce")
    return found.dt.as_unit("ms")


def refuse_oddities(page: Page) -> None:
    """Raise `BadAnswerError` when a page is too large, empty or markup: HTML, an error of S3."""
    if len(page.content) > LARGEST:
        raise BadAnswerError(f"{page.name} has {len(page.content)} bytes, at most {LARGEST}")
    start = page.content[:512].lstrip().lower()
    if not start and not page.content.strip():
        raise BadAnswerError(f"{page.name} is empty")
    if start.startswith(b"<"):
        kind = "an HTML page" if b"html" in start else "markup"
        raise BadAnswerError(f"{page.name} is {kind}, expected data; there may be maintenance")


def _deeper_than(limit: int, answer: Any) -> bool:
    level = [answer] if isinstance(answer, list | dict) else []
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, list | dict)
        ]
    return bool(level)


def _float(cell: Any) -> float:
    try:
        number = float(cell)
    except (ValueError, TypeError, OverflowError):
        return np.nan
    # Python reads 1_000 as a number and inf as infinite; no source means either
    return np.nan if np.isinf(number) or (isinstance(cell, str) and "_" in cell) else number


def _name(page: Page | None) -> str:
    return page.name if page else "the page"


def _plausible(milliseconds: Any) -> Any:
    first, last = EARLIEST.timestamp() * 1e3, LATEST.timestamp() * 1e3
    return (milliseconds >= first) & (milliseconds < last)


def _odd_instant(stamp: float, unit: Unit, page: Page | None) -> str:
    likely = [name for name, factor in _MILLISECONDS.items() if _plausible(stamp * factor)]
    hint = (
        f"it looks like {_UNIT_NAMES[likely[0]]}, the source may have changed its unit"
        if likely
        else "no unit makes it plausible"
    )
    return (
        f"{_name(page)} has the instant {stamp:.17g}, which as {_UNIT_NAMES[unit]} since 1970 "
        f"is not between 2009 and 2100; {hint}"
    )

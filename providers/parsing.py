"""From the bytes of a page to numbers and instants, or to a `BadAnswerError` that names the page.

What comes from outside is not trusted: size and depth are bounded, NaN and infinity are no JSON,
and a cell that is no number is missing, never zero. A missing key is an error, because it means
that the source has changed; a blank is not, because sources do send blanks, and
`providers.quality` counts them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

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
    return _floats([row.get(key) for row in rows], key, page)


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
        stamps = _floats(list(values), "instant", page)
    with np.errstate(over="ignore"):  # infinity is refused below
        milliseconds = np.floor(stamps * _MILLISECONDS[unit])
    blank = np.isnan(milliseconds)
    odd = ~blank & ~_plausible(milliseconds)
    if odd.any():
        raise BadAnswerError(_odd_instant(float(stamps[odd][0]), unit, page))
    whole = np.where(blank, 0.0, milliseconds).astype(np.int64).astype("datetime64[ms]")
    whole[blank] = np.datetime64("NaT")
    return pd.Series(whole).dt.tz_localize("UTC")


def csv_of(
    page: Page,
    columns: Sequence[str],
    *,
    layout: Sequence[str] | None = None,
    texts: Sequence[str] = (),
    dates: Sequence[str] = (),
) -> pd.DataFrame:
    """Return `columns` of a CSV file, as float64, NaN where a cell is blank or a word.

    A file whose first byte is a digit has no header; its columns are those of `layout`. Otherwise
    the header decides, and what is not in `columns` is left out.

    Parameters
    ----------
    layout : sequence of str
        All columns of a file without a header, in their order; `columns` where it is not given.
    texts : sequence of str
        Those of `columns` that are words.
    dates : sequence of str
        Those of `columns` that are written ``YYYY-MM-DD HH:MM:SS``; datetime64[ms, UTC].

    Raises
    ------
    BadAnswerError
        It is no CSV, or lacks a column; the message names it.
    """
    refuse_oddities(page)
    content = page.content.lstrip()
    names = list(layout or columns) if content[:1].isdigit() else None
    words = dict.fromkeys(columns, pa.string())
    types = {
        **dict.fromkeys(columns, pa.float64()),
        **dict.fromkeys(texts, pa.string()),
        **dict.fromkeys(dates, pa.timestamp("ms")),
    }
    try:
        try:
            table = _read_csv(content, names, types)
        except pa.ArrowInvalid:  # a word among the numbers, or no CSV at all
            table = _read_csv(content, names, words)
    except (pa.ArrowException, ValueError) as error:
        raise BadAnswerError(f"{page.name} is not the CSV it should be: {_reason(error)}") from None
    return pd.DataFrame({name: _column(table[name], types[name]) for name in columns})


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


def _floats(cells: list[Any], key: str, page: Page | None) -> Floats:
    for cell in cells:
        if isinstance(cell, bool | list | dict):
            raise BadAnswerError(f"{_name(page)} holds {cell!r:.80} as {key!r}, expected a number")
    return np.array([_float(cell) for cell in cells], dtype=np.float64)


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


def _read_csv(content: bytes, names: list[str] | None, types: dict[str, pa.DataType]) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(
            column_names=names,
            use_threads=False,  # files are read several at a time already
            block_size=len(content) + 1,  # a row never straddles two blocks
        ),
        convert_options=csv.ConvertOptions(column_types=types, include_columns=list(types)),
    )


def _column(column: pa.ChunkedArray, wanted: pa.DataType) -> Any:
    if pa.types.is_string(wanted):
        return column.to_pandas()
    if pa.types.is_timestamp(wanted):
        written = column.to_pandas()
        return pd.to_datetime(written, utc=True, errors="coerce").dt.as_unit("ms")
    if pa.types.is_string(column.type):
        return pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(np.float64)
    return column.to_numpy()


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__

"""Archive files as columns: by name where they have a header, else by documented position.

A file that is all it should be is read in one go. One with a word among its numbers is read again
as words, so that a bad cell costs itself and not the day.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from providers.contract import Page
from providers.errors import BadAnswerError
from providers.rows.parsing import written

NUMBER, WORD, STAMP = pa.float64(), pa.string(), pa.timestamp("ms")

_STAMP_FORMAT = "%Y-%m-%d %H:%M:%S"


def columns_of(
    page: Page, wanted: Mapping[str, pa.DataType], documented: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return columns: float64 with NaN, datetime64[ms] with NaT, or the different words.

    Parameters
    ----------
    page : Page
        Its content is a CSV file.
    wanted : mapping of str to data type
        `NUMBER`, `WORD` or `STAMP` (``YYYY-MM-DD HH:MM:SS``, UTC).
    documented : sequence of str
        The columns of a file without a header, which begins with a digit.

    Raises
    ------
    BadAnswerError
        It is no such file; the message names page and column.
    """
    content = page.content
    if not content.strip():
        raise BadAnswerError(f"{page.name}: nothing to read")
    if content.lstrip()[:1] == b"<":
        raise BadAnswerError(f"{page.name} begins {content[:60]!r}, expected a CSV file")
    headless = content[:1].isdigit()
    reading = csv.ReadOptions(
        use_threads=False,
        block_size=len(content) + 2,  # of one block, so a column has one type and one chunk
        column_names=list(documented) if headless else None,
    )
    names = [] if headless else content.split(b"\n", 1)[0].strip().split(b",")
    for name in wanted:
        if names.count(name.encode()) > 1:
            raise BadAnswerError(f"{page.name} has several columns {name!r}; which is meant?")
    try:
        try:
            table = _read(content, reading, wanted)
        except pa.ArrowInvalid:
            table = _read(content, reading, dict.fromkeys(wanted, WORD))
    except KeyError as error:  # Arrow names the column
        raise BadAnswerError(f"{page.name}: {error.args[0]}") from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadAnswerError(f"{page.name} is not the CSV it should be: {reason:.200}") from None
    return {name: _column(table[name], kind) for name, kind in wanted.items()}


def _read(content: bytes, reading: csv.ReadOptions, kinds: Mapping[str, pa.DataType]) -> pa.Table:
    converting = csv.ConvertOptions(
        column_types=dict(kinds),
        include_columns=list(kinds),
        null_values=[""],
        strings_can_be_null=True,
    )
    # the line break lets Arrow see a header that stands alone
    return csv.read_csv(pa.py_buffer(content + b"\n"), reading, convert_options=converting)


def _column(cells: pa.ChunkedArray, kind: pa.DataType) -> np.ndarray:
    if kind == WORD:
        return np.array(cells.unique().to_pylist(), dtype=object)
    if cells.type == kind:
        return np.asarray(cells.to_numpy())
    words = cells.to_pandas()
    if kind == NUMBER:
        return np.asarray(pd.to_numeric(words, errors="coerce"), dtype=np.float64)
    return written(words, _STAMP_FORMAT).to_numpy("datetime64[ms]")

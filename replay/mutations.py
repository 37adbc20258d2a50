"""Answers with one thing wrong: rows of a correct JSON answer, changed as a fault says.

Rows are what the venues send: lists (candles) or objects, bare or in Bybit's and alternative.me's
envelopes. A lone object is one row. Numbers keep the spelling of their venue, text or number.
"""

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from replay.candles import MINUTE

Row = dict[str, Any] | list[Any]
Settings = dict[str, Any]

STAMP_KEYS = ("timestamp", "fundingTime", "fundingRateTimestamp", "time", "serverTime")
_STAMP_COLUMNS = (0, 6)
_WORDS = {
    *("symbol", "pair", "contractType", "value_classification", "date", "time_until_update"),
    *STAMP_KEYS,
}
_SECONDS_BELOW = 10**11  # a stamp in milliseconds below it would be in 1973


def mutate(content: bytes, kind: str, settings: Settings, now: int) -> bytes | None:
    """Return the answer `content` with its rows changed; None when it has no rows to change.

    `now` is the exchange's clock in ms: rows of the ``future`` lie behind it.
    """
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    found = _rows(answer)
    if found is None or not found[0]:
        return None
    rows, put = found
    changed = _CHANGES[kind](rows, settings, now)
    # NaN is not JSON and still what some servers send; json writes it when it is asked to
    return json.dumps(put(changed), separators=(",", ":")).encode()


def empty(content: bytes) -> bytes:
    """Return the answer without its rows, in its envelope where it has one."""
    try:
        found = _rows(json.loads(content))
    except ValueError:
        found = None
    return b"[]" if found is None else json.dumps(found[1]([]), separators=(",", ":")).encode()


def _rows(answer: Any) -> tuple[list[Row], Callable[[list[Row]], Any]] | None:
    """Return the rows of an answer and the function that puts others in their place."""
    if isinstance(answer, list):
        return answer, lambda rows: rows
    if not isinstance(answer, dict):
        return None
    owner, key = answer, "data"
    if isinstance(answer.get("result"), dict):
        owner, key = answer["result"], "list"
    if not isinstance(owner.get(key), list):
        return [answer], lambda rows: rows[0] if len(rows) == 1 else rows

    def put(rows: list[Row]) -> Any:
        owner[key] = rows
        return answer

    return owner[key], put


def _stamp_keys(row: Row) -> list[Any]:
    if isinstance(row, list):
        return [column for column in _STAMP_COLUMNS if column < len(row)]
    return [key for key in STAMP_KEYS if key in row]


def _stamp(row: Row) -> int:
    keys = _stamp_keys(row)
    return int(row[keys[0]]) if keys else 0


def _value_keys(row: Row) -> list[Any]:
    """Return the keys of a row that hold numbers."""
    if isinstance(row, list):
        return [column for column in range(len(row)) if column not in {*_STAMP_COLUMNS, 11}]
    return [key for key, value in row.items() if key not in _WORDS and _is_number(value)]


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _newest(rows: list[Row], count: int) -> list[int]:
    """Return the positions of the `count` newest rows, in the order of the answer."""
    order = sorted(range(len(rows)), key=lambda position: _stamp(rows[position]))
    return sorted(order[-count:])


def _cells(change: Callable[[Any, Settings], Any]) -> Callable[[list[Row], Settings, int], Any]:
    """Return a mutation that applies `change` to the values of the newest rows."""

    def apply(rows: list[Row], settings: Settings, _: int) -> list[Row]:
        for position in _newest(rows, settings.get("rows", len(rows))):
            row = rows[position]
            for key in settings.get("fields", _value_keys(row)):
                if _has(row, key):
                    row[key] = change(row[key], settings)
        return rows

    return apply


def _has(row: Row, key: Any) -> bool:
    if isinstance(row, list):
        return isinstance(key, int) and -len(row) <= key < len(row)
    return key in row


def _spelled(like: Any, value: float) -> Any:
    """Return `value` as text or number, whichever `like` is."""
    if isinstance(like, str):
        decimals = len(like.partition(".")[2])
        return f"{value:.{decimals}f}"
    return int(value) if isinstance(like, int) else value


def _negate(value: Any, _: Settings) -> Any:
    return _spelled(value, -abs(float(value)) or -1.0) if _is_number(value) else value


def _scale(value: Any, settings: Settings) -> Any:
    if not _is_number(value):
        return value
    return _spelled(value, float(value) * settings.get("factor", 1.01))


def _restate(rows: list[Row], settings: Settings, now: int) -> list[Row]:
    return list(_cells(_scale)(rows, {"rows": 1} | settings, now))


def _duplicate(rows: list[Row], settings: Settings, _: int) -> list[Row]:
    again = set(_newest(rows, settings.get("rows", len(rows))))
    return [
        copy
        for at, row in enumerate(rows)
        for copy in ([row, _copy(row)] if at in again else [row])
    ]


def _conflict(rows: list[Row], settings: Settings, now: int) -> list[Row]:
    """Add a second, different row behind each of the newest ones."""
    others = _cells(_scale)([_copy(row) for row in rows], settings, now)
    again = set(_newest(rows, settings.get("rows", len(rows))))
    return [
        copy
        for at, row in enumerate(rows)
        for copy in ([row, others[at]] if at in again else [row])
    ]


def _shuffle(rows: list[Row], _: Settings, __: int) -> list[Row]:
    random.Random(len(rows)).shuffle(rows)
    return rows


def _gap(rows: list[Row], settings: Settings, _: int) -> list[Row]:
    """Leave out rows in the middle, so that both ends stay."""
    size = settings.get("rows", 3)
    begin = max(1, (len(rows) - size) // 2)
    return rows[:begin] + rows[begin + size :]


def _future(rows: list[Row], settings: Settings, now: int) -> list[Row]:
    """Add rows behind the clock, on the grid of the others, where the newest row stands."""
    stamps = sorted({_stamp(row) for row in rows})
    newest = rows[_newest(rows, 1)[0]]
    unit = 1000 if stamps[-1] < _SECONDS_BELOW else 1
    step = min((b - a for a, b in pairwise(stamps)), default=5 * MINUTE // unit)
    reached = max(stamps[-1], stamps[-1] + (now // unit - stamps[-1]) // step * step)
    ahead = [
        _moved(newest, reached - stamps[-1] + step * number)
        for number in range(1, settings.get("rows", 10) + 1)
    ]
    descending = len(rows) > 1 and _stamp(rows[0]) > _stamp(rows[-1])
    return ahead[::-1] + rows if descending else rows + ahead


def _moved(row: Row, distance: int) -> Row:
    """Return a copy with every stamp moved by `distance`, in the unit of the stamps."""
    moved = _copy(row)
    for key in _stamp_keys(moved):
        moved[key] = type(moved[key])(int(moved[key]) + distance)
    return moved


def _shift(rows: list[Row], settings: Settings, _: int) -> list[Row]:
    def distance(row: Row) -> int:
        return round(float(settings["seconds"]) * (1 if _stamp(row) < _SECONDS_BELOW else 1000))

    return [_moved(row, distance(row)) for row in rows]


def _seconds(rows: list[Row], _: Settings, __: int) -> list[Row]:
    for row in rows:
        for key in _stamp_keys(row):
            row[key] = type(row[key])(int(row[key]) // 1000)
    return rows


def _missing_key(rows: list[Row], settings: Settings, _: int) -> list[Row]:
    for row in rows:
        keys = _value_keys(row)
        key = settings.get("key", keys[0] if keys else None)
        if key is not None and _has(row, key):
            del row[key]
    return rows


def _extra_key(rows: list[Row], settings: Settings, _: int) -> list[Row]:
    for row in rows:
        if isinstance(row, list):
            row.append("1")
        else:
            row[str(settings.get("key", "unexpected"))] = "1"
    return rows


def _copy(row: Row) -> Row:
    return list(row) if isinstance(row, list) else dict(row)


_CHANGES: dict[str, Callable[[list[Row], Settings, int], list[Row]]] = {
    "nan": _cells(lambda *_: float("nan")),
    "strings": _cells(lambda *_: "abc"),
    "null": _cells(lambda *_: None),
    "negative": _cells(_negate),
    "zero": _cells(lambda value, _: _spelled(value, 0.0)),
    "restate": _restate,
    "conflict": _conflict,
    "duplicate": _duplicate,
    "shuffle": _shuffle,
    "gap": _gap,
    "future": _future,
    "shift": _shift,
    "seconds": _seconds,
    "missing_key": _missing_key,
    "extra_key": _extra_key,
}

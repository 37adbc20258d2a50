"""Scripted faults: what the exchange does wrong, to whom, and for how many requests.

A script is a JSON list of rules. A request belongs to the first rule in force that matches it; a
rule that lets it pass (`after`, or over after `count`) leaves it to the next ones. Nothing here is
random, so a rehearsal repeats.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

# Settings by kind; `path`, `symbol`, `after` and `count` go with every kind.
ANSWERS: dict[str, tuple[str, ...]] = {
    "status": ("status", "body", "retry_after", "banned_until"),
    "hang": ("seconds",),
    "slow": ("bytes_per_second",),
    "cut": (),
    "html": (),
    "empty_list": (),
    "json": ("body",),
    "flip": (),
    "bad_checksum": (),
    "missing": (),
}
_CELLS = ("fields", "rows")
MUTATIONS: dict[str, tuple[str, ...]] = {
    "nan": _CELLS,
    "strings": _CELLS,
    "null": _CELLS,
    "negative": _CELLS,
    "zero": _CELLS,
    "restate": (*_CELLS, "factor"),
    "conflict": (*_CELLS, "factor"),
    "duplicate": ("rows",),
    "shuffle": (),
    "gap": ("rows",),
    "future": ("rows",),
    "shift": ("seconds",),
    "seconds": (),
    "freeze": (),
    "missing_key": ("key",),
    "extra_key": ("key",),
}
KINDS = ANSWERS | MUTATIONS
_COMMON = ("path", "kind", "symbol", "count", "after")
_REQUIRED = {"status": "status", "json": "body", "shift": "seconds"}
_WHOLE = {"count": 1, "after": 0, "rows": 1, "status": 400, "retry_after": 0, "banned_until": 0}
_NUMBERS = ("bytes_per_second", "seconds", "factor")
_ABOVE_ZERO = {("slow", "bytes_per_second"), ("hang", "seconds")}


class FaultError(ValueError):
    """A script cannot be used; the message names rule, key, value and way out."""


@dataclass(slots=True)
class Rule:
    """One line of a script, and how often it was met.

    Attributes
    ----------
    path : str
        Prefix of the paths it is about, or a glob where it has ``*``, ``?`` or ``[``.
    kind : str
        What goes wrong; one of `KINDS`.
    symbol : str or None
        Binance's or Bybit's name, in the query or in the path of an archive file.
    count : int or None
        Requests it applies to before it is over; None for all.
    after : int
        Matching requests that pass unharmed before.
    settings : mapping
        What the kind takes besides.
    seen, applied : int
        Requests that matched, and those that were answered wrongly.
    frozen : dict
        First answers, by request, for ``freeze``.
    """

    path: str
    kind: str
    symbol: str | None = None
    count: int | None = None
    after: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    applied: int = 0
    frozen: dict[str, bytes] = field(default_factory=dict)

    def matches(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether a request is one that the rule is about."""
        if self.kind == "flip" and not path.endswith(".zip"):
            return False
        if self.kind == "bad_checksum" and not path.endswith(".CHECKSUM"):
            return False
        if self.symbol is not None:
            of_query = query.get("symbol", query.get("pair"))
            if self.symbol != of_query and self.symbol not in path.split("/"):
                return False
        if any(letter in self.path for letter in "*?["):
            return fnmatchcase(path, self.path)
        return path.startswith(self.path)

    def takes(self) -> bool:
        """Count a request that matches; tell whether the rule is in force for it."""
        self.seen += 1
        return self.after < self.seen and (self.count is None or self.applied < self.count)

    def as_json(self) -> dict[str, Any]:
        """Return the rule and its counts as `parse` reads them, counts besides."""
        optional = {"symbol": self.symbol, "count": self.count, "after": self.after or None}
        given = {name: value for name, value in optional.items() if value is not None}
        counts = {"seen": self.seen, "applied": self.applied}
        return {"path": self.path, "kind": self.kind} | given | self.settings | counts


def load(path: Path) -> list[Rule]:
    """Return the rules of a script file; FaultError when it cannot be read or understood."""
    try:
        script = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultError(f"{path} cannot be read ({error.strerror}); pass a JSON file") from None
    except ValueError as error:
        raise FaultError(f"{path} is not JSON ({error}); see docs/replay.md") from None
    return parse(script)


def parse(script: Any) -> list[Rule]:
    """Return the rules of a script; FaultError names the first thing that is wrong in it."""
    if not isinstance(script, list):
        raise FaultError(
            f"faults are {type(script).__name__}, expected a list of rules such as "
            '[{"path": "/fapi/", "kind": "status", "status": 503}]'
        )
    return [_rule(number, entry) for number, entry in enumerate(script)]


def _rule(number: int, entry: Any) -> Rule:
    if not isinstance(entry, dict):
        _refuse(number, "", entry, 'an object such as {"path": "/fapi/", "kind": "html"}')
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        _refuse(number, "kind", kind, f"one of {', '.join(KINDS)}")
    path = entry.get("path")
    if not isinstance(path, str) or not path.startswith(("/", "*")):
        _refuse(number, "path", path, "a prefix such as /futures/data/ or a glob such as *.zip")
    settings = {name: value for name, value in entry.items() if name not in _COMMON}
    for name, value in entry.items():
        _check(number, kind, name, value)
    if (required := _REQUIRED.get(kind)) and required not in entry:
        _refuse(number, required, None, f"a value, because kind {kind} needs one")
    symbol, count, after = entry.get("symbol"), entry.get("count"), entry.get("after", 0)
    return Rule(path, kind, symbol, count, after, settings)


def _check(number: int, kind: str, name: str, value: Any) -> None:
    """Refuse a setting that the kind does not take, or a value that cannot be meant."""
    if name in {"path", "kind"} or (name == "body" and name in KINDS[kind]):
        return
    if name not in (*_COMMON, *KINDS[kind]):
        takes = ", ".join((*_COMMON, *KINDS[kind]))
        _refuse(number, name, value, f"no such key for kind {kind}, which takes {takes}")
    if name in _WHOLE:
        _check_whole(number, name, value)
    elif name in _NUMBERS:
        _check_number(number, kind, name, value)
    elif name == "fields":
        valid = isinstance(value, list) and value and all(isinstance(f, str | int) for f in value)
        if not valid:
            _refuse(number, name, value, "a list of keys, or of columns counted from 0")
    elif not isinstance(value, str | int) or isinstance(value, bool):
        _refuse(number, name, value, "a name")


def _check_number(number: int, kind: str, name: str, value: Any) -> None:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not math.isfinite(value):
        _refuse(number, name, value, "a number")
    if (kind, name) in _ABOVE_ZERO and value <= 0:
        _refuse(number, name, value, "a number above 0")


def _check_whole(number: int, name: str, value: Any) -> None:
    least = _WHOLE[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (name == "status" and value > 599):
        upper = " to 599" if name == "status" else " or more"
        _refuse(number, name, value, f"a whole number, {least}{upper}")


def _refuse(number: int, key: str, value: Any, expected: str) -> NoReturn:
    place = f"faults[{number}].{key}" if key else f"faults[{number}]"
    raise FaultError(f"{place} is {value!r}, expected {expected}; docs/replay.md lists the kinds")


def choose(rules: Sequence[Rule], path: str, query: Mapping[str, str]) -> Rule | None:
    """Return the rule that a request falls to, and count it there; None for none."""
    for rule in rules:
        if rule.matches(path, query) and rule.takes():
            return rule
    return None

"""A script of faults over market time, played into an exchange while a bot trades.

A script is a JSON list. An entry says when it begins, for how long, and what goes wrong: a rule of
docs/replay.md for the exchange, or with ``do`` the name of something that the caller can do, such
as killing the bot::

    [
      {"at": "2026-01-08T06:05", "for": "30m", "path": "/futures/data/", "kind": "html"},
      {"at": "2026-01-08T09:05", "for": "10m", "do": "kill"}
    ]

Instants are UTC; ``for`` is a number with s, m, h or d, and without it the fault stays to the end.
Nothing here has a thread: whoever watches the bot calls `FaultPlayer.tick`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from rehearsal.errors import RehearsalError
from replay.faults import FaultError, parse

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_OURS = ("at", "for", "do")


class Controls(Protocol):
    """The remote control of an exchange: `replay.client.Faults`."""

    def set(self, *rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Replace all rules."""
        ...

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules in force with their counts."""
        ...


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry: a rule of the exchange, or an action, while ``begins <= now < ends``.

    Attributes
    ----------
    begins, ends : datetime
        UTC; without an end it stays.
    rule : dict
        For the exchange; empty for an action.
    action : str
        What is done instead; empty for a rule.
    """

    begins: datetime
    ends: datetime | None
    rule: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""

    @property
    def name(self) -> str:
        """Return what goes wrong, in a few words."""
        if self.action:
            return self.action
        words = [self.rule["kind"], self.rule.get("status"), self.rule["path"]]
        words.append(self.rule.get("symbol"))
        return " ".join(str(word) for word in words if word is not None)

    def in_force(self, now: datetime) -> bool:
        """Tell whether it is going on at `now`."""
        return self.begins <= now and (self.ends is None or now < self.ends)


Begin = Callable[[], None]
End = Callable[[], None]


@dataclass
class FaultPlayer:
    """Plays entries; call `tick` as often as the bot is looked at.

    Parameters
    ----------
    script : sequence of Planned
        In any order; entries may overlap.
    faults : Controls
        Of the exchange. Between two changes its rules are left alone, so that counts go on.
    actions : mapping
        What ``do`` may name: the function that begins it, and the one that ends it.
    """

    script: Sequence[Planned]
    faults: Controls
    actions: Mapping[str, tuple[Begin, End]] = field(default_factory=dict)
    _on: list[Planned] = field(default_factory=list)
    _rules: list[tuple[Planned, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.script:
            if entry.action and entry.action not in self.actions:
                known = ", ".join(self.actions) or "none here"
                raise RehearsalError(f"faults do {entry.action!r}, expected one of: {known}")

    def tick(self, now: datetime) -> list[str]:
        """Begin and end what is due at `now`; return a line for each, as a log would have it."""
        due = [entry for entry in self.script if entry.in_force(now)]
        ended = [entry for entry in self._on if entry not in due]
        begun = [entry for entry in due if entry not in self._on]
        if not ended and not begun:
            return []
        if any(entry.rule for entry in (*ended, *begun)):
            self._replace([entry for entry in due if entry.rule])
        for entry in ended:
            if entry.action:
                self.actions[entry.action][1]()
        for entry in begun:
            if entry.action:
                self.actions[entry.action][0]()
        self._on = due
        return [f"{now:%Y-%m-%d %H:%M} fault ends: {entry.name}" for entry in ended] + [
            f"{now:%Y-%m-%d %H:%M} fault begins: {entry.name}" for entry in begun
        ]

    @property
    def going_on(self) -> tuple[Planned, ...]:
        """Return what is in force since the last tick."""
        return tuple(self._on)

    def next_change(self, now: datetime) -> datetime | None:
        """Return when something begins or ends next, None when nothing will."""
        moments = [moment for entry in self.script for moment in (entry.begins, entry.ends)]
        return min((moment for moment in moments if moment and moment > now), default=None)

    def finished(self, now: datetime) -> bool:
        """Tell whether all has begun, and ended where it ends."""
        return self.next_change(now) is None

    def _replace(self, entries: list[Planned]) -> None:
        """Put the rules of `entries` in force; one that goes on keeps what is left of its count."""
        left = {id(entry): rule for entry, rule in self._remaining()}
        self._rules = [(entry, left.get(id(entry), dict(entry.rule))) for entry in entries]
        self.faults.set(*(rule for _, rule in self._rules))

    def _remaining(self) -> list[tuple[Planned, dict[str, Any]]]:
        counted = zip(self._rules, self.faults.rules() if self._rules else [], strict=False)
        found = []
        for (entry, rule), told in counted:
            left = dict(rule)
            if "after" in left:
                left["after"] = max(0, left["after"] - told["seen"])
            if "count" in left:
                left["count"] -= told["applied"]
                if left["count"] < 1:  # a count of none would be refused, a rule for later is none
                    left |= {"count": 1, "after": 10**9}
            found.append((entry, left))
        return found


def load_script(path: Path) -> list[Planned]:
    """Return the entries of a script file, sorted by their beginning.

    Raises
    ------
    RehearsalError
        It cannot be read or understood; the message names entry, key, value and way out.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RehearsalError(
            f"{path} cannot be read ({error.strerror}); pass a JSON file, see docs/rehearsal.md"
        ) from None
    except ValueError as error:
        raise RehearsalError(f"{path} is not JSON ({error}); see docs/rehearsal.md") from None
    return read_script(content)


def read_script(content: Any) -> list[Planned]:
    """Return the entries of a script by their beginning; RehearsalError says what is wrong."""
    if not isinstance(content, list):
        raise RehearsalError(
            f"a fault script is {type(content).__name__}, expected a list of entries such as "
            '{"at": "2026-01-08T06:05", "for": "30m", "path": "/fapi/", "kind": "html"}'
        )
    return sorted(map(_planned, range(len(content)), content), key=lambda entry: entry.begins)


def _planned(number: int, entry: Any) -> Planned:
    if not isinstance(entry, dict):
        raise RehearsalError(f"faults[{number}] is {entry!r}, expected an object with at and kind")
    begins = _instant(number, entry.get("at"))
    ends = begins + _span(number, entry["for"]) if "for" in entry else None
    rule = {key: value for key, value in entry.items() if key not in _OURS}
    if "do" not in entry:
        try:
            parse([rule])
        except FaultError as error:
            raise RehearsalError(str(error).replace("faults[0]", f"faults[{number}]")) from None
        return Planned(begins, ends, rule)
    if rule or not isinstance(entry["do"], str) or not entry["do"]:
        raise RehearsalError(
            f"faults[{number}].do is {entry['do']!r} beside {sorted(rule)}, expected the name of "
            "an action, and besides only at and for"
        )
    return Planned(begins, ends, action=entry["do"])


def _instant(number: int, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise RehearsalError(
            f"faults[{number}].at is {value!r}, expected an instant such as 2026-01-08T06:05 (UTC)"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _span(number: int, value: Any) -> timedelta:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    span = timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else timedelta(0)
    if not span:
        raise RehearsalError(
            f"faults[{number}].for is {value!r}, expected a time such as 90s, 30m, 2h or 1d"
        )
    return span

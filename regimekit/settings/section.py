"""A settings section: a frozen dataclass whose every value has a range and a meaning."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, ClassVar, get_type_hints


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message names the way out."""


def setting(
    default: Any, low: float = -math.inf, high: float = math.inf, *, about: str, choices: Any = ()
) -> Any:
    """Declare a setting: its default, its inclusive range or choices, and what it does."""
    metadata = {"low": low, "high": high, "about": about, "choices": tuple(choices)}
    return field(default=default, metadata=metadata)


class Section:
    """Base of the settings dataclasses: checks each value against its declared range.

    `key` is the section's name in the configuration, below `parent` where there is one.
    """

    __slots__ = ()
    key: ClassVar[str]
    parent: ClassVar[str] = "regimekit."

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for item in fields(self):  # type: ignore[arg-type]
            _check(
                f"{self.parent}{self.key}.{item.name}",
                item,
                types[item.name],
                getattr(self, item.name),
            )

    def check_order(self, low: str, high: str) -> None:
        """Raise SettingsError unless the value named `low` is at most that named `high`."""
        least, most = getattr(self, low), getattr(self, high)
        if least > most:
            raise SettingsError(
                f"{self.parent}{self.key}.{low} is {least:g}, above {high} with {most:g}; "
                f"lower {low} or raise {high}"
            )


def reject_unknown(path: str, given: Mapping[str, Any], known: set[str]) -> None:
    """Raise SettingsError for the first key of `given` that is not `known`."""
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise SettingsError(f"{path}.{key} is not a setting; {hint}")


def _check(name: str, item: Any, kind: type, value: Any) -> None:
    choices = item.metadata["choices"]
    if choices:
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
        return
    if kind is bool or isinstance(value, bool):
        if kind is not bool or not isinstance(value, bool):
            raise SettingsError(f"{name} is {value!r}, expected {_kind_name(kind)}")
        return
    if kind is str:
        if not isinstance(value, str):
            raise SettingsError(f"{name} is {value!r}, expected a text")
        return
    if not isinstance(value, int | float) or (kind is int and value % 1 != 0):
        raise SettingsError(f"{name} is {value!r}, expected {_kind_name(kind)}")
    low, high = item.metadata["low"], item.metadata["high"]
    if not low <= value <= high:  # written so that NaN fails
        raise SettingsError(
            f"{name} is {value}, expected {low:g} to {high:g} "
            f"(default {item.default:g}: {item.metadata['about']})"
        )


def _kind_name(kind: type) -> str:
    return {bool: "true or false", int: "a whole number"}.get(kind, "a number")

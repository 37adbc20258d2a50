"""The time the exchange believes it is, in milliseconds since 1970 UTC like all of `replay`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Clock = Callable[[], int]


def wall_clock() -> int:
    """Return the current time. It is ``time.time``, so libfaketime moves and speeds it up."""
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class ShiftedClock:
    """The wall clock moved by a constant, so that it starts in the past and runs at real speed."""

    shift: int

    @classmethod
    def starting_at(cls, instant: int) -> "ShiftedClock":
        """Return a clock that shows `instant` now."""
        return cls(instant - wall_clock())

    def __call__(self) -> int:
        """Return the shifted time."""
        return wall_clock() + self.shift


@dataclass(frozen=True, slots=True)
class FrozenClock:
    """A clock that always shows the same instant."""

    instant: int

    def __call__(self) -> int:
        """Return the instant."""
        return self.instant


def parse_instant(text: str) -> int:
    """Return the instant written as epoch milliseconds or as ISO 8601; without an offset it is UTC.

    >>> parse_instant("2026-01-10") == parse_instant("1768003200000")
    True
    """
    if text.isascii() and text.isdigit():
        instant = int(text)
    else:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        instant = int(moment.timestamp() * 1000)
    format_instant(instant)  # ValueError for a year no calendar has
    return instant


def format_instant(instant: int) -> str:
    """Return the instant in ISO 8601, to the second."""
    try:
        moment = datetime.fromtimestamp(instant / 1000, UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"

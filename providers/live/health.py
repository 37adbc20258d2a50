"""Whether a feed can be relied on: a small state machine, and a log that stays short.

Bad news counts at once, good news has to be confirmed: `Health` is OK after two good samples in a
row, and after more the more often it relapsed lately. So a source that comes and goes neither
opens a gate for a moment nor fills the log. Nothing here reads a clock; the caller says when.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import pandas as pd

from providers.errors import (
    BadAnswerError,
    BannedError,
    BlockedError,
    CorruptDataError,
    KeyMissingError,
    ProviderError,
    RateLimitedError,
)

GOOD_NEEDED = 2
MOST_DOUBLINGS = 4  # of the samples needed, one per relapse or change of trouble
RELAPSE = timedelta(hours=1)  # an OK that lasted longer was none
SUMMARY_EVERY = timedelta(minutes=15)
LONGEST_REASON = 300  # characters


class State(StrEnum):
    """Whether a feed can be relied on, and if not, why."""

    WARMUP = "WARMUP"
    OK = "OK"
    STALE = "STALE"
    INVALID = "INVALID"
    LIMITED = "LIMITED"
    OUTAGE = "OUTAGE"
    BANNED = "BANNED"
    BLOCKED = "BLOCKED"


class Outcome(StrEnum):
    """How asking a source went; all but `GOOD` name the state that they lead to."""

    GOOD = "GOOD"
    STALE = "STALE"
    INVALID = "INVALID"
    LIMITED = "LIMITED"
    OUTAGE = "OUTAGE"
    BANNED = "BANNED"
    BLOCKED = "BLOCKED"

    @classmethod
    def of(cls, error: ProviderError) -> "Outcome":
        """Return what an error says about its source."""
        kinds: tuple[tuple[type[ProviderError], Outcome], ...] = (
            (BannedError, cls.BANNED),
            (RateLimitedError, cls.LIMITED),
            (BlockedError, cls.BLOCKED),
            (KeyMissingError, cls.BLOCKED),
            (BadAnswerError, cls.INVALID),
            (CorruptDataError, cls.INVALID),
        )
        return next((outcome for kind, outcome in kinds if isinstance(error, kind)), cls.OUTAGE)


# From one trouble to another these have to be confirmed too, so that two of them do not alternate.
_MILD = frozenset({State.STALE, State.INVALID, State.LIMITED})


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state."""

    before: State
    after: State
    at: pd.Timestamp


@dataclass(slots=True)
class Health:
    """The state of one feed.

    Attributes
    ----------
    max_age : timedelta or None
        Without a good sample for this long, `tick` turns OK into STALE.
    state : State
        WARMUP until something was confirmed.
    last_good : Timestamp or None
        When the latest good sample came.
    """

    max_age: timedelta | None = None
    good_needed: int = GOOD_NEEDED
    state: State = State.WARMUP
    last_good: pd.Timestamp | None = None
    _same: int = 0  # latest outcome, times in a row
    _latest: Outcome | None = None
    _relapses: int = 0  # from OK
    _switches: int = 0  # from one trouble to another, since it was OK
    _ok_since: pd.Timestamp | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the feed can be relied on."""
        return self.state is State.OK

    def observe(self, outcome: Outcome, at: pd.Timestamp) -> Transition | None:
        """Take in how asking went; return the change of state, None when there is none."""
        self._same = self._same + 1 if outcome is self._latest else 1
        self._latest = outcome
        if outcome is Outcome.GOOD:
            self.last_good = at
            needed = self._patience(self._relapses)
            return self._move(State.OK, at) if self._same >= needed else None
        target = State(outcome.value)
        in_trouble = self.state not in {State.OK, State.WARMUP}
        if in_trouble and target in _MILD and self._same < self._patience(self._switches):
            return None
        return self._move(target, at)

    def tick(self, at: pd.Timestamp) -> Transition | None:
        """Let time pass: OK without a good sample for `max_age` becomes STALE."""
        if self.max_age is None or self.last_good is None or not self.ok:
            return None
        return self.observe(Outcome.STALE, at) if at - self.last_good > self.max_age else None

    def _patience(self, changes: int) -> int:
        """Return how many samples in a row it takes, the more the more it changed lately."""
        return self.good_needed << min(changes, MOST_DOUBLINGS)

    def _move(self, target: State, at: pd.Timestamp) -> Transition | None:
        if target is self.state:
            return None
        if self.ok:
            lasted = self._ok_since is not None and at - self._ok_since > RELAPSE
            self._relapses = 0 if lasted else self._relapses + 1
        in_trouble = self.state is not State.WARMUP and not self.ok and target is not State.OK
        self._switches = self._switches + 1 if in_trouble else 0
        before, self.state = self.state, target
        self._ok_since = at if self.ok else None
        return Transition(before, target, at)


@dataclass(slots=True)
class HealthLog:
    """One line per transition; what goes on unchanged is counted, and told every 15 minutes."""

    logger: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))
    clock: Callable[[], float] = time.monotonic  # seconds
    every: timedelta = SUMMARY_EVERY
    _counts: Counter[str] = field(default_factory=Counter)
    _told: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, transition: Transition | None, why: str = "") -> None:
        """Log the transition of feed `name`, or count `why` when there is none.

        Without a transition and without a reason nothing is worth a word.
        """
        with self._lock:
            if transition is not None:
                self._log(name, transition, why)
            elif why:
                self._counts[name] += 1
            self._summarize()

    def _log(self, name: str, transition: Transition, why: str) -> None:
        level = logging.INFO if transition.after is State.OK else logging.WARNING
        reason = f": {one_line(why)}" if why else ""
        self.logger.log(level, "%s: %s -> %s%s", name, transition.before, transition.after, reason)

    def _summarize(self) -> None:
        now = self.clock()
        if self._told is None:
            self._told = now
        if not self._counts or now - self._told < self.every.total_seconds():
            return
        most = ", ".join(f"{name} {count}" for name, count in self._counts.most_common(5))
        self.logger.info(
            "%d failures of %d feeds in %.0f min, the most: %s",
            *(self._counts.total(), len(self._counts), (now - self._told) / 60, most),
        )
        self._counts.clear()
        self._told = now


def one_line(text: str) -> str:
    """Return words of a stranger such that they fit a line of a log and cannot forge another."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_REASON]

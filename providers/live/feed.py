"""Keeps datasets fresh in the background, so that nothing on the analysis path waits for a network.

A `Feed` runs the polls of each source in a thread of its own, so that a source that hangs delays
nobody else. What comes in goes to a `Sink`: memory for a bot, the store for a recorder. What goes
wrong changes the `Health` of the poll, is logged once per change, and is asked again after a pause
that grows.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Protocol

import pandas as pd

from providers.contract import Dataset
from providers.errors import (
    BlockedError,
    KeyMissingError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from providers.live.health import HealthLog, Outcome
from providers.live.polls import LONGEST_RETRY, Poll
from providers.live.stop import Stop

_LOG = logging.getLogger(__name__)

IDLE = timedelta(seconds=5)  # after which due times, the clock and new pairs are looked at anyway


class Sink(Protocol):
    """Where rows go."""

    def newest(self, dataset: Dataset, pair: str) -> pd.Timestamp | None:
        """Return the latest label that is there, None before the first."""
        ...

    def accept(self, dataset: Dataset, pair: str, rows: pd.DataFrame, at: pd.Timestamp) -> None:
        """Take in rows that a provider vouches for, fetched at `at`."""
        ...


@dataclass(slots=True)
class Group:
    """The polls of one source, asked one after the other.

    Attributes
    ----------
    polls : tuple of Poll
        Replaced as a whole, so that another thread may do it at any time.
    """

    polls: tuple[Poll, ...]
    sink: Sink
    clock: Callable[[], pd.Timestamp]
    log: HealthLog
    stop: threading.Event = field(default_factory=Stop)

    def step(self) -> timedelta:
        """Ask whatever is due; return the time until something may be due again."""
        for poll in self.polls:
            if self.stop.is_set():
                break
            if poll.is_due(self.clock()):
                self._ask(poll)
        now = self.clock()
        return min([IDLE, *(poll.wait(now) for poll in self.polls)])

    def run(self) -> None:
        """Step until told to stop; the body of a thread."""
        while not self.stop.is_set():
            self.stop.wait(self.step().total_seconds())

    def _ask(self, poll: Poll) -> None:
        now = self.clock()
        poll.postpone(now)  # should this kill the thread, the next one does not begin with it
        try:
            self._fetch(poll, now)
        except ProviderError as error:
            if not self.stop.is_set():
                self._heed(poll, error, now)
                self._note(poll, Outcome.of(error), str(error))
        except OSError as error:
            self._note(poll, Outcome.OUTAGE, f"cannot be written, {error}")
        except Exception as error:  # noqa: BLE001 - a bug in one poll must not end the others
            if self._note(poll, Outcome.INVALID, f"{type(error).__name__}: {error}"):
                _LOG.error("%s failed, unforeseen", poll.name, exc_info=error)
        else:
            if self.stop.is_set():  # what was cut short says nothing about the source
                return
            now = self.clock()
            self._note(poll, *poll.judged(now))
            poll.settle(now)

    def _heed(self, poll: Poll, error: ProviderError, now: pd.Timestamp) -> None:
        """Leave the venue alone as it demands: a limit counts for all that is asked of it."""
        if isinstance(error, RateLimitedError):
            for other in self.polls:
                other.bar(error.until)
        elif isinstance(error, BlockedError | KeyMissingError):
            name = poll.provider.dataset.name
            for other in self.polls:
                if other.provider.dataset.name == name:
                    other.due = now + LONGEST_RETRY

    def _fetch(self, poll: Poll, now: pd.Timestamp) -> None:
        """Hand new rows to the sink, and remember when the newest row was first known."""
        provider, pair = poll.provider, poll.pair
        latest = poll.latest if provider.dataset.step is None else None
        for page in provider.pages(pair, poll.span(self.sink.newest(provider.dataset, pair), now)):
            if self.stop.is_set():  # whoever waited for this thread has given up on it
                break
            frame = provider.check(provider.parse(page), page).frame
            if not frame.empty:
                self.sink.accept(provider.dataset, pair, frame, page.fetched_at)
                known = frame["known_at"].max()
                latest = known if latest is None else max(latest, known)
        poll.latest = latest

    def _note(self, poll: Poll, outcome: Outcome, why: str) -> bool:
        poll.outcome = outcome
        transition = poll.health.observe(outcome, self.clock())
        self.log.note(poll.name, transition, why)
        return transition is not None


@dataclass(slots=True)
class Feed:
    """All polls of a process, one thread per source.

    Attributes
    ----------
    stopping : Event
        Set it, or call `stop`; a request that waits for its turn may watch it (`interruptible`).
    """

    sink: Sink
    clock: Callable[[], pd.Timestamp]
    log: HealthLog = field(default_factory=HealthLog)
    stopping: threading.Event = field(default_factory=Stop)
    _groups: dict[str, Group] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)

    @property
    def polls(self) -> tuple[Poll, ...]:
        """Return all polls."""
        return tuple(poll for group in self._groups.values() for poll in group.polls)

    def follow(self, polls: Sequence[Poll]) -> None:
        """Poll these and no others; one that is known by dataset and pair goes on as it is."""
        known = {poll.key: poll for poll in self.polls}
        wanted: dict[str, list[Poll]] = {source: [] for source in self._groups}
        for poll in polls:
            kept = known.get(poll.key, poll)
            wanted.setdefault(kept.provider.source, []).append(kept)
        for source, of_source in wanted.items():
            if source in self._groups:
                self._groups[source].polls = tuple(of_source)
            else:
                self._groups[source] = Group(
                    tuple(of_source), self.sink, self.clock, self.log, self.stopping
                )

    def ensure(self) -> None:
        """Start the threads that are not running: at first all, later one that died."""
        if self.stopping.is_set():
            return
        for source, group in self._groups.items():
            thread = self._threads.get(source)
            if thread is not None and thread.is_alive():
                continue
            if thread is not None:
                _LOG.error("The feed of %s had died and is started again", source)
            self._threads[source] = threading.Thread(
                target=group.run, name=f"feed {source}", daemon=True
            )
            self._threads[source].start()

    def once(self) -> tuple[Poll, ...]:
        """Ask everything that is due, here and now; return the polls that did not go well."""
        for group in self._groups.values():
            group.step()
        return tuple(poll for poll in self.polls if poll.outcome is not Outcome.GOOD)

    def stop(self, seconds: float = 10.0) -> None:
        """Ask the threads to end and wait for them, at most `seconds` in all."""
        self.stopping.set()
        deadline = monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - monotonic()))

    def states(self) -> dict[str, str]:
        """Return the state of each poll by name."""
        now = self.clock()
        return {poll.name: str(poll.state(now)) for poll in self.polls}


def interruptible(stopping: threading.Event) -> Callable[[float], None]:
    """Return a way to sleep that ends with UnavailableError when `stopping` is set."""

    def sleep(seconds: float) -> None:
        if stopping.wait(seconds):
            raise UnavailableError("the process is about to end")

    return sleep

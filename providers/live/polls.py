"""When a source is asked about a dataset of a pair, for what span, and how that has gone.

Nothing here asks or waits: a `Poll` is told the time and what happened, and says when it is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.contract import MARKET, Provider, Scope, Span
from providers.live.health import Health, Outcome, State
from providers.sources import Entry, Sources

LATENESS = timedelta(seconds=5)  # a candle is asked for this long after it closed
OVERLAP = 3  # steps asked again, so that a row the source published late is not missed
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(minutes=15)
MARGIN = timedelta(seconds=1)  # added to what a venue demands: clocks differ


def retry_after(failures: int) -> timedelta:
    """Return the pause after that many failures in a row; it doubles up to a limit."""
    return min(FIRST_RETRY * (1 << min(failures - 1, 10)), LONGEST_RETRY)


@dataclass(slots=True)
class Poll:
    """A provider, asked about one pair every `every`.

    Attributes
    ----------
    lookback : timedelta
        How far back to begin when nothing is there.
    due : Timestamp or None
        When to ask next; None before the first time.
    barred : Timestamp or None
        Until when the venue forbids to ask.
    failures : int
        Answers that were none, in a row.
    waits : int
        Answers in a row that lacked the row which was due.
    latest : Timestamp or None
        When the newest row was known that ever came.
    outcome : Outcome or None
        How the latest asking went.
    """

    provider: Provider
    pair: str
    every: timedelta
    lookback: timedelta
    health: Health = field(default_factory=Health)
    due: pd.Timestamp | None = None
    barred: pd.Timestamp | None = None
    failures: int = 0
    waits: int = 0
    latest: pd.Timestamp | None = None
    outcome: Outcome | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return the names of dataset and pair."""
        return self.provider.dataset.name, self.pair

    @property
    def name(self) -> str:
        """Return dataset and pair, as logs name them."""
        return " ".join(self.key)

    def is_due(self, now: pd.Timestamp) -> bool:
        """Tell whether to ask at `now`."""
        return self.wait(now) <= timedelta(0)

    def wait(self, now: pd.Timestamp) -> timedelta:
        """Return the time until it is due.

        A clock that was set back must not silence a feed for hours: a moment further ahead than
        this poll ever plans was planned by another clock, and counts only where a venue set it.
        """
        barred = timedelta(0) if self.barred is None else self.barred - now
        due = timedelta(0) if self.due is None else self.due - now
        if due > self.every + LONGEST_RETRY:
            due = timedelta(0)
        return max(barred, due, timedelta(0))

    def span(self, newest: pd.Timestamp | None, now: pd.Timestamp) -> Span:
        """Return what to ask for: a little before the newest row that is known, until now."""
        start = now - self.lookback
        if newest is not None:
            step = self.provider.dataset.step or timedelta(0)
            start = max(start, min(newest, now) - OVERLAP * step)
        return Span(start, now)

    def postpone(self, now: pd.Timestamp, least: timedelta = timedelta(0)) -> None:
        """Set `due` after a failure: a pause that grows, but at least `least`."""
        self.failures += 1
        self.due = now + max(retry_after(self.failures), least)

    def bar(self, until: pd.Timestamp) -> None:
        """Ask nothing before a venue allows it."""
        if self.barred is None or until + MARGIN > self.barred:
            self.barred = until + MARGIN

    def settle(self, now: pd.Timestamp) -> None:
        """Set `due` after an answer.

        That is just after the next multiple of `every`; earlier while the row of the last step is
        late, and while the feed has to confirm that it is well again.
        """
        self.failures = 0
        self.due = now.floor(self.every) + self.every + LATENESS
        step = self.provider.dataset.step
        late = step is not None and (self.latest is None or self.latest < now.floor(step))
        self.waits = self.waits + 1 if late else 0
        if late:
            self.due = min(self.due, now + retry_after(self.waits))
        elif not self.health.ok and self.outcome is Outcome.GOOD:  # a source that is silent may
            self.due = min(self.due, now + FIRST_RETRY)  # stay so, and its requests are counted

    def judged(self, now: pd.Timestamp) -> tuple[Outcome, str]:
        """Return what the age of the newest row says about an answer that came, and why."""
        dataset = self.provider.dataset
        if self.latest is None:
            return Outcome.STALE, "the source has no row"
        if now - self.latest > dataset.max_age:
            return Outcome.STALE, f"the newest row was known at {self.latest:%Y-%m-%d %H:%M:%S} UTC"
        return Outcome.GOOD, ""

    def state(self, now: pd.Timestamp) -> State:
        """Return the state; STALE when it was OK and nothing confirmed that for too long."""
        told = self.health.last_good
        limit = self.provider.dataset.max_age + self.every
        if self.health.ok and (told is None or abs(now - told) > limit):
            return State.STALE
        return self.health.state


def polls_of(
    entry: Entry,
    pairs: Sequence[str],
    sources: Sources,
    lookback: timedelta,
    every: timedelta | None = None,
) -> list[Poll]:
    """Return the polls that keep `entry` fresh: of the first provider that reaches the present.

    Parameters
    ----------
    lookback : timedelta
        How far back to begin when nothing is there; longer where rows come seldom.
    every : timedelta, optional
        How often to ask; by default what the entry says, or the step of the dataset.
    """
    now = sources.client.now()
    for provider in entry.providers(sources):
        part = provider.covers(Span(now - timedelta(minutes=1), now), now)
        if part is not None and part.end == now:
            break
    else:
        return []
    dataset = provider.dataset
    every = every or entry.poll or dataset.step
    if every is None:
        return []
    lookback = max(lookback, dataset.max_age)
    about = [MARKET] if dataset.scope is Scope.MARKET else pairs
    return [Poll(provider, pair, every, lookback) for pair in about]

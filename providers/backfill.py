"""Fetches history into our store: every dataset of every pair, from all its sources, resumable.

The sources of a dataset are asked in order for what none of them has answered yet, and for a day
before that, which is compared with what is stored. A source that fails leaves the rest to the next
one; a damaged page is told and left out; a source that contradicts what is stored is not believed
any further; one that refuses this location is not asked again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd

from providers.contract import MARKET, Dataset, Provider, Scope, Span
from providers.errors import (
    BadAnswerError,
    BlockedError,
    CorruptDataError,
    KeyMissingError,
    ProviderError,
    RateLimitedError,
    SourceError,
    UnavailableError,
)
from providers.sources import Entry, Sources
from providers.storage.history import History, RestatedError, empty, nothing_known
from providers.storage.intake import Intake, Outcome
from providers.storage.lease import lease
from providers.storage.ledger import Answered, Ledger
from providers.storage.spans import length

BATCH_PAGES = 50
BATCH_TIME = timedelta(seconds=20)
SILENCES = 3  # no answer this often in a row, and a source is left alone

ROWS_PER_REQUEST = 500  # a guess, for sources that do not say it themselves


class Progress(Protocol):
    """Is told how far a backfill has come."""

    def begin(self, name: str, total: timedelta) -> None:
        """Begin with `name`, of which `total` is missing."""
        ...

    def advance(self, done: timedelta, rows: int) -> None:
        """Say that so much of the time that was missing is done, and rows that came with it."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """End what was begun."""
        ...


class Silent:
    """A `Progress` that tells nobody."""

    def begin(self, name: str, total: timedelta) -> None:
        """Say nothing."""

    def advance(self, done: timedelta, rows: int) -> None:
        """Say nothing."""

    def finish(self, outcome: Outcome) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a source would be asked, as far as is known before."""

    dataset: str
    pair: str
    source: str
    spans: list[Span]
    requests: int

    @property
    def length(self) -> timedelta:
        """Return the time that is asked for."""
        return length(self.spans)


@dataclass(slots=True)
class Report:
    """The outcomes so far, and what concerns more than one of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def flawless(self) -> bool:
        """Return whether nothing went wrong."""
        return not self.problems and not any(outcome.problems for outcome in self.outcomes)


@dataclass(slots=True)
class Backfill:
    """Asks `sources` and writes to `datadir`.

    Attributes
    ----------
    then : callable
        Called with each finished outcome: to derive Freqtrade's own files, for example.
    report : Report
        Grows while it runs, so that it is there after an interruption.
    """

    datadir: Path
    sources: Sources
    progress: Progress = field(default_factory=Silent)
    then: Callable[[Outcome], None] = lambda _: None
    report: Report = field(default_factory=Report)
    _refused: dict[str, str] = field(default_factory=dict)
    _silences: dict[str, int] = field(default_factory=dict)

    def run(self, entries: Sequence[Entry], pairs: Sequence[str], span: Span) -> Report:
        """Fetch `span` of all `entries` for all `pairs`.

        Raises
        ------
        LeaseError
            Another process writes one of the datasets; nothing was fetched.
        """
        with ExitStack() as leases:
            for entry in entries:
                leases.enter_context(lease(self.datadir, entry.dataset.name, self._now))
            for entry in entries:
                providers = self._providers(entry)
                for pair in pairs_of(entry.dataset, pairs) if providers else ():
                    self._fetch_all(self._history(providers, pair), providers, span)
        return self.report

    def plan(
        self, entries: Sequence[Entry], pairs: Sequence[str], span: Span
    ) -> Iterator[Question]:
        """Yield what would be asked if every source answered; nothing is written or sent."""
        for entry in entries:
            providers = self._providers(entry)
            for pair in pairs_of(entry.dataset, pairs) if providers else ():
                history = self._history(providers, pair)
                try:
                    stored = history.read()
                except CorruptDataError:  # a run would set it aside and fetch all anew
                    stored = empty(history.dataset)
                yield from self._questions(history, stored, providers, span)

    def _history(self, providers: Sequence[Provider], pair: str) -> History:
        """Return the file that all of `providers` fill; they know their step, the registry not."""
        return History(self.datadir, providers[0].dataset, pair)

    def _questions(
        self, history: History, stored: pd.DataFrame, providers: Sequence[Provider], span: Span
    ) -> Iterator[Question]:
        ledger = Ledger.of(history, len(stored))
        for provider in providers:
            spans = _missing(provider, ledger, stored, span, self._now())
            ledger.add(provider.source, spans)
            count = sum(requests(provider, part) for part in spans)
            if spans:
                yield Question(history.dataset.name, history.pair, provider.source, spans, count)

    def _providers(self, entry: Entry) -> tuple[Provider, ...]:
        try:
            return entry.providers(self.sources)
        except KeyMissingError as error:
            self.report.problems.append(f"{entry.dataset.name}: {error}")
            return ()

    def _fetch_all(self, history: History, providers: Sequence[Provider], span: Span) -> None:
        try:
            intake = Intake.of(history)
        except ProviderError as error:
            self.report.problems.append(str(error))
            return
        self.report.outcomes.append(intake.outcome)
        questions = self._questions(history, intake.stored, providers, span)
        total = sum((question.length for question in questions), timedelta(0))
        self.progress.begin(f"{history.dataset.name} {history.pair}", total)
        try:
            for provider in providers:
                if provider.source not in self._refused:
                    self._ask(provider, intake, span)
        finally:
            outcome = intake.close()
        refused = any(provider.source in self._refused for provider in providers)
        if not outcome.rows and not outcome.problems and not refused:
            outcome.problems.append(
                f"no row of {outcome.dataset} came for {outcome.pair}; was it listed by {span.end}?"
            )
        if outcome.rows:
            self.then(outcome)
        self.progress.finish(outcome)

    def _ask(self, provider: Provider, intake: Intake, span: Span) -> None:
        """Ask one source for what is missing; what goes wrong is noted, and others go on."""
        source, outcome = provider.source, intake.outcome
        try:
            for part in _missing(provider, intake.ledger, intake.stored, span, self._now()):
                self._ask_for(part, provider, intake)
            self._silences[source] = 0
        except (BlockedError, RateLimitedError, KeyMissingError) as error:
            self._refuse(source, str(error))
        except BadAnswerError as error:
            outcome.problems.append(f"{source} is not believed any further: {error}")
        except SourceError as error:
            outcome.problems.append(f"{source} stopped answering: {error}")
            if isinstance(error, UnavailableError):
                self._silences[source] = self._silences.get(source, 0) + 1
                if self._silences[source] >= SILENCES:
                    self._refuse(source, f"{SILENCES} questions in a row without an answer")

    def _ask_for(self, part: Span, provider: Provider, intake: Intake) -> None:
        """Take in the pages about `part`; what has come is written whatever happens."""
        answered = Answered(part, provider.dataset.step or timedelta(0))
        written = self._now()
        try:
            for page in provider.pages(intake.history.pair, part):
                before = answered.reached
                try:
                    checked = provider.check(provider.parse(page), page)
                    intake.take(checked, page)
                except RestatedError:  # what follows is shifted alike, with nothing to compare to
                    answered.bad()
                    raise
                except BadAnswerError as error:
                    answered.bad()
                    intake.outcome.problems.append(str(error))
                    continue
                if len(checked.frame):
                    answered.good(checked.frame["date"].iloc[0], checked.frame["date"].iloc[-1])
                done = min(answered.reached, part.end) - min(before, part.end)
                self.progress.advance(done, len(checked.frame))
                if intake.pages >= BATCH_PAGES or self._now() - written >= BATCH_TIME:
                    intake.flush(provider.source, answered)
                    written = self._now()
            answered.finish(self._now())
        finally:
            intake.flush(provider.source, answered)

    def _refuse(self, source: str, why: str) -> None:
        """Do not ask `source` again in this run, and say so once."""
        if source not in self._refused:
            self._refused[source] = why
            self.report.problems.append(f"{source} is not asked any more: {why}")

    def _now(self) -> pd.Timestamp:
        return self.sources.client.now()


def pairs_of(dataset: Dataset, pairs: Sequence[str]) -> Sequence[str]:
    """Return what a dataset is fetched for: the pairs, or the market once."""
    return [MARKET] if dataset.scope is Scope.MARKET else pairs


def requests(provider: Provider, span: Span) -> int:
    """Return about how many requests `span` takes."""
    told = getattr(provider, "requests", None)
    if callable(told):
        return int(told(span))
    if "archive" in provider.source:
        return -(-(span.end - span.start) // timedelta(days=1))
    step = provider.dataset.step or timedelta(hours=8)
    return -(-(span.end - span.start) // (step * ROWS_PER_REQUEST))


def chosen(entries: Mapping[str, Entry], names: Sequence[str]) -> list[Entry]:
    """Return the named entries once each, in the order of the registry."""
    return [entry for name, entry in entries.items() if name in names]


def _missing(
    provider: Provider, ledger: Ledger, stored: pd.DataFrame, span: Span, now: pd.Timestamp
) -> list[Span]:
    """Return what to ask `provider` for."""
    part = provider.covers(span, now)
    if part is None or part.start >= part.end:
        return []
    holes = nothing_known(stored, provider.dataset)
    return ledger.missing(provider.source, part, holes, now)

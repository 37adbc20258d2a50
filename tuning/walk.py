"""A walk-forward from a plan to its results: what is kept, what is left to do, what came of it.

Searches and the backtests of the untuned strategy wait for nothing. When a search is over, its
trials go into the ledger before its choice is traded, so that nothing is ever looked at that was
not counted.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

from providers.storage.store import replace_file
from tuning import plans
from tuning.execution.shelf import NO_TRADES, Shelf, best_of
from tuning.folds import divide
from tuning.jobs import Backtest, Common, Job, Search, span_of, versions
from tuning.model import Epoch, Fold, FoldResult, Parameters, Plan, Tested, TuningError
from tuning.pool import Advance, Finished, Pool
from tuning.trials import TrialLedger

PATIENCE_SECONDS = 1.0
# So many searches that failed, before any went well, failed for a reason that all share
MOST_FIRST_FAILURES = 2


class Watcher(Protocol):
    """Is told how a walk goes on."""

    def advanced(self, name: str, epochs: int) -> None:
        """Learn how many epochs of a search are done."""

    def finished(self, name: str, seconds: float, failure: str) -> None:
        """Learn that a job is over; `failure` is empty when it went well."""

    def tick(self, workers: int) -> None:
        """Learn that some time has passed, and how many jobs may run at a time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan on its data, and the jobs that follow from it; `digest` names the walk."""

    plan: Plan
    source: str
    data: str
    simulated: bool
    folds: tuple[Fold, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folds", divide(self.plan))

    @property
    def digest(self) -> str:
        """Return what the walk is called."""
        return plans.digest(self.plan, self.source, self.data)

    def search(self, fold: Fold) -> Search:
        """Return the search of `fold`."""
        plan = self.plan
        return Search(
            common=self._common(fold.train.timerange),
            loss=plan.loss,
            spaces=plan.spaces,
            epochs=plan.epochs,
            seed=plan.seed + fold.number,
            closed=tuple(span_of(period) for period in fold.closed),
        )

    def backtests(self, fold: Fold, parameters: Parameters | None) -> tuple[Backtest, ...]:
        """Return the backtests of `parameters` on each test span of `fold`."""
        return tuple(Backtest(self._common(test.timerange), parameters) for test in fold.tests)

    def untuned(self) -> Iterator[Backtest]:
        """Yield the backtests of the strategy as it is."""
        yield from chain.from_iterable(self.backtests(fold, None) for fold in self.folds)

    def _common(self, timerange: str) -> Common:
        plan = self.plan
        return Common(
            strategy=plan.strategy,
            strategy_folder=plan.strategy_folder,
            timerange=timerange,
            pairs=plan.pairs,
            fee=plan.fee,
            configs=plan.configs,
            settings=plan.settings or {},
            source=self.source,
            data=self.data,
        )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is left of a walk: `searches` and `backtests`; `kept` searches are done."""

    searches: int
    kept: int
    backtests: int

    @property
    def nothing(self) -> bool:
        """Whether all is done."""
        return not (self.searches or self.backtests)


class WalkForward:
    """Does and keeps walks below the folder `results`."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.shelf = Shelf(results / "runs")
        self.ledger = TrialLedger(results / "ledger.jsonl")

    def folder(self, prepared: Prepared) -> Path:
        """Return where plan and reports of a walk lie."""
        return self.results / "walks" / prepared.digest

    def outlook(self, prepared: Prepared) -> Outlook:
        """Return what is left to do of the walk.

        Raises
        ------
        TuningError
            What is kept is damaged.
        """
        searches, backtests = list[str](), {job.key for job in prepared.untuned()}
        for fold in prepared.folds:
            search = prepared.search(fold).key
            if not self.shelf.has(search):
                searches.append(search)
                backtests |= {f"{search} {test.timerange}" for test in fold.tests}
            elif chosen := self._chosen(search):
                backtests |= {job.key for job in prepared.backtests(fold, chosen.parameters)}
        return Outlook(
            searches=len(searches),
            kept=len(prepared.folds) - len(searches),
            backtests=sum(not self.shelf.has(key) for key in backtests),
        )

    def _chosen(self, search: str) -> Epoch | None:
        """Return the choice of a search that is kept; None when it had no trade."""
        epochs = self.shelf.epochs(search)
        return best_of(epochs) if any(epoch.loss < NO_TRADES for epoch in epochs) else None

    def run(self, prepared: Prepared, pool: Pool, watcher: Watcher) -> dict[int, str]:
        """Do what is left of the walk; return why folds failed, by number.

        May be interrupted at any moment: what is finished is kept, and the same call goes on.
        """
        self.note(prepared)
        return _Run(self, prepared, pool, watcher).to_the_end()

    def note(self, prepared: Prepared) -> None:
        """Write the plan down, so that its report can be made again."""
        noted = {
            "plan": plans.document(prepared.plan),
            "source": prepared.source,
            "data": prepared.data,
            "simulated": prepared.simulated,
            "versions": versions(),
        }
        path = self.folder(prepared) / "plan.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(noted, indent=1).encode())

    def reopen(self, name: str) -> Prepared:
        """Return a walk that was noted, by its digest.

        Raises
        ------
        TuningError
            There is none of that name, it was changed, or it was made with other versions.
        """
        path = self.results / "walks" / name / "plan.json"
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
            plan = plans.from_document(noted["plan"])
            prepared = Prepared(plan, noted["source"], noted["data"], bool(noted["simulated"]))
            made_with = dict(noted.get("versions", versions()))
        except (FileNotFoundError, NotADirectoryError):
            walks = sorted(path.parent.parent.glob("*/plan.json"))
            known = ", ".join(it.parent.name for it in walks) or "none"
            raise TuningError(f"no walk {name} in {self.results}; there are: {known}") from None
        except (ValueError, KeyError, TypeError, TuningError) as error:
            raise TuningError(f"{path} is not a walk ({error!r}); delete it") from None
        if prepared.digest != name:
            raise TuningError(
                f"{path} describes walk {prepared.digest}, so it was changed; delete it, and run "
                "the walk again to report it"
            )
        if made_with != versions():
            told = ", ".join(f"{name} {number}" for name, number in made_with.items())
            raise TuningError(
                f"walk {name} was made with {told}, and its results are kept as theirs; report it "
                "with these installed, or run the walk again"
            )
        return prepared

    def results_of(
        self, prepared: Prepared, failures: Mapping[int, str]
    ) -> tuple[tuple[FoldResult, ...], dict[int, str]]:
        """Return the folds that are finished, and why the others are not, by number."""
        found, missing = [], dict(failures)
        for fold in prepared.folds:
            if fold.number in missing:
                continue
            try:
                result = self._result(prepared, fold)
            except TuningError as error:
                missing[fold.number] = str(error)
                continue
            if result is None:
                missing[fold.number] = "not done yet"
            else:
                found.append(result)
        return tuple(found), missing

    def looked(self, prepared: Prepared, folds: tuple[FoldResult, ...]) -> None:
        """Note in the ledger that somebody is about to see the results of these test spans."""
        wallets = [list(it.outcome.wallet) for fold in folds for it in fold.tested]
        result = hashlib.sha256(json.dumps(wallets).encode()).hexdigest()[:16]
        spans = [test for fold in folds for test in fold.fold.tests]
        self.ledger.walked(prepared.digest, prepared.plan.strategy, spans, result)

    def require_counted(self) -> None:
        """Raise TuningError when the ledger does not know a search that is kept.

        A ledger that was deleted together with the note of its head looks like the first one.
        """
        known = {line.get("search") for line in self.ledger.chain.entries()}
        if lost := sorted(self.shelf.searches() - known):
            raise TuningError(
                f"{self.ledger.path} does not know {len(lost)} of the searches in "
                f"{self.shelf.folder}, such as {lost[0]}; restore it from a backup, run their "
                "walks again, or delete their folders and give their epochs as --also-tried"
            )

    def record(self, prepared: Prepared, fold: Fold) -> tuple[Epoch, ...]:
        """Write the trials of a finished search into the ledger; return them."""
        search = prepared.search(fold)
        epochs = self.shelf.epochs(search.key)
        self.ledger.record(search, fold.number, epochs)
        return epochs

    def _result(self, prepared: Prepared, fold: Fold) -> FoldResult | None:
        search = prepared.search(fold)
        if not self.shelf.has(search.key):
            return None
        epochs = self.shelf.epochs(search.key)
        chosen = best_of(epochs)
        tuned = prepared.backtests(fold, chosen.parameters)
        untuned = prepared.backtests(fold, None)
        keys = [job.key for job in (*tuned, *untuned)]
        if not all(self.shelf.has(key) for key in keys):
            return None
        return FoldResult(
            fold=fold,
            epochs=epochs,
            chosen=chosen,
            tested=self._tested(tuned, fold),
            untuned=self._tested(untuned, fold),
            seconds=sum(self.shelf.seconds(key) for key in (search.key, *keys)),
        )

    def _tested(self, jobs: tuple[Backtest, ...], fold: Fold) -> tuple[Tested, ...]:
        return tuple(
            self.shelf.tested(job.key, period) for job, period in zip(jobs, fold.tests, strict=True)
        )


class _Run:
    """One pass over a walk: hands jobs out, keeps what comes back, and follows up on searches."""

    def __init__(self, walk: WalkForward, prepared: Prepared, pool: Pool, watcher: Watcher) -> None:
        self.walk, self.prepared, self.pool, self.watcher = walk, prepared, pool, watcher
        self.folds_of: dict[str, list[Fold]] = {}  # a job may serve several folds
        self.names: dict[str, str] = {}
        self.waiting: set[str] = set()
        self.failures: dict[int, str] = {}
        self.searched = False  # whether any search has gone well
        self.failed_searches = 0

    def to_the_end(self) -> dict[int, str]:
        for fold in self.prepared.folds:
            self._ask(self.prepared.search(fold), fold, f"fold {fold.number} search")
        for fold in self.prepared.folds:
            for job in self.prepared.backtests(fold, None):
                self._ask(job, fold, f"{job.common.timerange} untuned")
        while self.waiting:
            for event in self.pool.wait(PATIENCE_SECONDS):
                if isinstance(event, Advance):
                    self.watcher.advanced(self.names[event.key], event.epochs)
                else:
                    self._take(event)
            self.watcher.tick(self.pool.workers)
        return self.failures

    def _ask(self, job: Job, fold: Fold, name: str) -> None:
        """Hand a job out unless it is kept; follow up on a search that is."""
        if self.walk.shelf.has(job.key):
            self._follow(job, fold)
            return
        self.folds_of.setdefault(job.key, []).append(fold)
        if job.key not in self.waiting:
            self.waiting.add(job.key)
            self.names[job.key] = name
            self.pool.submit(job)

    def _take(self, done: Finished) -> None:
        key = done.job.key
        if key not in self.waiting:
            return
        if done.files is not None:
            self.walk.shelf.keep(key, done.files)
        self.waiting.discard(key)
        for fold in self.folds_of.pop(key):
            if done.files is None:
                self.failures.setdefault(fold.number, done.failure)
            else:
                self._follow(done.job, fold)
        self.watcher.finished(self.names[key], done.seconds, done.failure)
        if isinstance(done.job, Search) and done.files is None:
            self._give_up_early(done)

    def _give_up_early(self, done: Finished) -> None:
        """Raise TuningError when it is plain that every search will fail as the first ones did."""
        self.failed_searches += 1
        if not self.searched and self.failed_searches >= MOST_FIRST_FAILURES:
            raise TuningError(
                f"the first {self.failed_searches} searches failed, so the others were not begun: "
                f"{done.failure}"
            )

    def _follow(self, job: Job, fold: Fold) -> None:
        """Count the trials of a finished search, then trade what it chose."""
        if not isinstance(job, Search):
            return
        self.searched = True
        try:
            chosen = best_of(self.walk.record(self.prepared, fold))
        except TuningError as error:
            self.failures.setdefault(fold.number, str(error))
            return
        for backtest in self.prepared.backtests(fold, chosen.parameters):
            name = f"fold {fold.number} test {backtest.common.timerange}"
            self._ask(backtest, fold, name)

"""From a plan to compared outcomes: which runs are needed, which are kept, what they came to."""

import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison import Comparison, nothing_better, rows_of
from experiments.identity import ROOT, copy_source, data_fingerprint, source_fingerprint
from experiments.ledger import Ledger
from experiments.outcome import Outcome, buy_and_hold
from experiments.periods import Sample
from experiments.runs import ExperimentError, Job, Shelf
from experiments.variants import DEFAULT, STRATEGY, Group, Variant, settings_document
from experiments.workers import Watcher, run_all
from providers.coverage import select_pairs
from providers.errors import ProviderError
from regimekit.settings import Settings

HOLD = "buy and hold"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compare: the default and its variants around `base`.

    Attributes
    ----------
    overlay : mapping
        The settings in which `base` differs from the pack's defaults, as they were given.
    pairs : tuple of str
        Pairs that must be traded; empty for all with complete data.
    """

    variants: tuple[Variant, ...]
    base: Settings
    overlay: Mapping[str, Any]
    pairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant, its backtest, and whether that is kept already."""

    variant: Variant
    label: str
    job: Job
    kept: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan on one sample; `refused` are pairs without complete data, with the reason."""

    plan: Plan
    sample: Sample
    pairs: tuple[str, ...]
    refused: Mapping[str, str]
    planned: tuple[Planned, ...]


class Ablation:
    """Runs, keeps and compares below the folder `results`."""

    def __init__(self, results: Path) -> None:
        self.shelf = Shelf(results / "runs")
        self.ledger = Ledger(results / "ledger.jsonl")

    def prepare(self, plan: Plan, sample: Sample, tree: Path = ROOT) -> Prepared:
        """Return the backtests that `plan` needs on `sample`, of the source in `tree`.

        Raises
        ------
        ProviderError
            A pair that was asked for, or every pair, lacks data.
        """
        pairs, refused = select_pairs(sample.datadir, sample.period, plan.pairs)
        if plan.pairs and refused:
            pair, reason = next(iter(refused.items()))
            raise ProviderError(f"{pair} cannot be backtested: {reason}; leave it out of --pairs")
        source, data = source_fingerprint(tree), data_fingerprint(sample.datadir)
        planned = []
        for variant in plan.variants:
            own = variant.strategy == STRATEGY
            job = Job(
                name=variant.name,
                strategy=variant.strategy,
                settings=settings_document(variant.settings(plan.base)) if own else {},
                period=sample.name,
                timerange=sample.period.timerange,
                datadir=sample.datadir,
                pairs=pairs,
                fee=plan.base.exits.taker_fee,
                source=source,
                data=data,
                tree=tree,
            )
            kept = self.shelf.seconds(job.key) is not None
            planned.append(Planned(variant, variant.label(plan.base), job, kept))
        return Prepared(plan, sample, pairs, refused, tuple(planned))

    @contextmanager
    def source(self) -> Iterator[Path]:
        """Yield a copy of the source, the same until the block ends."""
        self.shelf.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".run-source-", dir=self.shelf.folder) as folder:
            copy_source(Path(folder))
            yield Path(folder)

    def look(self, prepared: Prepared) -> str:
        """Note a look at a reserved sample; return what to say about it."""
        name = prepared.sample.name
        self.ledger.looked(name, len(prepared.planned))
        number = self.ledger.tries(name).looks
        return (
            f"{name} is reserved for checking what was chosen elsewhere: this is look number "
            f"{number}, and each look spends it. Choose nothing by what it shows."
        )

    def missing(self, prepared: Prepared, *, fresh: bool = False) -> list[Job]:
        """Return the jobs to run, each once; `fresh` repeats those that are kept."""
        jobs = {it.job.key: it.job for it in prepared.planned if fresh or not it.kept}
        return list(jobs.values())

    def typical_seconds(self, prepared: Iterable[Prepared]) -> float | None:
        """Return how long such runs took before; None when none is kept."""
        known = [self.shelf.seconds(it.job.key) for one in prepared for it in one.planned]
        took = [seconds for seconds in known if seconds is not None]
        return statistics.median(took) if took else None

    def run(
        self, jobs: Sequence[Job], urls: Mapping[Path, str], *, workers: int, watcher: Watcher
    ) -> dict[str, str]:
        """Make `jobs`; return why those that failed did, by key.

        Raises
        ------
        ExperimentError
            A default failed, so there is nothing to compare with; the others were stopped.
        """
        vital = {job.key for job in jobs if job.name == DEFAULT.name}
        return run_all(jobs, self.shelf, urls, workers=workers, watcher=watcher, vital=vital)

    def compare(self, prepared: Prepared, failures: Mapping[str, str]) -> Comparison:
        """Return what is kept, compared, and note every backtest in the ledger."""
        plan, sample = prepared.plan, prepared.sample
        found, failed = list[tuple[str, str, Group, Outcome]](), dict[str, str]()
        for it in prepared.planned:
            if it.job.key in failures:
                failed[it.label] = failures[it.job.key]
                continue
            outcome = self.shelf.outcome(it.job.key, sample.datadir)
            if outcome is None:
                raise ExperimentError(
                    f"the result of {it.label} is gone from {self.shelf.folder}; run it again"
                )
            found.append((it.variant.name, it.label, it.variant.group, outcome))
            if it.variant.strategy == STRATEGY:  # nobody chooses a baseline
                changes = _merged(plan.overlay, it.variant.settings(plan.base), plan.base)
                self.ledger.tried(it.job.key, it.variant.name, sample.name, changes, outcome.wallet)
        held = buy_and_hold(
            sample.datadir, prepared.pairs, sample.period, fee=plan.base.exits.taker_fee
        )
        rows = rows_of([*found, (HOLD, HOLD, Group.BASELINE, held)])
        return Comparison(
            sample=sample,
            pairs=prepared.pairs,
            rows=rows,
            failures=failed,
            tries=self.ledger.tries(sample.name),
            better=nothing_better(rows),
            fee=plan.base.exits.taker_fee,
            base=dict(plan.overlay),
        )


def _merged(overlay: Mapping[str, Any], settings: Settings, base: Settings) -> dict[str, Any]:
    """Return what was given and what the variant changed, by section."""
    mine, other = settings_document(settings), settings_document(base)
    merged = {
        key: dict(value) if isinstance(value, dict) else value for key, value in overlay.items()
    }
    for key, section in mine.items():
        if isinstance(section, dict):
            changed = {name: it for name, it in section.items() if it != other[key][name]}
            if changed:
                merged[key] = {**merged.get(key, {}), **changed}
    return merged

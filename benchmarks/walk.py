"""What a second worker saves in a walk-forward: the same searches and backtests by one and by two.

Every search is a whole ``freqtrade hyperopt`` on one core, so two workers on two idle cores should
take little more than half of the time. Starting the workers does not count.
"""

from datetime import timedelta
from time import perf_counter

from figures import Figure
from market import SPEC
from measure import Bench, BenchmarkError

from experiments.identity import data_fingerprint
from providers.coverage import Period
from tuning.execution.cluster import DaskPool
from tuning.execution.outfit import Supplies
from tuning.execution.places import fingerprint_of, pack_source
from tuning.jobs import Backtest, Common, Job, Search
from tuning.pool import Finished

FOLDS, EPOCHS, PAIRS = 4, 3, 2
TRAIN, TEST = timedelta(days=20), timedelta(days=10)
AIM = 1 / 1.6
PATIENCE_SECONDS = 5.0


def measure(bench: Bench) -> list[Figure]:
    """Do a small walk with one worker and with two, in turns."""
    source, data = pack_source(), data_fingerprint(bench.datadir)
    supplies = Supplies(source, str(bench.datadir), data, cache=str(bench.folder / "cache"))
    jobs = _jobs(fingerprint_of(source), data)
    rounds = 1 if bench.quick else 2
    ones, twos = list[float](), list[float]()
    for number in range(rounds):
        for workers, times in ((1, ones), (2, twos)):
            bench.say(f"walk, round {number + 1} of {rounds}: {workers} worker(s)")
            times.append(_seconds(bench, supplies, jobs, workers))
    group = f"Walk-forward, {FOLDS} searches of {EPOCHS} epochs and {FOLDS} backtests"
    return [
        Figure.fastest(group, "one worker", "s", ones),
        Figure.fastest(group, "two workers", "s", twos),
        Figure.ratio(group, "two workers against one", twos, ones, aim=AIM),
    ]


def _jobs(source: str, data: str) -> list[Job]:
    jobs: list[Job] = []
    for fold in range(FOLDS):
        start = SPEC.start + fold * TEST
        tested = start + TRAIN
        search, backtest = (
            Common(
                strategy="RegimeRouter",
                strategy_folder="user_data/strategies",
                timerange=period.timerange,
                pairs=SPEC.pairs[:PAIRS],
                fee=0.0005,
                configs=("user_data/config.json",),
                settings={},
                source=source,
                data=data,
            )
            for period in (Period(start, tested), Period(tested, tested + TEST))
        )
        jobs += [
            Search(search, loss="RobustSharpe", spaces=("buy",), epochs=EPOCHS, seed=fold + 1),
            Backtest(backtest, parameters=None),
        ]
    return jobs


def _seconds(bench: Bench, supplies: Supplies, jobs: list[Job], workers: int) -> float:
    with DaskPool.local(supplies, workers=workers, scratch=bench.folder) as pool:
        began, left = perf_counter(), len(jobs)
        for job in jobs:
            pool.submit(job)
        while left:
            for event in pool.wait(PATIENCE_SECONDS):
                if isinstance(event, Finished):
                    if event.failure:
                        raise BenchmarkError(event.failure)
                    left -= 1
        return perf_counter() - began

"""Everything that a finished walk-forward can tell of what was tuned, as numbers.

The figures out of sample are those of the stitched path; in cpcv of the path whose Sharpe ratio is
the median (of two the lower), because a mean of paths is nothing that anybody could have traded.
What cannot be told is NaN or None, and `Evidence.unknown` says why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.statistics import (
    UNKNOWN,
    Difference,
    Estimate,
    Performance,
    difference,
    performance,
    sharpe_ratio,
)
from regimekit.evaluation.order import LEAST_TRADES, TradeOrder, deepest_drawdown, trade_order
from regimekit.evaluation.resampling import RESAMPLES
from regimekit.evaluation.stability import Range
from regimekit.evaluation.stress import BASE, SCENARIOS
from tuning.model import Tested, Trials, Walk
from tuning.weighing.choices import stability_of, tuned_ranges
from tuning.weighing.costs import Cost, cost_of
from tuning.weighing.degradation import LEAST_PAIRS, FoldEvidence, fold_evidence, rank_correlation
from tuning.weighing.luck import LEAST_DAYS, Luck, luck_of
from tuning.weighing.stitch import Path, chained, stitched, trade_returns

Array = NDArray[np.float64]

NOTHING = Estimate(math.nan, UNKNOWN)
NO_PERFORMANCE, NO_DIFFERENCE = Performance(NOTHING, NOTHING), Difference(NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Track:
    """What a strategy did out of sample.

    Attributes
    ----------
    performance : Performance
        Of daily wallets, open positions marked where `Evidence.marked` says so.
    drawdown : float
        Deepest, a fraction <= 0: within folds at the marks of the outcomes, across them by day.
    """

    performance: Performance
    drawdown: float
    trades: int


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a walk can tell.

    Attributes
    ----------
    paths : tuple of Path
        Every way through the tests; `path` is the one that the other figures are of.
    days, missing_days : int
        Of that path: those with a return, and those that the plan tests and no fold has.
    marked : bool
        Whether open positions count at their price on all days.
    against_untuned : Difference
        Tuned minus untuned.
    overfitting : float
        Probability of backtest overfitting, mean over folds.
    choice_lost : float
        How often the epoch chosen by one half of the training lost in the other, mean over folds.
    rank_correlation : float
        Of in-sample and out-of-sample Sharpe ratios over folds.
    sharpes : tuple of float
        Sharpe ratio a year of each of `paths`, tuned.
    costs : tuple of Cost
        As it was, then each scenario; the last is all of them together.
    order : TradeOrder or None
        The same trades in other orders.
    stability : DataFrame
        Of the chosen parameters over folds, see `parameter_stability`; empty when none was tuned.
    ranges : mapping
        Lowest and highest value that was tried of each parameter, None for a category.
    unknown : mapping
        Why a number is not known, by its name.
    """

    paths: tuple[Path, ...]
    path: Path
    days: int
    missing_days: int
    marked: bool
    tuned: Track
    untuned: Track
    against_untuned: Difference
    luck: Luck
    folds: tuple[FoldEvidence, ...]
    overfitting: float
    choice_lost: float
    rank_correlation: float
    sharpes: tuple[float, ...]
    costs: tuple[Cost, ...]
    order: TradeOrder | None
    stability: pd.DataFrame
    ranges: Mapping[str, Range | None]
    unknown: Mapping[str, str] = field(default_factory=dict)


def weigh(walk: Walk, *, resamples: int = RESAMPLES) -> Evidence:
    """Return what `walk` can tell; one without a finished fold tells nothing but why.

    Parameters
    ----------
    resamples : int
        Of every bootstrap; fewer are quicker and rougher. Equal walks have equal answers.

    Raises
    ------
    TuningError
        Two tests of a path share days.
    """
    ways = stitched(walk)
    sharpes = tuple(_sharpe(_values(way.tuned)) for way in ways)
    path = ways[_middle(sharpes)]
    tuned, untuned = _values(path.tuned), _values(path.untuned)
    results = sorted(walk.folds, key=lambda result: result.fold.number)
    folds = tuple(fold_evidence(result, resamples=resamples) for result in results)
    luck = luck_of(tuned, walk.trials)
    pbo = _mean([fold.pbo for fold in folds])
    tests = [leg.tuned for leg in path.legs]
    order = trade_order(chained(map(trade_returns, tests)), resamples=resamples)
    correlation = rank_correlation(folds)
    return Evidence(
        paths=ways,
        path=path,
        days=len(tuned),
        missing_days=sum((gap.end - gap.start).days for gap in path.missing),
        marked=all(way.marked for way in ways),
        tuned=_track(tuned, tests, resamples),
        untuned=_track(untuned, [leg.untuned for leg in path.legs], resamples),
        against_untuned=_difference(tuned, untuned, resamples),
        luck=luck,
        folds=folds,
        overfitting=pbo,
        choice_lost=_mean([fold.loss_probability for fold in folds]),
        rank_correlation=correlation,
        sharpes=sharpes,
        costs=tuple(cost_of(tests, scenario) for scenario in (BASE, *SCENARIOS)),
        order=order,
        stability=stability_of(results),
        ranges=tuned_ranges(results),
        unknown=_unknown(luck, walk.trials, pbo=pbo, correlation=correlation, order=order),
    )


def _difference(tuned: Array, untuned: Array, resamples: int) -> Difference:
    return difference(tuned, untuned, resamples=resamples) if len(tuned) else NO_DIFFERENCE


def _track(returns: Array, tests: Sequence[Tested], resamples: int) -> Track:
    if not len(returns):
        return Track(NO_PERFORMANCE, math.nan, 0)
    within = [test.outcome.drawdown for test in tests]
    return Track(
        performance=performance(returns, resamples=resamples),
        drawdown=min([float(deepest_drawdown(returns)), *within]),
        trades=sum(test.outcome.trades for test in tests),
    )


def _unknown(
    luck: Luck,
    trials: Trials | None,
    *,
    pbo: float,
    correlation: float,
    order: TradeOrder | None,
) -> dict[str, str]:
    few = f"fewer than {LEAST_DAYS} days out of sample, or none that moves"
    reasons = {
        "probabilistic": few,
        "deflated": "the number of trials is not known" if trials is None else few,
        "overfitting": "no training has room for four blocks, or its epochs are all alike",
        "rank_correlation": f"fewer than {LEAST_PAIRS} folds, or all alike on one side",
        "order": f"fewer than {LEAST_TRADES} trades out of sample",
    }
    missing = {
        "probabilistic": math.isnan(luck.probabilistic),
        "deflated": math.isnan(luck.deflated),
        "overfitting": math.isnan(pbo),
        "rank_correlation": math.isnan(correlation),
        "order": order is None,
    }
    return {name: why for name, why in reasons.items() if missing[name]}


def _middle(sharpes: Sequence[float]) -> int:
    """Return the place of the median of those that are known, of two the lower; 0 when none is."""
    known = [place for place, sharpe in enumerate(sharpes) if not math.isnan(sharpe)] or [0]
    ordered = sorted(known, key=lambda place: sharpes[place])
    return ordered[(len(ordered) - 1) // 2]


def _sharpe(returns: Array) -> float:
    return float(sharpe_ratio(returns)) if len(returns) else math.nan


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _values(returns: pd.Series) -> Array:
    return returns.to_numpy(dtype=float)

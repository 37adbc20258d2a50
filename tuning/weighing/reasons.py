"""What speaks for a tuned strategy and what against it, one reason for each kind of evidence."""

import math
from dataclasses import dataclass
from enum import StrEnum

from experiments.statistics import Estimate
from regimekit.reports.text import count, number, percent, span
from tuning.model import Mode, Trials, Walk
from tuning.weighing.evidence import Evidence

SURE = 0.95
LITTLE_OVERFIT, OVERFIT = 0.2, 0.5
OFTEN_LOST = 0.5
LEAST_FOLDS = 3


class Side(StrEnum):
    """What a reason says of the tuned strategy."""

    FOR = "for"
    AGAINST = "against"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Reason:
    """A piece of evidence with its number: `claim` in short, `text` in whole."""

    what: str
    side: Side
    claim: str
    text: str


def reasons_of(evidence: Evidence, walk: Walk, trials: Trials) -> tuple[Reason, ...]:
    """Return every reason that decides, in the order in which they are told."""
    found = [
        _result(evidence),
        _luck(evidence, trials),
        _overfitting(evidence),
        _untuned(evidence),
        _folds(evidence),
        _costs(evidence),
    ]
    if walk.plan.mode is Mode.CPCV:
        found.append(_paths(evidence))
    return tuple(found)


def _result(evidence: Evidence) -> Reason:
    performance = evidence.tuned.performance
    sharpe, profit = performance.sharpe, performance.profit.value
    shown = (
        f"{percent(profit, 1, signed=True)} in {count(evidence.days, 'day')} and "
        f"{count(evidence.tuned.trades, 'trade')} out of sample, Sharpe {_told(sharpe)}"
    )
    if profit <= 0 or sharpe.interval.high < 0:
        claim = "it lost on days that it had not seen"
        return Reason("result", Side.AGAINST, claim, f"{shown}: a loss.")
    if sharpe.interval.low > 0:
        return Reason("result", Side.FOR, "its Sharpe ratio is above zero", f"{shown}: above zero.")
    text = f"{shown}: not distinguishable from zero."
    return Reason("result", Side.OPEN, "its Sharpe ratio may be zero", text)


def _luck(evidence: Evidence, trials: Trials) -> Reason:
    luck = evidence.luck
    if math.isnan(luck.deflated):
        return _unknown("luck", evidence, "deflated", "luck cannot be ruled out")
    text = (
        f"The best of {trials.total:,} worthless trials would show a Sharpe of about "
        f"{number(luck.best)} over as many days. That the true one is above that has a "
        f"probability of {chance(luck.deflated)} (deflated Sharpe ratio); it would be "
        f"{chance(luck.looked)} if nothing counted but the {count(luck.looks, 'walk-forward')} "
        "that looked at these days."
    )
    if luck.deflated >= SURE:
        return Reason("luck", Side.FOR, "luck of that many does not explain it", text)
    return Reason("luck", Side.OPEN, "luck of that many may explain it", text)


def _overfitting(evidence: Evidence) -> Reason:
    pbo = evidence.overfitting
    if math.isnan(pbo):
        return _unknown("overfitting", evidence, "overfitting", "overfitting cannot be measured")
    text = (
        f"Within the training, the epoch that is best on one half of the days is below the median "
        f"on the other in {percent(pbo, 0)} of all splits (PBO, mean over folds; a coin has 50 %), "
        f"and loses there in {percent(evidence.choice_lost, 0)}."
    )
    # Where all epochs are equally good a coin may choose: only those that lose speak against it
    if pbo >= OVERFIT and evidence.choice_lost >= OFTEN_LOST:
        claim = "its search picks what does not last"
        return Reason("overfitting", Side.AGAINST, claim, text)
    if pbo <= LITTLE_OVERFIT:
        return Reason("overfitting", Side.FOR, "its search picks what lasts", text)
    if pbo >= OVERFIT:
        claim = "its search chooses no better than a coin"
        return Reason("overfitting", Side.OPEN, claim, text)
    return Reason("overfitting", Side.OPEN, "its search may pick what does not last", text)


def _untuned(evidence: Evidence) -> Reason:
    found = evidence.against_untuned
    shown = (
        f"Tuned minus untuned on the same days: Sharpe {_told(found.sharpe)}, return a year "
        f"{percent(found.yearly.value, 1, signed=True)} "
        f"({_interval(found.yearly, percentages=True)})"
    )
    if not found.sharpe.interval.known:
        text = f"{shown}. They differ on too few days to tell."
        return Reason("untuned", Side.OPEN, "it cannot be told from the untuned strategy", text)
    edges = [part.interval for part in (found.sharpe, found.yearly)]
    if any(edge.high < 0 for edge in edges):
        text = f"{shown}: worse."
        return Reason("untuned", Side.AGAINST, "it did worse than the untuned strategy", text)
    if any(edge.low > 0 for edge in edges):
        text = f"{shown}: better."
        return Reason("untuned", Side.FOR, "it did better than the untuned strategy", text)
    text = f"{shown}: not distinguishable."
    return Reason("untuned", Side.OPEN, "it cannot be told from the untuned strategy", text)


def _folds(evidence: Evidence) -> Reason:
    won = sum(fold.profit > 0 for fold in evidence.folds)
    total = len(evidence.folds)
    text = f"{won} of {count(total, 'fold')} made a profit out of sample."
    if total < LEAST_FOLDS:
        claim = "it was tuned too few times"
        return Reason("folds", Side.OPEN, claim, f"{text} {LEAST_FOLDS} are wanted to tell.")
    if 2 * won > total:
        return Reason("folds", Side.FOR, "most folds made a profit", text)
    return Reason("folds", Side.OPEN, "half of the folds or fewer made a profit", text)


def _costs(evidence: Evidence) -> Reason:
    worst = evidence.costs[-1]
    text = (
        "The same trades with fees and paid funding doubled, slippage on both sides and every "
        f"order one candle late would have come to {percent(worst.profit, 1, signed=True)}."
    )
    if worst.profit > 0:
        return Reason("costs", Side.FOR, "it bears higher costs", text)
    return Reason("costs", Side.OPEN, "higher costs take its profit", text)


def _paths(evidence: Evidence) -> Reason:
    sharpes = evidence.sharpes
    above = sum(sharpe > 0 for sharpe in sharpes)
    text = (
        f"{above} of {count(len(sharpes), 'path')} through the groups have a Sharpe ratio above "
        f"zero, from {number(min(sharpes), signed=True)} to {number(max(sharpes), signed=True)}."
    )
    if above == len(sharpes):
        return Reason("paths", Side.FOR, "all paths are above zero", text)
    if 2 * above <= len(sharpes):
        return Reason("paths", Side.AGAINST, "half of its paths or more are not above zero", text)
    return Reason("paths", Side.OPEN, "some paths are not above zero", text)


def _unknown(what: str, evidence: Evidence, name: str, claim: str) -> Reason:
    text = f"{claim[0].upper()}{claim[1:]}: {evidence.unknown[name]}."
    return Reason(what, Side.OPEN, claim, text)


def chance(probability: float) -> str:
    """Return a probability as a percentage; none that is estimated is ever 0 or 100 %."""
    if math.isnan(probability) or 0.001 <= probability <= 0.999:
        return percent(probability)
    return f"> {percent(0.999)}" if probability > 0.5 else f"< {percent(0.001)}"


def _told(estimate: Estimate) -> str:
    return f"{number(estimate.value, signed=True)} ({_interval(estimate)})"


def _interval(estimate: Estimate, *, percentages: bool = False) -> str:
    if not estimate.interval.known:
        return "no interval, there is too little"
    edges = span(
        estimate.interval,
        lambda edge: percent(edge, 1, signed=True) if percentages else number(edge, signed=True),
    )
    return f"95 % interval {edges}"

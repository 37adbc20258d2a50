"""What a walk-forward supports, by rules that can be read, and no more.

In this order:

=========  ======================================================================================
REFUSED    The market is simulated, or it is not known how many trials there were.
NOTHING    Too little to tell: fewer than `LEAST_DAYS` days or `LEAST_TRADES` trades out of
           sample, more than `MOST_MISSING` of the days missing, or no interval.
AGAINST    One reason at least speaks against.
SUPPORTED  Every reason speaks for it.
WEAK       All else.
=========  ======================================================================================

=============  =====================================  ===========================================
Reason         For                                    Against
=============  =====================================  ===========================================
result         Sharpe ratio's interval above zero     a loss, or the interval below zero
luck           deflated Sharpe ratio of all trials    never
               at `SURE` or more
overfitting    mean PBO at `LITTLE_OVERFIT` or less   mean PBO at `OVERFIT` or more, and
                                                      the choice lost in `OFTEN_LOST` of halves
untuned        better than untuned, distinguishably   worse than untuned, distinguishably
folds          `LEAST_FOLDS` or more, most of them    never
               with a profit out of sample
costs          a profit under the worst stress        never
paths (cpcv)   a Sharpe ratio above zero on all       on half of them or fewer
=============  =====================================  ===========================================

A number that is not known leaves its reason open, so it never speaks for anything. 0.95 is
convention; the other limits are ours.
"""

from dataclasses import dataclass
from enum import StrEnum

from regimekit.reports.text import count, percent
from regimekit.reports.wording import SIMULATED
from tuning.model import Trials, Walk
from tuning.weighing.evidence import Evidence
from tuning.weighing.limits import limits_of
from tuning.weighing.reasons import Reason, Side, reasons_of
from tuning.weighing.refusal import uncounted

LEAST_DAYS = 60
LEAST_TRADES = 30
MOST_MISSING = 0.25


class Level(StrEnum):
    """How far a result carries."""

    REFUSED = "no verdict"
    NOTHING = "too little to tell"
    AGAINST = "evidence against"
    WEAK = "weak evidence"
    SUPPORTED = "supported"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a walk.

    Attributes
    ----------
    headline : str
        One sentence, with the number of trials wherever it is known.
    reasons : tuple of Reason
        What decided; empty where the verdict is refused.
    limits : tuple of str
        What cannot be known.
    """

    level: Level
    headline: str
    reasons: tuple[Reason, ...]
    limits: tuple[str, ...]


def judge(evidence: Evidence, walk: Walk) -> Verdict:
    """Return what `evidence` supports, by the rules above."""
    limits = limits_of(evidence, walk)
    unknown = uncounted(walk)
    if walk.simulated:
        return Verdict(Level.REFUSED, SIMULATED, (), limits)
    if walk.trials is None or unknown:
        headline = (
            f"No verdict: how many trials there were is not known ({unknown}), and without that "
            "number no result can be told from luck."
        )
        return Verdict(Level.REFUSED, headline, (), limits)
    if lacks := _lacks(evidence):
        told = "; ".join(reason.claim for reason in lacks)
        return Verdict(Level.NOTHING, f"Too little to tell {_after(walk.trials)}: {told}.", lacks,
                       limits)  # fmt: skip
    reasons = reasons_of(evidence, walk, walk.trials)
    level = _level(reasons)
    return Verdict(level, _headline(level, reasons, walk.trials), reasons, limits)


def _lacks(evidence: Evidence) -> tuple[Reason, ...]:
    """Return what there is too little of."""
    days, trades = evidence.days, evidence.tuned.trades
    planned = days + evidence.missing_days
    missing = evidence.missing_days / planned if planned else 1.0
    lacks = []
    if days < LEAST_DAYS:
        lacks.append((f"{count(days, 'day')} out of sample", f"at least {LEAST_DAYS} are wanted"))
    if trades < LEAST_TRADES:
        lacks.append((f"{count(trades, 'trade')} out of sample",
                      f"at least {LEAST_TRADES} are wanted"))  # fmt: skip
    if missing > MOST_MISSING:
        lacks.append((f"{percent(missing, 0)} of the test days are missing",
                      f"at most {percent(MOST_MISSING, 0)} may be"))  # fmt: skip
    if not lacks and not evidence.tuned.performance.sharpe.interval.known:
        lacks.append(("no interval of the Sharpe ratio", "its days hardly move"))
    return tuple(
        Reason("amount", Side.OPEN, claim, f"{claim[0].upper()}{claim[1:]}; {wanted}.")
        for claim, wanted in lacks
    )


def _level(reasons: tuple[Reason, ...]) -> Level:
    sides = {reason.side for reason in reasons}
    if Side.AGAINST in sides:
        return Level.AGAINST
    return Level.SUPPORTED if sides == {Side.FOR} else Level.WEAK


def _headline(level: Level, reasons: tuple[Reason, ...], trials: Trials) -> str:
    after = _after(trials)
    if level is Level.SUPPORTED:
        return (
            f"Supported {after}: on days that their own search had not seen the tuned strategy did "
            "better than the luck of so many trials explains, and better than the untuned one."
        )
    side = Side.AGAINST if level is Level.AGAINST else Side.OPEN
    told = "; ".join(reason.claim for reason in reasons if reason.side is side)
    start = "Evidence against the tuned strategy" if level is Level.AGAINST else "Weak evidence"
    return f"{start} {after}: {told}."


def _after(trials: Trials) -> str:
    return f"after {count(trials.total, 'trial')}"

"""What a walk-forward cannot know, however well it went."""

from experiments.periods import NAMED
from experiments.variants import STRATEGY
from providers.coverage import Period, parse_timerange
from regimekit.reports.text import count
from tuning.model import Mode, Walk
from tuning.weighing.evidence import Evidence
from tuning.weighing.stitch import days_of

DESIGN = (
    "Whoever designed the strategy had seen these years. What its code and its untuned values owe "
    "to them no count of trials holds."
)
UNTOLD = (
    "Trials that nobody wrote down are not counted: backtests by hand, other machines, results "
    "that were deleted, and what others have tried and published."
)
LATER_DAYS = (
    "In cpcv most searches have also seen days after their test. It tells how a choice carries "
    "over to other times, not what a trader would have had at the time; paths share their "
    "searches, so they are not independent."
)
FLAT = (
    "Each test begins without a position and ends with all of them closed, so trades that last for "
    "weeks are cut short; a bot that is tuned anew would have kept them."
)
FILLS = (
    "A backtest fills orders at prices that a live bot may not get, and one market over one span "
    "of years is one sample: it says nothing about markets that are not in it."
)


def limits_of(evidence: Evidence, walk: Walk) -> tuple[str, ...]:
    """Return what stays open, a sentence or two each."""
    return (
        *_seen_before(walk),
        *_looked_at(walk),
        *_untold(walk),
        *_missing(evidence),
        *_of_the_mode(walk),
        FLAT,
        FILLS,
        f"Another loss than {walk.plan.loss}, other spaces or another seed are other trials.",
    )


def tests_of(walk: Walk) -> tuple[Period, ...]:
    """Return the test spans of the folds that are finished, each once, in order of time."""
    spans = {test for fold in walk.folds for test in fold.fold.tests}
    return tuple(sorted(spans, key=lambda test: (test.start, test.end)))


def days_used_elsewhere(walk: Walk) -> dict[str, int]:
    """Return how many test days lie in each named period of the pack's ablations."""
    days = days_of(tests_of(walk))
    inside = {
        name: len(days.intersection(days_of([parse_timerange(timerange)])))
        for name, (_, timerange, _) in NAMED.items()
    }
    return {name: number for name, number in inside.items() if number}


def _seen_before(walk: Walk) -> list[str]:
    lines = [DESIGN]
    total = len(days_of(tests_of(walk)))
    if walk.plan.strategy == STRATEGY:
        for name, inside in days_used_elsewhere(walk).items():
            _, timerange, reserved = NAMED[name]
            why = (
                "which is reserved for checking, and this is one more look at it"
                if reserved
                else f"on which the defaults of {STRATEGY} were chosen, so they are not untouched"
            )
            lines.append(
                f"{inside:,} of {count(total, 'test day')} lie in {name} ({timerange}), {why}."
            )
    if walk.trials is not None and walk.trials.backtests:
        lines.append(
            f"{count(walk.trials.backtests, 'backtest')} of ablations count as trials, whatever "
            "days they were made on."
        )
    return lines


def _looked_at(walk: Walk) -> list[str]:
    if walk.trials is None or walk.trials.walks < 2:
        return []
    looks = f"{walk.trials.walks:,} walk-forwards, this one included, have looked at these days."
    return [f"{looks} Whoever changes something after a look has also chosen on them."]


def _untold(walk: Walk) -> list[str]:
    lines = [UNTOLD]
    if walk.trials is not None and walk.trials.unrecorded:
        lines.append(
            f"{walk.trials.unrecorded:,} trials were found in results of plain hyperopt or "
            "declared; of these the ledger knows the number only."
        )
    return lines


def _missing(evidence: Evidence) -> list[str]:
    lines = []
    if evidence.missing_days:
        lines.append(
            f"{count(evidence.missing_days, 'test day')} are missing; what the strategy would "
            "have done on them is not known, and the others are not a fair sample of them."
        )
    if not evidence.marked:
        lines.append(
            "Some wallets count closed trades only, so drawdowns of open positions are hidden."
        )
    return lines


def _of_the_mode(walk: Walk) -> list[str]:
    return [LATER_DAYS] if walk.plan.mode is Mode.CPCV else []

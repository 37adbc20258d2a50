"""When there is no verdict: an invented market, or an unknown number of trials.

The best of many tries looks good by luck alone, and how good is computed from how many there were.
Without that number every statement about a result is a guess, so none is made.
"""

import json

from regimekit.reports.text import count
from tuning.model import Trials, Walk


def uncounted(walk: Walk) -> str:
    """Return why the number of trials is not known; empty when it is.

    A count that cannot be true is no count: one below what this walk alone has tried, one that
    does not know this walk, or one that no hash of the ledger proves.
    """
    trials = walk.trials
    if trials is None:
        return walk.trials_unknown or "there is no ledger of trials"
    if negative := _negative(trials):
        return f"the ledger counts {negative}"
    if not trials.head:
        return "the ledger names no last line that would prove its count"
    own = _distinct(walk)
    if trials.epochs < own:
        return (
            f"the ledger holds {count(trials.epochs, 'epoch')}, fewer than the {own:,} of this "
            "walk-forward alone"
        )
    if walk.folds and trials.walks < 1:
        return "the ledger does not know of this walk-forward"
    return ""


def tried_here(walk: Walk) -> int:
    """Return how many epochs the searches of this walk have made."""
    return sum(len(fold.epochs) for fold in walk.folds)


def _distinct(walk: Walk) -> int:
    """Return how many trials the ledger must hold of this walk; it counts equal ones once."""
    return len(
        {
            (fold.fold.train, json.dumps(epoch.parameters, sort_keys=True), epoch.returns)
            for fold in walk.folds
            for epoch in fold.epochs
        }
    )


def _negative(trials: Trials) -> str:
    counts = {
        "epochs": trials.epochs,
        "backtests": trials.backtests,
        "unrecorded trials": trials.unrecorded,
        "walk-forwards": trials.walks,
    }
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number < 0)

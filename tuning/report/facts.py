"""What a walk-forward was made of: plan, costs, versions and fingerprints, in words."""

import json
from datetime import timedelta
from importlib.metadata import version

from regimekit.reports.text import UNKNOWN, count, duration, percent
from tuning.model import Mode, Plan, Walk
from tuning.report.sheet import days_words
from tuning.weighing.refusal import tried_here

ENGINES = ("freqtrade", "optuna", "numpy", "pandas")


def title(walk: Walk) -> str:
    """Return what was tuned, when, and how time was divided."""
    plan = walk.plan
    return f"{plan.strategy} tuned by {plan.loss}, {plan.mode}, {days_words(plan.span)}"


def facts(walk: Walk) -> dict[str, str]:
    """Return what the result depends on, by name."""
    plan = walk.plan
    seconds = sum(result.seconds for result in walk.folds)
    return {
        "Strategy": plan.strategy,
        "Loss": plan.loss,
        "Spaces": ", ".join(plan.spaces),
        "Search": f"{count(plan.epochs, 'epoch')} a fold, {tried_here(walk):,} made, seed of fold "
        f"n is {plan.seed} + n",
        "Span": f"{days_words(plan.span)}, {_days(plan.span.end - plan.span.start)}",
        "Division": _division(plan),
        "Folds": f"{len(walk.folds)} finished, {len(walk.failures)} not",
        "Market": "simulated" if walk.simulated else "recorded",
        "Pairs": ", ".join(plan.pairs),
        "Fee": f"{percent(plan.fee, 3)} a side",
        "Configuration": ", ".join(plan.configs),
        "Settings over it": json.dumps(plan.settings, sort_keys=True) if plan.settings else "",
        "Work": duration(timedelta(seconds=seconds)),
        "Source": walk.source,
        "Data": walk.data,
        "Report made with": ", ".join(f"{name} {version(name)}" for name in ENGINES),
    }


def _division(plan: Plan) -> str:
    if plan.mode is Mode.CPCV:
        return (
            f"cpcv: {plan.groups} groups, {plan.held_out} held out at a time, purge "
            f"{_days(plan.purge)}, embargo {_days(plan.embargo)}"
        )
    grows = ", growing from the start" if plan.mode is Mode.ANCHORED else ""
    return (
        f"{plan.mode}: trained on {_days(plan.train)}{grows}, purge {_days(plan.purge)}, tested "
        f"on {_days(plan.test)}"
    )


def _days(length: timedelta) -> str:
    return count(length // timedelta(days=1), "day") if length else UNKNOWN

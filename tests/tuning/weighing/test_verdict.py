"""The rules of the verdict at their borders; none without the number of trials."""

import dataclasses
import math

import pytest

from experiments.statistics import UNKNOWN, Difference, Estimate, Performance
from providers.coverage import parse_timerange
from regimekit.reports.stats import Interval
from tests.tuning import made
from tests.tuning.made import weighed
from tuning.model import Trials
from tuning.weighing.evidence import Track, weigh
from tuning.weighing.limits import days_used_elsewhere, limits_of
from tuning.weighing.reasons import (
    LEAST_FOLDS,
    LITTLE_OVERFIT,
    OFTEN_LOST,
    OVERFIT,
    SURE,
    Side,
    chance,
    reasons_of,
)
from tuning.weighing.refusal import uncounted
from tuning.weighing.verdict import LEAST_DAYS, LEAST_TRADES, MOST_MISSING, Level, judge

NAN = math.nan


pytestmark = pytest.mark.xdist_group("walks")  # which weighs each kind of walk once


def track(evidence, *, low=5.0, high=9.0, profit=0.5, trades=120):
    performance = Performance(
        Estimate((low + high) / 2, Interval(low, high)), Estimate(profit, UNKNOWN)
    )
    return Track(performance, evidence.tuned.drawdown, trades)


def changed(**changes):
    evidence, walk = weighed("good")
    return dataclasses.replace(evidence, **changes), walk


def level(**changes):
    evidence, walk = changed(**changes)
    return judge(evidence, walk).level


def reason(what, **changes):
    evidence, walk = changed(**changes)
    return next(it for it in reasons_of(evidence, walk, walk.trials) if it.what == what)


def tuned(**changes):
    evidence, _ = weighed("good")
    return {"tuned": track(evidence, **changes)}


def luck(**changes):
    evidence, _ = weighed("good")
    return {"luck": dataclasses.replace(evidence.luck, **changes)}


def costs(profit):
    evidence, _ = weighed("good")
    last = dataclasses.replace(evidence.costs[-1], profit=profit)
    return {"costs": (*evidence.costs[:-1], last)}


def folds(*profits):
    evidence, _ = weighed("good")
    return {
        "folds": tuple(
            dataclasses.replace(evidence.folds[0], number=place, profit=profit)
            for place, profit in enumerate(profits, start=1)
        )
    }


def against(sharpe, yearly):
    low, high = sharpe
    return {
        "against_untuned": Difference(
            Estimate((low + high) / 2, Interval(low, high)),
            Estimate(sum(yearly) / 2, Interval(*yearly)),
        )
    }


KINDS = {
    "good": Level.SUPPORTED,
    "overfit": Level.AGAINST,
    "losing": Level.AGAINST,
    "idle": Level.NOTHING,
    "cpcv": Level.SUPPORTED,
}


@pytest.mark.parametrize(("kind", "expected"), KINDS.items(), ids=KINDS)
def test_each_kind_of_walk(kind, expected):
    evidence, walk = weighed(kind)
    verdict = judge(evidence, walk)
    assert verdict.level is expected
    assert f"after {walk.trials.total:,} trials" in verdict.headline
    assert verdict.headline.count(".") == 1  # one sentence
    assert verdict.reasons
    assert verdict.limits


SIDES = [
    # A loss speaks against, whatever the interval; an interval on zero says nothing
    ("result", tuned(low=0.01), Side.FOR),
    ("result", tuned(low=0.0), Side.OPEN),
    ("result", tuned(low=-1.0), Side.OPEN),
    ("result", tuned(low=-1.0, profit=0.0), Side.AGAINST),
    ("result", tuned(low=0.01, profit=-0.01), Side.AGAINST),
    ("result", tuned(low=-3.0, high=-0.01), Side.AGAINST),
    ("luck", luck(deflated=SURE), Side.FOR),
    ("luck", luck(deflated=SURE - 1e-9), Side.OPEN),
    ("luck", luck(deflated=0.0), Side.OPEN),
    ("luck", luck(deflated=NAN) | {"unknown": {"deflated": "few"}}, Side.OPEN),
    # Looks alone never decide
    ("luck", luck(deflated=0.5, looked=1.0), Side.OPEN),
    ("overfitting", {"overfitting": LITTLE_OVERFIT}, Side.FOR),
    ("overfitting", {"overfitting": LITTLE_OVERFIT + 1e-9}, Side.OPEN),
    ("overfitting", {"overfitting": OVERFIT - 1e-9, "choice_lost": 1.0}, Side.OPEN),
    ("overfitting", {"overfitting": OVERFIT, "choice_lost": OFTEN_LOST}, Side.AGAINST),
    # Where every epoch is good it does not matter that a coin chooses as well
    ("overfitting", {"overfitting": OVERFIT, "choice_lost": OFTEN_LOST - 1e-9}, Side.OPEN),
    ("overfitting", {"overfitting": LITTLE_OVERFIT, "choice_lost": 1.0}, Side.FOR),
    ("overfitting", {"overfitting": NAN, "unknown": {"overfitting": "few"}}, Side.OPEN),
    ("untuned", against((0.1, 2.0), (-0.1, 0.9)), Side.FOR),
    ("untuned", against((-0.1, 2.0), (0.1, 0.9)), Side.FOR),
    ("untuned", against((-0.1, 2.0), (-0.1, 0.9)), Side.OPEN),
    ("untuned", against((0.0, 2.0), (0.0, 0.9)), Side.OPEN),
    ("untuned", against((-2.0, -0.1), (-0.1, 0.9)), Side.AGAINST),
    ("untuned", against((0.1, 2.0), (-0.9, -0.1)), Side.AGAINST),
    ("untuned", against((NAN, NAN), (NAN, NAN)), Side.OPEN),
    ("folds", folds(*[0.1] * LEAST_FOLDS), Side.FOR),
    ("folds", folds(*[0.1] * (LEAST_FOLDS - 1)), Side.OPEN),
    ("folds", folds(0.1, 0.1, 0.0, 0.0), Side.OPEN),
    ("folds", folds(0.1, 0.1, 0.1, 0.0, 0.0), Side.FOR),
    ("costs", costs(0.001), Side.FOR),
    ("costs", costs(0.0), Side.OPEN),
    ("costs", costs(-0.5), Side.OPEN),
]


@pytest.mark.parametrize(("what", "changes", "side"), SIDES)
def test_what_a_reason_says(what, changes, side):
    found = reason(what, **changes)
    assert found.side is side
    assert found.text.endswith(".")
    assert "nan" not in found.text


@pytest.mark.parametrize(("what", "changes", "side"), SIDES)
def test_what_a_reason_does_to_the_verdict(what, changes, side):
    """All others of the good walk speak for it."""
    expected = {
        Side.FOR: Level.SUPPORTED,
        Side.OPEN: Level.WEAK,
        Side.AGAINST: Level.AGAINST,
    }[side]
    assert level(**changes) is expected


@pytest.mark.parametrize(
    ("sharpes", "side"),
    [
        ((0.1, 0.2, 0.3, 0.4), Side.FOR),
        ((0.0, 0.2, 0.3, 0.4), Side.OPEN),
        ((-1.0, 0.0, 0.3, 0.4), Side.AGAINST),
        ((-1.0, -1.0, -1.0, 0.4), Side.AGAINST),
    ],
)
def test_paths_speak_in_cpcv(sharpes, side):
    evidence, walk = weighed("cpcv")
    found = reasons_of(dataclasses.replace(evidence, sharpes=sharpes), walk, walk.trials)
    assert found[-1].what == "paths"
    assert found[-1].side is side


def test_paths_do_not_speak_where_there_is_one():
    evidence, walk = weighed("good")
    assert "paths" not in {it.what for it in reasons_of(evidence, walk, walk.trials)}


@pytest.mark.parametrize(
    ("changes", "enough"),
    [
        ({"days": LEAST_DAYS}, True),
        ({"days": LEAST_DAYS - 1}, False),
        (tuned(trades=LEAST_TRADES), True),
        (tuned(trades=LEAST_TRADES - 1), False),
        ({"days": 90, "missing_days": 30}, True),
        ({"days": 90, "missing_days": 31}, False),
        (tuned(low=NAN, high=NAN), False),
    ],
)
def test_too_little_is_nothing(changes, enough):
    assert MOST_MISSING == 0.25
    assert (level(**changes) is not Level.NOTHING) is enough


def test_too_little_comes_before_what_speaks_against():
    assert level(**tuned(trades=3, profit=-0.5)) is Level.NOTHING


def test_a_headline_names_what_decided():
    evidence, walk = changed(**tuned(profit=-0.1), overfitting=0.3)
    headline = judge(evidence, walk).headline
    assert "it lost on days that it had not seen" in headline
    assert "may pick what does not last" not in headline  # open, and does not decide
    weak, _ = changed(overfitting=0.3)
    assert "its search may pick what does not last" in judge(weak, walk).headline


MISSING = {
    "no ledger": {"trials": None},
    "a broken ledger": {"trials": None, "trials_unknown": "line 7 was edited"},
    "no head": {"trials": dataclasses.replace(made.TRIALS, head="")},
    "fewer than this walk made": {"trials": dataclasses.replace(made.TRIALS, epochs=47)},
    "none at all": {"trials": Trials(0, 0, 0, 0, "")},
    "negative backtests": {"trials": dataclasses.replace(made.TRIALS, backtests=-1)},
    "negative epochs": {"trials": dataclasses.replace(made.TRIALS, epochs=-48)},
    "negative unrecorded": {"trials": dataclasses.replace(made.TRIALS, unrecorded=-5)},
    "negative looks": {"trials": dataclasses.replace(made.TRIALS, walks=-1)},
    "this walk is not known": {"trials": dataclasses.replace(made.TRIALS, walks=0)},
}


@pytest.mark.parametrize("kind", ["good", "losing", "idle"])
@pytest.mark.parametrize("changes", MISSING.values(), ids=MISSING)
def test_there_is_no_verdict_without_the_number_of_trials(changes, kind):
    evidence, walk = weighed(kind)
    verdict = judge(evidence, dataclasses.replace(walk, **changes))
    assert verdict.level is Level.REFUSED
    assert verdict.headline.startswith("No verdict: how many trials there were is not known (")
    assert verdict.reasons == ()


def test_a_refusal_says_why():
    _, walk = weighed("good")
    why = {name: uncounted(dataclasses.replace(walk, **it)) for name, it in MISSING.items()}
    assert why["no ledger"] == "there is no ledger of trials"
    assert why["a broken ledger"] == "line 7 was edited"
    assert "47 epochs, fewer than the 48 of this walk-forward" in why["fewer than this walk made"]
    assert why["negative unrecorded"] == "the ledger counts -5 unrecorded trials"
    assert "does not know of this walk" in why["this walk is not known"]
    assert "last line" in why["no head"]


def test_a_number_that_is_there_is_accepted():
    _, walk = weighed("good")
    assert uncounted(walk) == ""
    exact = dataclasses.replace(made.TRIALS, epochs=48, backtests=0)
    assert uncounted(dataclasses.replace(walk, trials=exact)) == ""


def test_equal_trials_are_one_in_the_ledger():
    """Two epochs that tried the same and came to the same."""
    _, walk = weighed("good")
    first = walk.folds[0]
    twice = (*first.epochs[:-1], dataclasses.replace(first.epochs[0], number=12))
    folds = (dataclasses.replace(first, epochs=twice), *walk.folds[1:])
    known = dataclasses.replace(made.TRIALS, epochs=47)
    assert uncounted(dataclasses.replace(walk, folds=folds, trials=known)) == ""
    short = dataclasses.replace(made.TRIALS, epochs=46)
    assert uncounted(dataclasses.replace(walk, folds=folds, trials=short))


def test_a_walk_without_folds_need_not_be_known_to_have_looked():
    walk = made.good(failed=(1, 2, 3, 4), trials=dataclasses.replace(made.TRIALS, walks=0))
    verdict = judge(weigh(walk), walk)
    assert verdict.level is Level.NOTHING
    assert "0 days out of sample" in verdict.headline


@pytest.mark.parametrize("trials", [made.TRIALS, None])
def test_a_simulated_market_is_not_judged(trials):
    evidence, walk = weighed("good")
    verdict = judge(evidence, dataclasses.replace(walk, simulated=True, trials=trials))
    assert verdict.level is Level.REFUSED
    assert verdict.reasons == ()
    assert "simulated" in verdict.headline


@pytest.mark.parametrize("kind", ["good", "overfit", "losing", "idle", "cpcv"])
def test_nothing_is_advised_or_promised(kind):
    evidence, walk = weighed(kind)
    verdict = judge(evidence, walk)
    words = " ".join([verdict.headline, *verdict.limits, *(it.text for it in verdict.reasons)])
    for word in ("profitable", "should", "recommend", "you ", "guarantee", "will earn"):
        assert word not in words.lower()


def test_the_limits_say_which_test_days_were_used_before():
    evidence, walk = weighed("good")
    assert days_used_elsewhere(walk) == {"choose": 120}
    limits = " ".join(limits_of(evidence, walk))
    assert "120 of 120 test days lie in choose" in limits
    assert "not untouched" in limits
    other = dataclasses.replace(walk, plan=dataclasses.replace(walk.plan, strategy="Mine"))
    assert "lie in choose" not in " ".join(limits_of(evidence, other))


def test_days_are_counted_where_periods_overlap():
    """The tests end on 2025-01-19; 2025 is reserved, not chosen on."""
    late = made.plan(span=parse_timerange("20240723-20250120"))
    walk = made.good(span=late.span)
    assert days_used_elsewhere(walk) == {"choose": 101, "check": 19}
    limits = " ".join(limits_of(weighed("good")[0], walk))
    assert "19 of 120 test days lie in check (20250101-20250531), which is reserved" in limits


def test_the_limits_tell_looks_gaps_and_what_nobody_wrote_down():
    evidence, walk = weighed("good")
    trials = dataclasses.replace(made.TRIALS, walks=5, unrecorded=300)
    seen = dataclasses.replace(walk, trials=trials)
    gap = dataclasses.replace(evidence, missing_days=30, marked=False)
    text = " ".join(limits_of(gap, seen))
    for part in ("5 walk-forwards", "300 trials were found", "30 test days are missing",
                 "closed trades only"):  # fmt: skip
        assert part in text
        assert part not in " ".join(limits_of(evidence, walk))


def test_cpcv_is_said_to_know_the_future():
    assert any("days after their test" in it for it in limits_of(*weighed("cpcv")))
    for kind in ("good", "cpcv"):
        assert any("begins without a position" in it for it in limits_of(*weighed(kind)))
    assert not any("days after their test" in it for it in limits_of(*weighed("good")))


def test_a_probability_is_never_certain():
    shown = [chance(it).replace("\u00a0", " ") for it in (0.0, 0.001, 0.5, 0.999, 1.0, NAN)]
    assert shown == ["< 0.1 %", "0.1 %", "50.0 %", "99.9 %", "> 99.9 %", "\u2013"]

"""Division of time: what each fold trains on, what it is tested on, and what lies between.

All borders are midnights UTC, and a period does not contain its end. Freqtrade still reads the
candle that opens at the end, and an open position may be stopped out within it; the purge of at
least one day keeps that candle out of every test.

Rolling and anchored folds train strictly before they test, so the embargo, which lies after a
test, changes nothing there. In cpcv it keeps days after a test out of the training, whose market
remembers the test's.

References
----------
Pardo, R. (2008). *The Evaluation and Optimization of Trading Strategies*, 2nd ed., ch. 11.
López de Prado, M. (2018). *Advances in Financial Machine Learning*, ch. 7.4 and 12.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import time, timedelta
from itertools import combinations, pairwise
from math import comb

from providers.coverage import Period
from tuning.model import Fold, Mode, Plan

DAY = timedelta(days=1)
MOST_FOLDS = 10_000  # of cpcv; more than anybody waits for

Piece = tuple[int, int]  # number of a fold, place in its tests


def divide(plan: Plan) -> tuple[Fold, ...]:
    """Return the folds of `plan`, numbered from 1.

    Rolling and anchored: ``train`` days, ``purge`` days, ``test`` days; the next fold lies
    ``test`` days later, so tests adjoin and do not overlap. An anchored training keeps its
    start. Days that are left at the end are tested when they are at least half of ``test``, and
    not used otherwise; the first test is always whole.

    Cpcv: the span is cut in ``groups`` parts whose lengths differ by a day at most, and every
    choice of ``held_out`` parts is one fold, in lexicographic order; ``train`` and ``test`` of
    the plan are not used. There are C(groups, held_out) folds, each a search of its own.

    Raises
    ------
    ValueError
        A border is no midnight UTC, a length no whole number of days, or the span too short; in
        cpcv also groups that cannot be held out, or too many ways to do it.
    """
    _check(plan)
    if plan.mode is Mode.CPCV:
        return tuple(_combinatorial(plan))
    return tuple(_walking(plan))


def paths(plan: Plan, folds: Sequence[Fold]) -> tuple[tuple[Piece, ...], ...]:
    """Return the ways through all tests of `plan` that meet each day once.

    Rolling and anchored have one. Cpcv tests every group C(groups - 1, held_out - 1) times, and
    the n-th path joins the n-th test of each group, so every test belongs to exactly one path.

    Parameters
    ----------
    folds : sequence of Fold
        Those that have a result. A path is shorter by the tests of any other.

    Returns
    -------
    tuple of tuple of (number, place)
        A test each: the fold's number and the place in its ``tests``, in order of time.
    """
    found = {fold.number for fold in folds}
    by_start = defaultdict(list)
    for fold in divide(plan):
        for place, test in enumerate(fold.tests):
            by_start[test.start].append((fold.number, place))
    ways = zip(*(by_start[start] for start in sorted(by_start)), strict=True)
    return tuple(tuple(piece for piece in way if piece[0] in found) for way in ways)


def counted_days(fold: Fold) -> int:
    """Return the days of a fold's training that the search may learn from."""
    closed = sum((period.end - period.start for period in fold.closed), timedelta())
    return (fold.train.end - fold.train.start - closed) // DAY


def _walking(plan: Plan) -> Iterator[Fold]:
    first, last = plan.span.start, plan.span.end
    begin = first + plan.train + plan.purge
    if begin + plan.test > last:
        wanted = plan.train + plan.purge + plan.test
        raise ValueError(
            f"span {plan.span.timerange} has {(last - first) // DAY} days, one fold needs "
            f"{wanted // DAY} (train {plan.train // DAY}, purge {plan.purge // DAY}, "
            f"test {plan.test // DAY}); give a longer span or shorter parts"
        )
    number = 1
    while 2 * (last - begin) >= plan.test:
        train = Period(
            first if plan.mode is Mode.ANCHORED else begin - plan.purge - plan.train,
            begin - plan.purge,
        )
        yield Fold(number, train, (Period(begin, min(begin + plan.test, last)),))
        begin += plan.test
        number += 1


def _combinatorial(plan: Plan) -> Iterator[Fold]:
    groups = _groups(plan)
    if (folds := comb(plan.groups, plan.held_out)) > MOST_FOLDS:
        raise ValueError(
            f"{plan.held_out} of {plan.groups} groups can be held out in {folds:,} ways, each a "
            f"search, expected at most {MOST_FOLDS:,}; take fewer groups or hold fewer out"
        )
    for number, tests in enumerate(combinations(groups, plan.held_out), start=1):
        fold = Fold(number, plan.span, tests, _closed(plan, tests))
        if counted_days(fold) < 1:
            raise ValueError(
                f"fold {number} of span {plan.span.timerange} has no day left to train on with "
                f"groups={plan.groups}, held_out={plan.held_out}, purge {plan.purge // DAY} and "
                f"embargo {plan.embargo // DAY} days; give a longer span, fewer groups or a "
                "shorter purge and embargo"
            )
        yield fold


def _groups(plan: Plan) -> tuple[Period, ...]:
    if not 1 <= plan.held_out < plan.groups:
        raise ValueError(
            f"held_out is {plan.held_out} of {plan.groups} groups, expected 1 to "
            f"{plan.groups - 1}, so that a group is tested and another is left to train on"
        )
    days = (plan.span.end - plan.span.start) // DAY
    if days < plan.groups:
        raise ValueError(
            f"span {plan.span.timerange} has {days} days, fewer than its {plan.groups} groups; "
            "give a longer span or fewer groups"
        )
    borders = [plan.span.start + days * it // plan.groups * DAY for it in range(plan.groups + 1)]
    return tuple(Period(*pair) for pair in pairwise(borders))


def _closed(plan: Plan, tests: Sequence[Period]) -> tuple[Period, ...]:
    """Return `tests` with purge and embargo around them, merged where they touch."""
    merged: list[Period] = []
    for test in tests:
        start = max(test.start - plan.purge, plan.span.start)
        end = min(test.end + plan.embargo, plan.span.end)
        if merged and start <= merged[-1].end:
            start = merged.pop().start
        merged.append(Period(start, end))
    return tuple(merged)


def _check(plan: Plan) -> None:
    for name, border in (("start", plan.span.start), ("end", plan.span.end)):
        if border.utcoffset() != timedelta() or border.time() != time.min:
            raise ValueError(f"span {name} is {border}, expected a midnight UTC")
    if plan.span.end <= plan.span.start:
        raise ValueError(f"span {plan.span.timerange} ends before it starts; swap the dates")
    if plan.mode is not Mode.CPCV:
        _check_length("train", plan.train, 1)
        _check_length("test", plan.test, 1)
    _check_length("purge", plan.purge, 1)
    _check_length("embargo", plan.embargo, 0)


def _check_length(name: str, length: timedelta, least: int) -> None:
    if length % DAY or length < least * DAY:
        raise ValueError(f"{name} is {length}, expected whole days, at least {least}")

"""No training that counts comes near its tests, and the tests cover what they should, once."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.coverage import Period
from tuning.folds import DAY, counted_days, divide, paths
from tuning.model import Mode, Plan

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
WALKING = [Mode.ROLLING, Mode.ANCHORED]


def day(number):
    return FIRST + number * DAY


def span(first, last):
    return Period(day(first), day(last))


def plan(days=30, mode=Mode.ROLLING, train=10, test=5, purge=2, embargo=0, **others):
    return Plan(
        strategy="Any",
        loss="Any",
        spaces=("buy",),
        epochs=1,
        seed=1,
        mode=mode,
        span=span(0, days),
        train=timedelta(days=train),
        test=timedelta(days=test),
        purge=timedelta(days=purge),
        embargo=timedelta(days=embargo),
        pairs=("BTC/USDT:USDT",),
        fee=0.0,
        **others,
    )


def days_of(*periods):
    """Return the days of `periods` as numbers, repeated where they overlap."""
    found = []
    for period in periods:
        first, last = period.start - FIRST, period.end - FIRST
        assert first % DAY == last % DAY == timedelta()
        assert period.start < period.end
        found += range(first // DAY, last // DAY)
    return found


def held_out_in(folds):
    return [test for fold in folds for test in fold.tests]


@st.composite
def walking_plans(draw):
    train, test, purge = (draw(st.integers(1, most)) for most in (40, 20, 10))
    days = train + purge + test + draw(st.integers(0, 120))
    mode = draw(st.sampled_from(WALKING))
    return plan(days, mode, train, test, purge, embargo=draw(st.integers(0, 10)))


@st.composite
def cpcv_plans(draw):
    groups = draw(st.integers(2, 7))
    held_out = draw(st.integers(1, groups - 1))
    purge, embargo = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    days = groups * (1 + purge + embargo) + draw(st.integers(0, 60))
    return plan(days, Mode.CPCV, purge=purge, embargo=embargo, groups=groups, held_out=held_out)


@given(walking_plans())
def test_every_training_ends_a_purge_before_its_test(asked):
    for fold in divide(asked):
        (test,) = fold.tests
        assert fold.train.end + asked.purge == test.start
        assert not fold.closed
        length = fold.train.end - fold.train.start
        if asked.mode is Mode.ROLLING:
            assert length == asked.train
        else:
            assert fold.train.start == FIRST
            assert length >= asked.train
        assert counted_days(fold) == length // DAY


@given(walking_plans())
def test_tests_adjoin_and_leave_less_than_half_a_test(asked):
    folds = divide(asked)
    tested = days_of(*held_out_in(folds))
    begin, last = (asked.train + asked.purge) // DAY, (asked.span.end - FIRST) // DAY
    assert tested == list(range(begin, begin + len(tested)))
    assert 0 <= 2 * (last - begin - len(tested)) < asked.test // DAY
    *whole, tail = [len(days_of(test)) for test in held_out_in(folds)]
    assert set(whole) <= {asked.test // DAY}
    assert asked.test // DAY <= 2 * tail <= 2 * (asked.test // DAY)
    assert [fold.number for fold in folds] == list(range(1, len(folds) + 1))


@given(walking_plans(), st.integers(0, 10))
def test_embargo_changes_nothing_where_training_comes_first(asked, embargo):
    assert divide(asked) == divide(replace(asked, embargo=embargo * DAY))


@given(cpcv_plans())
def test_no_training_of_cpcv_comes_near_its_tests(asked):
    everything = set(days_of(asked.span))
    for fold in divide(asked):
        assert fold.train == asked.span
        before, after = asked.purge // DAY, asked.embargo // DAY
        near = {
            it
            for tested in days_of(*fold.tests)
            for it in range(tested - before, tested + after + 1)
        }
        closed = days_of(*fold.closed)
        assert sorted(near & everything) == closed  # each once, so that nothing overlaps
        assert counted_days(fold) == len(everything - near) > 0
        for one, following in zip(fold.closed, fold.closed[1:], strict=False):
            assert one.end < following.start


@given(cpcv_plans())
def test_cpcv_tries_every_choice_of_nearly_equal_groups(asked):
    folds = divide(asked)
    groups = sorted(set(held_out_in(folds)), key=lambda period: period.start)
    assert days_of(*groups) == days_of(asked.span)
    sizes = {len(days_of(group)) for group in groups}
    assert max(sizes) - min(sizes) <= 1
    assert len(groups) == asked.groups
    assert len(folds) == comb(asked.groups, asked.held_out)
    choices = [tuple(groups.index(test) for test in fold.tests) for fold in folds]
    assert choices == sorted(set(choices))
    assert all(list(choice) == sorted(set(choice)) for choice in choices)
    often = comb(asked.groups - 1, asked.held_out - 1)
    assert set(Counter(held_out_in(folds)).values()) == {often}
    assert [fold.number for fold in folds] == list(range(1, len(folds) + 1))


@given(walking_plans() | cpcv_plans())
def test_paths_meet_every_tested_day_once_and_use_every_test_once(asked):
    folds = divide(asked)
    ways = paths(asked, folds)
    by_number = {fold.number: fold for fold in folds}
    tested = sorted(set(days_of(*held_out_in(folds))))
    for way in ways:
        assert days_of(*(by_number[number].tests[place] for number, place in way)) == tested
    used = [piece for way in ways for piece in way]
    assert len(used) == len(set(used)) == len(held_out_in(folds))
    cpcv = asked.mode is Mode.CPCV
    assert len(ways) == (comb(asked.groups - 1, asked.held_out - 1) if cpcv else 1)


def test_rolling_by_hand():
    # 30 days: train 0-9, purge 10-11, test 12-16; then 5 days later; 27-29 are 3 of 5 days.
    folds = divide(plan())
    assert [fold.train for fold in folds] == [span(0, 10), span(5, 15), span(10, 20), span(15, 25)]
    assert held_out_in(folds) == [span(12, 17), span(17, 22), span(22, 27), span(27, 30)]


def test_anchored_by_hand():
    folds = divide(plan(29, Mode.ANCHORED))  # the last two days are less than half a test
    assert [fold.train for fold in folds] == [span(0, 10), span(0, 15), span(0, 20)]
    assert held_out_in(folds) == [span(12, 17), span(17, 22), span(22, 27)]


def test_half_a_test_is_kept():
    assert held_out_in(divide(plan(19, test=4)))[-1] == span(16, 19)
    assert held_out_in(divide(plan(18, test=4)))[-1] == span(16, 18)
    assert held_out_in(divide(plan(17, test=4)))[-1] == span(12, 16)


def test_cpcv_by_hand():
    # 23 days in 4 groups: 0-4, 5-10, 11-16, 17-22
    asked = plan(23, Mode.CPCV, purge=2, embargo=1, groups=4, held_out=2)
    folds = divide(asked)
    groups = [span(0, 5), span(5, 11), span(11, 17), span(17, 23)]
    assert [fold.tests for fold in folds] == [
        (groups[one], groups[two]) for one, two in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    ]
    assert [fold.closed for fold in folds] == [
        (span(0, 12),),
        (span(0, 6), span(9, 18)),
        (span(0, 6), span(15, 23)),
        (span(3, 18),),
        (span(3, 12), span(15, 23)),
        (span(9, 23),),
    ]
    # Each group is tested three times, so there are three ways from the first to the last.
    assert paths(asked, folds) == (
        ((1, 0), (1, 1), (2, 1), (3, 1)),
        ((2, 0), (4, 0), (4, 1), (5, 1)),
        ((3, 0), (5, 0), (6, 0), (6, 1)),
    )


def test_six_groups_two_held_out_have_five_paths():
    """López de Prado (2018), section 12.4: N=6 and k=2 give 15 splits and 5 paths."""
    asked = plan(120, Mode.CPCV, groups=6, held_out=2)
    folds = divide(asked)
    assert len(folds) == 15
    assert len(paths(asked, folds)) == 5


def test_closed_spans_that_touch_are_one():
    asked = plan(20, Mode.CPCV, purge=2, embargo=3, groups=4, held_out=2)
    assert divide(asked)[1].closed == (span(0, 18),)  # 0 to 5+3, then 10-2 to 15+3


def test_a_fold_without_a_result_leaves_a_gap_in_its_paths():
    asked = plan()
    folds = divide(asked)
    assert paths(asked, folds[:1] + folds[2:]) == (((1, 0), (3, 0), (4, 0)),)
    asked = plan(40, Mode.CPCV, groups=4, held_out=1)
    assert paths(asked, divide(asked)[1:]) == (((2, 0), (3, 0), (4, 0)),)


@pytest.mark.parametrize("mode", WALKING)
def test_one_fold_needs_its_parts(mode):
    assert len(divide(plan(17, mode))) == 1
    message = r"20240101-20240117 has 16 days, one fold needs 17 \(train 10, purge 2, test 5\)"
    with pytest.raises(ValueError, match=message):
        divide(plan(16, mode))


@pytest.mark.parametrize(("groups", "held_out"), [(4, 0), (4, 4), (4, 5), (1, 1), (0, 0)])
def test_something_is_tested_and_something_trained(groups, held_out):
    with pytest.raises(ValueError, match=f"held_out is {held_out} of {groups} groups"):
        divide(plan(60, Mode.CPCV, groups=groups, held_out=held_out))


def test_groups_need_a_day_each():
    with pytest.raises(ValueError, match="has 5 days, fewer than its 6 groups"):
        divide(plan(5, Mode.CPCV))


def test_cpcv_has_no_more_folds_than_anybody_waits_for():
    with pytest.raises(ValueError, match=r"20 of 40 groups .* in 137,846,528,820 ways"):
        divide(plan(60, Mode.CPCV, groups=40, held_out=20))


def test_cpcv_needs_a_day_to_train_on():
    asked = plan(9, Mode.CPCV, purge=3, embargo=2, groups=3, held_out=1)
    # The middle group is 3-5; closed are 0-7, and one day is left.
    assert [counted_days(fold) for fold in divide(asked)] == [4, 1, 3]
    with pytest.raises(ValueError, match=r"fold 2 of span .* has no day left to train on"):
        divide(replace(asked, embargo=3 * DAY))


@pytest.mark.parametrize("name", ["train", "test", "purge"])
@pytest.mark.parametrize("mode", WALKING)
def test_lengths_are_whole_days(mode, name):
    for wrong in (timedelta(0), -DAY, timedelta(hours=36)):
        with pytest.raises(ValueError, match=f"^{name} is .* expected whole days, at least 1"):
            divide(replace(plan(60, mode), **{name: wrong}))


def test_cpcv_asks_neither_for_train_nor_for_test():
    asked = plan(60, Mode.CPCV)
    assert divide(replace(asked, train=timedelta(0), test=timedelta(0))) == divide(asked)
    with pytest.raises(ValueError, match="purge is 0:00:00"):
        divide(replace(asked, purge=timedelta(0)))


@pytest.mark.parametrize("wrong", [-DAY, timedelta(hours=1)])
def test_embargo_is_whole_days(wrong):
    with pytest.raises(ValueError, match=r"embargo is .* at least 0"):
        divide(replace(plan(), embargo=wrong))


@pytest.mark.parametrize(
    "border",
    [
        day(0) + timedelta(hours=1),
        day(0).replace(tzinfo=None),
        day(0).replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_spans_are_whole_days_of_utc(border):
    with pytest.raises(ValueError, match=r"span start is .* expected a midnight UTC"):
        divide(replace(plan(), span=Period(border, day(30))))
    with pytest.raises(ValueError, match=r"span end is .* expected a midnight UTC"):
        divide(replace(plan(), span=Period(day(-30), border)))


def test_a_span_begins_before_it_ends():
    for mode in Mode:
        with pytest.raises(ValueError, match="ends before it starts; swap the dates"):
            divide(replace(plan(mode=mode), span=span(3, 3)))

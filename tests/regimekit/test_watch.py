"""A clock or a disk counts as bad only when it surely is, and as good only when it clearly is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.watch import DISK_RELEASE, clock_jumped, clock_wrong, disk_scarce

GOOD, BAD = 1.5, 5.0
errors = st.floats(-1e6, 1e6)
halves = st.floats(0, 1e6)


def wrong(offset, uncertainty=0.0, before=False):
    return clock_wrong(offset, uncertainty, wrong=before, good=GOOD, bad=BAD)


@given(st.lists(st.tuples(errors, halves), max_size=30))
def test_a_clock_that_may_be_right_never_stops_entries(readings):
    state = False
    for offset, uncertainty in readings:
        state = wrong(offset, min(uncertainty, abs(offset)), before=False)
        assert state <= (abs(offset) > BAD)
        assert not wrong(offset, abs(offset))


@given(errors, halves, st.booleans())
def test_ahead_and_behind_are_alike(offset, uncertainty, before):
    assert wrong(offset, uncertainty, before) == wrong(-offset, uncertainty, before)


@given(errors, halves)
def test_what_was_wrong_takes_a_better_clock_than_what_was_right(offset, uncertainty):
    assert wrong(offset, uncertainty, before=True) >= wrong(offset, uncertainty, before=False)


@pytest.mark.parametrize(
    ("offset", "uncertainty", "before", "expected"),
    [
        (-600.0, 0.1, False, True),
        (5.0, 0.0, False, False),
        (5.1, 0.0, False, True),
        (5.1, 0.2, False, False),  # it may be 4.9 s
        (8.0, 60.0, False, False),  # a slow answer tells nothing
        (4.0, 0.0, True, True),  # better, not good
        (1.5, 0.0, True, False),
        (math.nan, 0.0, False, True),
        (math.nan, 0.0, True, True),
        (1.0, math.nan, False, True),
    ],
)
def test_clock_by_hand(offset, uncertainty, before, expected):
    assert wrong(offset, uncertainty, before) is expected


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 100))
def test_clocks_that_pass_alike_did_not_jump(passed, jump, slack):
    steady = abs(passed)
    assert not clock_jumped(steady, steady, slack=slack, bad=BAD)
    if abs(jump) > BAD + slack + 1:
        assert clock_jumped(steady + jump, steady, slack=slack, bad=BAD)


def test_a_process_that_was_held_up_between_two_looks_saw_no_jump():
    assert clock_jumped(20.0, 10.0, slack=0.0, bad=BAD)
    assert not clock_jumped(20.0, 10.0, slack=6.0, bad=BAD)
    assert clock_jumped(math.nan, 10.0, slack=0.0, bad=BAD)


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=50), st.floats(1, 1000))
def test_disk_stops_below_the_limit_and_goes_on_well_above_it(frees, least):
    scarce = False
    for free in frees:
        before, scarce = scarce, disk_scarce(free, scarce=scarce, least=least)
        if free < least:
            assert scarce
        elif free >= least * DISK_RELEASE:
            assert not scarce
        else:
            assert scarce is before


def test_disk_that_cannot_be_measured_is_full_unless_nobody_asks():
    assert disk_scarce(math.nan, scarce=False, least=1.0)
    assert disk_scarce(-math.inf, scarce=False, least=1.0)
    assert not disk_scarce(-math.inf, scarce=True, least=0.0)

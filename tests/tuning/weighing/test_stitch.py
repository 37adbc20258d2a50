"""Days out of sample, end to end: nothing is lost, counted twice or bridged."""

import dataclasses
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.coverage import Period
from tests.tuning import made
from tuning.folds import divide
from tuning.model import TuningError
from tuning.weighing.stitch import (
    days_of,
    growth,
    marked_returns,
    realized_returns,
    runs_of,
    stitched,
    trade_returns,
)

DAY = timedelta(days=1)
START = made.START


def span(first, last):
    return Period(START + first * DAY, START + last * DAY)


def with_wallet(tested, levels, **changes):
    outcome = dataclasses.replace(tested.outcome, wallet=tuple(map(float, levels)), **changes)
    return dataclasses.replace(tested, outcome=outcome)


def test_a_day_s_return_is_the_change_of_its_wallet():
    tested = with_wallet(made.tested(span(0, 3), np.zeros(3)), [100, 110, 99, 99])
    returns = marked_returns(tested)
    assert list(returns.index) == list(days_of([span(0, 3)]))
    assert returns.to_numpy() == pytest.approx([0.10, -0.10, 0.0])


def test_what_closes_in_the_candle_at_the_end_counts_to_the_last_day():
    """That candle's own day is the first of the next test."""
    tested = with_wallet(made.tested(span(0, 2), np.zeros(2)), [100, 100, 110, 99])
    returns = marked_returns(tested)
    assert list(returns.index) == list(days_of([span(0, 2)]))
    assert returns.to_numpy() == pytest.approx([0.0, 1.10 * 0.90 - 1])


def test_days_before_the_test_do_not_count():
    early = f"{START - DAY:%Y-%m-%d}"
    tested = with_wallet(made.tested(span(0, 2), np.zeros(2)), [50, 100, 110, 121], first_day=early)
    assert marked_returns(tested).to_numpy() == pytest.approx([0.10, 0.10])


def test_a_lost_wallet_stays_lost():
    tested = with_wallet(made.tested(span(0, 3), np.zeros(3)), [100, 0, 0, 0])
    assert marked_returns(tested).tolist() == [-1.0, 0.0, 0.0]


def test_realized_returns_are_those_of_closed_trades():
    tested = made.tested(span(0, 4), np.array([0.0, 100.0, 0.0, -55.0]))
    assert realized_returns(tested) == pytest.approx([0.0, 0.10, 0.0, -0.05])
    doubled = 2 * tested.trades["profit_abs"].to_numpy()
    assert realized_returns(tested, doubled) == pytest.approx([0.0, 0.20, 0.0, -110 / 1200])


def test_trades_are_told_in_the_order_in_which_they_closed():
    tested = made.tested(span(0, 4), np.array([0.0, 100.0, 0.0, -55.0]))
    turned = dataclasses.replace(tested, trades=tested.trades.iloc[::-1])
    assert trade_returns(turned) == pytest.approx([0.10, -0.05])
    assert len(trade_returns(made.tested(span(0, 4), np.zeros(4)))) == 0


@given(st.lists(st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=6), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_growth_is_the_product_of_all_days_and_of_all_folds(folds):
    """Whatever wallet each fold began with, what it did to it is what is chained."""
    days = [change for fold in folds for change in fold]
    index = pd.date_range(START, periods=len(days), freq="D")
    whole = growth(pd.Series(days, index)).iloc[-1]
    assert whole == pytest.approx(np.prod([np.prod(1 + np.array(fold)) for fold in folds]))


def test_a_walk_is_one_path_of_all_test_days():
    walk = made.good()
    (path,) = stitched(walk)
    tests = [test for fold in divide(walk.plan) for test in fold.tests]
    assert list(path.tuned.index) == list(path.untuned.index) == list(days_of(tests))
    assert path.missing == ()
    ends = [result.tested[0].outcome.wallet[-1] / made.BALANCE for result in walk.folds]
    assert growth(path.tuned).iloc[-1] == pytest.approx(np.prod(ends))
    other = [result.untuned[0].outcome.wallet[-1] / made.BALANCE for result in walk.folds]
    assert growth(path.untuned).iloc[-1] == pytest.approx(np.prod(other))


def test_the_order_of_folds_does_not_matter():
    walk = made.good()
    (path,) = stitched(walk)
    (turned,) = stitched(dataclasses.replace(walk, folds=walk.folds[::-1]))
    pd.testing.assert_series_equal(path.tuned, turned.tuned)
    assert [leg.number for leg in turned.legs] == [1, 2, 3, 4]


@pytest.mark.parametrize("failed", [1, 2, 4])
def test_a_failed_fold_is_missing_and_not_bridged(failed):
    whole, walk = made.good(), made.good(failed=(failed,))
    (path,) = stitched(walk)
    gap = divide(walk.plan)[failed - 1].tests[0]
    assert path.missing == (gap,)
    assert not set(path.tuned.index) & set(days_of([gap]))
    (full,) = stitched(whole)
    pd.testing.assert_series_equal(path.tuned, full.tuned[path.tuned.index])


def test_neighbors_that_failed_are_one_gap():
    (path,) = stitched(made.good(failed=(2, 3)))
    first, last = (divide(made.plan())[number - 1].tests[0] for number in (2, 3))
    assert path.missing == (Period(first.start, last.end),)


def test_without_any_fold_everything_is_missing():
    (path,) = stitched(made.good(failed=(1, 2, 3, 4)))
    assert path.tuned.empty
    assert path.legs == ()
    assert [(gap.end - gap.start).days for gap in path.missing] == [120]


def test_a_wallet_that_ends_early_is_a_gap():
    walk = made.good()
    first = walk.folds[0]
    short = with_wallet(first.tested[0], first.tested[0].outcome.wallet[:-5])
    cut = dataclasses.replace(first, tested=(short,))
    (path,) = stitched(dataclasses.replace(walk, folds=(cut, *walk.folds[1:])))
    end = first.fold.tests[0].end
    assert path.missing == (Period(end - 5 * DAY, end),)
    assert len(path.untuned) == 115  # both on the same days


def test_cpcv_has_a_path_for_each_time_that_a_group_was_tested():
    walk = made.cpcv()
    found = stitched(walk)
    assert len(found) == 3  # C(4, 2) folds of two tests each, four groups
    for path in found:
        assert list(path.tuned.index) == list(days_of([walk.plan.span]))
    used = [(leg.number, leg.tuned.period.start) for path in found for leg in path.legs]
    assert len(used) == len(set(used)) == 12


def test_a_cpcv_fold_that_failed_is_missing_where_it_was_tested():
    found = stitched(made.cpcv(failed=(1,)))
    lengths = sorted(len(path.tuned) for path in found)
    assert sum(lengths) == 3 * 240 - 120
    assert all(path.missing for path in found if len(path.tuned) < 240)


def test_a_day_that_two_folds_test_is_refused():
    walk = made.good()
    early = made.tested(walk.folds[0].fold.tests[0], np.ones(30))
    twice = dataclasses.replace(walk.folds[1], tested=(early,), untuned=(early,))
    with pytest.raises(TuningError, match="2024-03-02 is tested by two folds"):
        stitched(dataclasses.replace(walk, folds=(walk.folds[0], twice)))


def test_one_wallet_of_closed_trades_makes_a_path_unmarked():
    walk = made.good()
    first = walk.folds[0]
    loose = with_wallet(first.untuned[0], first.untuned[0].outcome.wallet, marked=False)
    changed = dataclasses.replace(first, untuned=(loose,))
    assert stitched(walk)[0].marked
    assert not stitched(dataclasses.replace(walk, folds=(changed, *walk.folds[1:])))[0].marked


@given(st.sets(st.integers(0, 40)))
@settings(max_examples=60, deadline=None)
def test_runs_of_days_are_the_days_again(numbers):
    days = days_of([span(number, number + 1) for number in numbers])
    runs = runs_of(days)
    assert list(days_of(runs)) == list(days)
    assert all(after.start > before.end for before, after in pairwise(runs))

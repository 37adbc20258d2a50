"""Choices over folds: bounds, counts by hand, and choices whose nature is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.evaluation.stability import Stability, parameter_stability

DRAWS = 1_000


def judged(values, between=None, draws=DRAWS):
    ranges = {} if between is None else {"x": between}
    return parameter_stability([{"x": value} for value in values], ranges, draws=draws).loc["x"]


numbers = st.lists(st.integers(0, 40).map(lambda x: x / 10), min_size=1, max_size=9)


@given(numbers)
@settings(max_examples=15)
def test_a_range_that_is_turned_or_moved_says_the_same(values):
    one, turned = judged(values, (0, 4)), judged([4 - value for value in values], (0, 4))
    moved = judged([30 + 10 * value for value in values], (30, 70))
    for other in (turned, moved):
        assert other["spread"] == pytest.approx(one["spread"], abs=1e-9)
        assert other["step"] == pytest.approx(one["step"], abs=1e-9)
        assert other["edge"] == one["edge"]
        assert other["most_frequent"] == one["most_frequent"]
    assert 0 < one["p_random"] <= 1
    assert 0 < one["p_order"] <= 1
    assert 0 <= one["spread"] <= 1
    assert 1 / len(values) <= one["most_frequent"] <= 1


@given(numbers)
@settings(max_examples=10)
def test_order_changes_only_what_is_said_of_neighbors(values):
    one, back = judged(values, (0, 4)), judged(values[::-1], (0, 4))
    assert one["step"] == pytest.approx(back["step"])
    mixed = judged(sorted(values), (0, 4))
    assert mixed["step"] <= one["step"] + 1e-12
    for name in ("spread", "median", "edge", "p_random", "against_random"):
        assert mixed[name] == pytest.approx(one[name])


def test_numbers_by_hand():
    row = judged([1.0, 2.0, 5.0, 4.9], (1, 5))
    assert row["folds"] == 4
    assert row["median"] == pytest.approx(3.45)
    # 0, 1/4, 1 and 0.975 of the range
    assert row["spread"] == pytest.approx(np.std([0, 0.25, 1, 0.975], ddof=1))
    assert row["step"] == pytest.approx((0.25 + 0.75 + 0.025) / 3)
    assert row["edge"] == 0.5  # 4.9 is farther than 2 % of the range from its end
    assert row["most_frequent"] == 0.25
    # 41 values lie a tenth apart
    assert row["against_random"] == pytest.approx(row["spread"] / np.sqrt(42 / 40 / 12))


def test_grid_is_seen_in_the_range_and_in_the_choices():
    # 41 values in tenths, although all that were chosen are whole; rounding errors are no grid
    row = judged([1, 2, 4], (0.5, 4.5))
    assert row["against_random"] == pytest.approx(row["spread"] / np.sqrt(42 / 40 / 12))
    assert judged([0.1 + 0.2] * 3, (0, 1e4))["verdict"] == "stable"


@pytest.mark.parametrize("value", [1.0, 1.08, 5.0, 4.92])
def test_edges(value):
    assert judged([value], (1, 5))["edge"] == 1.0
    assert judged([3 + (value - 3) * 0.9], (1, 5))["edge"] == 0.0


def test_spread_of_a_random_choice_is_that_of_a_uniform_one():
    rng = np.random.default_rng(1)
    fine = judged(rng.uniform(0, 1, 2000).round(4), (0, 1), draws=20)
    assert fine["spread"] == pytest.approx(1 / np.sqrt(12), rel=0.03)
    assert fine["against_random"] == pytest.approx(1.0, rel=0.03)
    coarse = judged(rng.integers(2, 5, 2000), (2, 4), draws=20)
    assert coarse["against_random"] == pytest.approx(1.0, rel=0.03)
    assert coarse["spread"] > fine["spread"] + 0.05


def test_equal_choices_on_a_grid_have_the_probability_that_can_be_counted():
    assert judged([3] * 3, (2, 5))["p_random"] == pytest.approx(1 / 16, abs=0.02)
    assert judged([True] * 4)["p_random"] == pytest.approx(1 / 8, abs=0.03)
    # two of four equal, at best: all 16 draws of a switch do that
    assert judged([True, False, True, False])["p_random"] == 1.0
    assert judged([True, True, True, False])["p_random"] == pytest.approx(10 / 16, abs=0.04)


def test_order_is_counted_over_all_orders_of_few_folds():
    # Rising or falling are 2 of 120 orders
    assert judged([1, 2, 3, 4, 5], (0, 10))["p_order"] == pytest.approx(2 / 120)
    assert judged([3, 1, 5, 2, 4], (0, 10))["p_order"] > 0.8
    assert judged([2, 2, 2, 2, 2], (0, 10))["p_order"] == 1.0
    # of "a a a b b b" the 2 of 20 that change once
    assert judged(list("aaabbb"))["p_order"] == pytest.approx(2 / 20)


@pytest.mark.parametrize(
    ("values", "between", "verdict"),
    [
        ([3.0, 3.1, 2.9, 3.0, 3.2], (1, 5), "stable"),
        ([5.0, 5.0, 5.0, 5.0], (1, 5), "stable"),
        ([3.0, 3.1, 3.2, 3.3, 3.4, 3.5], (1, 5), "stable"),  # drifts, but within a narrow band
        ([1.0, 1.8, 2.6, 3.4, 4.2, 5.0], (1, 5), "drifts"),
        ([1.2, 4.4, 2.0, 4.9, 3.1, 1.4], (1, 5), "as if at random"),
        ([2, 4, 2, 4, 3, 2, 4, 3, 3, 2, 4, 3] * 2, (1, 5), "within a wide band"),
        ([3.1, 3.1], (1, 5), "too few folds"),
        ([3, 3, 3], (2, 5), "too few folds"),  # one of sixteen at random
        ([3, 3, 3, 3], (2, 5), "stable"),
        ([True] * 5, None, "too few folds"),  # one of sixteen at random
        ([True] * 6, None, "stable"),
        ([True, False] * 4, None, "as if at random"),
        ([True] * 5 + [False] * 5, None, "drifts"),
        (["a"] * 13 + ["b"] * 7 + ["c"] * 2, None, "drifts"),
        (["a", "b", "a", "a", "c", "a", "b", "a", "a"] * 3, None, "within a wide band"),
        ([True], None, "too few folds"),
    ],
)
def test_verdicts(values, between, verdict):
    assert judged(values, between)["verdict"] == Stability(verdict)


def test_random_choices_are_called_random():
    rng = np.random.default_rng(2)
    choices = [
        {f"p{k}": round(float(value), 2) for k, value in enumerate(rng.uniform(0, 9, 200))}
        for _ in range(6)
    ]
    ranges = dict.fromkeys(choices[0], (0, 9))
    table = parameter_stability(choices, ranges, draws=DRAWS)
    said = table["verdict"].value_counts(normalize=True)
    assert said[Stability.STABLE] < 0.06
    assert said[Stability.DRIFTS] < 0.09
    assert said[Stability.RANDOM] > 0.85
    assert np.mean(table["p_random"] <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_table_keeps_names_and_order():
    choices = [{"b": 1, "a": True, "c": "x"}, {"a": True, "c": "y", "b": 3}]
    table = parameter_stability(choices, {"b": (1, 9), "unused": (0, 1)}, draws=50)
    assert list(table.index) == ["b", "a", "c"]
    assert list(table.columns) == [
        *("folds", "median", "spread", "against_random", "step", "edge", "most_frequent"),
        *("p_random", "p_order", "verdict"),
    ]
    assert table.loc["a", ["median", "spread", "against_random", "edge"]].isna().all()
    assert table.loc["c", "step"] == 1.0
    assert table.equals(parameter_stability(choices, {"b": (1, 9)}, draws=50))


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match="no choices"):
        parameter_stability([], {})
    with pytest.raises(ValueError, match="choice 2 and the first do not share b"):
        parameter_stability([{"a": 1}, {"a": 1, "b": 2}], {})
    for value in (0, 6):
        with pytest.raises(ValueError, match=rf"x: {value} was chosen, outside of 1 to 5"):
            judged([3, value], (1, 5))
    with pytest.raises(ValueError, match="x: a range must begin below its end, was 3 to 3"):
        judged([3, 3], (3, 3))

"""Better results never make a sub-strategy trade more timidly, and no single one decides."""

import math
from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.adaptive import (
    NEUTRAL,
    Adaptation,
    adapt,
    profit_measure,
    results_needed,
    streak_measure,
    win_measure,
)
from regimekit.settings import PROFILES, AdaptiveSettings, ExitSettings, settings_from
from tests.profiles import profile

CONSERVATIVE = AdaptiveSettings()
SMALL = AdaptiveSettings(window=6, least_trades=2)
FACTORS = [item.name for item in fields(Adaptation) if item.name != "confidence"]
ROUNDING = 1e-12

# Multiples of 1/64, ties and zeros among them: scaled by powers of two they stay exact.
returns = st.integers(-640, 640).map(lambda value: value / 64)
result_lists = st.lists(returns, max_size=70)
enough = st.lists(returns, min_size=CONSERVATIVE.least_trades, max_size=70)
wild = st.lists(st.floats() | st.sampled_from([1.7e308, -1.7e308, 5e-324, -5e-324]), max_size=70)
targets = st.sampled_from([0.8, 1.0, 1.2, 2.0, 6.0])
all_settings = st.builds(
    lambda low, high, **others: AdaptiveSettings(least_trades=low, window=max(low, high), **others),
    st.integers(2, 60),
    st.integers(5, 60),
    relief=st.floats(0, 0.3),
    demand=st.floats(0, 0.3),
    least_size=st.floats(0.01, 1),
    most_size=st.floats(1, 3),
    least_leverage=st.floats(0.1, 1),
    least_stop=st.floats(0.5, 1),
    most_stop=st.floats(1, 2),
    least_reward=st.floats(0.3, 1),
    most_reward=st.floats(1, 2),
)


def score(results, settings=CONSERVATIVE, **options):
    """The score behind an adaptation, -1 to 1."""
    size = adapt(results, settings, **options).size - 1
    return size / (settings.most_size - 1 if size > 0 else 1 - settings.least_size)


def boldness(adaptation):
    """The numbers of an adaptation, each larger where more is dared."""
    return np.array([-adaptation.confidence, *astuple(adaptation)[1:]])


@given(wild, all_settings, targets)
def test_whatever_comes_in_every_factor_stays_within_its_bounds(results, settings, target):
    adaptation = adapt(results, settings, target_rr=target)
    bounds = {
        "confidence": (-settings.relief, settings.demand),
        "size": (settings.least_size, settings.most_size),
        "leverage": (settings.least_leverage, 1.0),
        "stop": (settings.least_stop, settings.most_stop),
        "reward": (settings.least_reward, settings.most_reward),
    }
    for name, (least, most) in bounds.items():
        assert least - ROUNDING <= getattr(adaptation, name) <= most + ROUNDING, name


@pytest.mark.parametrize("name", PROFILES)
def test_each_bound_is_reached(name):
    settings = settings_from(profile(name)).adaptive
    most = Adaptation(
        -settings.relief, settings.most_size, 1.0, settings.most_stop, settings.most_reward
    )
    least = Adaptation(
        settings.demand,
        settings.least_size,
        settings.least_leverage,
        settings.least_stop,
        settings.least_reward,
    )
    assert astuple(adapt([0.02] * 50, settings)) == pytest.approx(astuple(most))
    assert astuple(adapt([-0.02] * 50, settings)) == pytest.approx(astuple(least))


@given(enough, st.data(), targets)
def test_a_better_result_never_makes_it_more_timid(results, data, target):
    place = data.draw(st.integers(0, len(results) - 1))
    better = [*results]
    better[place] += data.draw(st.integers(1, 1280)) / 64
    before = boldness(adapt(results, CONSERVATIVE, target_rr=target))
    after = boldness(adapt(better, CONSERVATIVE, target_rr=target))
    assert (after >= before - ROUNDING).all()


@given(result_lists, st.integers(-40, 40))
def test_the_unit_of_results_does_not_matter(results, power):
    scaled = [result * 2.0**power for result in results]
    assert adapt(scaled, CONSERVATIVE) == adapt(results, CONSERVATIVE)


@given(result_lists, st.floats(1e-6, 1e6))
def test_nor_does_any_other_factor(results, factor):
    scaled = adapt([result * factor for result in results], CONSERVATIVE)
    assert astuple(scaled) == pytest.approx(astuple(adapt(results, CONSERVATIVE)))


@given(result_lists, st.floats(allow_nan=False) | st.sampled_from([1e300, -1e300]), all_settings)
def test_one_further_trade_moves_the_score_by_a_bounded_step(results, further, settings):
    before = boldness(adapt(results, settings))
    after = boldness(adapt([*results, further], settings))
    spans = [
        max(settings.relief, settings.demand),
        max(settings.most_size - 1, 1 - settings.least_size),
        1 - settings.least_leverage,
        max(settings.most_stop - 1, 1 - settings.least_stop),
        max(settings.most_reward - 1, 1 - settings.least_reward),
    ]
    assert (np.abs(after - before) <= 2 / settings.least_trades * np.array(spans) + ROUNDING).all()


@given(result_lists, result_lists)
def test_what_lies_further_back_is_forgotten(older, results):
    needed = results_needed(SMALL)
    recent = (results * needed)[-needed:] or [1.0] * needed
    assert adapt([*older, *recent], SMALL) == adapt(recent, SMALL)


def test_what_does_not_lie_further_back_counts():
    recent = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0]
    assert len(recent) == results_needed(SMALL)
    changed = [-1.0, *recent[1:]]
    assert score(changed, SMALL) < score(recent, SMALL)


@given(st.lists(returns, max_size=CONSERVATIVE.least_trades - 1), targets)
def test_before_there_are_enough_trades_nothing_changes(results, target):
    assert adapt(results, CONSERVATIVE, target_rr=target) is not None
    assert adapt(results, CONSERVATIVE, target_rr=target) == NEUTRAL


def test_the_first_trade_that_is_enough_changes_something():
    least = CONSERVATIVE.least_trades
    assert adapt([-0.02] * (least - 1), CONSERVATIVE) == NEUTRAL
    assert adapt([-0.02] * least, CONSERVATIVE).size < 1


@pytest.mark.parametrize(
    "results",
    [[0.0] * 20, [0.01, -0.01, -0.01, 0.01]],
    ids=["nothing won or lost", "as many won as lost, early and late"],
)
def test_average_results_change_nothing_at_all(results):
    settings = AdaptiveSettings(window=5, least_trades=len(results) if len(results) < 6 else 2)
    assert adapt(results, settings) == NEUTRAL


@given(enough)
def test_the_opposite_results_give_the_opposite_score(results):
    opposite = [-result for result in results]
    assert score(opposite) == pytest.approx(-score(results), abs=1e-9)


@given(enough, st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_a_result_that_is_no_number_counts_as_no_trade(results, junk, data):
    place = data.draw(st.integers(0, len(results)))
    assert adapt([*results[:place], junk, *results[place:]], CONSERVATIVE) == adapt(
        results, CONSERVATIVE
    )


def test_few_trades_say_less_than_many_of_the_same_kind():
    scores = [score([0.02, -0.03] * pairs) for pairs in (2, 4, 8, 16, 25)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 0 > scores[1] > scores[2] > scores[4]


def test_an_equal_share_of_wins_is_better_at_a_farther_target():
    results = [0.01, -0.01] * 10
    scores = [score(results, target_rr=target) for target in (1.0, 1.2, 2.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[2]


def test_luck_alone_changes_little():
    rng = np.random.default_rng(5)
    scores = [score(rng.normal(0, 0.02, 57)) for _ in range(400)]
    assert abs(np.mean(scores)) < 0.04
    assert 0.2 < np.std(scores) < 0.35


# The measures


@given(st.lists(returns, min_size=2, max_size=60))
def test_the_trend_is_where_the_regression_line_has_got_to(results):
    values = np.array(results)
    order = np.arange(len(values), dtype=float)
    read_at = order.mean() + (len(values) + 1) / 6
    of_results = np.polyval(np.polyfit(order, values, 1), read_at)
    of_sizes = np.polyval(np.polyfit(order, np.abs(values), 1), read_at)
    if of_sizes > 1e-6:
        assert profit_measure(values, order) == pytest.approx(of_results / of_sizes, abs=1e-9)


@given(st.lists(returns, min_size=1, max_size=60))
def test_profit_is_that_of_the_profit_factor(results):
    gains = sum(result for result in results if result > 0)
    losses = -sum(result for result in results if result < 0)
    found = profit_measure(np.array(results), np.ones(len(results)))
    if losses > 0:
        factor = gains / losses
        assert found == pytest.approx((factor - 1) / (factor + 1))
    else:
        assert found == pytest.approx(1.0 if gains > 0 else 0.0)


WINS = {
    "all lost": ([-1, -1], 0.5, -1.0),
    "all won": ([1, 1], 1 / 3, 1.0),
    "as fair": ([1, -1, -1], 1 / 3, 0.0),
    "half of what is fair": ([1, -1, -1, -1], 0.5, -0.5),
    "half way above": ([1, 1, 1, -1], 0.5, 0.5),
    "0 is half a win": ([0, 0], 0.5, 0.0),
}


@pytest.mark.parametrize(("outcomes", "fair", "measure"), WINS.values(), ids=WINS)
def test_wins_by_hand(outcomes, fair, measure):
    assert win_measure(np.array(outcomes, float), fair) == pytest.approx(measure, abs=1e-15)


STREAKS = {
    "one is none": ([1, -1], 0.0),
    "two": ([1, -1, 1, 1], math.sqrt(1 / 4)),
    "five losses": ([1, -1, -1, -1, -1, -1], -math.sqrt(4 / 6)),
    "an older run": ([-1, -1, -1, 1], 0.0),
    "a 0 ends it": ([1, 1, 0], 0.0),
    "nothing else": ([-1, -1, -1, -1], -math.sqrt(3 / 4)),
}


@pytest.mark.parametrize(("outcomes", "measure"), STREAKS.values(), ids=STREAKS)
def test_streak_by_hand(outcomes, measure):
    assert streak_measure(np.array(outcomes, float)) == pytest.approx(measure)


def test_a_score_by_hand():
    """Two trades needed, four given: the mean of what was said after three and after four."""
    settings = AdaptiveSettings(window=5, least_trades=2)
    # After [1, -2, 3]: wins 1/3, profit 2/6, trend (-2 + 6) / (2 + 6), no streak.
    three = math.sqrt(3) * (1 / 3 + 1 / 3 + 1 / 2 + 0) / 4 / 3
    # After [1, -2, 3, 1]: wins 1/2, profit 3/7, trend (-2 + 6 + 3) / (2 + 6 + 3), two in a row.
    four = math.sqrt(4) * (1 / 2 + 3 / 7 + 7 / 11 + math.sqrt(1 / 4)) / 4 / 3
    found = score([1.0, -2.0, 3.0, 1.0], settings)
    assert found == pytest.approx((three + four) / 2)


@given(st.lists(returns, min_size=2, max_size=20), targets)
def test_the_score_is_the_mean_of_what_each_of_the_last_trades_left(results, target):
    """The definition, trade by trade; `SMALL` looks at six results and needs two."""
    total = 0.0
    for back in range(SMALL.least_trades):
        seen = np.array(results[: len(results) - back][-SMALL.window :])
        if len(seen) < SMALL.least_trades:
            continue
        order = np.arange(len(seen), dtype=float)
        measures = [
            win_measure(np.sign(seen), 1 / (1 + target)),
            profit_measure(seen, np.ones(len(seen))),
            profit_measure(seen, order),
            streak_measure(np.sign(seen)),
        ]
        total += float(np.clip(math.sqrt(len(seen)) * np.mean(measures) / 3, -1, 1))
    found = score(results, SMALL, target_rr=target)
    assert found == pytest.approx(total / SMALL.least_trades, abs=1e-12)


def test_factors_by_hand():
    """Half way to the bounds of bad and of good results."""
    settings = AdaptiveSettings(window=500, least_trades=2)
    bad = adapt([-1.0, -1.0, -1.0], settings, full_evidence=100.0)
    half = score([-1.0, -1.0, -1.0], settings, full_evidence=100.0)
    expected = (-half * 0.08, 1 + half * 0.85, 1 + half * 0.4, 1 + half * 0.1, 1 + half * 0.2)
    assert -1 < half < 0
    assert astuple(bad) == pytest.approx(expected)
    good = adapt([1.0, 1.0, 1.0], settings, full_evidence=100.0)
    expected = (half * 0.10, 1 - half * 0.2, 1.0, 1 - half * 0.2, 1 - half * 0.2)
    assert astuple(good) == pytest.approx(expected)


@pytest.mark.parametrize("junk", [0.0, -1.0, math.nan])
def test_a_target_or_a_certainty_that_makes_no_sense_is_refused(junk):
    with pytest.raises(ValueError, match="must be above 0"):
        adapt([], CONSERVATIVE, target_rr=junk)
    with pytest.raises(ValueError, match="must be above 0"):
        adapt([], CONSERVATIVE, full_evidence=junk)


# The stop that a trade gets

EXITS = ExitSettings(min_stop=0.02, max_stop=0.05)
STOPS = {  # distance at a price of 100, factor -> distance
    "unchanged": (3.0, 1.0, 3.0),
    "wider": (3.0, 1.2, 3.6),
    "closer": (3.0, 0.9, 2.7),
    "not closer than the least": (2.1, 0.9, 2.0),
    "one that was closer stays": (1.5, 0.9, 1.5),
    "not farther than the most": (4.5, 1.2, 5.0),
    "one that was farther comes in": (6.0, 1.0, 5.0),
}


@pytest.mark.parametrize(("distance", "factor", "expected"), STOPS.values(), ids=STOPS)
def test_stop_distance_by_hand(distance, factor, expected):
    found = replace(NEUTRAL, stop=factor).stop_distance(distance, 100.0, EXITS)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.2])
def test_an_unknown_stop_stays_unknown(factor):
    assert math.isnan(replace(NEUTRAL, stop=factor).stop_distance(math.nan, 100.0, EXITS))

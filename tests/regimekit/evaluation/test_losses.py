"""Losses: laws that hold for any trades, then hand-made trades with results worked out by hand."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from regimekit.evaluation.loss_settings import LossSettings
from regimekit.evaluation.losses import (
    LIMIT,
    deflated_sharpe_z,
    drawdown_expectancy,
    fold_sharpes,
    graded,
    robust_sharpe,
)
from tests.regimekit.evaluation.trials import DAY, START, daily, table, trial

LOSSES = (robust_sharpe, drawdown_expectancy, deflated_sharpe_z)
DEFAULT = LossSettings()
UNGRADED = LossSettings(least_trades_a_month=0)
YEAR = math.sqrt(365)

few = settings(max_examples=10)  # building frames is what takes time
every_loss = pytest.mark.parametrize("loss", LOSSES)
profits = st.lists(st.integers(-90, 90), min_size=1, max_size=40)
scores = st.floats(-30, 30)


def sharpe(values):
    return statistics.mean(values) / statistics.stdev(values)


# --- every loss


@every_loss
@few
@given(profits, st.integers(1, 10**6), st.sampled_from([DEFAULT, UNGRADED]))
def test_a_loss_is_finite_and_far_from_what_freqtrade_calls_no_result(loss, made, epochs, asked):
    value = loss(trial(daily(made), days=len(made), epochs=epochs, balance=100.0), asked)
    assert abs(value) <= LIMIT + 3.0


@every_loss
@few
@given(profits, st.randoms())
def test_the_order_in_which_trades_are_listed_does_not_matter(loss, made, random):
    trades = daily(made)
    places = list(range(len(trades)))
    random.shuffle(places)
    shuffled = loss(trial(trades.iloc[places], days=len(made)), DEFAULT)
    assert shuffled == pytest.approx(loss(trial(trades, days=len(made)), DEFAULT))


@every_loss
@few
@given(profits, st.sampled_from([0.01, 3.0, 1_000.0]))
def test_the_size_of_the_wallet_does_not_matter(loss, made, factor):
    trades = daily(made)
    scaled = trades.assign(
        profit_abs=trades["profit_abs"] * factor, amount=trades["amount"] * factor
    )
    value = loss(trial(scaled, days=len(made), balance=1_000.0 * factor), DEFAULT)
    assert value == pytest.approx(loss(trial(trades, days=len(made)), DEFAULT), abs=1e-6)


@every_loss
@few
@given(profits, st.integers(-800, 800), st.integers(0, 39))
def test_what_happens_in_a_closed_span_changes_nothing(loss, made, other, place):
    place %= len(made)
    if len(made) == 1:
        made = [*made, 1]
    changed = [other if day == place else profit for day, profit in enumerate(made)]
    closed = [(START + place * DAY, START + (place + 1) * DAY)]
    values = [
        loss(trial(daily(own), days=len(made), closed=closed), DEFAULT) for own in (made, changed)
    ]
    assert values[0] == pytest.approx(values[1])


@every_loss
def test_without_a_trade_a_loss_is_worse_than_a_small_gain(loss):
    idle = loss(trial(table(), days=30), DEFAULT)
    assert 0 < idle < 100
    assert loss(trial(daily([3, -1, 2] * 10), days=30), DEFAULT) < idle


@every_loss
def test_more_of_the_same_is_better(loss):
    """More trades of the same kind in the same time; mean R cares until there are enough."""
    values = [
        loss(trial(daily(([4, -2] + [0] * rest) * (120 // (rest + 2))), days=120), DEFAULT)
        for rest in (58, 28, 18, 10, 4, 2)
    ]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == (4 if loss is drawdown_expectancy else 6)


# --- the grade


@given(scores, st.integers(0, 60), st.floats(0, 50), st.floats(0, 3))
def test_more_trades_of_the_same_score_never_lose_more(score, trades, least, idle):
    values = [graded(score, trades=trades + more, least=least, idle=idle) for more in (1, 0)]
    assert values[0] <= values[1]


@given(scores, scores, st.integers(0, 60), st.floats(0, 50))
def test_a_better_score_never_loses_more(score, other, trades, least):
    better, worse = max(score, other), min(score, other)
    assert graded(better, trades=trades, least=least, idle=3.0) <= graded(
        worse, trades=trades, least=least, idle=3.0
    )


@given(scores, st.integers(0, 60), st.floats(0, 50), st.floats(0, 3))
def test_few_trades_never_pay(score, trades, least, idle):
    limited = min(max(score, -LIMIT), LIMIT)
    assert -limited <= graded(score, trades=trades, least=least, idle=idle) <= LIMIT + idle


@given(scores, st.integers(1, 1_000))
def test_the_grade_has_no_step(score, least):
    """One of very many trades more or less makes next to no difference, up to the last."""
    for trades in {least, least // 2 + 1, 1}:
        more, less = (
            graded(score, trades=count, least=least, idle=3.0) for count in (trades, trades - 1)
        )
        assert 0 <= less - more <= (LIMIT + 6.0) / least + 1e-9


@pytest.mark.parametrize(
    ("score", "trades", "loss"),
    [
        (2.0, 30, -2.0),
        (2.0, 31, -2.0),
        (2.0, 15, -1.0 + 0.75),
        (-2.0, 15, 2.0 + 0.75),
        (2.0, 27, -1.8 + 0.03),
        (2.0, 0, 3.0),
        (-2.0, 0, 5.0),
        (0.0, 30, 0.0),
        (1e9, 30, -20.0),
        (-math.inf, 30, 20.0),
    ],
)
def test_the_grade_by_hand(score, trades, loss):
    assert graded(score, trades=trades, least=30, idle=3.0) == pytest.approx(loss)


def test_the_grade_can_be_switched_off():
    assert graded(1.5, trades=0, least=0, idle=3.0) == -1.5


def test_enough_trades_are_counted_by_the_month():
    """Five in 30 days; 15 days that do not count ask for two and a half less."""
    made = [4, -2, 4, 4, -2] + [0] * 25
    enough = trial(daily(made), days=30)
    assert robust_sharpe(enough, DEFAULT) == robust_sharpe(enough, UNGRADED)
    longer = trial(daily(made + [0] * 15), days=45)
    assert robust_sharpe(longer, DEFAULT) > robust_sharpe(longer, UNGRADED)
    cut = trial(daily(made + [0] * 15), days=45, closed=[(START + 30 * DAY, START + 45 * DAY)])
    assert robust_sharpe(cut, DEFAULT) == robust_sharpe(enough, DEFAULT)


# --- RobustSharpe


def test_folds_are_cut_in_order_of_time_and_differ_by_a_day_at_most():
    returns = np.random.default_rng(5).normal(0.001, 0.02, 38)
    expected = [sharpe(part) * YEAR for part in (returns[:13], returns[13:26], returns[26:])]
    assert fold_sharpes(returns, 3) == pytest.approx(np.clip(expected, -20, 20))


@pytest.mark.parametrize(("days", "folds"), [(1, 1), (13, 1), (14, 2), (34, 4), (35, 5), (400, 5)])
def test_a_fold_has_a_week_at_least(days, folds):
    assert len(fold_sharpes(np.zeros(days), 5)) == folds


def test_folds_in_which_nothing_moves_are_neither_good_nor_bad():
    returns = np.array([0.01, -0.005] * 7 + [0.0] * 14)
    assert fold_sharpes(returns, 4).tolist()[2:] == [0.0, 0.0]


def test_the_sharpe_ratio_of_a_fold_has_bounds():
    steady = np.array([0.01, 0.0101] * 7)
    assert fold_sharpes(np.concatenate([steady, -steady]), 2).tolist() == [LIMIT, -LIMIT]


# Three weeks: a good, a fair and a bad one; the wallet is so large that it does not compound.
WEEKS = ([30, -10, 20, 10, -5, 25, 10], [10, -10, 20, -15, 5, 0, 10], [-10, 5, -20, 10, 0, -5, 10])
SHARPES = [sharpe(week) * YEAR for week in WEEKS]


def three_weeks():
    return trial(daily([profit for week in WEEKS for profit in week]), days=21, balance=1e9)


@pytest.mark.parametrize(
    ("weight", "score"),
    [
        (0.0, sum(SHARPES) / 3),
        (1.0, min(SHARPES)),
        (0.25, 0.75 * sum(SHARPES) / 3 + 0.25 * min(SHARPES)),
    ],
)
def test_robust_sharpe_by_hand(weight, score):
    asked = LossSettings(folds=3, spread_weight=weight)
    assert robust_sharpe(three_weeks(), asked) == pytest.approx(-score, rel=1e-5)


@few
@given(st.lists(st.integers(-90, 90), min_size=35, max_size=40), st.floats(0, 1))
def test_robust_sharpe_lies_between_the_worst_fold_and_their_mean(made, weight):
    own = trial(daily(made), days=len(made), balance=10_000.0)
    ratios = fold_sharpes(own.returns, 5)
    value = -robust_sharpe(own, LossSettings(spread_weight=weight, least_trades_a_month=0))
    assert ratios.min() - 1e-9 <= value <= ratios.mean() + 1e-9


def test_steady_losses_do_not_pass_for_steadiness():
    """A standard deviation as the spread would prefer to lose in every fold alike."""
    losing, gaining = [-8, 3, -8, 3, -8, 3, -8], [8, -3, 8, -3, 8, -3, 8]
    always = trial(daily(losing * 5), days=35, balance=1e9)
    once = trial(daily(losing + gaining * 4), days=35, balance=1e9)
    assert robust_sharpe(once, DEFAULT) < robust_sharpe(always, DEFAULT) - 1.0


def test_an_even_result_is_better_than_the_same_mean_in_one_piece():
    ups, downs = [12, -3, 9, -3, 12, -3, 9], [3, -6, 3, -3, 0, 3, -6]
    even = [(up + down) / 2 for up, down in zip(ups, downs, strict=True)]
    assert robust_sharpe(trial(daily(even * 4), days=28, balance=1e9), DEFAULT) < robust_sharpe(
        trial(daily(ups * 2 + downs * 2), days=28, balance=1e9), DEFAULT
    )


# --- DrawdownExpectancy


def test_drawdown_expectancy_by_hand():
    """R is 10; 1000, 1200, 900 (a quarter below), 1000: the limit of 20 % is exceeded by 5 %."""
    own = trial(daily([200, -300, 100]), days=3)
    asked = LossSettings(max_drawdown=0.2, least_trades_a_month=0)
    assert drawdown_expectancy(own, asked) == pytest.approx(-(20 - 30 + 10) / 3 + 0.05 / 0.2)


def test_within_the_limit_only_r_counts():
    own = trial(daily([10, -20, 40]), days=3)
    for limit in (0.02, 0.15, 1.0):
        asked = LossSettings(max_drawdown=limit, least_trades_a_month=0)
        assert drawdown_expectancy(own, asked) == pytest.approx(-1.0)


def test_the_deeper_the_drawdown_the_greater_the_loss():
    """Losses of one size in R on an ever smaller wallet: mean R stays, the drawdown grows."""
    made = [30, 30, 30, -60]
    asked = LossSettings(max_drawdown=0.1)
    values = [
        drawdown_expectancy(trial(daily(made), days=4, balance=balance), asked)
        for balance in (10_000, 520, 500, 400, 200, 100)
    ]
    assert values[0] < values[1] + 1e-12
    assert values[1] == values[0]  # 60 of 610 is still within
    assert np.all(np.diff(values[1:]) > 0)


def test_few_trades_do_not_hide_a_drawdown():
    asked = LossSettings(max_drawdown=0.1)
    flat, deep = (trial(daily([90, -80]), days=30, balance=wallet) for wallet in (10_000.0, 110.0))
    punished = drawdown_expectancy(deep, asked) - drawdown_expectancy(flat, asked)
    assert punished == pytest.approx((0.4 - 0.1) / 0.1)


def test_losing_everything_under_a_tight_limit_stays_a_number():
    own = trial(daily([-2_000]), days=1)
    assert drawdown_expectancy(own, LossSettings(max_drawdown=0.01)) == LIMIT


# --- DeflatedSharpe


def test_deflated_sharpe_by_hand():
    """Odd moments vanish and kurtosis is 1.7 in an even ladder of returns."""
    made = [-20.0, -10.0, 10.0, 20.0, 5.0] * 6
    own = trial(daily(made), days=30, balance=1e9, epochs=60)
    mean, spread = statistics.mean(made), statistics.stdev(made)
    moments = [sum((value - mean) ** power for value in made) / 30 for power in (2, 3, 4)]
    skewed, heavy = moments[1] / moments[0] ** 1.5, moments[2] / moments[0] ** 2
    gamma, trials = 0.5772156649015329, 60 + 40
    luck = (1 - gamma) * norm.ppf(1 - 1 / trials) + gamma * norm.ppf(1 - 1 / (trials * math.e))
    ratio = mean / spread
    error = math.sqrt(1 - skewed * ratio + (heavy - 1) / 4 * ratio**2)
    z = (ratio - luck / math.sqrt(29)) * math.sqrt(29) / error
    asked = LossSettings(earlier_trials=40)
    assert deflated_sharpe_z(own, asked) == pytest.approx(-z, rel=1e-5)


def test_one_trial_has_nothing_to_be_deflated_by():
    made = [3, -1, 2, -2, 4, 1] * 5
    own = trial(daily(made), days=30, balance=1e9, epochs=1)
    plain = sharpe(made) * math.sqrt(29)
    assert -deflated_sharpe_z(own, DEFAULT) == pytest.approx(plain, rel=0.25)
    assert -deflated_sharpe_z(own, DEFAULT) > 0


def test_the_more_was_tried_the_less_it_is_worth():
    made = [3, -1, 2, -2, 4, 1] * 5
    values = [
        deflated_sharpe_z(
            trial(daily(made), days=30, epochs=epochs), LossSettings(earlier_trials=earlier)
        )
        for epochs, earlier in [(10, 0), (10, 90), (500, 0), (100, 900)]
    ]
    assert values == sorted(values)
    assert len(set(values)) == 4
    same = deflated_sharpe_z(trial(daily(made), days=30, epochs=100), DEFAULT)
    assert same == pytest.approx(values[1])

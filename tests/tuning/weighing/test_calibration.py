"""How often the verdict is wrong, on wallets whose true Sharpe ratio is known.

Each walk has twenty trials in one market. They are chosen by their last 180 days, as in a rolling
walk-forward, and hold 30 days; the untuned strategy is the first of them. docs/tuning.md quotes
what more walks than here came to.
"""

import dataclasses
import functools
import math
from collections import Counter

import numpy as np
import pytest

from experiments.statistics import difference, performance
from regimekit.evaluation.overfitting import probability_of_overfitting
from tests.tuning import made
from tests.tuning.made import weighed
from tuning.weighing.evidence import Track
from tuning.weighing.luck import luck_of
from tuning.weighing.verdict import Level, judge

pytestmark = [pytest.mark.verify, pytest.mark.xdist_group("walks")]

FOLDS, TRAIN, TEST, NUMBER = 24, 180, 30, 20
TRIALS = dataclasses.replace(made.TRIALS, epochs=FOLDS * NUMBER, backtests=0)

# True Sharpe ratio a year of each of the trials, from the untuned one on
MARKETS = {
    "none earns anything": np.zeros(NUMBER),
    "all lose": np.full(NUMBER, -1.5),
    "all are equally good": np.full(NUMBER, 3.0),
    "tuning makes it worse": np.linspace(1.0, 0.0, NUMBER),
    "tuning makes it good": np.linspace(0.0, 3.0, NUMBER),
    "tuning makes it very good": np.linspace(0.0, 6.0, NUMBER),
}


def judged(market, seed):
    """The verdict on one walk; the same trades throughout, so that costs do not decide."""
    rng = np.random.default_rng(seed)
    days = TRAIN + FOLDS * TEST
    apart = 0.8 * rng.standard_normal((days, 1)) + 0.6 * rng.standard_normal((days, NUMBER))
    returns = 0.01 * (apart + MARKETS[market] / math.sqrt(365))
    found, kept = [], []
    for start in range(0, FOLDS * TEST, TEST):
        train, test = returns[start : start + TRAIN], returns[start + TRAIN :][:TEST]
        found.append(probability_of_overfitting(train, blocks=8))
        kept.append(test[:, np.argmax(train.mean(axis=0) / train.std(axis=0))])
    tuned = np.concatenate(kept)
    evidence, walk = weighed("good")
    estimates = performance(tuned, resamples=200)
    evidence = dataclasses.replace(
        evidence,
        days=len(tuned),
        tuned=Track(estimates, -0.1, trades=300),
        against_untuned=difference(tuned, returns[TRAIN:, 0], resamples=200),
        luck=luck_of(tuned, TRIALS),
        overfitting=float(np.mean([it.pbo for it in found])),
        choice_lost=float(np.mean([it.loss_probability for it in found])),
        folds=tuple(
            dataclasses.replace(evidence.folds[0], profit=float(np.prod(1 + part) - 1))
            for part in kept
        ),
        costs=tuple(
            dataclasses.replace(cost, profit=estimates.profit.value) for cost in evidence.costs
        ),
    )
    return judge(evidence, dataclasses.replace(walk, trials=TRIALS)).level


@functools.cache
def counted(market, walks=25):
    return Counter(judged(market, seed) for seed in range(walks))


@pytest.mark.parametrize("market", ["none earns anything", "all lose", "tuning makes it worse"])
def test_what_tuning_does_not_improve_is_not_supported(market):
    assert counted(market)[Level.SUPPORTED] == 0


@pytest.mark.parametrize(("market", "least"), [("all lose", 23), ("none earns anything", 10)])
def test_what_earns_nothing_is_told(market, least):
    assert counted(market)[Level.AGAINST] >= least


@pytest.mark.parametrize(
    "market", ["all are equally good", "tuning makes it good", "tuning makes it very good"]
)
def test_little_speaks_against_what_is_good(market):
    """Where all are equally good a coin chooses as well, which is nothing against them."""
    assert counted(market)[Level.AGAINST] <= 4


def test_what_is_very_good_is_supported():
    assert counted("tuning makes it very good")[Level.SUPPORTED] >= 20

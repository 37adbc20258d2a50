"""Calibration by law and by hand: order, ties, bins, and what luck looks like."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.reports.calibration import calibrate

START = pd.Timestamp("2026-01-05", tz="UTC")

signals = st.lists(
    st.tuples(st.sampled_from([0.3, 0.55, 0.7, 0.78, 0.8, 1.0]), st.booleans()), max_size=40
)


def calibrated(pairs, per_day=1):
    moments = pd.Series(START + pd.to_timedelta(np.arange(len(pairs)) // per_day, "D"))
    scores = pd.Series([score for score, _ in pairs], dtype=float)
    hits = pd.Series([hit for _, hit in pairs], dtype=float)
    return calibrate(moments, scores, hits)


@given(signals)
def test_bins_hold_every_signal_once(pairs):
    found = calibrated(pairs)
    assert (found.total, found.hits) == (len(pairs), sum(hit for _, hit in pairs))
    assert sum(group.total for group in found.bins) == found.total
    assert sum(group.hits for group in found.bins) == found.hits
    for group in found.bins:
        assert group.low - 1e-9 <= group.confidence <= group.high + 1e-9
        assert group.interval.covers(group.share)


@given(signals)
def test_the_scores_are_their_definitions(pairs):
    found = calibrated(pairs)
    good = [score for score, hit in pairs if hit]
    bad = [score for score, hit in pairs if not hit]
    if pairs:
        rate = len(good) / len(pairs)
        errors = [(score - hit) ** 2 for score, hit in pairs]
        assert found.brier == pytest.approx(np.mean(errors))
        assert found.base_brier == pytest.approx(np.mean([(rate - hit) ** 2 for _, hit in pairs]))
    else:
        assert math.isnan(found.brier)
    if good and bad:
        wins = [(one > other) + 0.5 * (one == other) for one in good for other in bad]
        assert found.auc == pytest.approx(np.mean(wins))
    else:
        assert math.isnan(found.auc)


@given(signals)
def test_swapping_good_and_bad_mirrors_the_order(pairs):
    other = calibrated([(score, not hit) for score, hit in pairs])
    assert other.auc == pytest.approx(1.0 - calibrated(pairs).auc, nan_ok=True)


@given(signals)
def test_only_the_order_of_confidence_makes_the_order(pairs):
    squared = calibrated([(score**2, hit) for score, hit in pairs])
    assert squared.auc == pytest.approx(calibrated(pairs).auc, nan_ok=True)


def drawn(probability, count=600, seed=0):
    random = np.random.default_rng(seed)
    scores = random.choice([0.2, 0.4, 0.6, 0.8], count)
    return [
        (score, bool(random.random() < chance))
        for score, chance in zip(scores, probability(scores), strict=True)
    ]


def test_confidence_that_is_a_probability_ranks_and_beats_the_share():
    found = calibrated(drawn(lambda scores: scores))
    assert found.verdict == "ranks"
    assert found.brier_gain.low > 0
    for group in found.bins:
        assert group.share == pytest.approx(group.confidence, abs=0.1)


def test_confidence_that_says_nothing_cannot_be_told():
    found = calibrated(drawn(lambda scores: np.full(len(scores), 0.4)))
    assert found.verdict == "cannot tell"
    assert found.auc_interval.covers(0.5)
    assert found.brier_gain.high < 0  # read as a probability it misleads


def test_confidence_that_misleads_is_called_so():
    assert calibrated(drawn(lambda scores: 1.0 - scores)).verdict == "ranks the wrong way"


def test_few_days_say_nothing_whatever_their_signals():
    pairs = drawn(lambda scores: scores)
    assert calibrated(pairs, per_day=200).verdict == "cannot tell"
    assert not calibrated(pairs, per_day=200).auc_interval.known


def test_what_is_unknown_is_left_out():
    found = calibrated([(0.7, 1.0), (math.nan, 1.0), (0.7, math.nan)])
    assert (found.total, found.hits) == (1, 1)


@pytest.mark.parametrize(("score", "low"), [(0.7, 0.7), (0.7499, 0.7), (0.75, 0.75), (1.0, 0.95)])
def test_a_score_on_an_edge_belongs_above_it(score, low):
    assert calibrated([(score, True)]).bins[0].low == pytest.approx(low)

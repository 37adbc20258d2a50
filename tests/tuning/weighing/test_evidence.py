"""Numbers of a walk against the same numbers computed from its parts, and what is not known."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from experiments.statistics import performance
from regimekit.evaluation.sharpe import deflated_sharpe, probabilistic_sharpe
from regimekit.evaluation.stability import Stability
from tests.tuning import made
from tests.tuning.made import weighed
from tuning.folds import divide
from tuning.report.document import document
from tuning.weighing.choices import flat, place, stability_of, tuned_ranges
from tuning.weighing.degradation import fold_evidence, held_days, rank_correlation
from tuning.weighing.evidence import weigh
from tuning.weighing.verdict import judge

pytestmark = pytest.mark.xdist_group("walks")

YEAR = math.sqrt(365)


def yearly(returns):
    values = np.asarray(returns)
    return values.mean() / values.std(ddof=1) * YEAR


def realized(tested):
    """Day by day, from the trades: one closes on each day of a made walk."""
    wallet = made.BALANCE + np.concatenate([[0.0], tested.trades["profit_abs"].cumsum()])
    return np.diff(wallet) / wallet[:-1]


def test_the_result_is_that_of_all_folds_chained():
    evidence, walk = weighed("good")
    ends = [fold.tested[0].outcome.wallet[-1] / made.BALANCE for fold in walk.folds]
    assert evidence.tuned.performance.profit.value == pytest.approx(np.prod(ends) - 1)
    days = np.concatenate([realized(fold.tested[0]) for fold in walk.folds])
    assert evidence.tuned.performance.sharpe.value == pytest.approx(yearly(days))
    wallet = np.cumprod(np.concatenate([[1.0], 1.0 + days]))
    deepest = (wallet / np.maximum.accumulate(wallet) - 1).min()
    assert evidence.tuned.drawdown == pytest.approx(deepest)
    assert (evidence.days, evidence.missing_days, evidence.tuned.trades) == (120, 0, 120)
    other = np.concatenate([realized(fold.untuned[0]) for fold in walk.folds])
    assert evidence.untuned.performance.sharpe.value == pytest.approx(yearly(other))
    gap = evidence.against_untuned.sharpe.value
    assert gap == pytest.approx(yearly(days) - yearly(other))


def test_a_drawdown_within_a_fold_counts_where_it_is_deeper_than_its_days():
    walk = made.good()
    first = walk.folds[0]
    deep = dataclasses.replace(first.tested[0].outcome, drawdown=-0.4)
    deeper = dataclasses.replace(first.untuned[0].outcome, drawdown=-0.5, trades=7)
    changed = dataclasses.replace(
        first,
        tested=(dataclasses.replace(first.tested[0], outcome=deep),),
        untuned=(dataclasses.replace(first.untuned[0], outcome=deeper),),
    )
    found = weigh(dataclasses.replace(walk, folds=(changed, *walk.folds[1:])), resamples=50)
    assert found.tuned.drawdown == found.folds[0].drawdown == -0.4
    assert (found.untuned.drawdown, found.untuned.trades) == (-0.5, 97)


def test_luck_is_told_with_all_trials_and_with_the_looks():
    walk = made.good(trials=dataclasses.replace(made.TRIALS, epochs=990, walks=4), mean=0.001)
    evidence = weigh(walk, resamples=50)
    days = evidence.path.tuned.to_numpy()
    everything = deflated_sharpe(days, trials=1_000)
    assert evidence.luck.deflated == everything.probability
    assert evidence.luck.best == pytest.approx(everything.benchmark * YEAR)
    assert evidence.luck.looks == 4
    assert evidence.luck.looked == deflated_sharpe(days, trials=5).probability
    assert evidence.luck.probabilistic == probabilistic_sharpe(days)
    assert evidence.luck.deflated < evidence.luck.looked < evidence.luck.probabilistic


def test_a_track_record_grows_as_the_sharpe_ratio_falls():
    lengths = [
        weigh(made.good(mean=mean), resamples=50).luck.track_record for mean in (0.006, 0.003)
    ]
    assert 2 < lengths[0] < lengths[1] < math.inf
    assert weighed("losing")[0].luck.track_record == math.inf


def test_both_sides_of_a_fold_are_measured_in_the_same_way():
    evidence, walk = weighed("good")
    for fold, result in zip(evidence.folds, walk.folds, strict=True):
        assert fold.in_sample == pytest.approx(yearly(result.chosen.returns))
        assert fold.out_of_sample == pytest.approx(yearly(realized(result.tested[0])))
        assert fold.untuned == pytest.approx(yearly(realized(result.untuned[0])))
        assert fold.profit == pytest.approx(np.prod(1 + realized(result.tested[0])) - 1)
        assert fold.untuned_profit == pytest.approx(np.prod(1 + realized(result.untuned[0])) - 1)
        assert (fold.trades, fold.epochs, fold.trades_in_sample) == (30, 12, 30)
        assert fold.parameters == result.chosen.parameters


def test_a_fold_of_several_tests_chains_them():
    evidence, walk = weighed("cpcv")
    first, result = evidence.folds[0], walk.folds[0]
    days = np.concatenate([realized(tested) for tested in result.tested])
    assert first.profit == pytest.approx(np.prod(1 + days) - 1)
    assert first.out_of_sample == pytest.approx(yearly(days))
    assert first.trades == 120


def test_a_search_that_finds_something_overfits_less():
    good, overfit = weighed("good")[0], weighed("overfit")[0]
    assert good.overfitting == pytest.approx(np.mean([fold.pbo for fold in good.folds]))
    assert good.overfitting < 0.1
    assert overfit.overfitting > 0.25
    # It earned something in training, and that is not what luck makes of nothing
    assert max(fold.reality.superior.consistent for fold in good.folds) < 0.05
    assert min(fold.reality.superior.consistent for fold in overfit.folds) > 0.05


def test_overfitting_is_not_known_where_training_is_too_short():
    evidence = weigh(made.good(train=19), resamples=50)
    assert math.isnan(evidence.overfitting)
    assert evidence.folds[0].overfitting is None
    assert "overfitting" in evidence.unknown
    assert not math.isnan(weigh(made.good(train=20), resamples=50).overfitting)


def test_one_fold_without_it_leaves_the_mean_of_the_others():
    walk = made.good()
    same = tuple(
        dataclasses.replace(epoch, returns=walk.folds[0].chosen.returns)
        for epoch in walk.folds[0].epochs
    )
    alike = dataclasses.replace(walk.folds[0], epochs=same)
    found = weigh(dataclasses.replace(walk, folds=(alike, *walk.folds[1:])), resamples=50)
    assert math.isnan(found.folds[0].pbo)
    assert found.overfitting == pytest.approx(np.mean([fold.pbo for fold in found.folds[1:]]))


def held_for(fold, days):
    """The same fold with trades that had been open for so many days."""

    def longer(it):
        opened_at = it.trades["closed_at"] - pd.Timedelta(days=days)
        return dataclasses.replace(it, trades=it.trades.assign(opened_at=opened_at))

    return dataclasses.replace(
        fold, tested=tuple(map(longer, fold.tested)), untuned=tuple(map(longer, fold.untuned))
    )


def test_blocks_of_training_are_twice_as_long_as_trades_are_held():
    """Sixty days: twelve blocks of five days, ten of six, four of fifteen, none of sixteen."""
    fold = made.good().folds[0]
    found = [fold_evidence(held_for(fold, days), resamples=50) for days in (1, 2.5, 2.6, 7.5, 8)]
    assert [it.held for it in found] == pytest.approx([1, 2.5, 2.6, 7.5, 8])
    halved = [it.overfitting and it.overfitting.combinations for it in found]
    assert halved == [924, 924, 252, 6, None]


def test_trades_of_both_strategies_tell_how_long_they_are_held():
    fold = made.good().folds[0]
    short, long = held_for(fold, 1).tested[0], held_for(fold, 4).tested[0]
    none = made.tested(short.period, np.zeros(30))
    assert held_days([short, long, none]) == pytest.approx(2.5)
    assert held_days([none]) == held_days([]) == 0.0


def test_epochs_without_a_trade_were_no_choice():
    """All lose; beside them to stand still would look like skill that lasts."""
    fold = made.good().folds[0]
    losing = tuple(
        dataclasses.replace(it, returns=tuple(np.array(it.returns) - 0.02)) for it in fold.epochs
    )
    idle = dataclasses.replace(losing[0], number=13, trades=0, returns=(0.0,) * 60)
    one, both, none = (
        fold_evidence(dataclasses.replace(fold, epochs=epochs), resamples=50)
        for epochs in (losing, (*losing, idle), (idle,))
    )
    assert one.pbo == both.pbo > 0
    assert none.overfitting is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("promised", "kept", "expected"),
    [
        ((1, 2, 3, 4), (10, 20, 30, 40), 1.0),
        ((1, 2, 3, 4), (9, 7, 5, -3), -1.0),
        ((1, 2, 3, 4), (2, 1, 4, 3), 0.6),  # 1 - 6 * 4 / (4 * 15)
        ((1, 2, 3), (1, 2, 3), math.nan),
        ((1, 1, 1, 1), (1, 2, 3, 4), math.nan),
        ((1, 2, 3, 4), (0, 0, 0, 0), math.nan),
    ],
)
def test_rank_correlation_over_folds(promised, kept, expected):
    one = weighed("good")[0].folds[0]
    folds = [
        dataclasses.replace(one, in_sample=float(before), out_of_sample=float(after))
        for before, after in zip(promised, kept, strict=True)
    ]
    assert rank_correlation(folds) == pytest.approx(expected, nan_ok=True)


def test_costs_begin_with_what_happened_and_end_with_the_worst():
    evidence, walk = weighed("good")
    base, *others, worst = evidence.costs
    days = np.concatenate([realized(fold.tested[0]) for fold in walk.folds])
    assert (base.name, worst.name) == ("base", "all")
    assert base.profit == pytest.approx(np.prod(1 + days) - 1)
    assert base.sharpe == pytest.approx(yearly(days))
    assert all(worst.profit < cost.profit <= base.profit for cost in others)


def test_doubled_fees_cost_what_fees_cost():
    """One fold, one trade a day: fees of both sides once more."""
    evidence = weigh(made.good(folds=1), resamples=50)
    trades = evidence.path.legs[0].tuned.trades
    paid = made.FEE * trades["amount"] * (trades["open_rate"] + trades["close_rate"])
    end = made.BALANCE + (trades["profit_abs"] - paid).sum()
    doubled = next(cost for cost in evidence.costs if cost.name == "fees")
    assert doubled.profit == pytest.approx(end / made.BALANCE - 1)


def test_orders_without_a_later_price_are_counted():
    walk = made.good()
    first = walk.folds[0]
    trades = first.tested[0].trades.assign(delayed_close_rate=math.nan)
    tested = (dataclasses.replace(first.tested[0], trades=trades),)
    changed = dataclasses.replace(first, tested=tested)
    found = weigh(dataclasses.replace(walk, folds=(changed, *walk.folds[1:])), resamples=50)
    kept = {cost.name: cost.kept_prices for cost in found.costs}
    assert kept == {"base": 0, "fees": 0, "slippage": 0, "funding": 0, "late": 30, "all": 30}


def test_the_order_is_that_of_all_trades_in_all_folds():
    evidence, walk = weighed("good")
    assert evidence.order.trades == 120
    returns = np.concatenate([realized(fold.tested[0]) for fold in walk.folds])
    wallet = np.cumprod(np.concatenate([[1.0], 1 + returns]))
    deepest = (wallet / np.maximum.accumulate(wallet) - 1).min()
    assert evidence.order.drawdown == pytest.approx(deepest)


@pytest.mark.parametrize(("groups", "middle"), [(4, 1), (3, 0)])
def test_cpcv_shows_the_median_path_and_the_lower_of_two(groups, middle):
    evidence = weigh(made.cpcv(groups=groups), resamples=50) if groups == 3 else weighed("cpcv")[0]
    ordered = sorted(evidence.sharpes)
    assert len(ordered) == groups - 1
    assert performance(evidence.path.tuned.to_numpy(), resamples=50).sharpe.value == pytest.approx(
        ordered[middle]
    )
    assert evidence.tuned.performance.sharpe.value == pytest.approx(ordered[middle])


def test_a_path_of_which_every_fold_failed_is_not_the_one_that_is_shown():
    evidence = weigh(made.cpcv(failed=(2, 4, 5)), resamples=50)
    first, none, last = evidence.sharpes
    assert math.isnan(none)
    assert evidence.path is evidence.paths[0 if first < last else 2]
    assert evidence.days > 0


@pytest.mark.parametrize("kind", made.KINDS)
def test_every_number_that_is_not_known_has_its_reason(kind):
    evidence, _ = weighed(kind)
    missing = {
        "probabilistic": math.isnan(evidence.luck.probabilistic),
        "deflated": math.isnan(evidence.luck.deflated),
        "overfitting": math.isnan(evidence.overfitting),
        "rank_correlation": math.isnan(evidence.rank_correlation),
        "order": evidence.order is None,
    }
    assert set(evidence.unknown) == {name for name, lacks in missing.items() if lacks}
    assert all(evidence.unknown.values())


def test_without_trials_only_what_needs_no_number_is_told():
    evidence = weigh(made.good(trials=None), resamples=50)
    assert evidence.unknown == {"deflated": "the number of trials is not known"}
    assert evidence.luck.probabilistic > 0.99
    assert math.isnan(evidence.luck.best)
    assert math.isnan(evidence.luck.looked)


def test_without_any_fold_nothing_is_told():
    evidence = weigh(made.good(failed=(1, 2, 3, 4)), resamples=50)
    assert (evidence.days, evidence.missing_days, evidence.folds) == (0, 120, ())
    assert math.isnan(evidence.tuned.performance.profit.value)
    assert math.isnan(evidence.tuned.drawdown)
    assert math.isnan(evidence.against_untuned.sharpe.value)
    assert evidence.stability.empty


def test_the_order_of_folds_changes_nothing():
    walk = made.good(folds=3)
    turned = dataclasses.replace(walk, folds=walk.folds[::-1])
    texts = [
        document(it, found, judge(found, it))
        for it in (walk, turned)
        for found in [weigh(it, resamples=50)]
    ]
    assert texts[0] == texts[1]


def test_ranges_are_what_was_tried_and_leave_out_what_was_not_tuned():
    walk = made.good()
    tried = [flat(epoch.parameters) for fold in walk.folds for epoch in fold.epochs]
    ranges = tuned_ranges(walk.folds)
    lows = [one["buy.adx_enter"] for one in tried]
    assert ranges["buy.adx_enter"] == (min(lows), max(lows))
    assert ranges["buy.confirm"] is None  # a switch has no range
    fixed = [
        dataclasses.replace(
            fold,
            epochs=tuple(
                dataclasses.replace(epoch, parameters={"buy": {"same": 1.0}, "sell": {"x": place}})
                for place, epoch in enumerate(fold.epochs)
            ),
        )
        for fold in walk.folds
    ]
    assert tuned_ranges(fixed) == {"sell.x": (0.0, 11.0)}
    assert tuned_ranges([]) == {}


def test_parameters_that_some_epoch_lacks_are_left_out():
    fold = made.good().folds[0]
    last = dataclasses.replace(fold.epochs[-1], parameters={"buy": {"adx_enter": 20.0}})
    assert set(tuned_ranges([dataclasses.replace(fold, epochs=(*fold.epochs[:-1], last))])) == {
        "buy.adx_enter"
    }


def test_what_all_folds_choose_is_stable():
    walk = made.good()
    table = stability_of(walk.folds)
    assert set(table.index) == {"buy.adx_enter", "buy.confirm", "sell.trail_atr"}
    assert table.loc["sell.trail_atr", "verdict"] == Stability.STABLE
    assert stability_of([]).empty


def test_a_place_in_a_range():
    assert place(25.0, (20.0, 30.0)) == 0.5
    assert place(20.0, (20.0, 30.0)) == 0.0
    assert place(True, None) is None


def test_flat_leaves_out_what_is_no_single_value():
    nested = {"buy": {"a": 1, "b": "x", "c": True}, "roi": {"0": {"deep": 1}}, "sell": {"d": None}}
    assert flat(nested) == {"buy.a": 1, "buy.b": "x", "buy.c": True}


def test_a_fold_knows_where_it_was_trained_and_tested():
    walk = made.good()
    found = fold_evidence(walk.folds[1], resamples=50)
    fold = divide(walk.plan)[1]
    assert (found.number, found.train, found.tests) == (2, fold.train, fold.tests)

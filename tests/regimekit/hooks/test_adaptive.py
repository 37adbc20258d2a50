"""Results of closed trades change the next ones, and the same trades give the same answer."""

from dataclasses import astuple
from datetime import timedelta

import pytest
from freqtrade.persistence import LocalTrade
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from regimekit.adaptive import NEUTRAL, adapt, results_needed
from regimekit.hooks.adaptive import Adaptive
from regimekit.hooks.history import StoredTrade
from regimekit.schema import Regime, SubStrategy, entry_tag
from tests.described import described, overlay
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, Silent

MOMENTUM, BREAKOUT = SubStrategy.MOMENTUM, SubStrategy.BREAKOUT
TAGS = {
    MOMENTUM: entry_tag(Regime.TRENDING, MOMENTUM),
    BREAKOUT: entry_tag(Regime.VOLATILE, BREAKOUT),
}
LATER = OPENED + timedelta(days=300)


class Recalling(Silent, Adaptive):
    """Nothing but the adaptive layer, over the trades of Freqtrade's own list."""


class Near:
    """An adaptation but for rounding: a result times leverage by leverage is not quite itself."""

    def __init__(self, adaptation):
        self.values = astuple(adaptation)

    def __eq__(self, other):
        return astuple(other) == pytest.approx(self.values)

    __hash__ = None


def bot(**settings):
    return Recalling({"regimekit": overlay(settings)})


def close_trade(number, result, *, sub_strategy=MOMENTUM, leverage=3.0, after=timedelta()):
    """Close one trade in Freqtrade's list, one candle after the one before it."""
    trade = LocalTrade(
        id=number,
        pair=PAIR,
        stake_amount=100.0,
        amount=3.0,
        open_rate=100.0,
        open_date=OPENED + number * CANDLE,
        close_date=OPENED + number * CANDLE + after,
        enter_tag=TAGS[sub_strategy],
        leverage=leverage,
        fee_open=0.0005,
        fee_close=0.0005,
        exchange="binance",
        is_open=False,
    )
    trade.close_profit = None if result is None else result * leverage
    trade.close_profit_abs = None if result is None else result * 300.0
    LocalTrade.bt_trades.append(trade)


def run(results, look=lambda count: None):
    """A backtest: trades close one after the other, and somebody looks on the way."""
    LocalTrade.reset_trades()
    look(0)
    for number, result in enumerate(results):
        close_trade(number, result)
        look(number + 1)


moment_after = {count: OPENED + count * CANDLE for count in range(80)}
result_lists = st.lists(st.floats(-0.2, 0.4), max_size=40)
with_a_list_of_trades = options(suppress_health_check=[HealthCheck.function_scoped_fixture])


def expected(results, **settings):
    return adapt(results, described(adaptive=settings).adaptive, target_rr=2.0)


@with_a_list_of_trades
@given(result_lists)
def test_it_is_the_pure_function_of_the_trades_so_far(results):
    asked = bot()

    def look(count):
        found = asked.adaptation(MOMENTUM, moment_after[count])
        assert found == Near(expected(results[:count]))

    run(results, look)


@with_a_list_of_trades
@given(result_lists, st.lists(st.booleans(), min_size=41, max_size=41))
def test_a_restart_after_any_trade_changes_nothing(results, restarts):
    steady, current = bot(), [bot()]

    def look(count):
        if restarts[count]:
            current[0] = bot()
        moment = moment_after[count]
        assert current[0].adaptation(MOMENTUM, moment) == steady.adaptation(MOMENTUM, moment)

    run(results, look)


@with_a_list_of_trades
@given(result_lists, result_lists)
def test_a_second_run_knows_nothing_of_the_first(first, second):
    """The same strategy object, as hyperopt uses it from epoch to epoch."""
    asked = bot()
    run(first, lambda count: asked.adaptation(MOMENTUM, moment_after[count]))

    def look(count):
        moment = moment_after[count]
        assert asked.adaptation(MOMENTUM, moment) == bot().adaptation(MOMENTUM, moment)

    run(second, look)


def test_a_second_run_with_as_many_trades_is_not_taken_for_the_first():
    asked = bot()
    run([-0.02] * 20)
    assert asked.adaptation(MOMENTUM, LATER).size < 1
    run([0.02] * 20)  # and nobody looked on the way
    assert asked.adaptation(MOMENTUM, LATER).size > 1


def test_results_are_those_of_the_sub_strategy_alone():
    run([])
    for number in range(20):
        close_trade(number, -0.02, sub_strategy=MOMENTUM)
    for number in range(20, 40):
        close_trade(number, 0.02, sub_strategy=BREAKOUT)
    asked = bot()
    assert asked.adaptation(MOMENTUM, LATER).size < 1
    assert asked.adaptation(BREAKOUT, LATER).size > 1
    assert asked.adaptation(MOMENTUM, LATER).size < 1, "one does not overwrite the other"
    assert asked.adaptation(SubStrategy.MEAN_REVERSION, LATER) == NEUTRAL
    assert asked.adaptation("unknown", LATER) == NEUTRAL


def test_leverage_does_not_change_what_a_result_means():
    found = []
    for leverage in (1.0, 5.0, 25.0):
        run([])
        for number in range(30):
            close_trade(number, [0.03, -0.02, -0.02][number % 3], leverage=leverage)
        found.append(bot().adaptation(MOMENTUM, LATER))
    assert found[0] != NEUTRAL
    assert [Near(found[0])] * 2 == found[1:]


@pytest.mark.parametrize("inside", [timedelta(), CANDLE / 2, CANDLE - timedelta(seconds=1)])
def test_every_question_about_a_candle_has_one_answer(inside):
    """Whatever closes within it, and wherever in it the question is asked."""
    run([-0.02] * 20)
    before = bot().adaptation(MOMENTUM, moment_after[20])
    for within in (
        timedelta(),
        CANDLE / 2,
    ):  # a backtest dates an exit by its candle, live does not
        close_trade(20, 0.3, after=within)
        assert bot().adaptation(MOMENTUM, moment_after[20] + inside) == before
    assert bot().adaptation(MOMENTUM, moment_after[21]) != before


def test_an_earlier_moment_asks_for_the_answer_of_that_moment():
    asked = bot()
    run([-0.02] * 30)
    late = asked.adaptation(MOMENTUM, moment_after[30])
    early = asked.adaptation(MOMENTUM, moment_after[12])
    assert early == Near(expected([-0.02] * 12))
    assert early != late
    assert asked.adaptation(MOMENTUM, moment_after[30]) == late


@pytest.mark.parametrize(
    "settings", [{"adaptive": {"enabled": False}}, {"trade_history": False}], ids=str
)
def test_switched_off_nothing_changes(settings):
    run([-0.02] * 30)
    assert bot().adaptation(MOMENTUM, LATER) != NEUTRAL
    assert bot(**settings).adaptation(MOMENTUM, LATER) == NEUTRAL


def test_settings_count():
    run([-0.02] * 30)
    for changes in ({"window": 9}, {"least_trades": 20}, {"least_size": 0.5}):
        found = bot(adaptive=changes).adaptation(MOMENTUM, LATER)
        assert found == Near(expected([-0.02] * 30, **changes))
    assert bot(adaptive={"least_trades": 31}).adaptation(MOMENTUM, LATER) == NEUTRAL


def test_the_target_counts():
    """A third of the trades won is enough for twice the risk, and too little for once."""
    run([0.02, -0.02, -0.02] * 10)
    near = bot(exits={"target_rr_momentum": 1.0}).adaptation(MOMENTUM, LATER)
    far = bot(exits={"target_rr_momentum": 2.0}).adaptation(MOMENTUM, LATER)
    assert near.size < far.size


def test_a_profit_that_freqtrade_does_not_know_counts_as_no_trade():
    run([-0.02] * 12)
    before = bot().adaptation(MOMENTUM, LATER)
    close_trade(12, None)
    assert bot().adaptation(MOMENTUM, LATER) == before


def test_live_trades_out_of_the_database_say_the_same(monkeypatch):
    """They are new objects each time, and carry the time of the fill instead of the candle's."""
    results = [0.03, -0.02, -0.02, 0.01] * 6
    run(results)
    simulated = bot().adaptation(MOMENTUM, moment_after[24])

    def stored():
        return [
            StoredTrade(
                PAIR,
                TAGS[MOMENTUM],
                3.0,
                result * 3.0,
                result * 300.0,
                (OPENED + number * CANDLE).replace(tzinfo=None),
                (OPENED + number * CANDLE + timedelta(minutes=7)).replace(tzinfo=None),
            )
            for number, result in enumerate(results)
        ]

    asked = bot()
    monkeypatch.setattr(asked, "closed_trades", stored)
    assert asked.adaptation(MOMENTUM, moment_after[24]) == simulated
    assert asked.adaptation(MOMENTUM, moment_after[24]) == simulated


def test_it_thinks_once_per_trade_and_sub_strategy(monkeypatch):
    thought = []

    def counted(results, *arguments, **keywords):
        thought.append(len(results))
        return adapt(results, *arguments, **keywords)

    monkeypatch.setattr("regimekit.hooks.adaptive.adapt", counted)
    asked = bot()
    for _ in range(2):
        run([-0.02] * 3, lambda count: [asked.adaptation(MOMENTUM, LATER) for _ in range(5)])
    assert thought == [0, 1, 2, 3] * 2


def test_it_looks_at_no_more_results_than_it_needs(monkeypatch):
    run([-0.02] * 70)
    asked = bot()
    asked.adaptation(MOMENTUM, LATER)
    (results, *_), _ = asked._adapted[MOMENTUM]
    assert len(results) == results_needed(described().adaptive)

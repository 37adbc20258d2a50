"""A trade follows the plan that was fixed at its fill, also after a restart."""

import json
import logging
import math
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from ccxt import TICK_SIZE
from freqtrade.enums import RunMode
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import stoploss_from_absolute
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.exits import PLAN_KEY
from regimekit.hooks.table import DecisionTable
from tests.regimekit.hooks.fakes import (
    CANDLE,
    DECISION,
    OPENED,
    PAIR,
    FakeOrder,
    FakeTrade,
    table,
)
from tests.regimekit.hooks.fakes import strategy as without_data

FIXED = {"exits": {"hybrid_trail": False}}


def strategy(run_mode=RunMode.BACKTEST, **settings):
    """A strategy whose data provider knows how it runs, and no candles."""
    bot = without_data(**settings)
    bot.dp = SimpleNamespace(runmode=run_mode)
    return bot


def fill(bot, trade, side=None):
    order = FakeOrder(side or trade.entry_side)
    bot.order_filled(pair=PAIR, trade=trade, order=order, current_time=OPENED)


def tables(*decisions):
    """Decisions of candles that close one after another, the first when `OPENED` opens."""
    rows = [
        {"date": OPENED + (bar - 1) * CANDLE} | DECISION | changes
        for bar, changes in enumerate(decisions)
    ]
    return DecisionTable.from_frame(pd.DataFrame(rows), 900)


def stop_ratio(bot, trade, rate, *, after_fill=True, at=OPENED):
    """What Freqtrade is given; None for "it stays"."""
    return bot.custom_stoploss(
        pair=PAIR,
        trade=trade,
        current_time=at,
        current_rate=rate,
        current_profit=0.0,
        after_fill=after_fill,
    )


def stop_price(bot, trade, rate, *, after_fill=True, at=OPENED):
    """The absolute price behind that ratio."""
    ratio = stop_ratio(bot, trade, rate, after_fill=after_fill, at=at)
    sign = -1 if trade.is_short else 1
    return None if ratio is None else rate * (1 - sign * ratio / trade.leverage)


def followed(bot, trade, rate, **looks):
    """The stop that is in force after Freqtrade has asked."""
    asked = stop_price(bot, trade, rate, **looks)
    return trade.stop_loss if asked is None else asked


@pytest.mark.parametrize(("is_short", "stop", "target"), [(False, 98, 104), (True, 102, 96)])
def test_the_plan_is_that_of_the_signal(is_short, stop, target):
    bot, trade = strategy(), FakeTrade(is_short=is_short)
    fill(bot, trade)
    plan = trade.custom_data[PLAN_KEY]
    assert (plan["stop"], plan["target"], plan["trail"]) == (stop, target, 2.5)
    assert (plan["regime"], plan["sub_strategy"]) == ("trending", "momentum")
    assert plan["confidence"] == (0.1 if is_short else 0.9)
    assert stop_price(bot, trade, 100.0) == pytest.approx(stop)


def test_the_plan_is_plain_json():
    bot, trade = strategy(), FakeTrade()
    bot.decisions[PAIR] = table(atr=math.nan)
    fill(bot, trade)
    assert json.loads(json.dumps(trade.custom_data, allow_nan=False)) == trade.custom_data


def test_a_note_that_cannot_be_written_costs_no_plan():
    bot, trade = strategy(RunMode.DRY_RUN), FakeTrade()  # its data provider has no candles to note
    fill(bot, trade)
    assert stop_price(bot, trade, 100.0) == pytest.approx(98.0)
    assert trade.custom_data[PLAN_KEY]["stop"] == 98.0


def test_a_later_decision_does_not_change_the_plan():
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    bot.decisions[PAIR] = table(stop_distance=9.0, target_rr=9.0)
    assert stop_price(bot, trade, 100.0) == pytest.approx(98.0)


def test_a_restart_reads_the_plan_back(caplog):
    first, trade = strategy(), FakeTrade()
    fill(first, trade)
    restarted = strategy()
    restarted.decisions.clear()
    assert stop_price(restarted, trade, 105.0) == stop_price(first, trade, 105.0)
    assert not caplog.records


@pytest.mark.parametrize("stored", [None, {}, {"side": "long"}, "plan", 3, ["stop"]])
def test_a_lost_or_damaged_plan_is_replaced_and_said_once(stored, caplog):
    bot, trade = strategy(), FakeTrade(stop_loss=97.0, initial_stop_loss=80.0)
    trade.custom_data[PLAN_KEY] = stored
    with caplog.at_level(logging.ERROR):
        assert followed(bot, trade, 100.0) == pytest.approx(97.0)
        assert followed(bot, trade, 100.5) == pytest.approx(97.0)
    trade.stop_loss = None
    assert stop_price(bot, trade, 100.0) == pytest.approx(97.0)
    assert len(caplog.records) == 1
    assert "stored exit plan is damaged" in caplog.text


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("placed", "distance"), [(3.0, 3.0), (16.0, 15.0), (0.0, 2.0), (-1.0, 2.0), (None, 2.0)]
)
def test_without_a_signal_the_stop_is_where_it_was_moved_within_the_usual_distances(
    is_short, placed, distance
):
    sign = -1 if is_short else 1
    stop_loss = None if placed is None else 100.0 - sign * placed
    disaster = 100.0 - sign * 20.0
    bot = strategy()
    trade = FakeTrade(is_short=is_short, stop_loss=stop_loss, initial_stop_loss=disaster)
    bot.decisions.clear()
    fill(bot, trade)
    trade.stop_loss = disaster
    assert stop_price(bot, trade, 100.0) == pytest.approx(100.0 - sign * distance)


@pytest.mark.parametrize("is_short", [False, True])
def test_a_disaster_stop_is_no_measure_of_risk(is_short):
    """Freqtrade places it before the fill; a plan without a signal must not take it for its R."""
    disaster = 120.0 if is_short else 80.0
    bot = strategy()
    trade = FakeTrade(is_short=is_short, stop_loss=disaster, initial_stop_loss=disaster)
    bot.decisions.clear()
    fill(bot, trade)
    assert stop_price(bot, trade, 100.0) == pytest.approx(102.0 if is_short else 98.0)


@pytest.mark.parametrize("is_short", [False, True])
def test_a_disaster_stop_gives_way_to_the_plan_even_where_it_is_closer(is_short):
    sign = -1 if is_short else 1
    near = 100.0 - sign * 1.0
    bot, trade = strategy(), FakeTrade(is_short=is_short, stop_loss=near, initial_stop_loss=near)
    fill(bot, trade)
    assert stop_price(bot, trade, 100.0, after_fill=True) == pytest.approx(100.0 - sign * 2.0)
    assert stop_price(bot, trade, 100.0, after_fill=False) is None


@pytest.mark.parametrize(("is_short", "rate"), [(False, 97.9), (False, 85.0), (True, 102.1)])
def test_a_stop_that_price_has_crossed_is_placed_at_the_price(is_short, rate):
    """Freqtrade takes 0, the relative value of a crossed stop, for "keep the stop"."""
    bot, trade = strategy(), FakeTrade(is_short=is_short)
    fill(bot, trade)
    trade.stop_loss = 120.0 if is_short else 80.0
    for after_fill in (True, False):
        assert stop_price(bot, trade, rate, after_fill=after_fill) == pytest.approx(rate)


def test_a_plan_that_cannot_be_made_does_not_leave_the_one_of_an_earlier_trade():
    bot = strategy()
    fill(bot, FakeTrade(id=1))
    bot.decisions[PAIR] = table(stop_distance=math.nan)
    second = FakeTrade(id=1, open_rate=200.0, stop_loss=190.0, initial_stop_loss=160.0)
    fill(bot, second)
    assert followed(bot, second, 200.0) == pytest.approx(190.0)
    second.stop_loss = second.initial_stop_loss
    assert stop_price(bot, second, 200.0) == pytest.approx(190.0)


def test_an_exit_forgets_the_plan():
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    fill(bot, trade, side="sell")
    trade.custom_data.clear()
    trade.stop_loss = 95.0
    stop_price(bot, trade, 100.0)
    trade.stop_loss = None
    assert stop_price(bot, trade, 100.0) == pytest.approx(95.0)


@pytest.mark.parametrize(
    ("trade", "rate", "stop"),
    [
        (FakeTrade(max_rate=100.0), 101.0, 98.0),
        (FakeTrade(max_rate=110.0), 108.0, 107.5),
        (FakeTrade(max_rate=104.0), 110.0, 107.5),
        (FakeTrade(max_rate=None), 110.0, 107.5),
        (FakeTrade(is_short=True, min_rate=90.0), 92.0, 92.5),
        (FakeTrade(is_short=True, min_rate=None), 90.0, 92.5),
    ],
)
def test_the_stop_follows_the_best_price_so_far(trade, rate, stop):
    bot = strategy()
    fill(bot, trade)
    assert stop_price(bot, trade, rate) == pytest.approx(stop)


@given(st.booleans(), st.lists(st.floats(80, 125), min_size=1, max_size=25))
def test_freqtrade_is_never_asked_to_loosen_the_stop(is_short, rates):
    bot, trade = strategy(), FakeTrade(is_short=is_short, max_rate=100.0, min_rate=100.0)
    fill(bot, trade)
    sign = -1 if is_short else 1
    trade.stop_loss = stop_price(bot, trade, 100.0)
    for rate in rates:
        if sign * (rate - trade.stop_loss) <= 0:
            break  # stopped out
        trade.max_rate, trade.min_rate = max(trade.max_rate, rate), min(trade.min_rate, rate)
        asked = stop_price(bot, trade, rate, after_fill=False)
        if asked is not None:
            assert sign * (asked - trade.stop_loss) > -1e-7
            trade.stop_loss = asked


asked_of_a_trail = st.fixed_dictionaries(
    {
        "trail_factor": st.floats(0.1, 3) | st.sampled_from([1.0, math.nan]),
        "squeeze_risk": st.sampled_from([-1.0, 0.0, 1.0, math.nan]),
    }
)


@given(
    st.booleans(),
    st.sampled_from([1.0, 3.0, 25.0]),
    st.lists(st.tuples(st.floats(80, 125), asked_of_a_trail, st.booleans()), min_size=1),
)
def test_the_stop_never_loosens_whatever_the_market_asks_of_it(is_short, leverage, looks):
    bot = strategy()
    trade = FakeTrade(is_short=is_short, max_rate=100.0, min_rate=100.0, leverage=leverage)
    fill(bot, trade)
    sign = -1 if is_short else 1
    trade.initial_stop_loss = trade.stop_loss = 100.0 - sign * 20.0
    trade.stop_loss = stop_price(bot, trade, 100.0)
    for rate, market, after_fill in looks:
        if sign * (rate - trade.stop_loss) <= 0:
            break  # stopped out
        bot.decisions[PAIR] = table(**market)
        trade.max_rate, trade.min_rate = max(trade.max_rate, rate), min(trade.min_rate, rate)
        # A part of the trade may be taken out in between, for which Freqtrade asks too.
        asked = stop_price(bot, trade, rate, after_fill=after_fill)
        if asked is not None:
            assert sign * (asked - trade.stop_loss) > -1e-7
            trade.stop_loss = asked


@pytest.mark.parametrize("is_short", [False, True])
def test_the_exit_of_a_part_does_not_loosen_the_stop_of_the_rest(is_short):
    sign = -1 if is_short else 1
    bot, trade = strategy(), FakeTrade(is_short=is_short, initial_stop_loss=100.0 - sign * 20.0)
    trade.stop_loss = trade.initial_stop_loss
    fill(bot, trade)
    bot.decisions[PAIR] = table(squeeze_risk=float(sign))
    trade.stop_loss = stop_price(bot, trade, 101.0 if sign > 0 else 99.0)
    assert trade.stop_loss == pytest.approx(100.0)
    bot.decisions[PAIR] = table()
    fill(bot, trade, side="buy" if is_short else "sell")
    assert stop_price(bot, trade, 100.5 if sign > 0 else 99.5, after_fill=True) is None


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("risk", "stop"), [(1.0, 101.5), (-1.0, 98.0), (0.0, 98.0), (math.nan, 98.0)]
)
def test_a_squeeze_trails_the_trades_of_its_own_side(is_short, risk, stop):
    sign = -1 if is_short else 1
    bot, trade = strategy(), FakeTrade(is_short=is_short)
    fill(bot, trade)
    bot.decisions[PAIR] = table(squeeze_risk=sign * risk)
    price = stop_price(bot, trade, 100.0 + sign * 2.5)
    assert price == pytest.approx(100.0 + sign * (stop - 100.0))


@pytest.mark.parametrize("squeeze", [{"tighten": False}, {"enabled": False}], ids=str)
def test_switched_off_a_squeeze_tightens_nothing(squeeze):
    stops = []
    for settings in ({}, {"squeeze": squeeze}):
        bot, trade = strategy(**settings), FakeTrade()
        bot.decisions[PAIR] = table(squeeze_risk=1.0)
        fill(bot, trade)
        stops.append(stop_price(bot, trade, 101.0))
    assert stops == [pytest.approx(100.0), pytest.approx(98.0)]


@pytest.mark.parametrize("stored", [{}, None])
def test_a_trade_without_a_plan_is_guarded_too(stored):
    bot, trade = strategy(), FakeTrade(custom_data={PLAN_KEY: stored})
    bot.decisions[PAIR] = table(squeeze_risk=1.0)
    assert stop_price(bot, trade, 103.0) == pytest.approx(101.0)  # one R of 2 % without an ATR


def test_a_squeeze_trail_is_as_wide_as_its_setting():
    bot, trade = strategy(squeeze={"tight_trail_atr": 1.5}), FakeTrade()
    bot.decisions[PAIR] = table(squeeze_risk=1.0)
    fill(bot, trade)
    assert trade.custom_data[PLAN_KEY]["squeeze_trail"] == 1.5
    assert stop_price(bot, trade, 101.0) == pytest.approx(99.5)


@pytest.mark.parametrize(
    ("factor", "stop"), [(1.0, 107.5), (0.5, 108.75), (2.0, 105.0), (math.nan, 107.5)]
)
def test_the_market_of_the_moment_changes_the_width_of_an_armed_trail(factor, stop):
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    bot.decisions[PAIR] = tables({}, {"trail_factor": factor})
    assert stop_price(bot, trade, 110.0) == pytest.approx(107.5)
    assert stop_price(bot, trade, 110.0, at=OPENED + CANDLE) == pytest.approx(stop)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_until_a_closed_candle_is_analyzed_the_decision_before_it_stands(factor):
    """A bot looks at stops first; a stop that is pulled in for those seconds stays there."""
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    bot.decisions[PAIR] = tables({}, {"trail_factor": factor})
    known = stop_price(bot, trade, 110.0, at=OPENED + CANDLE)
    closed = OPENED + 2 * CANDLE  # the candle after the last one in the table has just closed
    for waited in (timedelta(0), timedelta(seconds=60), bot.analysis_grace - timedelta(seconds=1)):
        assert stop_price(bot, trade, 110.0, at=closed + waited) == pytest.approx(known)
    overdue = closed + bot.analysis_grace
    assert stop_price(bot, trade, 110.0, at=overdue) == pytest.approx(107.5)


@pytest.mark.parametrize("decisions", [None, {}], ids=["no table", "not in it"])
def test_without_a_decision_the_plan_is_followed_alone(decisions):
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    bot.decisions = {} if decisions is None else {PAIR: table(squeeze_risk=1.0, trail_factor=0.5)}
    late = OPENED + 9 * CANDLE
    assert stop_price(bot, trade, 110.0, at=late) == pytest.approx(107.5)


def test_a_plan_of_an_earlier_version_is_followed():
    first, trade = strategy(), FakeTrade()
    fill(first, trade)
    for name in ("least_trail", "squeeze_trail"):
        del trade.custom_data[PLAN_KEY][name]
    bot = strategy()
    bot.decisions[PAIR] = table(squeeze_risk=1.0, trail_factor=0.4)
    assert stop_price(bot, trade, 110.0) == pytest.approx(107.5)


# The dying move


def exit_reason(bot, trade, at=OPENED + CANDLE, rate=100.0):
    return bot.custom_exit(
        pair=PAIR, trade=trade, current_time=at, current_rate=rate, current_profit=0.0
    )


def dying_at(close, is_short=False, **changes):
    """A move that the second candle, which closes while the trade is open, shows dying."""
    side = "short" if is_short else "long"
    return tables({}, {f"decay_{side}": True, "close": close} | changes)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("gain", "closes"), [(1.0, True), (5.0, True), (0.98, False), (0.0, False), (-3.0, False)]
)
def test_a_dying_move_closes_a_trade_that_has_gained_half_an_r(is_short, gain, closes):
    bot, trade = strategy(), FakeTrade(is_short=is_short)
    fill(bot, trade)
    close = 100.0 - gain if is_short else 100.0 + gain
    bot.decisions[PAIR] = dying_at(close, is_short)
    assert exit_reason(bot, trade) == ("momentum_decay" if closes else None)


@given(
    st.booleans(),
    st.floats(50, 150) | st.just(math.nan),
    st.booleans(),
    st.booleans(),
    st.floats(0, 3),
)
def test_a_trade_is_closed_for_decay_only_in_profit_and_only_for_its_own_side(
    is_short, close, decay_long, decay_short, least
):
    bot, trade = strategy(exits={"decay_min_r": least}), FakeTrade(is_short=is_short)
    fill(bot, trade)
    bot.decisions[PAIR] = tables(
        {}, {"close": close, "decay_long": decay_long, "decay_short": decay_short}
    )
    gained = (100.0 - close if is_short else close - 100.0) / 2.0
    dies = decay_short if is_short else decay_long
    assert (exit_reason(bot, trade) is not None) == (dies and gained >= least)


@pytest.mark.parametrize("opened", [OPENED, OPENED + CANDLE / 3])
def test_a_candle_that_closed_before_the_fill_says_nothing_about_the_trade(opened):
    bot, trade = strategy(), FakeTrade(open_date_utc=opened, open_rate=98.0)
    bot.decisions[PAIR] = tables({"decay_long": True, "close": 100.0}, {"decay_long": False})
    fill(bot, trade)
    for at in (opened, OPENED + CANDLE - CANDLE / 900):
        assert exit_reason(bot, trade, at) is None
    bot.decisions[PAIR] = tables(*[{"decay_long": True, "close": 100.0}] * 2)
    assert exit_reason(bot, trade, OPENED + CANDLE) == "momentum_decay"


@pytest.mark.parametrize("seconds", [0, 1, 450, 899])
def test_the_answer_is_the_same_during_the_whole_candle(seconds):
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    bot.decisions[PAIR] = dying_at(101.0)
    for rate in (90.0, 100.0, 110.0):
        at = OPENED + CANDLE + CANDLE * seconds / 900
        assert exit_reason(bot, trade, at, rate) == "momentum_decay"


@pytest.mark.parametrize("stored", [None, {}, {"side": "long"}, "plan", 3, ["stop"]])
def test_a_dying_move_never_raises_without_a_plan(stored):
    bot, trade = strategy(), FakeTrade(custom_data={PLAN_KEY: stored}, enter_tag=None)
    bot.decisions[PAIR] = dying_at(101.0)
    assert exit_reason(bot, trade) == "momentum_decay"  # 2 % are one R
    assert not bot.faults._counts


@pytest.mark.parametrize("at", [OPENED - CANDLE, OPENED + 9 * CANDLE])
def test_a_candle_that_was_not_analyzed_closes_nothing(at):
    bot, trade = strategy(), FakeTrade(open_date_utc=OPENED - 9 * CANDLE)
    fill(bot, trade)
    bot.decisions[PAIR] = dying_at(110.0)
    assert exit_reason(bot, trade, at) is None
    bot.decisions.clear()
    assert exit_reason(bot, trade) is None


def test_freqtrade_asks_for_dying_moves_only_where_they_close_trades():
    assert strategy().use_exit_signal is True
    assert strategy(exits={"momentum_decay": False}).use_exit_signal is False


@pytest.mark.parametrize(
    ("configured", "decays", "asked"),
    [(True, False, False), (True, True, True), (False, True, False), (False, False, False)],
)
def test_a_configuration_cannot_ask_for_exits_that_never_come(configured, decays, asked):
    """Freqtrade lays its configuration over the strategy after it was made, hyperopt always."""
    bot = strategy(exits={"momentum_decay": decays})
    bot.use_exit_signal = configured
    bot.bot_start()
    assert bot.use_exit_signal is asked


def test_a_market_that_does_not_die_is_looked_up_once_and_nothing_else():
    """Freqtrade asks for every open trade and candle: no plan, no settings, no calendar."""
    bot, trade = strategy(), FakeTrade()
    bot.tuned = bot.candle_open = bot._recall = None  # calling any of them would fail
    bot.decisions[PAIR] = tables({}, {"close": 110.0})
    assert exit_reason(bot, trade) is None
    assert not bot.faults._counts


@pytest.mark.parametrize("leverage", [1.0, 5.0, 25.0])
def test_leverage_closes_no_dying_move_earlier(leverage):
    for gain, closes in ((0.99, False), (1.01, True)):
        bot, trade = strategy(), FakeTrade(leverage=leverage)
        fill(bot, trade)
        bot.decisions[PAIR] = dying_at(100.0 + gain)
        assert (exit_reason(bot, trade) is not None) == closes


def test_a_stop_that_stays_is_not_asked_for_again():
    bot, trade = strategy(), FakeTrade(max_rate=100.0)
    fill(bot, trade)
    trade.stop_loss = 98.0
    assert stop_price(bot, trade, 101.0, after_fill=False) is None
    trade.max_rate = 110.0
    assert stop_price(bot, trade, 109.0, after_fill=False) == pytest.approx(107.5)


@pytest.mark.parametrize("leverage", [1.0, 3.0, 5.0, 7.0, 25.0])
@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("entry", [149.45, 0.4129, 3107.08, 98.7, 83154.3])
def test_a_stop_on_a_tick_stays_on_it_at_any_leverage(entry, is_short, leverage):
    """Freqtrade rounds toward the price, so noise would move the stop by a tick."""
    tick = 10.0 ** -len(str(entry).split(".")[1])
    bot = strategy()
    bot.decisions[PAIR] = table(stop_distance=20 * tick)
    trade = FakeTrade(is_short=is_short, open_rate=entry, leverage=leverage)
    fill(bot, trade)
    ratio = stop_ratio(bot, trade, entry)
    real = LocalTrade(
        pair=PAIR,
        open_rate=entry,
        is_short=is_short,
        leverage=leverage,
        fee_open=0.0005,
        fee_close=0.0005,
        price_precision=tick,
        precision_mode_price=TICK_SIZE,
    )
    real.adjust_stop_loss(entry, ratio)
    sign = -1 if is_short else 1
    assert real.stop_loss == pytest.approx(entry - sign * 20 * tick, abs=tick / 100)


@pytest.mark.parametrize("leverage", [1.0, 5.0, 25.0])
@pytest.mark.parametrize("rate", [99.0, 101.0, 106.0])
def test_leverage_moves_no_exit(leverage, rate):
    prices = []
    for times in (1.0, leverage):
        bot, trade = strategy(), FakeTrade(leverage=times)
        fill(bot, trade)
        prices.append(stop_price(bot, trade, rate))
        bot.decisions[PAIR] = table(squeeze_risk=1.0, trail_factor=0.5)
        prices.append(stop_price(bot, trade, rate))
    assert prices[:2] == pytest.approx(prices[2:])


def test_the_helper_of_freqtrade_is_the_inverse_of_the_one_here():
    trade = FakeTrade(leverage=5.0)
    ratio = stoploss_from_absolute(98.0, 100.0, is_short=False, leverage=5.0)
    assert 100.0 * (1 - ratio / trade.leverage) == pytest.approx(98.0)


def roi(bot, trade):
    return bot.custom_roi(
        pair=PAIR, trade=trade, current_time=OPENED, trade_duration=5, entry_tag=None, side="long"
    )


def test_the_target_closes_the_trade_only_without_the_trail():
    assert strategy().use_custom_roi is False
    bot, trade = strategy(**FIXED), FakeTrade()
    assert bot.use_custom_roi is True
    fill(bot, trade)
    assert roi(bot, trade) == pytest.approx(trade.calc_profit_ratio(104.0))
    assert stop_price(bot, trade, 120.0) == pytest.approx(100 * 1.0005 / 0.9995)


def test_each_trade_keeps_its_kind_of_target_when_the_setting_changes():
    trailing, fixed = FakeTrade(id=1), FakeTrade(id=2)
    fill(strategy(), trailing)
    fill(strategy(**FIXED), fixed)
    for settings in ({}, FIXED):
        bot = strategy(**settings)
        assert roi(bot, trailing) is None
        assert roi(bot, fixed) == pytest.approx(fixed.calc_profit_ratio(104.0))


def test_a_fill_that_is_late_by_a_candle_still_has_a_stop():
    bot, trade = strategy(), FakeTrade(open_date_utc=OPENED + CANDLE)
    fill(bot, trade)
    assert stop_price(bot, trade, 100.0) == pytest.approx(98.0)  # min_stop, 2 % of price

"""A trade follows the plan that was fixed at its fill, also after a restart."""

import json
import logging
import math

import pytest
from ccxt import TICK_SIZE
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import stoploss_from_absolute
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.exits import PLAN_KEY
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, FakeOrder, FakeTrade, strategy, table

FIXED = {"exits": {"hybrid_trail": False}}


def fill(bot, trade, side=None):
    order = FakeOrder(side or trade.entry_side)
    bot.order_filled(pair=PAIR, trade=trade, order=order, current_time=OPENED)


def stop_ratio(bot, trade, rate, *, after_fill=True):
    """What Freqtrade is given; right after a fill always an answer, later None for "it stays"."""
    return bot.custom_stoploss(
        pair=PAIR,
        trade=trade,
        current_time=OPENED,
        current_rate=rate,
        current_profit=0.0,
        after_fill=after_fill,
    )


def stop_price(bot, trade, rate, *, after_fill=True):
    """The absolute price behind that ratio."""
    ratio = stop_ratio(bot, trade, rate, after_fill=after_fill)
    sign = -1 if trade.is_short else 1
    return None if ratio is None else rate * (1 - sign * ratio / trade.leverage)


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
        assert stop_price(bot, trade, 100.0) == pytest.approx(97.0)
        assert stop_price(bot, trade, 100.5) == pytest.approx(97.0)
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
    assert stop_price(bot, second, 200.0) == pytest.approx(190.0)


def test_an_exit_forgets_the_plan():
    bot, trade = strategy(), FakeTrade()
    fill(bot, trade)
    fill(bot, trade, side="sell")
    trade.custom_data.clear()
    trade.stop_loss = 95.0
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
    assert prices[0] == pytest.approx(prices[1])


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

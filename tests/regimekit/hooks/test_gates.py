"""An order needs a decision that is current and complete, in no candle of an exit."""

import logging
from datetime import timedelta

import pytest
from freqtrade.persistence import LocalTrade

from regimekit.hooks.gates import EntryGates
from regimekit.schema import Side
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, FakeTrade, Silent, strategy, table

SECOND = timedelta(seconds=1)


def confirm(bot, moment=OPENED, *, pair=PAIR, side="long"):
    return bot.confirm_trade_entry(
        pair=pair,
        order_type="limit",
        amount=1.0,
        rate=100.0,
        time_in_force="GTC",
        current_time=moment,
        entry_tag="trending:momentum",
        side=side,
    )


def closed_at(moment, pair=PAIR):
    return FakeTrade(pair=pair, close_date_utc=moment, close_profit_abs=-1.0)


def test_a_current_signal_may_be_ordered_for_the_length_of_a_candle():
    bot = strategy()
    assert confirm(bot, OPENED) is True
    assert confirm(bot, OPENED + CANDLE - SECOND) is True


@pytest.mark.parametrize("moment", [OPENED - SECOND, OPENED + CANDLE, OPENED + 100 * CANDLE])
def test_an_old_or_early_decision_refuses(moment):
    assert confirm(strategy(), moment) is False


def test_a_pair_that_was_never_analyzed_is_refused():
    assert confirm(strategy(), pair="ETH/USDT:USDT") is False


def test_a_missing_input_refuses():
    bot = strategy()
    bot.decisions[PAIR] = table(inputs_ok=False)
    assert bot.entry_refusal(PAIR, Side.LONG, OPENED) == "a required input is missing or stale"


@pytest.mark.parametrize(
    ("entry", "long", "short"), [(1, True, False), (-1, False, True), (0, False, False)]
)
def test_only_the_signaled_side_may_be_ordered(entry, long, short):
    bot = strategy()
    bot.decisions[PAIR] = table(entry=entry)
    assert (confirm(bot, side="long"), confirm(bot, side="short")) == (long, short)


def test_an_unknown_side_is_refused():
    assert confirm(strategy(), side="sideways") is False


@pytest.mark.parametrize(
    ("closed", "allowed"),
    [
        (OPENED - SECOND, True),
        (OPENED, False),
        (OPENED + SECOND, False),
        (OPENED + timedelta(minutes=5), False),
    ],
)
def test_a_pair_is_not_entered_in_the_candle_of_its_last_exit(closed, allowed):
    bot = strategy()
    bot.history = [closed_at(OPENED - CANDLE), closed_at(closed)]
    assert confirm(bot, OPENED + timedelta(minutes=6)) is allowed


def test_the_exit_of_another_pair_does_not_matter_and_hides_none():
    bot = strategy()
    bot.history = [closed_at(OPENED, "ETH/USDT:USDT")]
    assert confirm(bot) is True
    bot.history = [closed_at(OPENED), closed_at(OPENED + SECOND, "ETH/USDT:USDT")]
    assert confirm(bot, OPENED + 2 * SECOND) is False


def test_without_trade_history_past_trades_decide_nothing():
    bot = strategy(trade_history=False)
    bot.history = [closed_at(OPENED)]
    assert confirm(bot) is True


class WithTrades(Silent, EntryGates):
    """Reads its trades from Freqtrade."""


def test_the_trades_of_a_backtest_are_asked():
    bot = WithTrades({})
    bot.decisions[PAIR] = table()
    assert confirm(bot) is True
    LocalTrade.bt_trades.append(closed_at(OPENED))
    assert confirm(bot) is False
    assert bot.closed_trades() == LocalTrade.bt_trades


def test_a_refusal_is_logged_once_for_each_reason(caplog):
    bot = strategy()
    with caplog.at_level(logging.INFO, logger="regimekit.hooks.gates"):
        for _ in range(5):
            confirm(bot, side="short")
        for _ in range(5):
            confirm(bot, OPENED + CANDLE)
        confirm(bot)
        confirm(bot, side="short")
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "the last closed candle does not signal this side",
        "the last closed candle has not been analyzed",
        "the last closed candle does not signal this side",
    ]

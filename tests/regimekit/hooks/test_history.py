"""Past trades are Freqtrade's, from memory in a backtest and from the database live."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import LocalTrade, Trade, init_db

from regimekit.hooks.history import PastTrades
from regimekit.risk.history import LastExit
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, FakeTrade, Silent


class Reader(Silent, PastTrades):
    """Reads its trades from Freqtrade."""


def closed(moment=OPENED, profit=-1.0):
    return FakeTrade(close_date_utc=moment, close_profit_abs=profit, close_profit=profit / 100)


def test_a_backtest_is_read_as_it_goes():
    bot = Reader({})
    assert bot.past_trades().last_exit(PAIR) is None
    LocalTrade.bt_trades.append(closed())
    assert bot.past_trades().last_exit(PAIR) == LastExit(OPENED, 1)
    LocalTrade.bt_trades.append(closed(OPENED + CANDLE))
    assert bot.past_trades().last_exit(PAIR) == LastExit(OPENED + CANDLE, 2)
    assert Reader({}).past_trades().last_exit(PAIR) == LastExit(OPENED + CANDLE, 2)


def test_the_next_backtest_of_the_same_strategy_starts_from_nothing():
    """Freqtrade resets its trades for each epoch of a hyperopt and keeps the strategy."""
    bot = Reader({})
    LocalTrade.bt_trades.append(closed())
    bot.past_trades()
    LocalTrade.reset_trades()
    LocalTrade.bt_trades += [closed(OPENED, 5.0), closed(OPENED + CANDLE, -3.0)]
    assert bot.past_trades().last_exit(PAIR) == LastExit(OPENED + CANDLE, 1)
    LocalTrade.reset_trades()
    assert bot.past_trades().last_exit(PAIR) is None


def test_open_trades_include_entries_that_wait():
    waiting = FakeTrade(amount=0.0)
    LocalTrade.bt_trades_open.append(waiting)
    assert Reader({}).open_trades() == [waiting]


@pytest.fixture
def database():
    """A database in memory, as a dry run keeps it."""
    Trade.use_db = True
    init_db("sqlite://")
    yield Trade.session
    Trade.session.remove()
    Trade.use_db = False


def stored(pair=PAIR, *, opened=OPENED, closed=None, profit=None):
    """Put a trade into the database as Freqtrade does: naive instants in UTC."""
    trade = Trade(
        pair=pair,
        exchange="binance",
        enter_tag="trending:momentum",
        stake_amount=100.0,
        amount=3.0,
        open_rate=100.0,
        open_date=opened.replace(tzinfo=None),
        fee_open=0.0005,
        fee_close=0.0005,
        leverage=3.0,
        is_open=closed is None,
    )
    if closed is not None:
        trade.close_date = closed.replace(tzinfo=None)
        trade.close_profit_abs, trade.close_profit = profit, profit / 100
    Trade.session.add(trade)
    Trade.commit()
    return trade


def test_a_database_is_read_in_the_order_in_which_trades_closed(database):
    stored(closed=OPENED + CANDLE, profit=-3.0)
    stored(closed=OPENED, profit=3.0)
    stored()
    bot = Reader({})
    assert [trade.close_date_utc for trade in bot.closed_trades()] == [OPENED, OPENED + CANDLE]
    history = bot.past_trades()
    assert history.last_exit(PAIR) == LastExit(OPENED + CANDLE, 1)
    assert history.results("momentum", OPENED + 9 * CANDLE, 9) == pytest.approx([0.01, -0.01])
    assert history.entries_since(OPENED) == 2
    assert [trade.is_open for trade in bot.open_trades()] == [True]


def test_what_changes_in_a_database_is_noticed(database):
    """Freqtrade learns a fee late, somebody deletes a trade in FreqUI."""
    bot = Reader({})
    first, second = (stored(closed=OPENED + i * CANDLE, profit=-3.0) for i in range(2))
    day = (datetime(2026, 1, 5, tzinfo=UTC), OPENED + timedelta(hours=9))
    assert bot.past_trades().profit(*day) == -6.0
    first.close_profit_abs = -4.0
    Trade.commit()
    assert bot.past_trades().profit(*day) == -7.0
    second.delete()
    assert bot.past_trades().profit(*day) == -4.0
    assert bot.past_trades().last_exit(PAIR) == LastExit(OPENED, 1)


def test_a_restart_on_the_same_database_knows_the_same(database):
    stored(closed=OPENED, profit=-3.0)
    bot = Reader({})
    assert bot.past_trades().last_exit(PAIR) == Reader({}).past_trades().last_exit(PAIR)

"""Orders are sized by the decision, the wallet and the realized drawdown."""

import math

import pytest

from regimekit.schema import Regime
from tests.regimekit.hooks.fakes import (
    CANDLE,
    OPENED,
    PAIR,
    FakeTrade,
    FakeWallets,
    strategy,
    table,
)

NEXT = OPENED + CANDLE


def leverage(bot, *, rate=100.0, maximum=50.0, moment=OPENED):
    return bot.leverage(
        pair=PAIR,
        current_time=moment,
        current_rate=rate,
        proposed_leverage=1.0,
        max_leverage=maximum,
        entry_tag=None,
        side="long",
    )


def stake(bot, *, least=5.0, most=9_000.0, moment=OPENED, times=3.0):
    return bot.custom_stake_amount(
        pair=PAIR,
        current_time=moment,
        current_rate=100.0,
        proposed_stake=100.0,
        min_stake=least,
        max_stake=most,
        leverage=times,
        entry_tag=None,
        side="long",
    )


def losing(*profits):
    return [FakeTrade(close_date_utc=OPENED, close_profit_abs=profit) for profit in profits]


def test_an_ordinary_order():
    bot = strategy()
    assert leverage(bot) == 3.0
    assert stake(bot) == pytest.approx(500.0)  # 5 % of 10,000


def test_the_risk_budget_caps_it():
    bot = strategy(risk={"target_leverage": 20})
    assert stake(bot, times=20.0) == pytest.approx(100 / (20 * (0.02 + 2 * 0.0005)))


def test_a_forced_leverage_beyond_the_configured_one_gets_no_stake():
    assert stake(strategy(), times=3.0) > 0
    assert stake(strategy(), times=4.0) == 0


def test_a_volatile_market_and_a_drawdown_shrink_it():
    bot = strategy()
    bot.decisions[PAIR] = table(regime=int(Regime.VOLATILE))
    assert stake(bot) == pytest.approx(335.0)
    bot.history = losing(-1000.0, -500.0)
    assert stake(bot) == pytest.approx(335.0 * 0.625)


def test_without_trade_history_a_drawdown_shrinks_nothing():
    bot = strategy(trade_history=False)
    bot.history = losing(-1500.0)
    assert stake(bot) == pytest.approx(500.0)


@pytest.mark.parametrize(
    "wallets",
    [FakeWallets(total=math.nan), FakeWallets(available=math.nan), FakeWallets(starting=0.0)],
)
def test_a_wallet_that_makes_no_sense_halts(wallets):
    bot = strategy()
    bot.wallets = wallets
    assert stake(bot) == 0.0


def test_a_drawdown_that_is_unknown_halts():
    bot = strategy()
    bot.history = losing(math.nan)
    assert stake(bot) == 0.0


@pytest.mark.parametrize("name", ["stop_distance", "confidence_long", "min_confidence"])
def test_a_decision_with_an_unknown_number_stakes_nothing(name):
    bot = strategy()
    bot.decisions[PAIR] = table(**{name: math.nan})
    assert stake(bot) == 0.0


def test_without_a_current_decision_nothing_is_staked():
    bot = strategy()
    assert (leverage(bot, moment=NEXT), stake(bot, moment=NEXT)) == (1.0, 0.0)


@pytest.mark.parametrize(("least", "placed"), [(None, True), (500.0, True), (501.0, False)])
def test_an_order_below_the_minimum_is_refused_not_enlarged(least, placed):
    assert (stake(strategy(), least=least) > 0) is placed


def test_no_leverage_holds_a_stop_that_is_too_wide_and_nothing_is_staked():
    bot = strategy()
    bot.decisions[PAIR] = table(stop_distance=70.0)
    assert (leverage(bot), stake(bot, times=1.0)) == (1.0, 0.0)
    bot.decisions[PAIR] = table()
    assert (leverage(bot), stake(bot)) == (3.0, pytest.approx(500.0))


@pytest.mark.parametrize("rate", [0.0, math.nan])
def test_a_rate_that_makes_no_sense_stakes_nothing(rate):
    bot = strategy()
    assert leverage(bot, rate=rate) == 1.0
    assert stake(bot) == 0.0

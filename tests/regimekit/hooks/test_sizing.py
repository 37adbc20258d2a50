"""Orders are sized by the decision, the wallet, the realized drawdown and recent results."""

import math
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as options
from hypothesis import strategies as st

from regimekit.adaptive import NEUTRAL, Adaptation
from regimekit.risk.leverage import TIER_MAINTENANCE_SHARE, liquidation_distance
from regimekit.schema import Regime, Side
from regimekit.settings import PROFILES
from tests.profiles import profile
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


def leverage(bot, *, rate=100.0, maximum=50.0, moment=OPENED, side="long"):
    return bot.leverage(
        pair=PAIR,
        current_time=moment,
        current_rate=rate,
        proposed_leverage=1.0,
        max_leverage=maximum,
        entry_tag=None,
        side=side,
    )


def stake(bot, *, rate=100.0, least=5.0, most=9_000.0, moment=OPENED, times=3.0, side="long"):
    return bot.custom_stake_amount(
        pair=PAIR,
        current_time=moment,
        current_rate=rate,
        proposed_stake=100.0,
        min_stake=least,
        max_stake=most,
        leverage=times,
        entry_tag=None,
        side=side,
    )


def closed(*profits, result=None, at=OPENED - CANDLE):
    """Trades that closed in the candle before the order's."""
    return [
        FakeTrade(close_date_utc=at, close_profit_abs=profit, close_profit=result, leverage=1.0)
        for profit in profits
    ]


def adapted(bot, adaptation):
    """`bot` with that answer of the adaptive layer, whatever it is asked."""
    bot.adaptation = lambda sub_strategy, moment: adaptation
    return bot


def test_an_ordinary_order():
    bot = strategy()
    assert leverage(bot) == 3.0
    assert stake(bot) == pytest.approx(500.0)  # 5 % of 10,000


def test_the_risk_budget_caps_it():
    bot = strategy(risk={"target_leverage": 20})
    assert stake(bot, times=20.0) == pytest.approx(100 / (20 * (0.02 + 0.0005 * 2.02)))


def test_a_forced_leverage_beyond_the_configured_one_gets_no_stake():
    assert stake(strategy(), times=3.0) > 0
    assert stake(strategy(), times=4.0) == 0


def test_a_volatile_market_and_a_drawdown_shrink_it():
    bot = strategy()
    bot.decisions[PAIR] = table(regime=int(Regime.VOLATILE))
    assert stake(bot) == pytest.approx(335.0)
    bot.history = closed(-1000.0, -500.0)
    assert stake(bot) == pytest.approx(335.0 * 0.625)


@pytest.mark.parametrize("inside", [timedelta(), timedelta(minutes=7)])
def test_what_closes_within_the_candle_is_not_known_yet(inside):
    bot = strategy()
    bot.history = closed(-1500.0, at=OPENED)
    assert stake(bot, moment=OPENED + inside) == pytest.approx(500.0)
    bot.decisions[PAIR] = table(date=OPENED)
    assert stake(bot, moment=NEXT) == pytest.approx(312.5)


def test_without_trade_history_a_drawdown_shrinks_nothing():
    bot = strategy(trade_history=False)
    bot.history = closed(-1500.0)
    assert stake(bot) == pytest.approx(500.0)


def test_bad_results_shrink_stake_and_leverage():
    bot = strategy()
    bot.history = closed(*[-0.1] * 30, result=-0.02)
    assert bot.adaptation("momentum", OPENED).size == pytest.approx(0.15)
    assert stake(bot) == pytest.approx(75.0, rel=0.01)  # and a drawdown of 0.03 %, which is nothing
    assert leverage(bot) == 1.0  # 3 * 0.6, rounded down
    bot.history = closed(*[0.1] * 30, result=0.02)
    assert stake(bot) == pytest.approx(600.0)
    assert leverage(bot) == 3.0


@pytest.mark.parametrize(
    "off", [{"trade_history": False}, {"adaptive": {"enabled": False}}], ids=str
)
def test_switched_off_results_change_nothing(off):
    bot = strategy(**off)
    bot.history = closed(*[-0.1] * 30, result=-0.02)
    assert (leverage(bot), stake(bot)) == (3.0, pytest.approx(500.0))


def test_leverage_and_stake_ask_about_the_same_trade():
    bot, asked = strategy(), []

    def adaptation(sub_strategy, moment):
        asked.append((sub_strategy, moment))
        return NEUTRAL

    bot.adaptation = adaptation
    leverage(bot, moment=OPENED + timedelta(minutes=2))
    stake(bot, moment=OPENED + timedelta(minutes=2))
    assert asked == [("momentum", OPENED + timedelta(minutes=2))] * 2


@pytest.mark.parametrize(("factor", "whole"), [(1.0, 25.0), (0.99, 24.0), (0.6, 15.0), (0.01, 1.0)])
def test_leverage_is_the_largest_whole_one_up_to_the_share_asked_for(factor, whole):
    bot = adapted(strategy(risk={"target_leverage": 25}), Adaptation(leverage=factor))
    bot.decisions[PAIR] = table(stop_distance=1.0)
    assert leverage(bot, maximum=125.0) == whole
    assert stake(bot, times=whole) > 0


def test_both_reckon_with_the_stop_that_the_trade_gets():
    """At 20x the stop of 2 % would use 0.4 of the margin and its budget 100 / (20 * 0.02101)."""
    bot = strategy(risk={"target_leverage": 25})
    assert (leverage(bot), stake(bot, times=20.0)) == (19.0, pytest.approx(100 / (20 * 0.02101)))
    wide = adapted(bot, Adaptation(stop=1.2))
    # 0.6 * (1 / 17 - 0.018) / 0.982 = 0.02494 holds 0.024, and 1 / 18 gives 0.02294.
    assert leverage(wide) == 17.0
    assert stake(wide, times=20.0) == pytest.approx(100 / (20 * (0.024 + 0.0005 * 2.024)))
    close = adapted(bot, Adaptation(stop=0.9))
    bot.decisions[PAIR] = table(stop_distance=4.0)
    assert stake(close, times=12.0) == pytest.approx(100 / (12 * (0.036 + 0.0005 * 2.036)))


def test_a_wider_stop_stays_within_the_most():
    bot = adapted(strategy(exits={"max_stop": 0.05}), Adaptation(stop=1.2))
    bot.decisions[PAIR] = table(stop_distance=4.9)
    assert stake(bot, times=10.0) == 0.0  # more than target_leverage
    bot = adapted(
        strategy(exits={"max_stop": 0.05}, risk={"target_leverage": 10}), Adaptation(stop=1.2)
    )
    bot.decisions[PAIR] = table(stop_distance=4.9)
    assert stake(bot, times=10.0) == pytest.approx(100 / (10 * (0.05 + 0.0005 * 2.05)))


def test_the_confidence_scale_begins_at_the_confidence_that_results_ask_for():
    bot = strategy(risk={"confidence_floor": 0.6})
    bot.decisions[PAIR] = table(min_confidence=0.8, confidence_long=0.9)
    assert stake(bot) == pytest.approx(500 * 0.8)
    assert stake(adapted(bot, Adaptation(confidence=0.05))) == pytest.approx(500 * (0.6 + 0.4 / 3))
    assert stake(adapted(bot, Adaptation(confidence=-0.1))) == pytest.approx(500 * (0.6 + 0.8 / 3))
    bot.decisions[PAIR] = table(min_confidence=0.05, confidence_long=0.5)
    assert stake(adapted(bot, Adaptation(confidence=-0.1))) == pytest.approx(500 * 0.8)


adaptations = st.builds(
    Adaptation,
    confidence=st.floats(-0.3, 0.3),
    size=st.floats(0.01, 3),
    leverage=st.floats(0.1, 1),
    stop=st.floats(0.5, 2),
    reward=st.floats(0.3, 2),
)


@cache
def sized(name):
    """A strategy with the settings of a profile, in which only the wallet is changed."""
    return strategy(**profile(name))


@pytest.mark.parametrize("name", PROFILES)
@options(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    adaptations,
    st.sampled_from(Side),
    st.floats(0.5, 200_000),
    st.floats(0.0005, 0.3),
    st.integers(1, 125),
    st.floats(10, 1e7),
    st.floats(0, 200),
)
def test_order_by_order_no_limit_is_crossed(
    name, adaptation, side, rate, stop, maximum, equity, least
):
    bot = adapted(sized(name), adaptation)
    bot.wallets = FakeWallets(total=equity, available=equity * 0.6, starting=equity)
    signal = {"confidence_short": 0.9, "stop_distance": stop * rate, "close": rate}
    bot.decisions[PAIR] = table(**signal)
    times = leverage(bot, rate=rate, maximum=float(maximum), side=side.value)
    margin = stake(bot, rate=rate, least=least, most=equity * 0.6, times=times, side=side.value)
    risk, exits = bot.settings.risk, bot.settings.exits
    assert math.isfinite(margin)
    assert 1 <= times <= min(maximum, risk.target_leverage)
    assert times % 1 == 0
    if margin == 0:
        return
    assert least <= margin <= equity * 0.6
    distance = adaptation.stop_distance(stop * rate, rate, exits) / rate
    loss = margin * times * (distance + exits.taker_fee * (2 - side.sign * distance))
    assert loss <= equity * risk.equity_at_risk * (1 + 1e-9)
    liquidation = liquidation_distance(times, TIER_MAINTENANCE_SHARE / maximum, side)
    assert distance < risk.stop_within_liquidation * liquidation


@pytest.mark.parametrize("name", PROFILES)
@options(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(adaptations, st.lists(st.floats(0, 0.5), min_size=2, max_size=2).map(sorted))
def test_a_deeper_drawdown_never_enlarges(name, adaptation, drawdowns):
    bot, stakes = adapted(sized(name), adaptation), []
    assume(drawdowns[0] < drawdowns[1])
    for drawdown in drawdowns:
        bot.wallets = FakeWallets()
        bot.decisions[PAIR] = table()
        bot.history = closed(-drawdown * bot.wallets.starting)
        stakes.append(stake(bot, times=leverage(bot)))
    bot.history = []
    assert stakes[1] <= stakes[0]


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
    bot.history = closed(math.nan)
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
    """A tier that ends at 1x may ask for 0.9 of a short's margin: 0.6 * 0.1 / 1.9 is 0.032."""
    bot = strategy()
    bot.decisions[PAIR] = table(stop_distance=4.0, confidence_short=0.9)
    assert (leverage(bot, maximum=1.0, side="short"), stake(bot, times=1.0)) == (1.0, 0.0)
    assert (leverage(bot), stake(bot)) == (3.0, pytest.approx(500.0))


@pytest.mark.parametrize("rate", [0.0, math.nan])
def test_a_rate_that_makes_no_sense_stakes_nothing(rate):
    bot = strategy()
    assert leverage(bot, rate=rate) == 1.0
    assert stake(bot) == 0.0

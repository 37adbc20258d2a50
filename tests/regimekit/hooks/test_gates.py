"""An order needs a current, complete decision and everything its gates ask of past trades."""

import logging
import math
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import LocalTrade

from regimekit.hooks.gates import EntryGates
from regimekit.schema import Gate, Side
from tests.regimekit.hooks.fakes import (
    CANDLE,
    OPENED,
    PAIR,
    FakeOrder,
    FakeTrade,
    FakeVerdict,
    FakeWallets,
    Minimal,
    Silent,
    strategy,
    table,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ETH = "ETH/USDT:USDT"
# Everything that can be switched off; a test switches on what it is about.
OFF = {
    "exit_candle": False,
    "cooldown_loss_bars": 0,
    "cooldown_profit_bars": 0,
    "entries_per_candle": 0,
    "entries_per_hour": 0,
    "entries_per_day": 0,
    "same_direction": 0,
    "drawdown_stop": 1.0,
    "daily_loss": 1.0,
    "total_at_risk": 1.0,
    "reward_share": 0.0,
}


def gated(**gates):
    return strategy(gates={**OFF, **gates})


def confirm(bot, moment=OPENED, *, pair=PAIR, side="long", amount=1.0, rate=100.0):
    return bot.confirm_trade_entry(
        pair=pair,
        order_type="limit",
        amount=amount,
        rate=rate,
        time_in_force="GTC",
        current_time=moment,
        entry_tag="trending:momentum",
        side=side,
    )


def refused_by(bot, moment=OPENED, **order):
    """The gate that refuses, as the ledger is told; None when the order may be sent."""
    before = len(bot.vetoes)
    allowed = confirm(bot, moment, **order)
    assert allowed is (len(bot.vetoes) == before)
    return None if allowed else bot.vetoes[-1].gate


def closed_at(moment, pair=PAIR, *, profit=-1.0, opened=None):
    opened = opened or moment - timedelta(days=3)
    return FakeTrade(
        pair=pair, open_date_utc=opened, close_date_utc=moment, close_profit_abs=profit
    )


def position(pair=ETH, *, opened=OPENED - timedelta(days=3), **changes):
    """A filled long of 10 that was stopped at a loss of 2 each, 21 with fees."""
    facts = {"amount": 10.0, "stop_loss": 98.0, "initial_stop_loss": 80.0, **changes}
    return FakeTrade(pair=pair, open_date_utc=opened, **facts)


def test_a_current_signal_may_be_ordered_for_the_length_of_a_candle():
    bot = strategy()
    assert refused_by(bot, OPENED) is None
    assert refused_by(bot, OPENED + CANDLE - SECOND) is None


@pytest.mark.parametrize("moment", [OPENED - SECOND, OPENED + CANDLE, OPENED + 100 * CANDLE])
def test_an_old_or_early_decision_refuses(moment):
    assert refused_by(strategy(), moment) is Gate.ANALYSIS


def test_a_pair_that_was_never_analyzed_is_refused():
    assert refused_by(strategy(), pair=ETH) is Gate.ANALYSIS


def test_a_missing_input_refuses():
    bot = strategy()
    bot.decisions[PAIR] = table(inputs_ok=False)
    assert refused_by(bot) is Gate.INPUTS
    assert bot.vetoes[-1].reason == "a required input is missing or stale"


@pytest.mark.parametrize(
    ("entry", "long", "short"), [(1, True, False), (-1, False, True), (0, False, False)]
)
def test_only_the_signaled_side_may_be_ordered(entry, long, short):
    bot = strategy()
    bot.decisions[PAIR] = table(entry=entry, confidence_short=0.9)
    assert (confirm(bot, side="long"), confirm(bot, side="short")) == (long, short)


def test_an_unknown_side_is_refused():
    assert confirm(strategy(), side="sideways") is False


@pytest.mark.parametrize(
    ("closed", "refused"),
    [
        (OPENED - SECOND, None),
        (OPENED, Gate.EXIT_CANDLE),
        (OPENED + SECOND, Gate.EXIT_CANDLE),
        (OPENED + 5 * MINUTE, Gate.EXIT_CANDLE),
    ],
)
def test_a_pair_is_not_entered_in_the_candle_of_its_last_exit(closed, refused):
    bot = gated(exit_candle=True)
    bot.history = [closed_at(OPENED - CANDLE), closed_at(closed)]
    assert refused_by(bot, OPENED + 6 * MINUTE) is refused


def test_the_exit_of_another_pair_does_not_matter_and_hides_none():
    bot = gated(exit_candle=True)
    bot.history = [closed_at(OPENED, ETH)]
    assert refused_by(bot, OPENED + SECOND) is None
    bot.history = [closed_at(OPENED), closed_at(OPENED + SECOND, ETH)]
    assert refused_by(bot, OPENED + 2 * SECOND) is Gate.EXIT_CANDLE


@pytest.mark.parametrize("within", [0 * MINUTE, 7 * MINUTE, CANDLE - SECOND])
@pytest.mark.parametrize(
    ("profits", "candles", "refused"),
    [
        ([-1.0], 5, Gate.COOLDOWN),
        ([-1.0], 6, None),
        ([-1.0, -1.0], 10, Gate.COOLDOWN),
        ([-1.0, -1.0], 11, None),
        ([-1.0, 1.0], 3, Gate.COOLDOWN),
        ([-1.0, 1.0], 4, None),
    ],
)
def test_a_pair_rests_whole_candles_wherever_in_one_it_was_closed(
    profits, candles, refused, within
):
    bot = gated(cooldown_loss_bars=5, cooldown_profit_bars=3)
    closed = OPENED - candles * CANDLE + within
    bot.history = [closed_at(closed - 100 * CANDLE, profit=profit) for profit in profits[:-1]]
    bot.history.append(closed_at(closed, profit=profits[-1]))
    # Live, an order falls seconds into its candle; that makes no difference.
    assert refused_by(bot, OPENED + 9 * SECOND) is refused


@pytest.mark.parametrize(
    ("setting", "gate", "minutes"),
    [
        ("entries_per_candle", Gate.CANDLE, 15),
        ("entries_per_hour", Gate.HOUR, 60),
        ("entries_per_day", Gate.DAY, 24 * 60),
    ],
)
def test_entries_are_counted_in_candles_open_or_closed(setting, gate, minutes):
    """The window reaches back from the end of the order's candle."""
    first = OPENED + CANDLE - minutes * MINUTE
    bot = gated(**{setting: 2})
    bot.positions = [position(opened=first + 14 * MINUTE)]
    bot.history = [closed_at(OPENED - SECOND, opened=first - SECOND)]
    assert refused_by(bot, OPENED + 9 * SECOND) is None
    bot.history = [closed_at(OPENED + SECOND, opened=first)]
    assert refused_by(bot, OPENED + 9 * SECOND) is gate
    assert refused_by(bot, OPENED + 3 * MINUTE) is gate


def test_an_entry_that_waits_counts():
    bot = gated(entries_per_candle=1)
    bot.positions = [position(opened=OPENED, amount=0.0, stop_loss=None)]
    assert refused_by(bot) is Gate.CANDLE


def test_trades_of_one_direction_are_counted_filled_or_not():
    bot = gated(same_direction=2)
    bot.positions = [position(), position(is_short=True)]
    assert refused_by(bot) is None
    bot.positions = [*bot.positions, position(amount=0.0)]
    assert refused_by(bot) is Gate.SAME_DIRECTION


def test_a_trade_that_closes_within_the_candle_was_open_at_its_open():
    """A plain backtest has closed it already when it asks; its exit is the candle's future."""
    bot = gated(same_direction=1)
    bot.history = [closed_at(OPENED, ETH)]
    assert refused_by(bot, OPENED) is Gate.SAME_DIRECTION
    # With finer candles, or live, the exit is known a moment later.
    assert refused_by(bot, OPENED + SECOND) is None
    bot.history = [closed_at(OPENED - SECOND, ETH)]
    assert refused_by(bot, OPENED) is None


def test_a_loss_within_the_candle_is_not_known_at_its_open():
    bot = gated(daily_loss=0.06, drawdown_stop=0.06)
    bot.history = [closed_at(OPENED, ETH, profit=-700.0)]
    assert refused_by(bot, OPENED) is None
    assert refused_by(bot, OPENED + SECOND) is Gate.DAILY_LOSS


MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)


def test_the_day_begins_at_midnight_utc_with_the_equity_of_then():
    bot = gated(daily_loss=0.06)
    # 9000 were left at midnight, of which 540 are 6 %.
    bot.history = [closed_at(MIDNIGHT - SECOND, ETH, profit=-1000.0)]
    assert refused_by(bot) is None
    bot.history = [*bot.history, closed_at(MIDNIGHT, ETH, profit=-539.0)]
    assert refused_by(bot) is None
    bot.history = [*bot.history, closed_at(MIDNIGHT + CANDLE, ETH, profit=-1.0)]
    assert refused_by(bot) is Gate.DAILY_LOSS
    bot.history = [*bot.history, closed_at(MIDNIGHT + 2 * CANDLE, ETH, profit=+1.0)]
    assert refused_by(bot) is None


def test_a_drawdown_stops_entries_until_a_person_moves_its_date():
    def after(since):
        bot = gated(drawdown_stop=0.2, drawdown_since=since)
        bot.history = [
            closed_at(MIDNIGHT - timedelta(days=9), ETH, profit=-2000.0),
            closed_at(MIDNIGHT - timedelta(days=8), ETH, profit=+1900.0),
            closed_at(MIDNIGHT - timedelta(days=2), ETH, profit=-1000.0),
        ]
        return refused_by(bot)

    assert after("") is Gate.DRAWDOWN
    assert after("2025-12-27") is Gate.DRAWDOWN
    assert after("2025-12-28") is None
    assert after("2026-01-05") is None


def test_the_risk_of_all_stops_together():
    bot = gated(total_at_risk=0.01)  # 100 of 10,000
    bot.positions = [position(pair=f"{n}/USDT:USDT") for n in range(3)]  # 63
    assert refused_by(bot, amount=17.6) is None  # 17.6 x (2 + 0.1) = 36.96
    assert refused_by(bot, amount=17.7) is Gate.TOTAL_RISK


@pytest.mark.parametrize(
    ("changes", "risk"),
    [
        ({}, 21.0),
        ({"stop_loss": 100.1}, 0.0),
        ({"stop_loss": 104.0}, 0.0),
        ({"is_short": True, "stop_loss": 102.0}, 21.0),
        ({"is_short": True, "stop_loss": 99.0}, 0.0),
        ({"fee_open": 0.001}, 22.0),
        ({"fee_open": 0.0}, 21.0),
        # A filled entry that was never given a plan still has the disaster stop: 60 % of margin.
        ({"stop_loss": 80.0}, 201.0),
        ({"stop_loss": None}, 201.0),
        ({"stop_loss": 0.0, "is_short": True}, 201.0),
        ({"stop_loss": None, "leverage": 6.0}, 101.0),
        ({"stop_loss": math.nan}, math.nan),
    ],
)
def test_the_risk_of_a_filled_trade_is_that_of_its_stop_now(changes, risk):
    found = gated()._risk_of(position(**changes))
    assert found == pytest.approx(risk, nan_ok=True)


WAITING = {
    "opened": OPENED + SECOND,
    "amount": 0.0,
    "amount_requested": 10.0,
    "stop_loss": 80.0,
    "orders": [FakeOrder(ft_is_open=True)],
}


def test_an_entry_that_waits_is_at_the_risk_of_its_signal():
    """Freqtrade gives it the disaster stop and no amount; neither is what it will lose."""
    bot = gated()
    assert bot._risk_of(position(PAIR, **WAITING)) == pytest.approx(21.0)
    short = {"is_short": True, "orders": [FakeOrder("sell", ft_is_open=True)], "stop_loss": 120.0}
    assert bot._risk_of(position(PAIR, **WAITING | short)) == pytest.approx(21.0)
    # Nothing is known of its signal: the disaster stop is what there is.
    assert bot._risk_of(position(ETH, **WAITING)) == pytest.approx(201.0)


def test_an_entry_that_is_half_filled_may_fill():
    half = WAITING | {"amount": 4.0, "stop_loss": 98.0}
    bot = gated()
    assert bot._risk_of(position(PAIR, **half)) == pytest.approx(21.0)
    canceled = half | {"orders": [FakeOrder(ft_is_open=False)]}
    assert bot._risk_of(position(PAIR, **canceled)) == pytest.approx(8.4)
    leaving = half | {"orders": [FakeOrder("sell", ft_is_open=True)]}
    assert bot._risk_of(position(PAIR, **leaving)) == pytest.approx(8.4)


def test_a_trade_that_closes_within_the_candle_was_at_risk_at_its_open():
    bot = gated(total_at_risk=0.01)
    gone = position(close_date_utc=OPENED, close_profit_abs=-42.0, amount=40.0)
    bot.history = [gone]
    assert refused_by(bot, OPENED, amount=8.0) is Gate.TOTAL_RISK
    assert refused_by(bot, OPENED + SECOND, amount=8.0) is None


def test_a_price_that_has_run_away_is_refused():
    bot = gated(reward_share=0.9)
    assert refused_by(bot, rate=100.1) is None
    assert refused_by(bot, rate=100.2) is Gate.REWARD
    bot.decisions[PAIR] = table(entry=-1, confidence_short=0.9)
    assert refused_by(bot, rate=99.9, side="short") is None
    assert refused_by(bot, rate=99.8, side="short") is Gate.REWARD


@pytest.mark.parametrize(
    "wallets",
    [FakeWallets(total=math.nan), FakeWallets(starting=math.nan), FakeWallets(starting=0.0)],
)
def test_a_wallet_that_makes_no_sense_halts(wallets):
    bot = strategy()
    bot.wallets = wallets
    assert refused_by(bot) is not None


@pytest.mark.parametrize("profit", [math.nan, None])
def test_a_loss_that_is_unknown_halts(profit):
    bot = gated(daily_loss=0.06)
    bot.history = [closed_at(MIDNIGHT, ETH, profit=profit)]
    assert refused_by(bot) is Gate.DAILY_LOSS


@pytest.mark.parametrize(
    "name", ["stop_distance", "target_rr", "close", "confidence_long", "min_confidence"]
)
def test_a_decision_with_an_unknown_number_is_refused(name):
    bot = strategy()
    bot.decisions[PAIR] = table(**{name: math.nan})
    assert refused_by(bot) is not None


def test_filters_at_order_time_may_refuse_or_take_confidence():
    bot = gated()
    bot.verdicts = (FakeVerdict(Gate.NEWS, allows=False),)
    assert refused_by(bot) is Gate.NEWS
    bot.verdicts = (FakeVerdict(Gate.ORDER_BOOK, bonus=-0.1), FakeVerdict(Gate.NEWS, bonus=-0.05))
    assert refused_by(bot) is Gate.ORDER_BOOK
    bot.verdicts = (FakeVerdict(Gate.ORDER_BOOK, bonus=-0.1),)
    assert refused_by(bot) is None
    bot.decisions[PAIR] = table(confidence_long=0.75)
    assert refused_by(bot) is Gate.CONFIDENCE
    bot.verdicts = (FakeVerdict(Gate.ORDER_BOOK, bonus=0.08),)
    assert refused_by(bot) is None


def results(profit):
    """Results of a sub-strategy, all alike, long before the candle."""
    return [
        FakeTrade(
            open_date_utc=OPENED - timedelta(days=9),
            close_date_utc=OPENED - timedelta(days=9) + n * CANDLE,
            close_profit_abs=0.0,
            close_profit=profit,
        )
        for n in range(60)
    ]


def test_recent_results_ask_for_more_confidence_or_less():
    bot = gated()
    bot.decisions[PAIR] = table(confidence_long=0.79)
    assert refused_by(bot) is None
    bot.history = results(-0.05)
    assert refused_by(bot) is Gate.ADAPTIVE
    bot.decisions[PAIR] = table(confidence_long=0.77)
    bot.history = results(+0.05)
    assert refused_by(bot) is None
    bot.history = []
    assert refused_by(bot) is Gate.CONFIDENCE


def test_a_stop_that_recent_results_move_is_the_stop_that_counts():
    bot = gated(total_at_risk=0.01)
    bot.decisions[PAIR] = table(stop_distance=4.0, confidence_long=1.0)
    amount = 100 / (4.0 + 0.1)
    assert refused_by(bot, amount=amount) is None
    bot.history = results(+0.05)  # widens it
    assert refused_by(bot, amount=amount) is Gate.TOTAL_RISK
    bot.history = results(-0.05)  # narrows it
    assert refused_by(bot, amount=amount * 1.05) is None


def test_without_trade_history_past_trades_decide_nothing():
    bot = strategy(trade_history=False, gates={"total_at_risk": 0.001})
    bot.decisions[PAIR] = table(confidence_long=0.78)
    bot.wallets = FakeWallets(total=math.nan, starting=math.nan)
    bot.history = [*results(-0.05), closed_at(OPENED, profit=-9000.0)]
    bot.positions = [position(opened=OPENED) for _ in range(9)]
    assert refused_by(bot, amount=1e9) is None
    # What does not depend on them still decides.
    assert refused_by(bot, rate=101.0) is Gate.REWARD


class WithTrades(Silent, EntryGates):
    """Reads its trades from Freqtrade."""

    stoploss = -0.60
    order_time_verdicts = Minimal.order_time_verdicts
    verdicts = ()

    def record_veto(self, gate, reason, **facts):
        self.vetoes = [*getattr(self, "vetoes", []), gate]


def test_the_trades_of_a_backtest_are_asked():
    bot = WithTrades({})
    bot.wallets = FakeWallets()
    bot.decisions[PAIR] = table()
    assert confirm(bot) is True
    LocalTrade.bt_trades.append(closed_at(OPENED))
    assert confirm(bot) is False
    assert bot.closed_trades() == LocalTrade.bt_trades
    LocalTrade.reset_trades()
    assert confirm(bot) is True
    LocalTrade.bt_trades_open += [position(), position()]
    assert confirm(bot) is False
    assert bot.vetoes == [Gate.EXIT_CANDLE, Gate.SAME_DIRECTION]


def test_a_refusal_is_recorded_with_what_was_known():
    bot = strategy()
    confirm(bot, OPENED + MINUTE, side="short", rate=99.5)
    gate, reason, facts = bot.vetoes[0]
    assert (gate, reason) == (Gate.SIGNAL, "the last closed candle does not signal this side")
    assert facts == {
        "pair": PAIR,
        "side": Side.SHORT,
        "moment": OPENED + MINUTE,
        "rate": 99.5,
        "decision": bot.decisions[PAIR].at(OPENED),
    }
    confirm(bot, OPENED + CANDLE)
    assert bot.vetoes[1].facts["decision"] is None


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
    assert len(bot.vetoes) == 11


def test_a_reason_whose_figures_change_is_logged_once(caplog):
    bot = gated(total_at_risk=0.01)
    with caplog.at_level(logging.INFO, logger="regimekit.hooks.gates"):
        for amount in (60.0, 70.0, 80.0):
            confirm(bot, amount=amount)
    assert [record.getMessage() for record in caplog.records] == [
        "BTC/USDT:USDT long refused: 1.26% of equity at the stops; 1.00% at most"
    ]
    assert len({veto.reason for veto in bot.vetoes}) == 3

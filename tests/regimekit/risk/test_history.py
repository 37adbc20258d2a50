"""What is read one trade at a time is what the whole list says, and nothing of another list."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.risk.history import LastExit, TradeHistory

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CANDLE = timedelta(minutes=15)
PAIRS = ("BTC", "ETH")
TAGS = ("trending:momentum", "ranging:mean_reversion", "force_entry", None)


@dataclass(frozen=True, eq=False)  # two trades alike are still two trades
class Closed:
    close_date_utc: datetime
    close_profit_abs: float | None = 1.0
    close_profit: float | None = 0.03
    pair: str = "BTC"
    enter_tag: str | None = "trending:momentum"
    leverage: float = 3.0
    open_date_utc: datetime = START - CANDLE


profits_or_none = st.floats(-300, 300) | st.just(math.nan) | st.none()


@st.composite
def closed_trades(draw, profits=profits_or_none):
    """Lists of trades in the order they closed, several within one candle."""
    trades, now = [], START
    for _ in range(draw(st.integers(0, 12))):
        now += draw(st.integers(0, 40)) * CANDLE
        profit = draw(profits)
        trade = Closed(
            close_date_utc=now,
            close_profit_abs=profit,
            close_profit=None if profit is None else profit / 1000,
            pair=draw(st.sampled_from(PAIRS)),
            enter_tag=draw(st.sampled_from(TAGS)),
            leverage=draw(st.sampled_from([1.0, 3.0])),
            open_date_utc=now - draw(st.integers(0, 60)) * CANDLE,
        )
        trades.append(trade)
    return trades


def followed(trades):
    history = TradeHistory()
    history.follow(trades)
    return history


def answers(history, moment):
    """Everything a history can be asked, as text, because NaN does not equal itself."""
    return repr(
        [
            [history.last_exit(pair) for pair in PAIRS],
            [history.results(tag, moment, 3) for tag in ("momentum", "mean_reversion", "breakout")],
            history.entries_since(moment - timedelta(hours=1)),
            history.profit(moment - timedelta(days=1), moment),
            history.equity_at(moment, 1000.0),
            history.worst_drawdown(1000.0, since=None, before=moment),
            history.worst_drawdown(1000.0, since=moment - timedelta(days=2), before=moment),
        ]
    )


moments = st.integers(-8, 480).map(lambda candles: START + candles * CANDLE)


@given(closed_trades(), st.data())
def test_read_in_portions_it_answers_as_read_at_once(trades, data):
    history = TradeHistory()
    cuts = data.draw(st.lists(st.integers(0, len(trades)), max_size=6).map(sorted))
    for cut in cuts:
        moment = data.draw(moments)
        history.follow(trades[:cut])
        assert answers(history, moment) == answers(followed(trades[:cut]), moment)
        history.follow(trades[:cut])  # to follow again changes nothing
        assert answers(history, moment) == answers(followed(trades[:cut]), moment)


@given(closed_trades(), closed_trades(), moments)
def test_the_trades_of_another_epoch_leave_nothing_behind(first, second, moment):
    """Whether the other list is shorter, longer or equally long."""
    history = followed(first)
    answers(history, moment)
    history.follow(second)
    assert answers(history, moment) == answers(followed(second), moment)


@given(closed_trades(), moments)
def test_later_trades_do_not_change_what_was_known(trades, moment):
    earlier = [trade for trade in trades if trade.close_date_utc < moment]

    def known(history):
        return repr(
            [
                history.results("momentum", moment, 50),
                history.profit(START, moment),
                history.equity_at(moment, 1000.0),
                history.worst_drawdown(1000.0, since=START, before=moment),
            ]
        )

    assert known(followed(trades)) == known(followed(earlier))


@given(closed_trades(st.floats(-300, 300)), moments, moments)
def test_it_answers_as_the_definitions_do(trades, since, before):
    history = followed(trades)
    period = [trade for trade in trades if since <= trade.close_date_utc < before]
    profits = [trade.close_profit_abs for trade in period]
    assert history.profit(since, before) == pytest.approx(sum(profits))
    assert history.entries_since(since) == sum(trade.open_date_utc >= since for trade in trades)
    equity = history.equity_at(since, 10_000.0)
    before_it = [trade.close_profit_abs for trade in trades if trade.close_date_utc < since]
    assert equity == pytest.approx(10_000.0 + sum(before_it))
    peak, worst = equity, 0.0
    for profit in profits:
        equity += profit
        peak = max(peak, equity)
        worst = max(worst, 1 - equity / peak)
    drawdown = history.worst_drawdown(10_000.0, since=since, before=max(since, before))
    assert drawdown == pytest.approx(worst, abs=1e-12)


@given(closed_trades(), st.sampled_from(PAIRS))
def test_losses_in_a_row_are_counted_back_from_the_last_exit(trades, pair):
    profits = [trade.close_profit_abs for trade in trades if trade.pair == pair]
    losses = 0
    for profit in reversed(profits):
        if profit is not None and profit >= 0:
            break
        losses += 1
    last = followed(trades).last_exit(pair)
    assert (last.losses_in_row if last else 0) == losses
    assert (last is None) is (not profits)


@given(closed_trades(), moments, moments)
def test_a_worst_drawdown_never_gets_better(trades, one, other):
    early, late = sorted((one, other))
    history = followed(trades)
    before = history.worst_drawdown(1000.0, since=None, before=early)
    after = history.worst_drawdown(1000.0, since=None, before=late)
    assert not after < before
    assert math.isnan(after) or not math.isnan(before)


def test_results_are_price_moves_after_costs_of_one_sub_strategy():
    trades = [
        Closed(START, close_profit=0.03),
        Closed(START + CANDLE, close_profit=-0.06),
        Closed(START + CANDLE, close_profit=0.5, enter_tag="ranging:mean_reversion"),
        Closed(START + CANDLE, close_profit=0.5, enter_tag="force_entry"),
        Closed(START + 2 * CANDLE, close_profit=0.02, leverage=1.0),
        Closed(START + 3 * CANDLE, close_profit=None),
    ]
    history = followed(trades)
    assert history.results("momentum", START + 3 * CANDLE, 50) == [0.01, -0.02, 0.02]
    assert history.results("momentum", START + 3 * CANDLE, 2) == [-0.02, 0.02]
    assert history.results("momentum", START + 2 * CANDLE, 50) == [0.01, -0.02]
    assert history.results("momentum", START, 50) == []
    assert history.results("momentum", START + 3 * CANDLE, 0) == []
    assert history.results("breakout", START + 3 * CANDLE, 50) == []
    assert math.isnan(history.results("momentum", START + 4 * CANDLE, 1)[0])


def test_a_loss_and_another_and_a_profit():
    def last(*profits):
        trades = [Closed(START + i * CANDLE, profit) for i, profit in enumerate(profits)]
        return followed(trades).last_exit("BTC")

    assert last(-1.0) == LastExit(START, 1)
    assert last(-1.0, -2.0) == LastExit(START + CANDLE, 2)
    assert last(-1.0, -2.0, 3.0) == LastExit(START + 2 * CANDLE, 0)
    assert last(-1.0, 0.0) == LastExit(START + CANDLE, 0)
    assert last(math.nan) == LastExit(START, 1)
    assert last(None, -1.0).losses_in_row == 2


def test_a_drawdown_stays_when_equity_has_recovered():
    profits = [100.0, -330.0, 500.0, -100.0]
    trades = [Closed(START + i * CANDLE, profit) for i, profit in enumerate(profits)]
    history = followed(trades)

    def worst(candles, since=None):
        return history.worst_drawdown(1000.0, since=since, before=START + candles * CANDLE)

    assert [worst(candles) for candles in range(6)] == pytest.approx([0, 0, 0.3, 0.3, 0.3, 0.3])
    # A person looked at it and resumed: 1270 is the new peak, of which 100 was lost since.
    assert worst(5, since=START + 2 * CANDLE) == pytest.approx(100 / 1270)
    assert worst(5, since=START + 3 * CANDLE) == pytest.approx(100 / 1270)
    assert worst(5, since=START + 4 * CANDLE) == 0.0


def test_what_is_unknown_stays_unknown_until_its_period_is_over():
    profits = [10.0, math.nan, 10.0]
    history = followed([Closed(START + i * CANDLE, profit) for i, profit in enumerate(profits)])
    end = START + 9 * CANDLE
    assert math.isnan(history.worst_drawdown(1000.0, since=None, before=end))
    assert math.isnan(history.profit(START, end))
    after = START + 2 * CANDLE
    assert history.worst_drawdown(1000.0, since=after, before=end) == 0.0
    assert history.profit(after, end) == 10.0
    assert history.equity_at(after, 1000.0) == 1010.0


@pytest.mark.parametrize("equity", [0.0, -5.0, math.nan, math.inf])
def test_a_drawdown_of_no_equity_is_unknown(equity):
    assert math.isnan(TradeHistory().worst_drawdown(equity, since=None, before=START))
    history = followed([Closed(START, 50.0)])
    assert math.isnan(history.worst_drawdown(equity, since=None, before=START + CANDLE))


def test_another_starting_equity_is_another_question():
    """A wallet's own rounding is none, a deposit is."""
    history = followed([Closed(START, -100.0), Closed(START + CANDLE, -100.0)])

    def worst(equity, candles):
        return history.worst_drawdown(equity, since=None, before=START + candles * CANDLE)

    assert worst(1000.0, 1) == pytest.approx(0.1)
    assert worst(1000.0 + 1e-10, 2) == pytest.approx(0.2)
    assert worst(4000.0, 2) == pytest.approx(0.05)
    assert worst(1000.0, 1) == pytest.approx(0.1)


def test_trades_that_are_out_of_order_or_open_are_refused():
    trades = [Closed(START + CANDLE), Closed(START)]
    with pytest.raises(ValueError, match="pass closed trades in the order they closed"):
        followed(trades)
    with pytest.raises(ValueError, match="BTC closed at None"):
        followed([replace(trades[0], close_date_utc=None)])


@given(closed_trades(), st.lists(moments, min_size=1, max_size=6), st.none() | moments)
def test_a_drawdown_read_on_is_the_one_read_from_scratch(trades, asked, since):
    history, cut = TradeHistory(), 0
    for moment in asked:  # forward and back
        cut = max(cut, sum(trade.close_date_utc < moment for trade in trades))
        history.follow(trades[:cut])
        worst = history.worst_drawdown(1000.0, since=since, before=moment)
        scratch = followed(trades[:cut]).worst_drawdown(1000.0, since=since, before=moment)
        assert repr(worst) == repr(scratch)

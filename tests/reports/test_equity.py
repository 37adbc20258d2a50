"""Equity ends where Freqtrade's balance does, and marks what is open in between."""

import pandas as pd
import pytest

from regimekit.reports.equity import (
    buy_and_hold,
    closes_on_grid,
    drawdown_of,
    marked_equity,
    market_balance,
    realized_equity,
)
from regimekit.reports.trades import trade_table
from tests.reports.builders import END, FEE, PAIR, START, STEP, decided, record, run_of


def test_equity_ends_at_the_final_balance(example):
    assert example.marked
    assert example.equity.iloc[0] == example.run.starting_balance
    assert example.equity.iloc[-1] == pytest.approx(example.run.final_balance)
    assert (example.drawdown <= 0).all()


def test_an_open_position_is_marked_at_the_close():
    trade = record(opened=START + pd.Timedelta(hours=1), hours=2, close_rate=104.0)
    run = run_of([trade])
    frame = decided().assign(close=103.0)
    marked = marked_equity(trade_table([trade]), run, closes_on_grid(run, {PAIR: frame}))
    before, inside, after = (
        marked[START + pd.Timedelta(hours=hours)] for hours in (0.75, 2.0, 3.0)
    )
    assert before == 1000.0
    assert inside == pytest.approx(1000.0 + 2 * 3.0 - FEE * 200)
    assert after == pytest.approx(1000.0 + trade["profit_abs"])


def test_a_close_counts_from_the_end_of_its_candle():
    frame = decided()
    frame["close"] = range(len(frame))
    closes = closes_on_grid(run_of([]), {PAIR: frame})[PAIR]
    assert pd.isna(closes[START])
    assert closes[START + STEP] == 0
    assert closes[END] == len(frame) - 1


def test_equity_without_candles_is_realized():
    trade = record()
    run = run_of([trade])
    closes = closes_on_grid(run, {})
    assert marked_equity(trade_table([trade]), run, closes) is None
    realized = realized_equity(trade_table([trade]), run, pd.DatetimeIndex(closes.index))
    assert set(realized) == {1000.0, run.final_balance}


def test_drawdown_is_measured_from_the_highest_so_far():
    equity = pd.Series([100.0, 120.0, 90.0, 150.0, 135.0])
    assert drawdown_of(equity).tolist() == pytest.approx([0, 0, -0.25, 0, -0.1])


def test_buy_and_hold_splits_equally_and_a_late_pair_waits_in_cash():
    run = run_of([])
    early = decided().assign(close=100.0)
    early.loc[len(early) - 1, "close"] = 110.0
    late = decided().iloc[400:].assign(close=50.0)
    late.iloc[-1, late.columns.get_loc("close")] = 45.0
    held = buy_and_hold(run, closes_on_grid(run, dict(zip(run.pairs, (early, late), strict=True))))
    assert held.iloc[0] == 1000.0
    assert held.iloc[-2] == 1000.0
    assert held.iloc[-1] == pytest.approx(1000.0)  # +10 % and -10 %


def test_freqtrades_market_change_stands_in_for_missing_candles():
    exported = pd.DataFrame({"date": [START, START + STEP], "rel_mean": [0.0, -0.05]})
    run = run_of([])
    assert market_balance(run, exported).to_dict() == {
        START + STEP: 1000.0,
        START + 2 * STEP: 950.0,
    }
    assert market_balance(run, None) is None


def test_buy_and_hold_needs_candles():
    run = run_of([])
    assert buy_and_hold(run, closes_on_grid(run, {})) is None

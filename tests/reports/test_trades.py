"""The trade table: costs add up, foreign and unfinished trades stay recognizable."""

import pandas as pd
import pytest

from regimekit.reports.trades import OTHER, trade_table
from tests.reports.builders import FEE, record


def test_gross_fees_and_funding_lead_to_the_profit():
    trade = trade_table([record()]).iloc[0]
    assert trade["gross_profit"] == pytest.approx(8.0)
    assert trade["fees"] == pytest.approx(FEE * 2 * (100 + 104))
    assert trade["gross_profit"] - trade["fees"] + trade["funding_fees"] == pytest.approx(
        trade["profit_abs"]
    )


def test_fees_follow_the_fills_that_happened():
    orders = [
        {"amount": 1.0, "safe_price": 100.0, "ft_is_entry": True, "order_filled_timestamp": 1},
        {"amount": 1.0, "safe_price": 110.0, "ft_is_entry": True, "order_filled_timestamp": 2},
        {"amount": 9.0, "safe_price": 999.0, "ft_is_entry": False, "order_filled_timestamp": None},
        {"amount": 2.0, "safe_price": 120.0, "ft_is_entry": False, "order_filled_timestamp": 3},
    ]
    trade = trade_table([record(orders=orders, fee_close=0.001)]).iloc[0]
    assert trade["fees"] == pytest.approx(FEE * 210 + 0.001 * 240)


@pytest.mark.parametrize("tag", ["", None, "force_entry", "trending:magic", "nowhere:momentum"])
def test_foreign_tags_are_other(tag):
    trade = trade_table([record(enter_tag=tag)]).iloc[0]
    assert (trade["regime"], trade["sub_strategy"]) == (OTHER, OTHER)


def test_an_open_trade_has_neither_exit_nor_result():
    trade = trade_table([record(is_open=True, profit_abs=None, close_rate=104.0)]).iloc[0]
    assert pd.isna(trade["closed_at"])
    assert pd.isna(trade["close_rate"])
    assert pd.isna(trade["profit_abs"])
    assert trade["fees"] == pytest.approx(FEE * 200)


def test_trades_come_in_the_order_they_closed():
    table = trade_table([record(hours=9), record(hours=2), record(hours=4)])
    assert table["closed_at"].is_monotonic_increasing


@pytest.mark.parametrize("short", [False, True])
def test_the_prices_of_the_fills_tell_the_gain_another_way(short):
    trade = trade_table([record(is_short=short)]).iloc[0]
    assert trade["price_gain"] == pytest.approx(-8.0 if short else 8.0)
    assert trade["price_gain"] == pytest.approx(trade["gross_profit"])


def test_a_cost_that_nobody_names_shows_between_the_two():
    hidden = record()
    hidden["profit_abs"] -= 0.5
    trade = trade_table([hidden]).iloc[0]
    assert trade["gross_profit"] - trade["price_gain"] == pytest.approx(-0.5)


def test_the_gain_of_several_fills_is_that_of_each():
    orders = [
        {"amount": 1.0, "safe_price": 100.0, "ft_is_entry": True, "order_filled_timestamp": 1},
        {"amount": 1.0, "safe_price": 110.0, "ft_is_entry": True, "order_filled_timestamp": 2},
        {"amount": 2.0, "safe_price": 120.0, "ft_is_entry": False, "order_filled_timestamp": 3},
    ]
    assert trade_table([record(orders=orders)]).iloc[0]["price_gain"] == pytest.approx(30.0)


def test_an_open_trade_has_no_gain_yet():
    assert pd.isna(trade_table([record(is_open=True)]).iloc[0]["price_gain"])

"""Groups lose no trade and no cent, and the total is checked against Freqtrade's."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimekit.reports.breakdown import breakdown, reconcile, summarize, with_periods
from regimekit.reports.entries import with_entries
from regimekit.reports.plans import with_plans
from regimekit.reports.trades import trade_table
from regimekit.settings import Settings
from tests.reports.builders import PAIR, decided, record, run_of

KEYS = (
    *("pair", "side", "regime", "sub_strategy", "exit", "exit_reason", "month", "week", "hour"),
    *("direction", "funding", "squeeze", "order_book", "news"),
)
FRAMES = {PAIR: decided(low=50.0, high=150.0, squeeze_risk=1.0, trend_1h=1.0, trend_4h=-1.0)}

any_trade = st.builds(
    record,
    pair=st.sampled_from(["AAA/USDT:USDT", "BBB/USDT:USDT"]),
    is_short=st.booleans(),
    is_open=st.booleans(),
    enter_tag=st.sampled_from(["trending:momentum", "volatile:breakout", "", "mine"]),
    exit_reason=st.sampled_from(["roi", "stop_loss", "trailing_stop_loss", ""]),
    close_rate=st.floats(50, 150),
    hours=st.floats(0.25, 2000),
)


def table(records):
    step = run_of(records).step
    entries = with_entries(trade_table(records), FRAMES, timeframe=step)
    return with_periods(with_plans(entries, FRAMES, Settings(), timeframe=step))


@given(st.lists(any_trade, max_size=12), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
def test_every_grouping_adds_up_to_the_total(records, by):
    trades = table(records)
    total = summarize(trades, 1000.0)
    groups = [summary for _, summary in breakdown(trades, by, 1000.0)]
    for name in ("trades", "closed", "wins", "r_known"):
        assert sum(getattr(group, name) for group in groups) == getattr(total, name)
    for name in ("profit", "profit_share", "gross_profit", "fees", "funding_fees", "unexplained"):
        together = sum(getattr(group, name) for group in groups)
        assert together == pytest.approx(getattr(total, name), abs=1e-9)


def test_groups_come_in_the_order_a_trader_thinks_in():
    tags = ["", "volatile:breakout", "trending:momentum", "ranging:mean_reversion"]
    trades = table([record(enter_tag=tag) for tag in tags])
    keys = [key for (key,), _ in breakdown(trades, ["regime"], 1000.0)]
    assert keys == ["ranging", "trending", "volatile", "other"]


def test_weeks_are_iso_weeks_of_the_close():
    trades = table([record(hours=0), record(is_open=True)])
    assert trades["week"].tolist() == ["2026-W02", "still_open"]
    assert trades["month"].tolist() == ["2026-01", "still_open"]


def test_our_total_is_freqtrades():
    records = [record(), record(close_rate=97.0)]
    assert reconcile(trade_table(records), run_of(records)).agrees


@pytest.mark.parametrize(
    "change", [{"profit_total": 7.7}, {"total_trades": 3}, {"profit_total": float("nan")}]
)
def test_a_wrong_total_is_noticed(change):
    records = [record()]
    run = dataclasses.replace(run_of(records), **change)
    assert not reconcile(trade_table(records), run).agrees


def test_a_cent_is_noticed_and_rounding_is_not():
    records = [record()]
    run = run_of(records)
    cent = dataclasses.replace(run, profit_total=run.profit_total + 0.01)
    dust = dataclasses.replace(run, profit_total=run.profit_total + 1e-9)
    assert not reconcile(trade_table(records), cent).agrees
    assert reconcile(trade_table(records), dust).agrees

"""Cost stress: Freqtrade's own arithmetic, real trades, and what each scenario takes by hand."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.evaluation.stress import (
    BASE,
    COLUMNS,
    SCENARIOS,
    Scenario,
    kept_prices,
    recomputed,
    stressed,
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

# From a backtest of Freqtrade 2026.9 on candles of Binance's perpetuals, July to September 2023
REAL = (
    # short, amount, open_rate, close_rate, funding_fees, profit_abs
    (False, 52.35, 19.005, 18.245, -0.9749117516614911, -41.7359305),
    (True, 5275.0, 0.2803, 0.2915, -0.34945658793942747, -60.93757909),
    (True, 0.794, 1860.31, 1934.72, 1.1693637884794117, -59.41880312),
    (False, 76.22, 20.282, 23.549, 1.6298572114584724, 248.9701978),
)


def table(rows, **columns):
    names = ("is_short", "amount", "open_rate", "close_rate", "funding_fees", "profit_abs")
    frame = pd.DataFrame(rows, columns=list(names))
    return frame.assign(
        fee_open=0.0005, fee_close=0.0005, delayed_open_rate=np.nan, delayed_close_rate=np.nan
    ).assign(**columns)


prices = st.floats(0.01, 1e5)
trade = st.fixed_dictionaries(
    {
        "is_short": st.booleans(),
        "amount": st.floats(0.001, 1e3),
        "open_rate": prices,
        "close_rate": prices,
        "fee_open": st.floats(0, 0.002),
        "fee_close": st.floats(0, 0.002),
        "funding_fees": st.floats(-50, 50),
        "delayed_open_rate": prices | st.just(np.nan),
        "delayed_close_rate": prices | st.just(np.nan),
        "profit_abs": st.floats(-1e3, 1e3),
    }
)
tables = st.lists(trade, min_size=1, max_size=5).map(pd.DataFrame)


def freqtrade_profit(row, leverage, mode):
    local = LocalTrade(
        pair="X/USDT:USDT",
        exchange="binance",
        trading_mode=mode,
        stake_amount=row["amount"] * row["open_rate"] / leverage,
        amount=row["amount"],
        open_rate=row["open_rate"],
        fee_open=row["fee_open"],
        fee_close=row["fee_close"],
        is_short=row["is_short"],
        leverage=leverage,
        open_date=datetime(2024, 1, 1, tzinfo=UTC),
    )
    local.funding_fees = row["funding_fees"]
    local.recalc_open_trade_value()
    return local.calculate_profit(row["close_rate"]).profit_abs


@given(tables, st.sampled_from([1.0, 3.0, 10.0]))
@settings(max_examples=15)
def test_without_stress_it_is_freqtrades_profit(trades, leverage):
    found = recomputed(trades)
    for place, row in trades.iterrows():
        expected = freqtrade_profit(row, leverage, TradingMode.FUTURES)
        notional = row["amount"] * max(row["open_rate"], row["close_rate"])
        assert found[place] == pytest.approx(expected, abs=1e-8 + 1e-9 * notional)
    spot = trades.assign(is_short=False, funding_fees=0.0)
    expected = freqtrade_profit(spot.iloc[0], 1.0, TradingMode.SPOT)
    notional = spot["amount"].iloc[0] * max(spot["open_rate"].iloc[0], spot["close_rate"].iloc[0])
    assert recomputed(spot).iloc[0] == pytest.approx(expected, abs=1e-8 + 1e-9 * notional)


def test_real_trades_come_out_as_freqtrade_exported_them():
    trades = table(REAL)
    np.testing.assert_allclose(recomputed(trades), trades["profit_abs"], rtol=1e-6)
    assert stressed(trades, BASE).tolist() == trades["profit_abs"].tolist()


@given(tables)
@settings(max_examples=15)
def test_no_cost_makes_a_trade_better(trades):
    harm = {name: trades["profit_abs"] - stressed(trades, BY_NAME[name]) for name in BY_NAME}
    notional = (trades["amount"] * trades[["open_rate", "close_rate"]].sum(axis=1)).to_numpy()
    for name in ("fees", "slippage", "funding"):
        assert (harm[name] >= -1e-9 * (1 + notional)).all()
    # The scenarios together cost at least what the late orders do; slippage and fees only add
    late = np.nan_to_num(trades[["delayed_open_rate", "delayed_close_rate"]]).sum(axis=1)
    slack = 1e-9 * (1 + notional + trades["amount"].to_numpy() * late)
    assert (harm["all"] >= harm["late"] - slack).all()


@given(tables)
@settings(max_examples=10)
def test_what_was_recorded_stays_where_the_scenario_changes_nothing(trades):
    same = trades.assign(
        delayed_open_rate=trades["open_rate"], delayed_close_rate=trades["close_rate"]
    )
    assert stressed(same, BY_NAME["late"]).tolist() == trades["profit_abs"].tolist()
    free = trades.assign(fee_open=0.0, fee_close=0.0)
    assert stressed(free, BY_NAME["fees"]).tolist() == trades["profit_abs"].tolist()


def hundred(*, short=False, **columns):
    """Ten coins from 10 to 12, or back; profit of price alone is 20 or -20."""
    return table([(short, 10.0, 10.0, 12.0, -1.0, 5.0)], **columns)


@pytest.mark.parametrize(
    ("short", "name", "costs"),
    [
        (False, "fees", 0.05 + 0.06),  # 5 basis points of 100 and of 120, once more
        (True, "fees", 0.05 + 0.06),
        # bought at 10.005, sold at 11.994, and the fees follow the prices
        (False, "slippage", 0.05 + 0.06 + 0.0005 * (0.05 - 0.06)),
        (True, "slippage", 0.05 + 0.06 + 0.0005 * (-0.05 + 0.06)),
        (False, "funding", 1.0),
        (True, "funding", 1.0),
        # 10.5 instead of 10 and 11.5 instead of 12
        (False, "late", 5.0 + 5.0 + 0.0005 * (5.0 - 5.0)),
        (True, "late", -5.0 - 5.0),
    ],
)
def test_costs_by_hand(short, name, costs):
    trades = hundred(short=short, delayed_open_rate=10.5, delayed_close_rate=11.5)
    assert stressed(trades, BY_NAME[name])[0] == pytest.approx(5.0 - costs)


def test_all_together_by_hand():
    trades = hundred(delayed_open_rate=10.5, delayed_close_rate=11.5)
    entered, left = 105 * 1.0005, 115 * 0.9995
    made = left - entered - 0.001 * (entered + left) - 2.0
    base = 20 - 0.05 - 0.06 - 1.0
    assert stressed(trades, BY_NAME["all"])[0] == pytest.approx(5.0 + made - base)


def test_funding_that_was_received_is_not_doubled():
    received = hundred(funding_fees=1.0)
    assert stressed(received, BY_NAME["funding"])[0] == 5.0
    none = hundred(funding_fees=np.nan)  # spot has no funding
    assert stressed(none, BY_NAME["funding"])[0] == 5.0


def test_orders_without_a_later_price_keep_their_own_and_are_counted():
    one = hundred(delayed_open_rate=10.5)
    assert stressed(one, BY_NAME["late"])[0] == pytest.approx(5.0 - 5.0 * 1.0005)
    assert kept_prices(one, BY_NAME["late"]) == 1
    other = hundred(delayed_close_rate=11.5)
    assert stressed(other, BY_NAME["late"])[0] == pytest.approx(5.0 - 5.0 * 0.9995)
    assert kept_prices(table(REAL), BY_NAME["all"]) == 8
    assert kept_prices(one, BY_NAME["fees"]) == 0


def test_no_trades_and_foreign_indexes():
    assert stressed(table([]).astype({"is_short": bool}), BY_NAME["all"]).empty
    trades = table(REAL).set_index(pd.Index([7, 7, 3, 1]))
    assert stressed(trades, BY_NAME["all"]).index.tolist() == [7, 7, 3, 1]


def test_scenarios_are_told_apart():
    assert list(BY_NAME) == ["fees", "slippage", "funding", "late", "all"]
    assert len({scenario.label for scenario in (BASE, *SCENARIOS)}) == 6


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match="fees is a factor and must not be negative, was -1"):
        Scenario(name="x", label="x", fees=-1.0)
    with pytest.raises(ValueError, match="funding is a factor"):
        Scenario(name="x", label="x", funding=float("nan"))
    for slippage in (-0.1, 1.0):
        with pytest.raises(ValueError, match="slippage is a fraction below 1"):
            Scenario(name="x", label="x", slippage=slippage)
    for name in COLUMNS:
        with pytest.raises(ValueError, match=f"lack the columns {name}"):
            stressed(table(REAL).drop(columns=name), BASE)

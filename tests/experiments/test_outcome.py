"""Wallets, drawdowns, costs and exposure by hand."""

import pandas as pd
import pytest

from experiments.outcome import Outcome, buy_and_hold, measure
from providers.coverage import Period
from providers.errors import DataMissingError
from providers.results import Result
from providers.storage.store import native_path
from tests.reports.builders import END, FEE, OTHER_PAIR, PAIR, START, record, statistics

PERIOD = Period(START.to_pydatetime(), END.to_pydatetime())
DAYS = 10


@pytest.fixture
def datadir(tmp_path):
    """Candles at 100, from day 3 on at 110; the other pair's always at 50."""
    dates = pd.date_range(START - pd.Timedelta(days=1), END, freq="15min").as_unit("ms")
    later = dates >= START + pd.Timedelta(days=3)
    for pair, prices in ((PAIR, [110.0 if it else 100.0 for it in later]), (OTHER_PAIR, 50.0)):
        path = native_path(tmp_path, pair, "15m")
        path.parent.mkdir(exist_ok=True)
        frame = pd.DataFrame({"date": dates}).assign(
            open=prices, high=prices, low=prices, close=prices, volume=1.0
        )
        frame.to_feather(path)
    return tmp_path


def outcome(datadir, *trades, **changes):
    result = Result("RegimeRouter", statistics(trades, **changes), {}, None, None)
    return measure(result, datadir)


def test_without_trades_the_wallet_stands_still(datadir):
    found = outcome(datadir)
    assert found.wallet == (1000.0,) * (DAYS + 1)
    assert (found.trades, found.drawdown, found.fees, found.exposure) == (0, 0.0, 0.0, 0.0)
    assert found.daily.index[0] == START
    assert found.daily.index[-1] == END


def test_open_positions_count_at_their_price(datadir):
    trade = record(opened=START + pd.Timedelta(hours=36), hours=120.0, close_rate=104.0)
    found = outcome(datadir, trade)
    entry_fee = 2 * 100 * FEE
    assert found.marked
    assert found.wallet[1] == 1000.0
    assert found.wallet[2] == pytest.approx(1000 - entry_fee)  # open since noon, at its entry
    assert found.wallet[4] == pytest.approx(1000 - entry_fee + 20)  # 2 coins, 10 higher
    assert found.wallet[-1] == pytest.approx(1000 + trade["profit_abs"])
    peak = 1000 - entry_fee + 20
    assert found.drawdown == pytest.approx((1000 + trade["profit_abs"]) / peak - 1)


def test_costs_and_exposure(datadir):
    short = record(is_short=True, hours=24.0, close_rate=90.0, amount=1.0, funding_fees=0.5)
    found = outcome(datadir, record(hours=24.0, open_rate=100.0, amount=2.0), short)
    assert found.trades == 2
    assert found.fees == pytest.approx(FEE * (200 + 208 + 100 + 90) / 1000)
    assert found.funding == pytest.approx(-(0.5 - 0.01) / 1000)  # more received than paid
    mean = sum(found.wallet) / len(found.wallet)
    assert found.exposure == pytest.approx((200 + 100) / DAYS / mean, rel=0.01)


def test_hourly_strategies_are_marked_on_the_same_candles(datadir):
    trade = record(opened=START + pd.Timedelta(hours=36), hours=120.0)
    assert outcome(datadir, trade, timeframe="1h") == outcome(datadir, trade)


def test_missing_candles_are_admitted(datadir):
    trade = record(pair="CCC/USDT:USDT")
    found = outcome(datadir, trade, pairlist=["CCC/USDT:USDT"])
    assert not found.marked
    assert found.wallet[-1] == pytest.approx(1000 + trade["profit_abs"])


def test_the_last_candle_closes_the_last_day(datadir):
    trade = record(opened=END - pd.Timedelta(hours=3), hours=2.75)
    early = END - pd.Timedelta(minutes=15)
    found = outcome(datadir, trade, backtest_end_ts=early.value // 1_000_000)
    assert len(found.wallet) == DAYS + 1
    assert found.wallet[-1] == pytest.approx(1000 + trade["profit_abs"])


def test_document_round_trip(datadir):
    found = outcome(datadir, record())
    assert Outcome.from_document(found.document()) == found
    with pytest.raises(ValueError, match="not an outcome"):
        Outcome.from_document({"wallet": [1.0]})


def test_buy_and_hold_by_hand(datadir):
    found = buy_and_hold(datadir, (PAIR, OTHER_PAIR), PERIOD, fee=0.001, balance=1000.0)
    assert len(found.wallet) == DAYS + 1
    assert found.wallet[0] == 1000.0
    assert found.wallet[1] == pytest.approx(999.0)  # bought, fee paid
    assert found.wallet[4] == pytest.approx(999 * 1.05)  # one of two pairs rose by 10 %
    assert found.wallet[-1] == pytest.approx(999 * 1.05 * 0.999)  # sold
    assert found.fees == pytest.approx(0.001 + 0.001 * 0.999 * 1.05)
    assert found.drawdown == pytest.approx(-0.001)
    assert (found.trades, found.funding, found.exposure) == (2, 0.0, 1.0)


def test_buy_and_hold_names_a_pair_without_candles(datadir):
    with pytest.raises(DataMissingError, match="CCC/USDT:USDT has no 15m candles"):
        buy_and_hold(datadir, (PAIR, "CCC/USDT:USDT"), PERIOD, fee=0.001)

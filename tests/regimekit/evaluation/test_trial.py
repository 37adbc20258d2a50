"""What a loss is told of an epoch: drawdown and R by hand, and what closed spans take away."""

import numpy as np
import pandas as pd
import pytest

from regimekit.evaluation.trial import STOP_DISTANCE, RiskUnknownError
from regimekit.settings import SettingsError
from tests.regimekit.evaluation.trials import CANDLE, DAY, START, candles, daily, table, trial


def test_drawdown_is_the_deepest_fall_from_the_highest_wallet():
    own = trial(daily([100, -220, 330, -242, 50]), days=5)
    assert own.drawdown == pytest.approx(-0.2)  # 1100 to 880; later 1210 to 968


def test_drawdown_counts_from_the_start():
    assert trial(daily([-30, 10]), days=2).drawdown == pytest.approx(-0.03)


def test_what_closes_at_once_falls_at_once():
    at_noon = {"closed": START + DAY / 2}
    trades = table({**at_noon, "profit_abs": -500.0}, {**at_noon, "profit_abs": 450.0})
    assert trial(trades, days=1).drawdown == pytest.approx(-0.05)
    assert trial(trades[::-1], days=1).drawdown == pytest.approx(-0.05)


def test_trades_are_taken_in_the_order_in_which_they_closed():
    assert trial(daily([100, -50])[::-1], days=2).drawdown == pytest.approx(-50 / 1_100)


def test_more_than_everything_cannot_be_lost():
    assert trial(daily([-5_000]), days=1).drawdown == -1.0


def test_no_trade_no_drawdown_and_no_r():
    own = trial(table(), days=3)
    assert own.drawdown == 0.0
    assert own.r_multiples.tolist() == []
    assert own.returns.tolist() == [0.0, 0.0, 0.0]


def test_r_without_the_column_is_the_first_stop_of_the_trade():
    long = {"profit_abs": 30.0, "amount": 2.0, "open_rate": 100.0, "initial_stop_loss_abs": 95.0}
    short = {"profit_abs": -24.0, "amount": 3.0, "open_rate": 100.0, "initial_stop_loss_abs": 104.0}
    assert trial(table(long, short), days=1).r_multiples == pytest.approx([3.0, -2.0])


def test_r_is_the_distance_that_the_signal_asked_for():
    """Each candle has a distance of its own, so only the right one gives the right R."""
    frames = {
        "A": candles(1, **{STOP_DISTANCE: np.arange(1.0, 97.0)}),
        "B": candles(1, **{STOP_DISTANCE: np.arange(101.0, 197.0)}),
        "C": candles(1),
    }
    trades = table(
        {"pair": "B", "opened": START + 5 * CANDLE, "profit_abs": 105.0},
        {"pair": "A", "opened": START + 1 * CANDLE, "profit_abs": 3.0},
        {"pair": "C", "opened": START + 5 * CANDLE, "profit_abs": 20.0},
        {"pair": "A", "opened": START + 9.5 * CANDLE, "profit_abs": -9.0},
    )
    own = trial(trades, days=1, frames=frames)
    assert own.r_multiples == pytest.approx([1.0, 3.0, 2.0, -1.0])


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_unit_of_time_stamps_does_not_matter(unit):
    frame = candles(1, **{STOP_DISTANCE: np.arange(1.0, 97.0)})
    frame["date"] = frame["date"].dt.as_unit(unit)
    trades = table({"opened": START + 4 * CANDLE, "profit_abs": 8.0})
    own = trial(trades, days=1, frames={"BTC/USDT:USDT": frame})
    assert own.r_multiples == pytest.approx([2.0])


@pytest.mark.parametrize("distance", [0.0, -1.0, np.nan, np.inf])
def test_a_trade_without_a_stop_is_named(distance):
    frame = candles(1, **{STOP_DISTANCE: distance})
    trades = table({"opened": START + 4 * CANDLE, "profit_abs": 8.0})
    own = trial(trades, days=1, frames={"BTC/USDT:USDT": frame})
    told = (
        f"BTC/USDT:USDT opened at 2026-01-01 01:00:00\\+00:00 is {distance} away.*'stop_distance'"
    )
    with pytest.raises(RiskUnknownError, match=told):
        _ = own.r_multiples


def test_a_trade_before_the_first_candle_closed_has_no_signal():
    frame = candles(1, **{STOP_DISTANCE: 1.0})
    own = trial(table({"opened": START}), days=1, frames={"BTC/USDT:USDT": frame})
    with pytest.raises(RiskUnknownError, match="is nan away"):
        _ = own.r_multiples


def test_a_stop_at_the_entry_is_none():
    own = trial(table({"initial_stop_loss_abs": 100.0}), days=1)
    with pytest.raises(RiskUnknownError, match=r"is 0\.0 away"):
        _ = own.r_multiples


def test_closed_spans_take_their_trades_and_days_away():
    profits = [100, 50, -30, 20, -10, 60]
    own = trial(daily(profits), days=6, closed=[(START + 2 * DAY, START + 4 * DAY)])
    assert own.returns == pytest.approx([0.1, 50 / 1_100, -10 / 1_150, 60 / 1_140])
    assert own.trades["profit_abs"].tolist() == [100, 50, -10, 60]
    assert own.drawdown == pytest.approx(-10 / 1_150)


def test_something_must_be_left_to_learn_from():
    closed = [(START, START + 2 * DAY), (START + 2 * DAY, START + 3 * DAY)]
    with pytest.raises(SettingsError, match=r"loss\.closed covers every day from 2026-01-01"):
        trial(daily([1, 2, 3]), days=3, closed=closed)


def test_the_span_is_as_given_not_as_traded():
    assert pd.Series(trial(daily([1]), days=30).returns).count() == 30

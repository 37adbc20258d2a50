"""What was chosen as files and configuration, and trades with the prices of a candle later."""

import json
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.results import Result
from providers.storage.store import native_path, write_frame
from tuning.execution.parameters import configuration_of, laid_over, strategy_file, write_parameters
from tuning.execution.trades import trades_of
from tuning.model import TuningError

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def strategies(tmp_path):
    (tmp_path / "Router.py").write_text("import x\n\nclass Router(Base):\n    pass\n")
    (tmp_path / "others.py").write_text(
        "class RouterTwo: ...\n\nclass Slow(Base): ...\n# class Gone"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"), [("Router", "Router.py"), ("RouterTwo", "others.py"), ("Slow", "others.py")]
)
def test_a_strategy_is_found_by_its_class(strategies, name, file):
    assert strategy_file(strategies, name) == strategies / file


@pytest.mark.parametrize("name", ["Rout", "Gone", "Base", "R.uter"])
def test_a_strategy_that_nobody_defines_is_named(strategies, name):
    with pytest.raises(TuningError, match=f"{strategies} defines the strategy {name};"):
        strategy_file(strategies, name)


def test_parameters_lie_beside_the_strategy_and_are_equal_for_equal_ones(strategies):
    chosen = {"buy": {"a": 1, "b": 0.25}, "sell": {"fast": True}}
    file = strategies / "others.py"
    write_parameters(file, "Slow", chosen)
    written = (strategies / "others.json").read_text()
    assert json.loads(written)["params"] == chosen
    assert json.loads(written)["strategy_name"] == "Slow"
    write_parameters(file, "Slow", chosen)
    assert (strategies / "others.json").read_text() == written


@pytest.mark.parametrize(
    ("parameters", "overlay"),
    [
        ({}, {}),
        ({"buy": {"a": 1}}, {}),
        ({"sell": {"a": 1}}, {"use_exit_signal": True}),
        ({"protection": {"wait": 3}}, {"enable_protections": True}),
        ({"stoploss": {"stoploss": -0.1}}, {"stoploss": -0.1}),
        ({"roi": {"0": 0.1, "60": 0}}, {"minimal_roi": {"0": 0.1, "60": 0}}),
        ({"max_open_trades": {"max_open_trades": 3}}, {"max_open_trades": 3}),
        (
            {"trailing": {"trailing_stop": True, "trailing_stop_positive": 0.01}},
            {"trailing_stop": True, "trailing_stop_positive": 0.01},
        ),
    ],
)
def test_what_configuration_would_override_is_configured(parameters, overlay):
    assert configuration_of(parameters) == overlay


trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)
documents = st.dictionaries(st.sampled_from("abc"), trees)


@given(documents, documents)
def test_laying_over_keeps_what_is_above_and_what_it_does_not_name(below, above):
    both = laid_over(below, above)
    assert both.keys() == below.keys() | above.keys()
    assert laid_over(both, above) == both
    assert laid_over(below, {}) == below
    for name in below.keys() - above.keys():
        assert both[name] == below[name]
    for name, value in above.items():
        if not isinstance(value, dict) or not isinstance(below.get(name), dict):
            assert both[name] == value


def test_sections_are_laid_over_name_by_name():
    below = {"a": {"x": 1, "y": {"deep": 1}}, "b": 1, "c": {"x": 1}}
    above = {"a": {"y": {"more": 2}}, "b": {"x": 2}, "c": 3}
    expected = {"a": {"x": 1, "y": {"deep": 1, "more": 2}}, "b": {"x": 2}, "c": 3}
    assert laid_over(below, above) == expected
    assert below["a"] == {"x": 1, "y": {"deep": 1}}  # as it was


RECORD = {
    "pair": BTC,
    "is_short": True,
    "open_timestamp": pd.Timestamp("2026-01-01 00:15", tz="UTC").value // 10**6,
    "close_timestamp": pd.Timestamp("2026-01-01 01:00", tz="UTC").value // 10**6,
    "open_rate": 101.0,
    "close_rate": 104.5,
    "amount": 2.0,
    "stake_amount": 67.0,
    "leverage": 3.0,
    "fee_open": 0.0005,
    "fee_close": 0.0004,
    "funding_fees": None,
    "profit_abs": -7.2,
    "enter_tag": None,
    "exit_reason": "stop_loss",
}


@pytest.fixture
def datadir(tmp_path):
    """Candles of two pairs from midnight until 02:00, whose opens count up from 100 and 200."""
    dates = pd.date_range("2026-01-01", periods=8, freq="15min", tz="UTC")
    for pair, first in ((BTC, 100.0), (ETH, 200.0)):
        frame = pd.DataFrame({"date": dates, "open": [first + n for n in range(8)]})
        write_frame(
            frame.assign(high=0.0, low=0.0, close=0.0, volume=0.0),
            native_path(tmp_path, pair, "15m"),
        )
    return tmp_path


def table(datadir, *records, timeframe="15m", mode="futures"):
    stats = {"trades": [RECORD | it for it in records], "timeframe": timeframe}
    return trades_of(Result("Router", stats, {"trading_mode": mode}, None, None), datadir)


def stamp(text: str) -> int:
    return pd.Timestamp(f"2026-01-01 {text}", tz="UTC").value // 10**6


def test_a_candle_later_is_the_open_of_the_next_candle(datadir):
    trades = table(datadir, {})
    row = trades.iloc[0]
    assert (row["delayed_open_rate"], row["delayed_close_rate"]) == (102.0, 105.0)
    assert (row["open_rate"], row["close_rate"], row["is_short"]) == (101.0, 104.5, True)
    assert (row["funding_fees"], row["enter_tag"]) == (0.0, "")


def test_each_pair_is_delayed_on_its_own_candles_and_trades_are_by_time_of_closing(datadir):
    late = {"pair": ETH, "close_timestamp": stamp("01:30")}
    trades = table(datadir, late, {}, {"pair": ETH, "close_timestamp": stamp("00:45")})
    assert trades["pair"].tolist() == [ETH, BTC, ETH]
    assert trades["delayed_close_rate"].tolist() == [204.0, 105.0, 207.0]
    assert trades["delayed_open_rate"].tolist() == [202.0, 102.0, 202.0]


def test_a_fill_within_a_candle_waits_for_the_next_one_too(datadir):
    trades = table(datadir, {"open_timestamp": stamp("00:20"), "close_timestamp": stamp("00:59")})
    assert trades["delayed_open_rate"].item() == 102.0
    assert trades["delayed_close_rate"].item() == 104.0


def test_where_there_is_no_later_candle_there_is_no_price(datadir):
    trades = table(datadir, {"close_timestamp": stamp("01:45")}, {"pair": "SOL/USDT:USDT"})
    assert math.isnan(trades["delayed_close_rate"].iloc[1])
    assert trades[trades["pair"] == "SOL/USDT:USDT"]["delayed_open_rate"].isna().all()


def test_without_a_trade_the_columns_are_the_same(datadir):
    some, none = table(datadir, {}), table(datadir)
    assert len(none) == 0
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_candles_of_another_timeframe_or_market_are_not_taken(datadir):
    for options in ({"timeframe": "1h"}, {"mode": "spot"}):
        assert table(datadir, {}, **options)["delayed_open_rate"].isna().all()

"""What is drawn onto the candles is true, bounded, and never in the way."""

import json
import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA
from freqtrade.persistence import CustomDataWrapper, LocalTrade, Trade, init_db
from freqtrade.persistence.custom_data import _CustomData
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regimekit.exits.plan import plan_exit
from regimekit.hooks import annotations as drawn_by
from regimekit.hooks.annotations import (
    CANDLES_AHEAD,
    LABELED_BARS,
    MOST_REGIMES,
    MOST_RISKS,
    MOST_TRADES,
    ChartAnnotations,
    newest_runs,
)
from regimekit.hooks.exits import PLAN_KEY
from regimekit.reports import theme
from regimekit.schema import Regime, Side
from regimekit.settings import ExitSettings
from tests.regimekit.hooks.fakes import PAIR, FakeTrade, Silent

START = datetime(2026, 1, 5, tzinfo=UTC)
CANDLE = timedelta(minutes=15)
UNKNOWN, RANGING, TRENDING, VOLATILE = (int(code) for code in Regime)

codes = arrays(np.float64, st.integers(0, 40), elements=st.sampled_from([-1.0, 0.0, 1.0, np.nan]))


class Chart(Silent, ChartAnnotations):
    """The mixin alone."""


def frame(regime, risk=None):
    return pd.DataFrame(
        {
            "date": pd.date_range(START, periods=len(regime), freq=CANDLE).as_unit("ms"),
            "regime": np.asarray(regime, dtype=np.int8),
            "squeeze_risk": np.zeros(len(regime)) if risk is None else np.asarray(risk, float),
        }
    )


def draw(shown, runmode=RunMode.WEBSERVER, chart=None):
    """As Freqtrade asks, with the checks that it makes."""
    chart = chart or Chart({"runmode": runmode})
    found = chart.plot_annotations(
        pair=PAIR,
        dataframe=shown,
        start_date=shown.iloc[0]["date"].to_pydatetime(),
        end_date=shown.iloc[-1]["date"].to_pydatetime(),
    )
    for annotation in found:
        AnnotationTypeTA.validate_python(annotation, extra="forbid")
    return found


@given(codes, st.integers(1, 40))
def test_runs_are_the_rows_one_by_one(values, most):
    rows = [(i, int(v)) for i, v in enumerate(values) if v in {-1.0, 1.0}]
    runs = newest_runs(values, {-1, 1}, most=len(values) + 1)
    covered = [(row, run.value) for run in runs for row in range(run.first, run.last + 1)]
    assert covered == rows
    for run in runs:  # as long as can be
        assert run.first == 0 or values[run.first - 1] != run.value
        assert run.last == len(values) - 1 or values[run.last + 1] != run.value
    assert newest_runs(values, {-1, 1}, most) == runs[-most:]


def test_regimes_are_areas_from_the_first_candle_to_the_end_of_the_last():
    areas = draw(frame([UNKNOWN] * 3 + [TRENDING] * LABELED_BARS + [RANGING] * 2))
    spans = [(area["start"], area["end"], area.get("label")) for area in areas]
    changed = START + (3 + LABELED_BARS) * CANDLE
    assert spans == [
        (START + 3 * CANDLE, changed, "trending"),
        (changed, changed + 2 * CANDLE, None),  # no room for a label
    ]
    assert not any({"y_start", "y_end"} & set(area) for area in areas), "the full height"


def test_a_squeeze_risk_lies_above_the_regime_and_always_says_who_is_crowded():
    risk = [0, 1, 1, np.nan, -1, 0]
    *regimes, longs, shorts = draw(frame([VOLATILE] * 6, risk))
    assert (longs["label"], longs["start"], longs["end"]) == (
        "squeeze risk: longs crowded",
        START + CANDLE,
        START + 3 * CANDLE,
    )
    assert (shorts["label"], shorts["start"], shorts["end"]) == (
        "squeeze risk: shorts crowded",
        START + 4 * CANDLE,
        START + 5 * CANDLE,
    )
    assert len(regimes) == 1
    assert longs["z_level"] == shorts["z_level"] > regimes[0]["z_level"]


def rgba(color):
    return tuple(float(part) for part in color[len("rgba(") : -1].split(","))


def test_regimes_have_the_colors_of_the_report_but_faint():
    for regime, color in drawn_by.REGIME_COLORS.items():
        *channels, opacity = rgba(color)
        assert "#" + "".join(f"{int(c):02x}" for c in channels) == theme.REGIME_COLORS[regime.label]
        assert opacity < 0.2
        assert all(rgba(strong)[3] > opacity for _, strong in drawn_by.RISKS.values())


def test_of_many_changes_the_newest_are_drawn():
    shown = frame([TRENDING, RANGING] * 5000, [1, -1] * 5000)
    areas = draw(shown)
    assert len(areas) == MOST_REGIMES + MOST_RISKS
    last = shown["date"].iloc[-1] + CANDLE
    assert areas[MOST_REGIMES - 1]["end"] == areas[-1]["end"] == last


@given(st.lists(st.sampled_from(Regime), min_size=1, max_size=60), st.data())
def test_a_chart_of_any_part_of_the_frame_is_valid_json(regimes, data):
    risk = data.draw(
        st.lists(
            st.sampled_from([0.0, 1.0, -1.0, np.nan]), min_size=len(regimes), max_size=len(regimes)
        )
    )
    first = data.draw(st.integers(0, len(regimes) - 1))
    shown = frame([int(regime) for regime in regimes], risk).iloc[first:]
    json.dumps(draw(shown), allow_nan=False, default=datetime.isoformat)


@pytest.fixture
def trades(monkeypatch):
    """Open trades of `PAIR`; their plans are read without a database."""
    held = []
    monkeypatch.setattr(
        Trade,
        "get_trades_proxy",
        lambda *, pair, is_open: [t for t in held if t.pair == pair and is_open],
    )
    monkeypatch.setattr(drawn_by, "_stored_plan", drawn_by._stored_plan.__wrapped__)
    return held


def planned(side=Side.LONG):
    return plan_exit(
        side,
        100.0,
        stop_distance=2.0,
        target_rr=2.0,
        atr=1.0,
        fee=0.0005,
        settings=ExitSettings(),
    )


def open_trade(side=Side.LONG, **changes):
    plan = planned(side).to_dict()
    return FakeTrade(
        is_short=side is Side.SHORT,
        open_date_utc=START + timedelta(minutes=18),
        custom_data={PLAN_KEY: plan},
        **{"stop_loss": plan["stop"]} | changes,
    )


def lines(found):
    return [annotation for annotation in found if annotation["type"] == "line"]


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE])
def test_an_open_trade_has_its_entry_its_current_stop_and_its_target(trades, runmode):
    trades.append(open_trade(stop_loss=101.5))
    found = lines(draw(frame([TRENDING] * 4), runmode))
    assert [(line["y_start"], line["label"]) for line in found] == [
        (100.0, "entry 100"),
        (101.5, "stop 101.5 (+1.5 %)"),
        (104.0, "target 104 (+4.0 %, 2.0 R)"),
    ]
    for line in found:
        assert line["y_start"] == line["y_end"]
        assert line["start"] == START + timedelta(minutes=18)
        assert line["end"] == START + (3 + CANDLES_AHEAD) * CANDLE
    assert len({line["color"] for line in found}) == 3


def test_a_short_has_its_target_below(trades):
    trades.append(open_trade(Side.SHORT))
    found = lines(draw(frame([TRENDING] * 4), RunMode.DRY_RUN))
    assert [line["label"] for line in found[1:]] == [
        "stop 102 (+2.0 %)",
        "target 96 (-4.0 %, 2.0 R)",
    ]


def test_a_trade_from_before_the_chart_begins_with_it(trades):
    """FreqUI drops a line that begins outside."""
    trades.append(open_trade())
    shown = frame([TRENDING] * 8).iloc[4:]
    assert {line["start"] for line in lines(draw(shown, RunMode.LIVE))} == {START + 4 * CANDLE}


def test_a_trade_of_the_candle_that_is_still_open_has_its_lines(trades):
    trades.append(open_trade())  # 18 minutes after the start
    found = lines(draw(frame([TRENDING]), RunMode.LIVE))
    assert len(found) == 3
    assert all(line["start"] < line["end"] for line in found)


def test_a_trade_from_after_the_chart_is_not_on_it(trades):
    trades.append(open_trade())
    shown = frame([TRENDING]).assign(date=lambda chart: chart["date"] - 4 * CANDLE)
    assert not lines(draw(shown, RunMode.LIVE))


@pytest.mark.parametrize("stored", [None, {}, {"side": "long"}, "plan"])
def test_without_a_plan_entry_and_stop_remain(trades, stored):
    trade = open_trade()
    trade.custom_data[PLAN_KEY] = stored
    trades.append(trade)
    labels = [line["label"] for line in lines(draw(frame([TRENDING] * 4), RunMode.LIVE))]
    assert labels == ["entry 100", "stop 98 (-2.0 %)"]


def test_an_order_without_a_price_has_no_lines(trades):
    trades.append(open_trade(open_rate=0.0))
    assert not lines(draw(frame([TRENDING] * 4), RunMode.LIVE))


def test_trades_of_other_pairs_are_theirs(trades):
    trades.append(open_trade(pair="ETH/USDT:USDT"))
    assert not lines(draw(frame([TRENDING] * 4), RunMode.LIVE))


def test_of_many_trades_the_newest_are_drawn(trades):
    trades += [open_trade(id=n, stop_loss=90.0 + n / 10) for n in range(30)]
    found = lines(draw(frame([TRENDING] * 4), RunMode.LIVE))
    assert len(found) == 3 * MOST_TRADES
    assert found[-2]["y_start"] == pytest.approx(92.9)


@pytest.mark.parametrize("runmode", [RunMode.WEBSERVER, RunMode.BACKTEST, RunMode.PLOT])
def test_a_webserver_asks_for_no_trades(runmode):
    """It has no database, and the trades in memory are those of its last backtest."""
    LocalTrade.bt_trades_open.append(open_trade())
    assert [drawn["type"] for drawn in draw(frame([TRENDING] * 4), runmode)] == ["area"]


def test_a_failure_costs_the_annotations_alone_and_is_said_once(trades, caplog):
    chart = Chart({"runmode": RunMode.LIVE})
    whole = frame([TRENDING] * 4)
    with caplog.at_level(logging.INFO):
        assert draw(whole.drop(columns="squeeze_risk"), chart=chart) == []
        assert draw(whole.drop(columns="squeeze_risk"), chart=chart) == []
    assert len(caplog.records) == 1
    assert PAIR in caplog.text
    assert draw(whole, chart=chart)
    assert draw(whole.drop(columns="regime"), chart=chart) == []
    assert len(caplog.records) == 2


def test_a_database_that_fails_is_such_a_failure(monkeypatch):
    def broken(**filters):
        raise RuntimeError("database is locked")

    monkeypatch.setattr(Trade, "get_trades_proxy", broken)
    assert draw(frame([TRENDING] * 4), RunMode.LIVE) == []


def test_freqtrade_accepts_every_annotation(trades, caplog):
    trades.append(open_trade())
    chart = Chart({"runmode": RunMode.DRY_RUN})
    shown = frame([TRENDING] * 4, [0, 1, 1, 0])
    with caplog.at_level(logging.ERROR):
        found = chart.ft_plot_annotations(pair=PAIR, dataframe=shown)
    assert len(found) == 5
    assert not caplog.records


@pytest.fixture
def database(monkeypatch):
    """Freqtrade's custom data in memory."""
    init_db("sqlite://")
    monkeypatch.setattr(CustomDataWrapper, "use_db", True)
    yield
    _CustomData.session.remove()


def test_reading_a_plan_gives_the_database_session_back(database):
    """Each request of FreqUI gets one of its own, and Freqtrade returns only that of trades."""
    plan = planned()
    trade = LocalTrade(id=7, pair=PAIR, open_rate=100.0, fee_open=0.0, fee_close=0.0)
    trade.set_custom_data(PLAN_KEY, plan.to_dict())
    _CustomData.session.remove()
    assert drawn_by._stored_plan(trade).to_dict() == plan.to_dict()
    assert not _CustomData.session.registry.has()

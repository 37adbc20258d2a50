"""What a trader sees of the strategy: FreqUI's charts, custom data, messages."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA

from regimekit.exits.plan import ExitPlan
from regimekit.hooks.notes import levels
from regimekit.hooks.plots import decision_plots
from tests.engine import test_trade
from tests.engine.bot import SPEC
from tests.engine.test_trade import (
    PAIRS,
    api_environment,
    assert_calm,
    freqtrade,
    read_until,
    rest,
    stop,
    trade_arguments,
)

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("trade")]

live_market, live_exchange = test_trade.live_market, test_trade.live_exchange

CANDLE = timedelta(minutes=15)
CROWDED_BARS = 20  # of the strategy Crowded


def columns_of(plot_config):
    return {name for panel in plot_config["subplots"].values() for name in panel} | set(
        plot_config["main_plot"]
    )


def spans(annotations, label):
    """Start and end of the areas or lines of that name."""
    return [
        (datetime.fromisoformat(drawn["start"]), datetime.fromisoformat(drawn["end"]))
        for drawn in annotations
        if drawn.get("label", "").startswith(label)
    ]


def assert_drawable(history):
    """The answer holds what its plot_config asks for, and annotations that FreqUI knows."""
    assert columns_of(decision_plots()) <= set(history["columns"])
    for annotation in history["annotations"]:
        AnnotationTypeTA.validate_python(annotation, extra="forbid")


def test_webserver_draws_regimes_and_squeeze_risk_without_a_database(exchange, simulated):
    environment = api_environment()
    asked = {
        "pair": SPEC.pairs[0],
        "timeframe": "15m",
        "timerange": "20260102-20260116",
        "strategy": "RegimeRouter",
    }
    arguments = ("webserver", f"--datadir={simulated}")
    with freqtrade(exchange, *arguments, environment=environment) as server:
        lines = read_until(server, "Uvicorn running on")
        with rest(environment) as api:
            answer = api.get("/pair_history", params=asked)
            config = api.get("/plot_config", params={"strategy": "RegimeRouter"})
        server.terminate()
        lines += server.communicate()[1].splitlines()
    assert answer.status_code == 200, answer.text
    assert_calm(lines)
    assert config.json() == decision_plots()
    history = answer.json()
    assert_drawable(history)
    drawn = history["annotations"]
    assert {annotation["type"] for annotation in drawn} == {"area"}
    regimes = {label for area in drawn if "squeeze" not in (label := area.get("label", "squeeze"))}
    assert regimes == {"trending", "ranging", "volatile"}
    risk = history["columns"].index("squeeze_risk")
    values = [row[risk] or 0 for row in history["data"]]
    began = Counter(
        now for before, now in zip([0, *values], [*values, 0], strict=True) if now != before
    )
    assert began[1], "a market with both"
    assert began[-1], "a market with both"
    for side, label in ((1, "longs"), (-1, "shorts")):
        assert len(spans(drawn, f"squeeze risk: {label} crowded")) == began[side]


def test_bot_shows_its_trades_explains_them_and_sends_a_squeeze_risk(live_exchange, tmp_path):
    environment = api_environment()
    arguments = trade_arguments(tmp_path, "--strategy=Crowded", f"--datadir={tmp_path}")
    filled = [f"LIMIT_BUY has been fulfilled for Trade(id={n}" for n in (1, 2)]
    told = [f"Sending rpc strategy_msg: {pair} squeeze risk: shorts are crowded" for pair in PAIRS]
    with freqtrade(live_exchange, *arguments, environment=environment) as bot:
        lines = read_until(bot, *filled, *told, "Bot heartbeat")
        with rest(environment) as api:
            trades = api.get("/status").json()
            histories = {
                pair: api.get("/pair_candles", params={"pair": pair, "timeframe": "15m"}).json()
                for pair in PAIRS
            }
            custom = {
                trade["pair"]: {
                    entry["key"]: entry["value"]
                    for entry in api.get(f"/trades/{trade['trade_id']}/custom-data").json()[0][
                        "custom_data"
                    ]
                }
                for trade in trades
            }
            config = api.get("/plot_config").json()
        stop(bot)
    assert_calm(lines)
    assert sum("strategy_msg" in line for line in lines) == len(PAIRS), "each is told once"
    assert config == decision_plots()
    assert {trade["pair"] for trade in trades} == set(PAIRS)
    for trade in trades:
        history, notes = histories[trade["pair"]], custom[trade["pair"]]
        assert_drawable(history)
        last = datetime.fromisoformat(history["data_stop"])
        (risk,) = spans(history["annotations"], "squeeze risk: shorts crowded")
        assert risk == (last - (CROWDED_BARS - 1) * CANDLE, last + CANDLE)
        plan = ExitPlan.from_dict(notes["exit_plan"])
        shown = {
            drawn["label"].split()[0]: drawn["y_start"]
            for drawn in history["annotations"]
            if drawn["type"] == "line"
        }
        assert shown == {
            "entry": trade["open_rate"],
            "stop": trade["stop_loss_abs"],
            "target": plan.target,
        }
        assert notes["plan"] == levels(plan)
        assert notes["why"].startswith(f"{plan.regime}:{plan.sub_strategy}, confidence 1.00 (")

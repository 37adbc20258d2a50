"""The REST API of a bot that trades, asked by Freqtrade's own client as FreqUI asks it.

Real time, one bot for all of it; what changes the bot comes last.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA
from freqtrade_client.ft_rest_client import FtRestClient

from regimekit.hooks.plots import decision_plots
from rehearsal.bot import USER, Bot
from replay.client import running
from tests.engine.bot import ROOT
from tests.engine.market import CALM, CROWDED, PAIRS, UNFUNDED, write_live_market

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("telegram")]

TAG = "trending:mean_reversion"
PATIENCE = 20
NO_ANSWER = {"detail": "Unauthorized"}
SECRETS = ("jwt_secret_key", "password", "ws_token", "secret")


@dataclass(frozen=True)
class Served:
    """A bot that trades, and the client."""

    bot: Bot
    client: FtRestClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.bot.port}/api/v1"

    def state(self) -> str:
        """Return the bot's state; nothing while it restarts, when the client gets no answer."""
        return (self.client.show_config() or {}).get("state", "")

    def wait_for_state(self, state: str) -> None:
        self.bot.wait_for(lambda: self.state() == state, PATIENCE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rest")
    datadir = write_live_market(folder / "market")
    settings = {
        "exchange": {"pair_whitelist": list(PAIRS)},
        "internals": {"process_throttle_secs": 1},
        # As early as the market of any day allows: that it was calm before is not what is asked.
        "regimekit": {"squeeze": {"compression_rank": 0.9, "memory_bars": 96, "extreme_z": 3.0}},
    }
    with running(datadir) as url:
        bot = Bot(
            folder / "bot",
            url,
            clock={},
            settings=settings,
            strategy="Signals",
            strategy_path=ROOT / "tests" / "engine" / "strategies",
        )
        bot.start()
        try:
            for number in (1, 2):
                bot.wait_for(f"LIMIT_BUY has been fulfilled for Trade(id={number}")
            bot.wait_for("Bot heartbeat")
            client = FtRestClient(f"http://127.0.0.1:{bot.port}", USER, bot.password, timeout=60)
            yield Served(bot, client)
            noisy = [line for line in bot.lines() if " ERROR " in line or "Strategy caused" in line]
            # Of a question in the moment of a reload; it is answered when asked again.
            assert not [line for line in noisy if "Bot is not in the correct state" not in line]
        finally:
            bot.kill()


def test_status_tells_each_trade_and_its_tag(served):
    trades = {trade["pair"]: trade for trade in served.client.status()}
    assert set(trades) == {CALM, CROWDED}
    for trade in trades.values():
        assert trade["enter_tag"] == TAG
        assert trade["leverage"] == 3
        assert 0 < trade["stop_loss_abs"] < trade["open_rate"]
    assert served.client.count()["current"] == 2


def test_why_and_plan_are_custom_data(served):
    number = served.client.status()[0]["trade_id"]
    (told,) = served.client.list_custom_data(number)
    notes = {entry["key"]: entry["value"] for entry in told["custom_data"]}
    assert re.match(r"\w+:mean_reversion, confidence 1\.00 \(needs \d\.\d\d\)", notes["why"])
    assert re.match(r"stop [\d,.]+ \(-\d+\.\d %\), target [\d,.]+ \(\+\d", notes["plan"])


def test_a_missing_input_is_a_lock_with_its_reason(served):
    (lock,) = served.client.locks()["locks"]
    assert lock["pair"] == UNFUNDED
    assert lock["reason"] == f"{UNFUNDED}: a required input is missing or stale"
    assert lock["active"] is True


def test_the_chart_has_our_columns_colors_and_annotations(served):
    assert served.client.plot_config() == decision_plots()
    plots = decision_plots()
    columns = {name for panel in plots["subplots"].values() for name in panel}
    chart = served.client.pair_candles(CROWDED, "15m")
    assert columns | set(plots["main_plot"]) <= set(chart["columns"])
    assert len(chart["data"]) == chart["length"] > 400
    annotations = chart["annotations"]
    for annotation in annotations:
        AnnotationTypeTA.validate_python(annotation, extra="forbid")
    labels = [annotation.get("label", "") for annotation in annotations]
    assert "squeeze risk: shorts crowded" in labels
    assert {"trending", "ranging", "volatile"} & set(labels)
    lines = {drawn["label"].split()[0] for drawn in annotations if drawn["type"] == "line"}
    assert lines == {"entry", "stop", "target"}
    last = dict(zip(chart["columns"], chart["data"][-1], strict=True))
    assert last["squeeze_risk"] == -1
    assert last["enter_tag"] == TAG


def test_few_columns_can_be_asked_for(served):
    chart = served.client.pair_candles(CALM, "15m", limit=5, columns=["regime", "confidence_long"])
    assert {"regime", "confidence_long"} <= set(chart["columns"])
    assert "cvd" not in chart["columns"]
    assert len(chart["data"]) == 5


def test_the_rest_of_what_freq_ui_shows_is_there(served):
    client = served.client
    assert client.balance()["stake"] == "USDT"
    assert client.balance()["total"] > 0
    assert client.health()["last_process_ts"] > client.health()["bot_start_ts"] > 0
    assert client.whitelist()["whitelist"] == list(PAIRS)
    assert client.sysinfo()["ram_pct"] > 0
    assert client.version() == {"version": "2026.9"}
    assert [line for line in client.logs()["logs"] if "squeeze risk" in line[4]]


def test_the_command_line_client_reads_the_same(served, tmp_path):
    config = tmp_path / "client.json"
    server = {"listen_port": served.bot.port, "username": USER, "password": served.bot.password}
    config.write_text(json.dumps({"api_server": server}))
    command = [Path(sys.executable).with_name("freqtrade-client"), "-c", config, "count"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(told.stdout) == served.client.count()


def test_nothing_is_told_without_a_password(served):
    with httpx.Client(base_url=served.url, trust_env=False, timeout=PATIENCE) as stranger:
        assert stranger.get("/ping").json() == {"status": "pong"}
        for path in ("/status", "/locks", "/show_config", "/balance", "/logs", "/plot_config"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.json()) == (401, NO_ANSWER), path
        for path in ("/forceexit", "/stop", "/start", "/pause", "/reload_config"):
            answer = stranger.post(path, json={"tradeid": "all"})
            assert (answer.status_code, answer.json()) == (401, NO_ANSWER), path
    assert served.state() == "running"
    assert served.client.count()["current"] == 2


@pytest.mark.parametrize(("user", "password"), [(USER, "guess"), ("admin", None), (USER, "")])
def test_a_wrong_password_opens_nothing(served, user, password):
    tried = (user, served.bot.password if password is None else password)
    with httpx.Client(base_url=served.url, trust_env=False, auth=tried) as stranger:
        assert stranger.post("/token/login").status_code == 401
        assert stranger.get("/status").status_code == 401


def test_a_token_lets_in_and_a_forged_one_does_not(served):
    with httpx.Client(base_url=served.url, trust_env=False, timeout=PATIENCE) as browser:
        login = browser.post("/token/login", auth=(USER, served.bot.password)).json()
        token = login["access_token"]
        browser.headers["Authorization"] = f"Bearer {token}"
        assert browser.get("/count").json()["current"] == 2
        head, body, signature = token.split(".")
        forged = f"{head}.{body}.{signature[::-1]}"
        browser.headers["Authorization"] = f"Bearer {forged}"
        assert browser.get("/count").status_code == 401


def test_no_answer_holds_a_secret(served):
    for told in (served.client.show_config(), served.client.logs(), served.client.sysinfo()):
        text = json.dumps(told)
        assert served.bot.password not in text
        assert not [name for name in SECRETS if f'"{name}"' in text]


def test_it_comes_back_from_a_reload_with_all_that_it_had(served):
    """The server itself ends and begins anew, so that a browser gets no answer for a moment."""
    analyzed = served.client.pair_candles(CALM, "15m", limit=1)["last_analyzed_ts"]
    assert served.client.reload_config()["status"] == "Reloading config ..."

    def analyzed_again() -> bool:
        chart = served.client.pair_candles(CALM, "15m", limit=1) or {}
        return chart.get("last_analyzed_ts", 0) > analyzed

    served.bot.wait_for(analyzed_again, PATIENCE)
    assert served.state() == "running"
    assert served.client.count()["current"] == 2
    assert served.client.plot_config() == decision_plots()
    (lock,) = [lock for lock in served.client.locks()["locks"] if lock["active"]]
    assert lock["reason"].startswith(UNFUNDED)


def test_it_pauses_stops_and_starts(served):
    for command, state in (("stopbuy", "paused"), ("stop", "stopped"), ("start", "running")):
        getattr(served.client, command)()
        served.wait_for_state(state)
    assert {trade["pair"] for trade in served.client.status()} == {CALM, CROWDED}


def test_a_closed_trade_counts_in_every_table_by_tag(served):
    served.client.stopbuy()  # or the next signal would open it again
    served.wait_for_state("paused")
    number = next(t["trade_id"] for t in served.client.status() if t["pair"] == CALM)
    assert "Created exit order" in served.client.forceexit(str(number))["result"]
    served.bot.wait_for(lambda: served.client.count()["current"] == 1, PATIENCE)
    client = served.client
    assert [(row["pair"], row["count"]) for row in client.performance()] == [(CALM, 1)]
    assert [(row["enter_tag"], row["count"]) for row in client.entries()] == [(TAG, 1)]
    assert [(row["exit_reason"], row["count"]) for row in client.exits()] == [("force_exit", 1)]
    assert [(row["mix_tag"], row["count"]) for row in client.mix_tags()] == [
        (f"{TAG} force_exit", 1)
    ]
    assert client.profit()["closed_trade_count"] == 1
    assert sum(client.stats()["exit_reasons"]["force_exit"].values()) == 1
    assert client.trade(number)["exit_reason"] == "force_exit"

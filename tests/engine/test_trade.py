"""The bot itself, in dry-run against an exchange whose market goes on past now."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from regimekit.schema import Availability
from replay.client import Faults, freqtrade_environment, running
from replay.runner import WIDE
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market
from tests.engine.bot import CONFIG, ROOT

pytestmark = pytest.mark.freqtrade
trade = pytest.mark.xdist_group("trade")
faults = pytest.mark.xdist_group("faults")  # as long as all others, on a processor of its own

PATIENCE = 90
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
UNFUNDED = "SOL/USDT:USDT"


@pytest.fixture(scope="module")
def live_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a market from 75 days ago to the day after tomorrow; one pair has no funding."""
    datadir = tmp_path_factory.mktemp("live") / "market"
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spec = MarketSpec(pairs=(*PAIRS, UNFUNDED), start=today, days=2, seed=3, warmup_days=75)
    write_market(simulate(spec), datadir)
    next((datadir / "futures").glob("SOL_*-funding_rate.feather")).unlink()
    return datadir


@pytest.fixture(scope="module")
def live_exchange(live_market: Path) -> Iterator[str]:
    with running(live_market) as url:
        yield url


@contextmanager
def freqtrade(
    url: str, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a Freqtrade command that does not end by itself; kill it when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "freqtrade", *arguments],
        cwd=ROOT,
        env={**os.environ, **WIDE, **freqtrade_environment(url), **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(process: subprocess.Popen[str], *wanted: str) -> list[str]:
    """Read the log until each of `wanted` was seen; fails when the process ends before.

    A process that says nothing of the kind is killed after `PATIENCE` seconds, which ends it.
    """
    lines, missing = [], list(wanted)
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    for line in process.stderr or ():
        lines.append(line)
        missing = [text for text in missing if text not in line]
        if not missing:
            watchdog.cancel()
            return lines
    watchdog.cancel()
    pytest.fail(f"freqtrade ended without {missing}: {''.join(lines[-20:])}")


def stop(process: subprocess.Popen[str]) -> None:
    """Ask it to stop and wait; what it logs then depends on where the signal met it."""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130  # freqtrade's own code for a clean stop


def trade_arguments(folder: Path, *extra: str, pairs: tuple[str, ...] = PAIRS) -> list[str]:
    overlay = folder / "pairs.json"
    settings = {
        "exchange": {"pair_whitelist": list(pairs)},
        "internals": {"process_throttle_secs": 1},  # of the loop: orders fill in the next one
        # The tests do not wait a candle for the second entry.
        "regimekit": {"gates": {"entries_per_candle": 0}},
    }
    overlay.write_text(json.dumps(settings))
    return [
        "trade",
        "--config",
        CONFIG,
        "--config",
        str(overlay),
        "--strategy-path=tests/engine/strategies",
        f"--db-url=sqlite:///{folder}/trades.sqlite",
        *extra,
    ]


def rows(folder: Path, query: str, arguments: Sequence[object] = ()) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "trades.sqlite") as database:
        return database.execute(query, arguments).fetchall()


def assert_calm(lines: list[str]) -> None:
    noisy = [line for line in lines if "ERROR" in line or "Strategy caused" in line]
    assert not noisy, noisy


@trade
def test_bot_trades_in_dry_run_and_keeps_its_plan_across_a_restart(live_exchange, tmp_path):
    """The pair without funding is locked, and says why; the others trade."""
    arguments = trade_arguments(tmp_path, "--strategy=AlwaysIn", pairs=(*PAIRS, UNFUNDED))
    reason = f"{UNFUNDED}: a required input is missing or stale"
    filled = [f"LIMIT_BUY has been fulfilled for Trade(id={n}" for n in (1, 2)]
    with freqtrade(live_exchange, *arguments) as bot:
        lines = read_until(bot, "Dry run is enabled", *filled, "Bot heartbeat", reason)
        stop(bot)
    assert_calm(lines)
    assert sum(reason in line for line in lines) == 1
    locks = rows(tmp_path, "select pair, reason, active from pairlocks")
    assert locks == [(UNFUNDED, reason, 1)]
    assert rows(tmp_path, "select pair from trades order by pair") == [(pair,) for pair in PAIRS]
    opened = rows(tmp_path, "select id, open_rate, stop_loss, leverage from trades order by id")
    plans = {
        trade: json.loads(value)
        for trade, value in rows(
            tmp_path,
            "select ft_trade_id, cd_value from trade_custom_data where cd_key=?",
            ["exit_plan"],
        )
    }
    assert len(opened) == 2
    for trade, open_rate, stop_loss, leverage in opened:
        assert plans[trade]["entry"] == open_rate
        assert stop_loss == pytest.approx(plans[trade]["stop"], rel=1e-3)  # on the pair's tick
        assert stop_loss < open_rate
        assert leverage == 3

    arguments = trade_arguments(tmp_path, "--strategy=AlwaysIn")  # nothing is left to enter
    with freqtrade(live_exchange, *arguments) as bot:
        lines = read_until(bot, "Bot heartbeat", "checking to exit open trades")
        stop(bot)
    assert_calm(lines)
    again = rows(tmp_path, "select id, open_rate, stop_loss, leverage from trades order by id")
    assert again == opened


@contextmanager
def rest(environment: dict[str, str]) -> Iterator[httpx.Client]:
    """Talk to the bot that was started with `environment`, as FreqUI does."""
    url = f"http://127.0.0.1:{environment['FREQTRADE__API_SERVER__LISTEN_PORT']}/api/v1"
    login = httpx.BasicAuth("regimerouter", environment["FREQTRADE__API_SERVER__PASSWORD"])
    with httpx.Client(base_url=url, timeout=PATIENCE) as api:
        token = api.post("/token/login", auth=login).json()["access_token"]
        api.headers["Authorization"] = f"Bearer {token}"
        yield api


def newest(api: httpx.Client, *columns: str) -> dict[str, list[object]]:
    """Return the last value of some columns of each analyzed pair."""
    found = {}
    for pair in PAIRS:
        asked = {"pair": pair, "timeframe": "15m", "limit": 1}
        answer = api.get("/pair_candles", params=asked).json()
        found[pair] = [answer["data"][-1][answer["columns"].index(name)] for name in columns]
    return found


@trade
def test_shipped_strategy_analyzes_every_pair_live_with_fresh_taker_flow(live_exchange, tmp_path):
    environment = api_environment()
    arguments = trade_arguments(tmp_path, "--strategy=RegimeRouter", f"--datadir={tmp_path}")
    before = Faults(live_exchange).requests()
    with freqtrade(live_exchange, *arguments, environment=environment) as bot:
        lines = read_until(bot, "Bot heartbeat")
        with rest(environment) as api:
            found = newest(api, "flow_state", "spot_flow_state", "cvd", "spot_cvd")
        asked = Faults(live_exchange).requests()
        stop(bot)
    assert_calm(lines)
    assert not [line for line in lines if "No data found" in line or "Unable to analyze" in line]
    for flow_state, spot_flow_state, cvd, spot_cvd in found.values():
        assert (flow_state, spot_flow_state) == (Availability.OK, Availability.OK)
        assert -1 <= cvd <= 1
        assert -1 <= spot_cvd <= 1
    spot = "/api/v3/klines"
    assert asked[spot] - before.get(spot, 0) >= len(PAIRS)
    assert not list(tmp_path.glob("**/*taker_flow*")), "a bot does not write the store"


@faults
def test_a_failing_source_shows_in_its_columns_and_exits_go_on(live_market, tmp_path):
    """Of one pair it refuses, of the other it hangs."""
    environment = api_environment()
    arguments = trade_arguments(tmp_path, "--strategy=AlwaysIn", f"--datadir={tmp_path}")
    filled = [f"LIMIT_BUY has been fulfilled for Trade(id={n}" for n in (1, 2)]
    path = "/api/v3/klines"
    with running(live_market) as url:
        Faults(url).set(
            {"path": path, "symbol": "BTCUSDT", "kind": "status", "status": 500},
            {"path": path, "symbol": "ETHUSDT", "kind": "hang"},
        )
        with freqtrade(url, *arguments, environment=environment) as bot:
            lines = read_until(bot, *filled, "Bot heartbeat")
            with rest(environment) as api:
                found = newest(api, "flow_state", "spot_flow_state", "cvd", "spot_cvd")
                answer = api.post("/forceexit", json={"tradeid": "1", "ordertype": "market"})
                assert answer.status_code == 200, answer.text
            lines += read_until(bot, "MARKET_SELL has been fulfilled for Trade(id=1")
            stop(bot)
        applied = [rule["applied"] for rule in Faults(url).rules()]
    assert all(applied), "both went wrong"
    assert_calm(lines)
    for flow_state, spot_flow_state, cvd, spot_cvd in found.values():
        assert (flow_state, spot_flow_state) == (Availability.OK, Availability.OUTAGE)
        assert cvd is not None
        assert spot_cvd is None
    told = [line for line in lines if "spot_taker_flow" in line and "->" in line]
    assert len(told) <= len(PAIRS), told
    assert not [line for line in lines if "HTTP Request" in line]
    assert rows(tmp_path, "select id from trades where not is_open") == [(1,)]


def api_environment() -> dict[str, str]:
    """Return what makes a bot answer on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = "FREQTRADE__API_SERVER"
    return {
        f"{server}__ENABLED": "true",
        f"{server}__LISTEN_PORT": str(port),
        f"{server}__PASSWORD": "a password of this test",
        f"{server}__JWT_SECRET_KEY": "a secret of this test, long enough to be one",
    }


@trade
def test_webserver_starts_and_knows_the_strategy(live_exchange, tmp_path):
    environment = api_environment()
    with freqtrade(live_exchange, "webserver", environment=environment) as server:
        read_until(server, "Uvicorn running on")
        with rest(environment) as api:
            answer = api.get("/strategies")
        assert "RegimeRouter" in answer.json()["strategies"]

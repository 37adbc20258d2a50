"""`scripts/doctor.py` as a user runs it, and the start of a live bot that nobody acknowledged."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ccxt
import pytest

from doctor import machine
from doctor.checks import CHECKS
from regimekit.live import VARIABLE
from replay.client import freqtrade_environment, running
from replay.runner import run_freqtrade
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market
from scripts import doctor as script
from tests.doctor.account import account, overlay
from tests.doctor.conftest import ROOT, SHIPPED, merged, write_config

START = datetime(2026, 1, 10, tzinfo=UTC)
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Two pairs of a few days, fresh as of `START`."""
    folder = tmp_path_factory.mktemp("doctor") / "market"
    spec = MarketSpec(pairs=PAIRS, start=START - timedelta(days=2), days=3, seed=5, warmup_days=70)
    write_market(simulate(spec), folder)
    return folder


@pytest.fixture
def doctor(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("doctor.machine._traders", lambda: iter(()))

    def run(*arguments, config=SHIPPED):
        given = ["-c", str(config), "--userdir", str(tmp_path), "--offline", *arguments]
        strategies = ["--strategy-path", str(ROOT / "user_data" / "strategies")]
        code = script.main([*given, *strategies])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_table_groups_by_concern_and_ends_with_counts(doctor):
    code, out, _ = doctor("--only", "config", "machine.versions", "-v")
    assert code == 0
    lines = out.splitlines()
    assert lines[1].strip() == "Configuration"
    assert any(line.strip() == "Machine" for line in lines)
    assert lines[-1].endswith("ok")


def test_json_names_every_check_that_was_asked_for(doctor):
    code, out, _ = doctor("--json", "--skip", "data", "startup")
    told = json.loads(out)
    assert code == told["exit_code"] == 0
    asked = {name for name in CHECKS if not name.startswith(("data.", "startup."))}
    assert {finding["check"] for finding in told["findings"]} == asked
    assert all(finding["what"] for finding in told["findings"])


def test_an_error_is_exit_code_1_with_the_way_out(doctor, tmp_path):
    shipped = {"add_config_files": [str(SHIPPED)], "force_entry_enable": True, "dry_run": False}
    code, out, _ = doctor("--only", "config", config=write_config(tmp_path, "x.json", shipped))
    assert code == 1
    assert "dry_run is false" in out
    assert "pass --live if you mean it" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--only", "nonsense"], "'nonsense' is no check"), (["-c", "nowhere.json"], "nowhere.json")],
)
def test_what_cannot_be_looked_at_is_exit_code_2(doctor, arguments, words):
    code, out, err = doctor(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("doctor: ")
    assert words in err


def test_a_broken_file_is_not_quoted(doctor, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"exchange": {"secret": "w3LpT9cY6dF1", }, "a": }')
    code, out, err = doctor(config=path)
    assert code == 2
    assert "w3LpT9cY6dF1" not in out + err


def test_the_environment_counts_as_it_does_for_freqtrade(doctor, monkeypatch):
    monkeypatch.setenv("FREQTRADE__FORCE_ENTRY_ENABLE", "true")
    monkeypatch.setenv("FREQTRADE__API_SERVER__ENABLED", "true")
    monkeypatch.setenv("FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS", "0.0.0.0")  # noqa: S104
    monkeypatch.setenv("FREQTRADE__API_SERVER__PASSWORD", "hunter2hunter2")
    code, out, _ = doctor("--json", "--only", "config.force_entry", "config.api", "secrets")
    assert code == 1
    told = {(f["check"], f["severity"]) for f in json.loads(out)["findings"]}
    assert {
        ("config.force_entry", "warning"),
        ("config.api", "error"),
        ("secrets.api_password", "error"),
        ("secrets.jwt", "error"),
    } <= told
    assert "hunter2" not in out


def test_a_strategy_of_ones_own_is_read(doctor, tmp_path):
    (tmp_path / "Mine.py").write_text(
        "from freqtrade.strategy import IStrategy\n\n\n"
        "class Mine(IStrategy):\n    timeframe = '15m'\n    stoploss = -0.1\n"
        "    startup_candle_count = 50\n"
        "    def populate_indicators(self, dataframe, metadata):\n"
        "        dataframe['next'] = dataframe['close'].shift(-1)\n        return dataframe\n"
        "    def populate_entry_trend(self, dataframe, metadata):\n        return dataframe\n"
        "    def populate_exit_trend(self, dataframe, metadata):\n        return dataframe\n"
    )
    mine = ("-s", "Mine", "--json", "--only", "code", "liquidation", "startup.counted")
    code = script.main([*mine, "--strategy-path", str(tmp_path), "-c", str(SHIPPED), "--offline"])
    assert code == 1
    del doctor


def test_no_check_is_without_a_title():
    assert {check.concern for check in CHECKS.values()} == set(script.TITLES)


def test_bots_are_known_by_their_command():
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with ExitStack() as bots:
        started = [
            bots.enter_context(subprocess.Popen([*waits, *words], stdin=subprocess.PIPE))
            for words in (["freqtrade", "trade"], ["/bin/freqtrade", "trade", "-c", "x"])
        ]
        other = bots.enter_context(
            subprocess.Popen([*waits, "freqtrade", "backtesting", "trade"], stdin=subprocess.PIPE)
        )
        found = set(machine._traders())
        for process in (*started, other):
            process.stdin.close()
    assert {process.pid for process in started} <= found
    assert other.pid not in found
    assert os.getpid() not in found


@pytest.mark.freqtrade
@pytest.mark.xdist_group("doctor")
def test_the_doctor_asks_the_replay_exchange_for_the_time_and_reads_its_market(market, tmp_path):
    pairs = {"exchange": {"pair_whitelist": list(PAIRS)}}
    files = [SHIPPED, write_config(tmp_path, "pairs.json", pairs)]
    with running(market) as url:  # its clock is the computer's
        run = subprocess.run(
            [
                *(sys.executable, "scripts/doctor.py", "--json"),
                *(f"--config={path}" for path in files),
                *(f"--datadir={market}", f"--userdir={tmp_path}"),
                f"--strategy-path={ROOT / 'user_data' / 'strategies'}",
                *("--only", "machine.clock", "data", "config"),
            ],
            cwd=ROOT,
            env={**os.environ, **freqtrade_environment(url)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    found = {finding["check"]: finding for finding in json.loads(run.stdout)["findings"]}
    assert found["machine.clock"]["severity"] == "ok"
    assert found["data.coverage"]["severity"] == "ok"
    assert found["data.damage"]["severity"] == "ok"
    assert found["config.urls"]["severity"] == "info"


def real_money(market: Path, folder: Path, environment: dict[str, str]):
    """Start `freqtrade trade` with dry_run false where no address leads anywhere but here."""
    with running(market, at=START.isoformat()) as url, account(url) as (address, asked):
        settings = merged(overlay(address), {"regimekit": {"live": {"account": "sub-1"}}})
        api = settings["exchange"]["ccxt_config"]["urls"]["api"]
        # Deeply merged over ccxt's own: all of its addresses, private ones too, are this computer.
        known = ccxt.binance({"urls": {"api": api}}).urls["api"]
        assert all(value.startswith("http://127.0.0.1:") for value in known.values())
        run = run_freqtrade(
            [
                *("trade", "--strategy=RegimeRouter", f"--userdir={folder}"),
                *(f"--config={SHIPPED}", f"--config={ROOT / 'config' / 'live.json'}"),
                f"--config={write_config(folder, 'account.json', settings)}",
                f"--strategy-path={ROOT / 'user_data' / 'strategies'}",
                f"--db-url=sqlite:///{folder / 'trades.sqlite'}",
            ],
            cwd=ROOT,
            environment=environment,
            timeout=120,
        )
    return run, asked


@pytest.mark.freqtrade
@pytest.mark.xdist_group("doctor")
def test_a_live_bot_without_acknowledgement_ends_before_any_order(market, tmp_path):
    run, asked = real_money(market, tmp_path, {})
    assert "Dry run is disabled" in run.log
    assert run.returncode == 2, run.log[-2000:]
    assert f"Live trading is not acknowledged: {VARIABLE} is not set" in run.log
    assert asked, "it never reached the account, so it proves nothing"
    assert "GET /fapi/v1/positionSide/dual" in asked  # it was about to trade for real
    assert all(request.startswith("GET ") for request in asked), asked
    assert not any("order" in request.lower() for request in asked), asked
    assert not (tmp_path / "trades.sqlite").exists()


@pytest.mark.verify
@pytest.mark.freqtrade
@pytest.mark.xdist_group("doctor")
def test_a_live_bot_with_acknowledgement_passes_the_guard(market, tmp_path):
    until = datetime.now(tz=UTC).date() + timedelta(days=5)
    said = {VARIABLE: f"I accept the loss of sub-1 until {until}"}
    run, asked = real_money(market, tmp_path, said)
    # The account has no wallet, so that it ends there; it came past the guard before.
    assert "the loss of sub-1 is accepted until" in run.log
    assert "not acknowledged" not in run.log
    assert all(request.startswith("GET ") for request in asked), asked


GROWS = """
import sys
sys.path.insert(0, {strategies!r})
from RegimeRouter import RegimeRouter


class Grows(RegimeRouter):
    def populate_indicators(self, dataframe, metadata):
        dataframe = super().populate_indicators(dataframe, metadata)
        dataframe["since_start"] = dataframe["volume"].cumsum()
        return dataframe
"""


@pytest.mark.verify
@pytest.mark.freqtrade
@pytest.mark.xdist_group("doctor")
@pytest.mark.parametrize(("strategy", "code"), [("RegimeRouter", 0), ("Grows", 1)])
def test_deep_asks_freqtrade_which_indicators_remember_their_start(
    market, tmp_path, strategy, code
):
    strategies = ROOT / "user_data" / "strategies"
    folder = strategies if strategy == "RegimeRouter" else tmp_path / "strategies"
    if strategy != "RegimeRouter":
        folder.mkdir()
        (folder / f"{strategy}.py").write_text(GROWS.format(strategies=str(strategies)))
    pairs = write_config(tmp_path, "pairs.json", {"exchange": {"pair_whitelist": list(PAIRS)}})
    with running(market, at=(START + timedelta(days=1)).isoformat(), freeze=True) as url:
        run = subprocess.run(
            [
                *(sys.executable, "scripts/doctor.py", "--json", "--deep", "--offline"),
                *(f"--config={SHIPPED}", f"--config={pairs}", f"--datadir={market}"),
                *(f"--userdir={tmp_path}", f"--strategy={strategy}", f"--strategy-path={folder}"),
                *("--only", "startup"),
            ],
            cwd=ROOT,
            env={**os.environ, **freqtrade_environment(url)},
            capture_output=True,
            text=True,
            check=False,
        )
    found = {f["what"]: f for f in json.loads(run.stdout)["findings"]}
    assert run.returncode == code, run.stdout + run.stderr
    assert not any(f["severity"] == "unchecked" for f in found.values()), found
    assert ("since_start depends on where the candles begin" in found) == (code == 1)

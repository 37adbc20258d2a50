"""Every check finds an ill patient ill and a healthy one well; what it cannot see, it says."""

import json
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from doctor import machine
from doctor.checks import CHECKS, chosen, examine, exit_code
from doctor.errors import DoctorError
from doctor.findings import Finding, Report, Severity
from doctor.patient import Patient, secret_values
from doctor.startup import needed_bars
from providers.live.clock_offset import Reading
from providers.storage.store import native_path, write_frame
from regimekit.live import VARIABLE
from regimekit.settings import IndicatorSettings
from tests.doctor.conftest import GOOD_KEY, GOOD_PASSWORD, ROOT, live, with_config, write_config

PAIR = "BTC/USDT:USDT"
ERROR, WARNING, UNCHECKED = Severity.ERROR, Severity.WARNING, Severity.UNCHECKED
SHORT, WORDS = "Qm7-uvZ3w", "SuperSecurePassword12345678"
PUBLIC = "somethingRandomSomethingRandom1"  # begins as Freqtrade's own default does
Make = Callable[[Patient, Path], Patient]


@dataclass(frozen=True)
class Ill:
    """A patient that a check must find ill: how badly, and in which words."""

    check: str
    severity: Severity
    words: str
    make: Make


def setting(**changes: Any) -> Make:
    return lambda patient, _: with_config(patient, changes)


def real(**changes: Any) -> Make:
    return lambda patient, _: live(patient, changes)


def api(**server: Any) -> Make:
    good = {"enabled": True, "password": GOOD_PASSWORD, "jwt_secret_key": GOOD_KEY}
    return setting(api_server={**good, **server})


def pack(section: str, **values: Any) -> dict[str, Any]:
    return {"regimekit": {section: values}}


def orders(**values: Any) -> dict[str, Any]:
    return {"order_types": values}


def strategy_of(source: str) -> Make:
    def make(patient: Patient, folder: Path) -> Patient:
        path = folder / "Mine.py"
        path.write_text(source)
        return replace(patient, strategy_file=path)

    return make


def populate(line: str) -> Make:
    return strategy_of(
        "import numpy as np\nimport time\nimport requests\n"
        "class Mine:\n    seen = []\n"
        "    def populate_indicators(self, dataframe, metadata):\n"
        f"        {line}\n        return dataframe\n"
    )


def stored_in_file(patient: Patient, folder: Path) -> Patient:
    path = write_config(folder, "mine.json", {"exchange": {"secret": "w3LpT9cY6dF1"}})
    path.chmod(0o644)
    return replace(patient, files=(path,))


def track(folder: Path, name: str) -> None:
    """Put a file under version control, in a history of its own."""
    git = shutil.which("git") or pytest.skip("git is not installed")
    for command in (["init", "-q"], ["add", name]):
        subprocess.run([git, *command], cwd=folder, check=True)


def stored_in_history(patient: Patient, folder: Path) -> Patient:
    path = write_config(folder, "mine.json", {"exchange": {"secret": "w3LpT9cY6dF1"}})
    track(folder, path.name)
    return replace(patient, files=(path,), root=folder)


def committed(patient: Patient, folder: Path) -> Patient:
    (folder / "run.sh").write_text("export API_SECRET=a8f3Kq2LmZ09xWv7Ty\n")
    track(folder, "run.sh")
    return replace(patient, root=folder)


def candles(first: str, last: str, timeframe: str = "15min") -> pd.DataFrame:
    dates = pd.date_range(first, last, freq=timeframe, tz="UTC").as_unit("ms")
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0)
    return pd.DataFrame({"date": dates, **columns})


def damaged(patient: Patient, folder: Path) -> Patient:
    path = native_path(folder, PAIR, "15m")
    write_frame(candles("2026-01-01", "2026-01-20"), path)
    path.write_bytes(path.read_bytes()[:200])
    return replace(patient, datadir=folder)


def recorder_off(patient: Patient, folder: Path) -> Patient:
    write_frame(candles("2026-01-01", "2026-01-20"), native_path(folder, PAIR, "15m"))
    return live(patient, pack("inputs", feed="store"), datadir=folder)


def held(patient: Patient, folder: Path) -> Patient:
    lock = FileLock(folder / "trades.sqlite.bot.lock")
    lock.acquire()
    _HELD.append(lock)
    return with_config(patient, {"db_url": f"sqlite:///{folder / 'trades.sqlite'}"})


def busy_port(patient: Patient, folder: Path) -> Patient:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    _HELD.append(listener)
    return api(listen_port=listener.getsockname()[1])(patient, folder)


def read_only(patient: Patient, folder: Path) -> Patient:
    # Not a folder with other rights: root may write everywhere.
    return with_config(replace(patient, user_data=Path("/proc/self")), {})


_HELD: list[Any] = []
NO_STOP = {"entry_pricing": {"use_order_book": False}}

ILL = [
    Ill(
        "config.loads", ERROR, "does not load: OperationalException",
        lambda p, _: replace(p, strategy=None, strategy_problem="OperationalException: no such"),
    ),
    Ill("config.schema", ERROR, "max_open_trades is refused", setting(max_open_trades="many")),
    Ill("config.schema", ERROR, "exchange.key is refused", setting(exchange={"key": 12345})),
    Ill(
        "config.consistency", ERROR, "cannot both be unlimited",
        setting(max_open_trades=-1, stake_amount="unlimited"),
    ),
    Ill(
        "config.pack", ERROR, "stoploss_atr is not a setting",
        lambda p, _: replace(p, settings=None, settings_problem="stoploss_atr is not a setting"),
    ),
    Ill("config.dry_run", ERROR, "dry_run is false", setting(dry_run=False)),
    Ill(
        "config.dry_run", ERROR, "--live is asked for",
        lambda p, _: replace(p, extra={**p.extra, "asked_live": True}),
    ),
    Ill(
        "config.dry_run", ERROR, "the environment decides",
        lambda p, _: live(p, environment={"FREQTRADE__DRY_RUN": "false"}),
    ),
    Ill("config.mode", ERROR, "more than its margin", setting(margin_mode="cross")),
    Ill("config.mode", ERROR, "trades futures", setting(trading_mode="spot")),
    Ill("config.leverage", WARNING, "very high", setting(**pack("risk", target_leverage=25))),
    Ill("config.leverage", ERROR, "very high", real(**pack("risk", target_leverage=25))),
    Ill("config.leverage", WARNING, "leverage is high", real(**pack("risk", target_leverage=8))),
    Ill("config.stake", ERROR, "the stake has no limit", real(stake_amount="unlimited")),
    Ill("config.stake", ERROR, "all that lies in the account", real(available_capital=...)),
    Ill("config.stake", ERROR, "larger than the one", real(available_capital=5000)),
    Ill(
        "config.stake", ERROR, "largest stake 75",
        real(available_capital=500, **pack("adaptive", enabled=True, most_size=3)),
    ),
    Ill("config.open_trades", WARNING, "no limit of open trades", setting(max_open_trades=-1)),
    Ill("config.open_trades", ERROR, "no limit of open trades", real(max_open_trades=-1)),
    Ill("config.open_trades", ERROR, "no trade can be opened", setting(max_open_trades=0)),
    Ill("config.total_risk", ERROR, "most of the equity", real(**pack("gates", total_at_risk=1))),
    Ill(
        "config.total_risk", WARNING, "much of the equity",
        real(**pack("gates", total_at_risk=0.2)),
    ),
    Ill(
        "config.stop_on_exchange", ERROR, "no stop works while the bot",
        real(**orders(stoploss_on_exchange=False)),
    ),
    Ill("config.stop_order", ERROR, "jump over", real(**orders(stoploss="limit"))),
    Ill("config.stop_order", WARNING, "jump over", setting(**orders(emergency_exit="limit"))),
    Ill("config.stop_price", ERROR, "a single trade", real(**orders(stoploss_price_type="last"))),
    Ill("config.disaster_stop", ERROR, "no stop when", setting(stoploss=-10)),
    Ill("config.disaster_stop", WARNING, "behind liquidation", setting(stoploss=-0.99)),
    Ill("config.force_entry", ERROR, "can force entries", real(force_entry_enable=True)),
    Ill("config.open_orders", ERROR, "without a stop", real(cancel_open_orders_on_exit=False)),
    Ill("config.loop", WARNING, "waits for /start", setting(initial_state=...)),
    Ill("config.loop", ERROR, "late", real(internals={"process_throttle_secs": 300})),
    Ill("config.timeouts", ERROR, "an exit order may rest", real(unfilledtimeout={"exit": 0})),
    Ill("config.pricing", ERROR, "no other price than the book", setting(**NO_STOP)),
    Ill("config.pricing", WARNING, "near side", setting(exit_pricing={"price_side": "same"})),
    Ill("config.pairs", ERROR, "no pair is traded", setting(exchange={"pair_whitelist": []})),
    Ill(
        "config.pairs", ERROR, "not the name of a perpetual",
        setting(exchange={"pair_whitelist": ["BTC/USDT"]}),
    ),
    Ill(
        "config.pairs", ERROR, "not traded in the stake currency",
        setting(exchange={"pair_whitelist": ["BTC/USDC:USDC"]}),
    ),
    Ill(
        "config.pairs", UNCHECKED, "known to Freqtrade only",
        setting(pairlists=[{"method": "VolumePairList"}]),
    ),
    Ill(
        "config.urls", ERROR, "prices come from elsewhere",
        real(exchange={"ccxt_config": {"urls": {"api": {"fapiPublic": "http://127.0.0.1:1/"}}}}),
    ),
    Ill(
        "config.urls", ERROR, "open line",
        setting(exchange={"ccxt_config": {"urls": {"api": {"public": "http://example.org/"}}}}),
    ),
    Ill("config.database", ERROR, "forgets every open trade", real(db_url="sqlite://")),
    Ill("config.database", ERROR, "database of the dry run", real(db_url="sqlite:///x.dryrun.db")),
    Ill("config.api", ERROR, "listens to the network", api(listen_ip_address="0.0.0.0")),  # noqa: S104
    Ill("config.api", ERROR, "any web page", api(CORS_origins=["*"])),
    Ill("config.api", WARNING, "describes itself", api(enable_openapi=True)),
    Ill(
        "config.telegram", ERROR, "everybody in the group",
        setting(telegram={"enabled": True, "chat_id": "-100123", "token": "x"}),
    ),
    Ill(
        "config.telegram", WARNING, "press the buttons",
        setting(telegram={"enabled": True, "chat_id": "-100123", "authorized_users": ["7"]}),
    ),
    Ill("secrets.api_password", ERROR, "it is empty", api(password="")),
    Ill("secrets.api_password", ERROR, "has 9 characters", api(password=SHORT)),
    Ill("secrets.api_password", ERROR, "placeholder", api(password=WORDS)),
    Ill("secrets.jwt", ERROR, "placeholder", api(jwt_secret_key=PUBLIC)),
    Ill("secrets.jwt", ERROR, "has 26 characters", api(jwt_secret_key=GOOD_PASSWORD)),
    Ill("secrets.ws_token", ERROR, "has 10 characters", api(ws_token=[GOOD_KEY, "k3J-9xQ2mZ"])),
    Ill("secrets.exchange_keys", ERROR, "secret is empty", real(exchange={"secret": ""})),
    Ill("secrets.exchange_keys", ERROR, "placeholder", real(exchange={"key": "your_api_key"})),
    Ill("secrets.exchange_keys", WARNING, "needs no keys", setting(exchange={"key": "q8ZkV2m"})),
    Ill("secrets.in_files", WARNING, "other users", stored_in_file),
    Ill("secrets.in_files", ERROR, "other users", lambda p, f: stored_in_file(live(p), f)),
    Ill("secrets.in_files", ERROR, "version control", stored_in_history),
    Ill("secrets.tracked_files", ERROR, "API_SECRET", committed),
    Ill("live.overlay", ERROR, "are missing", real(**pack("live", overlay=""))),
    Ill("live.acknowledgement", ERROR, "is not set", lambda p, _: live(p, environment={})),
    Ill("live.acknowledgement", ERROR, "'other'", real(**pack("live", account="other"))),
    Ill(
        "live.acknowledgement", WARNING, "ends soon",
        lambda p, _: live(
            p, environment={VARIABLE: "I accept the loss of sub-1 until 2026-01-22"}
        ),
    ),
    Ill(
        "liquidation.stops", ERROR, "no leverage tiers",
        setting(exchange={"pair_whitelist": ["NOCOIN/USDT:USDT"]}),
    ),
    Ill(
        "liquidation.stops", ERROR, "comes before the stop",
        setting(
            available_capital=1e6, stake_amount=10, exchange={"pair_whitelist": ["ONE/USDT:USDT"]},
            regimekit={
                "risk": {"base_fraction": 0.5, "equity_at_risk": 0.05, "target_leverage": 25},
                "exits": {"min_stop": 0.001},
            },
        ),
    ),
    Ill(
        "liquidation.stops", WARNING, "would refuse an order",
        setting(
            available_capital=2e7, stake_amount=10, exchange={"pair_whitelist": [PAIR]},
            regimekit={
                "risk": {"base_fraction": 0.5, "equity_at_risk": 0.05, "target_leverage": 25},
                "exits": {"min_stop": 0.005, "max_stop": 0.01},
            },
        ),
    ),
    Ill(
        "liquidation.stops", UNCHECKED, "known for Binance only",
        setting(exchange={"name": "bybit"}),
    ),
    Ill("data.coverage", WARNING, "without 15m futures", lambda p, f: replace(p, datadir=f)),
    Ill("data.coverage", WARNING, "no data", lambda p, f: replace(p, datadir=f / "none")),
    Ill("data.coverage", ERROR, "damaged", damaged),
    Ill("data.freshness", ERROR, "read from the store", recorder_off),
    Ill("data.freshness", UNCHECKED, "does not exist", lambda p, f: replace(p, datadir=f / "no")),
    Ill("data.damage", ERROR, "is corrupt", damaged),
    Ill("startup.counted", ERROR, "remember", setting(startup_candle_count=300)),
    Ill("startup.counted", ERROR, "adx needs", setting(**pack("indicators", adx=30))),
    Ill("startup.recursive", UNCHECKED, "only --deep", setting()),
    Ill(
        "startup.recursive", UNCHECKED, "no candles",
        lambda p, f: replace(p, deep=True, datadir=f),
    ),
    Ill("machine.clock", UNCHECKED, "--offline", setting()),
    Ill("machine.disk", ERROR, "too little", setting(**pack("watch", disk_free_mb=999999))),
    Ill("machine.folders", ERROR, "cannot be written", read_only),
    Ill("machine.instance", ERROR, "uses this database already", held),
    Ill("machine.api_port", ERROR, "hang at its start", busy_port),
    Ill("code.network", ERROR, "requests.get", populate("requests.get('http://x')")),
    Ill("code.sleep", ERROR, "time.sleep", populate("time.sleep(1)")),
    Ill("code.shift", ERROR, "shift(-3)", populate("dataframe['x'] = dataframe['a'].shift(-3)")),
    Ill("code.last_row", ERROR, "iloc[-1]", populate("x = dataframe.iloc[-1]")),
    Ill("code.whole_column", ERROR, ".mean()", populate("x = dataframe['close'].mean()")),
    Ill("code.neutral", WARNING, "fillna(0.5)", populate("x = dataframe['a'].fillna(0.5)")),
    Ill("code.backfill", ERROR, "bfill()", populate("x = dataframe['a'].bfill()")),
    Ill("code.state", ERROR, "seen.append", populate("self.seen.append(1)")),
    Ill(
        "code.shift", UNCHECKED, "file is not known",
        lambda p, _: replace(p, strategy_file=None),
    ),
]  # fmt: skip
# Those that need the environment of the process, or a part of the machine to be replaced.
ELSEWHERE = {"secrets.environment_types", "machine.versions"}


@pytest.fixture(autouse=True)
def nobody_else_trades(monkeypatch):
    monkeypatch.setattr(machine, "_traders", lambda: iter(()))
    yield
    while _HELD:
        thing = _HELD.pop()
        (getattr(thing, "release", None) or thing.close)()


def texts(found: list[Finding]) -> str:
    return "\n".join(f"{f.severity.value} {f.what}: {f.value} {f.way_out} {f.where}" for f in found)


@pytest.mark.parametrize("ill", ILL, ids=lambda ill: f"{ill.check} {ill.words}")
def test_the_ill_are_found(ill, healthy, said, tmp_path):
    found = said(ill.check, ill.make(healthy, tmp_path))
    matching = [finding for finding in found if ill.words in texts([finding])]
    assert matching, texts(found)
    assert matching[0].severity is ill.severity
    if ill.severity in {ERROR, WARNING}:
        assert matching[0].way_out


def test_every_check_has_somebody_whom_it_finds_ill():
    assert {ill.check for ill in ILL} | ELSEWHERE == set(CHECKS)


def test_shipped_settings_and_strategy_have_no_error(healthy):
    found = examine(healthy, CHECKS.values())
    wrong = [f for f in found if f.severity is ERROR]
    assert not wrong, texts(wrong)
    warned = {f.check for f in found if f.severity is WARNING}
    assert warned <= {"data.coverage"}, texts(found)  # a checkout comes without data
    assert exit_code(found) == 0


def test_live_overlay_keys_and_acknowledgement_have_no_error_but_nothing_less_does(healthy):
    names = [name for name in CHECKS if not name.startswith(("data", "machine", "startup"))]
    checks = [CHECKS[name] for name in names]
    found = examine(live(healthy), checks)
    assert exit_code(found) == 0, texts([f for f in found if f.severity is ERROR])
    for less in (
        live(healthy, environment={}),
        live(healthy, {"exchange": {"key": ""}}),
        live(healthy, pack("live", overlay="")),
        live(healthy, pack("live", account="")),
        live(healthy, {"available_capital": ...}),
    ):
        assert exit_code(examine(less, checks)) == 1


def test_a_check_that_finds_nothing_or_fails_is_unchecked_never_well(healthy):
    def breaks(patient: Patient, report: Report) -> None:
        raise RuntimeError(f"the key is {patient.config['exchange']['key']}")

    check = CHECKS["config.mode"]
    ill = with_config(healthy, {"exchange": {"key": "q8ZkV2mN4xR7"}})
    for look in (lambda patient, report: None, breaks):
        (found,) = examine(ill, [replace(check, look=look)])
        assert found.severity is UNCHECKED
        assert "q8ZkV2mN4xR7" not in texts([found])


def test_no_finding_shows_a_secret(healthy, tmp_path):
    ill = live(
        healthy,
        {
            "api_server": {"enabled": True, "password": "hunter2hunter2", "ws_token": ["abcdefg1"]},
            "telegram": {"enabled": True, "token": "71:AAbbCC", "chat_id": "-100777"},
            "exchange": {"key": "your_api_key_x", "secret": 1234567890123},
        },
    )
    path = write_config(tmp_path, "mine.json", {"exchange": {"secret": "1234567890123"}})
    found = examine(replace(ill, files=(path,)), CHECKS.values())
    told = texts(found) + json.dumps([finding.as_json() for finding in found])
    for _, secret in secret_values(ill.config):
        assert secret not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [("API_SERVER__JWT_SECRET_KEY", "1" * 50), ("EXCHANGE__KEY", "1e400"), ("EXCHANGE__KEY", "f")],
)
def test_texts_that_the_environment_turns_into_something_else_are_found(
    name, value, monkeypatch, healthy, said
):
    monkeypatch.setenv(f"FREQTRADE__{name}", value)
    (found,) = said("secrets.environment_types", healthy)
    assert found.severity is ERROR
    assert found.value == f"FREQTRADE__{name}"
    monkeypatch.setenv(f"FREQTRADE__{name}", "k" + value)
    (found,) = said("secrets.environment_types", healthy)
    assert found.severity is Severity.OK


@pytest.mark.parametrize(
    ("package", "given", "words"),
    [("freqtrade", "2026.8", "freqtrade 2026.8"), ("ccxt", "4.5.20", "ccxt 4.5.20")],
)
def test_versions_that_were_not_tested_are_found(package, given, words, monkeypatch, healthy, said):
    usual = machine.version
    monkeypatch.setattr(machine, "version", lambda p: given if p == package else usual(p))
    (found,) = said("machine.versions", healthy)
    assert (found.severity, found.value) == (ERROR, words)


def test_the_version_that_was_tested_is_the_one_that_is_installed(repository):
    pinned = re.search(r"freqtrade\[[^]]*\]==([\d.]+)", (repository / "pyproject.toml").read_text())
    assert pinned is not None
    assert pinned[1] == machine.FREQTRADE
    least = re.search(r"ccxt>=([\d.]+)", (repository / "pyproject.toml").read_text())
    assert least is not None
    assert tuple(map(int, least[1].split("."))) == machine.LEAST_CCXT


@pytest.mark.parametrize(
    ("offset", "uncertainty", "severity"),
    [
        (0.2, 0.05, Severity.OK),
        (-1.4, 0.05, Severity.OK),
        (1.7, 0.05, WARNING),
        (-600, 0.1, ERROR),
        (5.2, 0.1, ERROR),
        (5.2, 0.3, WARNING),  # 4.9 s are certain
        (9.0, 8.5, UNCHECKED),
    ],
)
def test_only_what_is_certain_of_a_clock_counts(offset, uncertainty, severity, healthy):
    report = Report("machine.clock")
    machine.judge_clock(Reading(offset, uncertainty), healthy, report)
    assert [finding.severity for finding in report.found] == [severity]


def test_without_a_cap_every_tier_of_a_pair_is_walked(healthy, said):
    (found,) = said("liquidation.stops", live(healthy, {"available_capital": ...}))
    assert found.severity is Severity.OK
    assert "all tiers" in found.what


def test_another_bot_is_a_warning_in_a_dry_run_and_an_error_with_real_money(
    monkeypatch, healthy, said, tmp_path
):
    monkeypatch.setattr(machine, "_traders", lambda: iter([4711]))
    url = {"db_url": f"sqlite:///{tmp_path / 'x.sqlite'}"}
    assert said("machine.instance", with_config(healthy, url))[0].severity is WARNING
    assert said("machine.instance", live(healthy, url))[0].severity is ERROR


def test_a_database_that_nobody_holds_is_free_again(healthy, said, tmp_path):
    patient = held(healthy, tmp_path)
    assert said("machine.instance", patient)[0].severity is ERROR
    _HELD.pop().release()
    assert said("machine.instance", patient)[0].severity is Severity.OK


def test_secrets_that_only_their_owner_can_read_are_told_without_alarm(healthy, said, tmp_path):
    path = write_config(tmp_path, "mine.json", {"exchange": {"secret": "w3LpT9cY6dF1"}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (found,) = said("secrets.in_files", replace(live(healthy), files=(path,)))
    assert found.severity is Severity.INFO


def test_startup_candles_cover_the_default_settings_and_grow_with_them(healthy):
    needed = needed_bars(IndicatorSettings())
    assert max(needed.values()) <= healthy.strategy.startup_candle_count
    # (1 - 1/14)^187 is just below a millionth; 192 bars are ranked after that.
    assert needed["atr_rank"] == 187 + 192
    assert needed["trend_ema_slow"] == 346  # (1 - 2/51)^346 < 1e-6 < (1 - 2/51)^345
    assert needed_bars(IndicatorSettings(adx=30))["adx"] > 400


def test_checks_are_chosen_by_name_concern_and_pattern():
    assert [check.name for check in chosen(["config.mode"], [])] == ["config.mode"]
    assert {check.concern for check in chosen(["data", "machine"], [])} == {"data", "machine"}
    assert [check.name for check in chosen(["*.stop*"], ["config.stop_order"])] == [
        "config.stop_on_exchange", "config.stop_price", "liquidation.stops",
    ]  # fmt: skip
    assert len(chosen([], [])) == len(CHECKS)
    for only, skip in ((["nothing"], []), ([], ["nothing"])):
        with pytest.raises(DoctorError, match="'nothing' is no check"):
            chosen(only, skip)


def test_every_check_stands_in_the_operations_page(repository):
    page = repository / "docs" / "operations.md"
    text = page.read_text().split("\n## Doctor\n", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", text, re.MULTILINE))
    assert documented == set(CHECKS)


def test_the_root_is_the_repository(repository):
    assert repository == ROOT

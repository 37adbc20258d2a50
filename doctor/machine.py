"""The computer: its clock, disk, folders and versions, and who else trades on it."""

import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from doctor.findings import Report
from doctor.patient import Patient
from providers.endpoints import Endpoints
from providers.errors import ProviderError
from providers.live.clock_offset import TIME_PATH, Reading, read_offset
from providers.storage.instance import InstanceError, database_of, lock_of, owner_of
from providers.transport.http import Bounds, HttpClient

PYTHON = (3, 11)
# What the pack was tested with; another version may answer callbacks otherwise.
FREQTRADE = "2026.9"
LEAST_CCXT = (4, 5, 76)  # the first that asks Binance for open interest as Freqtrade needs it
PATIENCE_SECONDS = 5.0
MB = 1_000_000
ROOMY = 4  # times the limit below which the bot itself stops entries


def clock(patient: Patient, report: Report) -> None:
    """Compare this computer's clock with the exchange's."""
    if not patient.online:
        report.unchecked("the exchange was not asked, because of --offline")
        return
    name = patient.config.get("exchange", {}).get("name")
    base = _futures_address(patient)
    if name != "binance" or base is None:
        report.unchecked("the time is asked from Binance only", name)
        return
    if patient.settings is None:
        report.unchecked("the pack's settings are wrong")
        return
    client = HttpClient(bounds=Bounds(total=PATIENCE_SECONDS, read=PATIENCE_SECONDS))
    try:
        reading = read_offset(client, base)
    except ProviderError as error:
        report.unchecked("the exchange did not tell the time", str(error), "is it reachable?")
        return
    finally:
        client.close()
    judge_clock(reading, patient, report)


def judge_clock(reading: Reading, patient: Patient, report: Report) -> None:
    """Judge what is certain of an offset: a slow answer alone is no wrong clock."""
    if patient.settings is None:
        return
    limits = patient.settings.watch
    certain = abs(reading.offset) - reading.uncertainty
    value = f"{reading.offset:+.2f} s, known to {reading.uncertainty:.2f} s"
    way = "let the system keep time: `timedatectl set-ntp true`, or chrony"
    if limits.clock_block_seconds and certain > limits.clock_block_seconds:
        report.error("the clock is wrong, and the bot would refuse every entry", value, way)
    elif certain > limits.clock_warn_seconds:
        report.warning("the clock is wrong", value, way)
    elif reading.uncertainty > limits.clock_block_seconds > 0:
        report.unchecked("answers are too slow to tell", value)
    else:
        report.ok("the clock agrees with the exchange's", value)


def disk(patient: Patient, report: Report) -> None:
    """Look for room: a full disk ends Freqtrade in the middle of an exit."""
    limit = patient.settings.watch.disk_free_mb if patient.settings else 0
    limit = limit or 500.0
    for folder in {_existing(folder) for folder in _folders(patient).values()}:
        free = shutil.disk_usage(folder).free / MB
        value = f"{free:,.0f} MB free at {folder}"
        if free < limit:
            report.error("there is too little room", value, f"free {limit:,.0f} MB at least")
        elif free < ROOMY * limit:
            report.warning("there is little room", value, "logs and data grow every day")
    if not report.found:
        report.ok("there is room for data, logs and trades", f"{ROOMY * limit:,.0f} MB at least")


def folders(patient: Patient, report: Report) -> None:
    """Look whether everything that is written can be written."""
    for name, folder in _folders(patient).items():
        place = _existing(folder)
        try:
            with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-"):
                pass
        except OSError as error:
            report.error(
                f"the folder of {name} cannot be written", f"{place}: {error.strerror}", "chown it"
            )
    if not report.found:
        report.ok("folders can be written", ", ".join(_folders(patient)))


def instance(patient: Patient, report: Report) -> None:
    """Look for a second bot: two on one database or account trade everything twice."""
    path = lock_of(_database(patient), patient.user_data)
    if path is None:
        report.info("a database in memory belongs to one bot only")
    else:
        try:
            owner = owner_of(path)
        except InstanceError as error:
            report.unchecked("whether a bot holds the database cannot be told", str(error))
        else:
            if owner is not None:
                report.error(
                    "a bot uses this database already",
                    f"process {owner.pid} on {owner.host} since {owner.since}",
                    "stop it first, or give this bot a db_url of its own",
                )
    others = list(_traders())
    if others:
        report.worse(
            patient.live,
            "other bots trade on this computer: none may use the same account",
            ", ".join(f"process {pid}" for pid in others),
            "one bot per sub-account; they also share the exchange's request limits",
        )
    elif not Path("/proc").is_dir():
        report.unchecked("this system does not tell which programs run")
    if not report.found:
        report.ok("no other bot trades here")


def api_port(patient: Patient, report: Report) -> None:
    """Look for a port in use: Freqtrade then hangs at its start, and ignores to be stopped."""
    server = patient.config.get("api_server", {})
    if not server.get("enabled"):
        report.ok("the REST API is off")
        return
    address = str(server.get("listen_ip_address", "127.0.0.1"))
    port = int(server.get("listen_port", 8080))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
        try:
            probe.bind((address, port))
        except OSError as error:
            report.error(
                "the bot would hang at its start",
                f"port {port}: {error.strerror}",
                "stop who listens there, or set another api_server.listen_port",
            )
        else:
            report.ok("the port of the REST API is free", port)


def versions(patient: Patient, report: Report) -> None:  # noqa: ARG001 - every check takes it
    """Look for versions that the pack was not tested with."""
    if sys.version_info[:2] != PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        report.error("the pack was tested with another Python", found, "use Python 3.11")
    freqtrade, ccxt = _version("freqtrade"), _version("ccxt")
    if freqtrade != FREQTRADE:
        report.error(
            "callbacks may behave otherwise", f"freqtrade {freqtrade}", f"install {FREQTRADE}"
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", ccxt)[:3])
    if numbers < LEAST_CCXT:
        wanted = ".".join(map(str, LEAST_CCXT))
        report.error("stops or open interest fail on it", f"ccxt {ccxt}", f"install {wanted}")
    if not report.found:
        report.ok("versions are those that were tested", f"freqtrade {freqtrade}, ccxt {ccxt}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _futures_address(patient: Patient) -> str | None:
    """Return where the exchange's futures are asked: the public address or the configured one."""
    settings = patient.config.get("exchange", {}).get("ccxt_config", {})
    given = settings.get("urls", {}).get("api", {})
    address = given.get("fapiPublic") if isinstance(given, dict) else None
    if address is None:
        return Endpoints().binance_futures
    path = TIME_PATH.rpartition("/")[0]
    return address.removesuffix(path) if address.endswith(path) else None


def _database(patient: Patient) -> str:
    from freqtrade import constants  # noqa: PLC0415 - slow

    usual = constants.DEFAULT_DB_DRYRUN_URL if patient.dry_run else constants.DEFAULT_DB_PROD_URL
    return str(patient.config.get("db_url") or usual)


def _folders(patient: Patient) -> dict[str, Path]:
    named = {"user_data": patient.user_data, "data": patient.datadir}
    database = database_of(_database(patient))
    if database is not None:
        named["database"] = database.parent
    logfile = patient.config.get("logfile")
    if logfile and not str(logfile).startswith(("syslog", "journald")):
        named["log"] = Path(logfile).parent
    return named


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    path = folder.resolve()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _traders() -> Iterator[int]:
    """Yield the processes that run ``freqtrade trade``."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        pid = int(path.parent.name)
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended, or is somebody else's
        called = [position for position, word in enumerate(words) if _is_freqtrade(word)]
        if pid != os.getpid() and called and "trade" in words[called[0] + 1 : called[0] + 2]:
            yield pid


def _is_freqtrade(word: str) -> bool:
    return word == "freqtrade" or urlsplit(word).path.endswith("/freqtrade")


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "machine.clock": clock,
    "machine.disk": disk,
    "machine.folders": folders,
    "machine.instance": instance,
    "machine.api_port": api_port,
    "machine.versions": versions,
}

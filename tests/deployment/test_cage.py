"""The commands of docker-compose.yml work with exactly the rights that the file gives them.

Without Docker: a mount namespace is the read-only image, the volumes are folders, the process is
user 1000 without capabilities. The exchange is the replay exchange on loopback.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rehearsal.bot import free_port
from replay.client import freqtrade_environment, running
from replay.runner import WIDE
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market
from scripts import new_env
from scripts.health import find_pulse
from tests.deployment.container import (
    ROOT,
    Image,
    base_environment,
    caged,
    environment_of,
    image,
    require_cage,
    services,
)

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("cage")]

PATIENCE = 90
PAIR = "BTC/USDT:USDT"
USER = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    require_cage()
    return tmp_path_factory.mktemp("cage")


@pytest.fixture(scope="module")
def built(folder) -> Image:
    made = image(folder / "image")
    pairs = made.pack / "config" / "pairs.json"
    pairs.write_text(json.dumps({"exchange": {"pair_whitelist": [PAIR]}}))
    return made


@pytest.fixture(scope="module")
def exchange(folder) -> Iterator[str]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spec = MarketSpec(pairs=(PAIR,), start=today, days=2, seed=7, warmup_days=75)
    write_market(simulate(spec), folder / "market")
    with running(folder / "market") as url:
        yield url


@pytest.fixture
def host(tmp_path, folder, built) -> Path:
    """A checkout as `scripts/new_env.py` leaves it."""
    made = folder / tmp_path.name
    made.mkdir()
    made.chmod(0o755)
    (made / ".env.example").write_text((ROOT / ".env.example").read_text())
    assert new_env.main(["--root", str(made)]) == 0
    (made / "config").symlink_to(built.pack / "config")
    return made


def variables(host: Path) -> dict[str, str]:
    lines = (host / ".env").read_text().splitlines()
    assigned = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in assigned}


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    lines: list[str] = []
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    for line in process.stdout or ():
        lines.append(line)
        if wanted in line:
            watchdog.cancel()
            return lines
    watchdog.cancel()
    pytest.fail(f"ended without {wanted!r}: {''.join(lines[-25:])}")


def health(service, built, host, environment) -> subprocess.CompletedProcess[str]:
    """Run the health check of a service in a cage of its own, as `docker exec` does."""
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    cage = host / "health"
    cage.mkdir(exist_ok=True)
    with caged(
        service, built, cage, host=host, environment=environment, command=command
    ) as process:
        told, _ = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(command, process.returncode, told)


def written(host: Path) -> set[str]:
    return {
        path.relative_to(host).as_posix()
        for path in (host / "user_data").rglob("*")
        if path.is_file()
    }


@pytest.mark.verify
def test_the_bot_trades_as_user_1000_on_a_read_only_disk_and_its_health_is_seen(
    built, exchange, host
):
    service = services()["bot"]
    environment = {
        **base_environment(),
        **WIDE,
        **environment_of(service, variables(host)),
        **freqtrade_environment(exchange),
        # No container has a network of its own here.
        "FREQTRADE__API_SERVER__LISTEN_IP_ADDRESS": "127.0.0.1",
        "FREQTRADE__API_SERVER__LISTEN_PORT": str(free_port()),
        # The test need not wait for the next loop and its pulse.
        "FREQTRADE__INTERNALS__PROCESS_THROTTLE_SECS": "1",
        "FREQTRADE__REGIMEKIT__WATCH__PULSE_SECONDS": "1",
    }
    before = health(service, built, host, environment)
    assert before.returncode == 1
    assert "holds no pulse of regimerouter" in before.stdout
    cage = host / "bot"
    cage.mkdir()
    command = ["freqtrade", *service["command"]]
    with caged(
        service, built, cage, host=host, environment=environment, command=command
    ) as process:
        lines = read_until(process, "Bot heartbeat")
        pulses = host / "user_data" / "bots" / "bot" / "pulse"
        deadline = time.monotonic() + PATIENCE
        while find_pulse(pulses, "regimerouter").candle is None:  # its first loop looked before
            assert time.monotonic() < deadline
            time.sleep(0.2)
        after = health(service, built, host, environment)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
    log = "".join([*lines, rest])
    assert process.returncode == 130, log[-2000:]
    assert "Dry run is enabled" in log
    for trouble in ("ERROR", "Permission denied", "Read-only file system", "PermissionError"):
        assert trouble not in log, log
    assert after.returncode == 0, after.stdout
    assert after.stdout.startswith("RegimeRouter: loop "), after.stdout
    mine = "user_data/bots/bot/"
    assert f"{mine}trades.dry_run.sqlite" in written(host)
    assert all(path.startswith(mine) for path in written(host))
    assert {(host / path).stat().st_uid for path in written(host)} == {USER}


@pytest.mark.verify
def test_the_recorder_records_as_user_1000_and_its_health_is_seen(built, exchange, host):
    """A feed counts after its second good answer, a quarter of a minute after the first."""
    service = services()["recorder"]
    environment = {**base_environment(), **environment_of(service, variables(host))}
    before = health(service, built, host, environment)
    assert before.returncode == 1
    assert "recorder.json does not exist" in before.stdout
    cage = host / "recorder"
    cage.mkdir()
    there = ["--base-url", exchange, "--datasets", "order_book"]
    command = [*service["entrypoint"], *service["command"], *there]
    with caged(
        service, built, cage, host=host, environment=environment, command=command
    ) as process:
        lines = read_until(process, "recording order_book")
        deadline = time.monotonic() + PATIENCE
        while (after := health(service, built, host, environment)).returncode:
            assert time.monotonic() < deadline, after.stdout
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
    told = "".join([*lines, rest])
    assert process.returncode == 0, told
    assert "Permission" not in told, told
    assert "Read-only" not in told, told
    assert after.stdout.startswith("recorder: 1 of 1 feeds are OK"), after.stdout
    store = "user_data/data/binance/regimekit/"
    assert any(path.startswith(f"{store}order_book/") for path in written(host)), told
    assert all(path.startswith(store) for path in written(host))
    assert {(host / path).stat().st_uid for path in written(host)} == {USER}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/pack/config/x", "Read-only file system"),
        ("/pack/scripts/x", "Read-only file system"),
        ("/home/ftuser/x", "Read-only file system"),
        ("/freqtrade/x", "Read-only file system"),
        ("/freqtrade/user_data/data/binance/regimekit/x", "Read-only file system"),
        ("/freqtrade/user_data/x", ""),
        ("/tmp/x", ""),  # noqa: S108 - of the cage
    ],
)
def test_the_cage_holds(built, exchange, host, target, why):
    service = services()["bot"]
    cage = host / "cage"
    cage.mkdir()
    command = ["sh", "-c", f"id -u; : >> {target} && echo written"]
    with caged(
        service, built, cage, host=host, environment=base_environment(), command=command
    ) as process:
        told, _ = process.communicate(timeout=PATIENCE)
    assert told.startswith(f"{USER}\n"), told
    assert (why in told and "written" not in told) if why else told.endswith("written\n"), told


def test_nothing_of_the_cage_is_left_on_this_machine(folder):
    mounts = Path("/proc/self/mountinfo").read_text()
    assert os.fspath(folder) not in mounts

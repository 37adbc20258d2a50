"""The program: its ready line, its complaints, its end."""

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from providers.storage.store import native_path
from replay.__main__ import main
from replay.client import ReplayError, freqtrade_environment, running
from tests.replay.market import BTC, NOW

READY = re.compile(
    r"replay exchange at http://127\.0\.0\.1:\d+ serving 2 pairs, clock 2026-01-13T10:20:00Z\n"
)


def replay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "replay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_says_once_when_it_is_ready_and_stops_cleanly(datadir, stop):
    command = [sys.executable, "-m", "replay", "serve", "--datadir", str(datadir)]
    with subprocess.Popen(
        [*command, "--at", NOW.isoformat(), "--freeze"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            ready = process.stdout.readline()
            assert READY.fullmatch(ready)
            assert httpx.get(f"{ready.split()[3]}/fapi/v1/time", timeout=30).json() == {
                "serverTime": int(NOW.timestamp() * 1000)
            }
            process.send_signal(stop)
            assert process.communicate(timeout=30) == ("", "")
            assert process.returncode == 0
        finally:
            process.kill()  # leaving the block waits for it


def _no_folder(tmp_path):
    return ["--datadir", tmp_path / "nowhere"], ["nowhere does not exist", "simulate"]


def _no_futures(tmp_path):
    return ["--datadir", tmp_path], ["no candles in futures/", "simulate"]


def _bad_instant(datadir):
    return ["--datadir", datadir, "--at", "noon"], ["--at is 'noon'", "ISO 8601"]


def _too_early(datadir):
    return (
        ["--datadir", datadir, "--at", "2020-01-01"],
        ["clock is 2020-01-01T00:00:00Z", "--at 2026-01-05T00:00:00Z or later"],
    )


def _no_such_port(datadir):
    return ["--datadir", datadir, "--port", "99999"], ["127.0.0.1:99999", "--port"]


def _no_such_host(datadir):
    return ["--datadir", datadir, "--host", "203.0.113.1"], ["203.0.113.1"]


def _endless_delay(datadir):
    return ["--datadir", datadir, "--oi-delay", "inf"], ["--oi-delay is inf", "0 or more"]


def _negative_delay(datadir):
    return ["--datadir", datadir, "--oi-delay", "-1"], ["--oi-delay is -1", "0 or more"]


def _bad_option(datadir):
    return ["--datadir", datadir, "--port", "eighty"], ["invalid int value: 'eighty'", "--help"]


@pytest.fixture
def complains(capfd, monkeypatch):
    """Run the command in this process, which must refuse its arguments."""
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this process keeps its own answers

    def complains(arguments, expected):
        try:
            code = main(["serve", *map(str, arguments)])
        except SystemExit as left:
            code = left.code
        _assert_one_line(code, *capfd.readouterr(), expected)

    return complains


def _assert_one_line(code, output, complaint, expected):
    """One line with the thing, the value and the way out; exit code 2; nothing on stdout."""
    assert (code, output) == (2, "")
    assert complaint.count("\n") == 1
    for text in expected:
        assert text in complaint


@pytest.mark.parametrize("case", [_no_folder, _no_futures])
def test_folders_that_cannot_be_served(complains, tmp_path, case):
    complains(*case(tmp_path))


@pytest.mark.parametrize(
    "case",
    [
        _bad_instant,
        _too_early,
        _no_such_port,
        _no_such_host,
        _negative_delay,
        _endless_delay,
        _bad_option,
    ],
)
def test_settings_that_cannot_be_used(complains, datadir, case):
    complains(*case(datadir))


@pytest.mark.parametrize("case", [_too_early, _bad_option])
def test_the_program_refuses_with_nothing_but_its_line(datadir, case):
    """In a process of its own: what it imports and how it ends add nothing."""
    arguments, expected = case(datadir)
    result = replay("serve", *arguments)
    _assert_one_line(result.returncode, result.stdout, result.stderr, expected)


@pytest.mark.parametrize("content", [b"", b"not feather at all", b"ARROW1\0\0" + b"\xff" * 500])
def test_a_corrupt_file(complains, tmp_path, content):
    path = native_path(tmp_path, BTC, "15m")
    path.parent.mkdir()
    path.write_bytes(content)
    complains(["--datadir", tmp_path], [str(path), "fetch it again"])


def test_a_port_in_use(complains, datadir):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        complains(["--datadir", datadir, "--port", port], [f"127.0.0.1:{port}", "--port"])


def test_help_explains_the_clock():
    result = replay("serve", "--help")
    assert result.returncode == 0
    for word in ("--datadir", "--at", "--freeze", "epoch milliseconds", "dry runs"):
        assert word in result.stdout
    assert "simulate" in replay("--help").stdout


def test_running_passes_the_complaint_on(tmp_path):
    with pytest.raises(ReplayError, match="nowhere does not exist"), running(tmp_path / "nowhere"):
        pass


def test_running_starts_where_it_is_told_and_stops(datadir):
    with running(datadir, at=NOW, options=["--verbose"]) as url:
        stamp = httpx.get(f"{url}/fapi/v1/time").json()["serverTime"] / 1000
        assert NOW.timestamp() <= stamp < NOW.timestamp() + 60
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_the_environment_names_every_address_once():
    environment = freqtrade_environment("http://127.0.0.1:9001")
    assert {value for value in environment.values() if value.startswith("http")} == {
        "http://127.0.0.1:9001/api/v3",
        "http://127.0.0.1:9001/fapi/v1",
        "http://127.0.0.1:9001/futures/data",
    }
    others = {name for name in environment if not name.startswith("FREQTRADE__EXCHANGE__")}
    assert others == {"FREQTRADE__DRY_RUN"}  # only market data are redirected, orders are not
    assert environment["FREQTRADE__DRY_RUN"] == "true"

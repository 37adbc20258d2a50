"""The recorder as a process of its own, against the replay exchange and its faults."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.__main__ import main
from providers.errors import DataMissingError
from providers.live import recorder as recorder_module
from providers.live.feed import Feed
from providers.live.store_sink import StoreSink
from providers.storage.store import STORE_FOLDER, read_dataset
from replay.client import Faults, running
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market
from tests.providers.scripted import Clock

ROOT = Path(__file__).resolve().parents[2]
BTC = "BTC/USDT:USDT"
BOOK = "/fapi/v1/depth"
KLINES = "/fapi/v1/klines"
PATIENCE = 30


@pytest.fixture(scope="module")
def exchange(tmp_path_factory) -> Iterator[str]:
    """A market that began yesterday and ends tomorrow, served now."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spec = MarketSpec(pairs=(BTC,), start=today - timedelta(days=1), days=3, seed=5)
    folder = tmp_path_factory.mktemp("served")
    write_market(simulate(spec), folder)
    with running(folder) as url:
        yield url


@pytest.fixture(autouse=True)
def _well_behaved(exchange) -> Iterator[None]:
    yield
    Faults(exchange).clear()
    Faults(exchange).forget()


class Log:
    """What a process writes to stderr, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self.came = threading.Condition()
        self.thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self.thread.start()

    def _read(self, process) -> None:
        for line in process.stderr:
            with self.came:
                self.lines.append(line.rstrip())
                self.came.notify_all()

    def wait_for(self, text: str) -> None:
        with self.came:
            seen = self.came.wait_for(lambda: any(text in line for line in self.lines), PATIENCE)
            assert seen, self.lines

    @property
    def transitions(self) -> list[str]:
        found = (re.search(r"(\S+ \S+): (\w+ -> \w+)", line) for line in self.lines)
        return [match[0] for match in found if match]


def command(url: str, datadir: Path, *extra: str, datasets: Sequence[str]) -> list[str]:
    return [
        "record", "--pairs", BTC, "--datadir", str(datadir), "--base-url", url,
        "--datasets", *datasets, *extra,
    ]  # fmt: skip


@contextmanager
def recorder(
    url: str, datadir: Path, *extra: str, datasets: Sequence[str] = ("order_book",)
) -> Iterator[tuple[subprocess.Popen[str], Log]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "providers", *command(url, datadir, *extra, datasets=datasets)],
        cwd=ROOT, env=dict(os.environ), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    log = Log(process)
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield process, log
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        log.thread.join(5)


def rows_of(datadir: Path, name: str) -> int:
    try:
        return len(read_dataset(datadir, name, BTC))
    except DataMissingError:
        return 0


def wait_for_rows(datadir: Path, name: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while rows_of(datadir, name) < count:
        assert time.monotonic() < deadline, f"{name} has {rows_of(datadir, name)} rows"
        time.sleep(0.05)


def status(datadir: Path) -> dict:
    return json.loads((datadir / STORE_FOLDER / "recorder.json").read_text())


def ended(process: subprocess.Popen[str]) -> tuple[int, float]:
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE), time.monotonic() - started


def test_records_until_it_is_stopped_and_has_written_everything(exchange, tmp_path):
    datasets = ("order_book", "taker_flow", "long_short_ratio")
    with recorder(exchange, tmp_path, "--book-every", "1", datasets=datasets) as (process, log):
        assert process.stdout.readline() == (
            f"recording long_short_ratio, order_book, taker_flow into {tmp_path}\n"
        )
        wait_for_rows(tmp_path, "order_book", 2)
        wait_for_rows(tmp_path, "taker_flow", 90)
        code, seconds = ended(process)
    assert code == 0
    assert seconds < 10
    assert rows_of(tmp_path, "long_short_ratio") > 250, "what was gathered was not written"
    assert status(tmp_path)["pid"] == process.pid
    assert set(status(tmp_path)["feeds"]) == {f"{name} {BTC}" for name in datasets}
    assert not [line for line in log.lines if "ERROR" in line or "Traceback" in line]
    assert not list(tmp_path.rglob(".*.????????")), "temporary files are left"


def test_a_second_recorder_of_a_dataset_names_the_first(exchange, tmp_path):
    with recorder(exchange, tmp_path) as (first, _):
        assert first.stdout.readline()
        with recorder(exchange, tmp_path) as (second, log):
            assert second.wait(PATIENCE) == 2
            log.thread.join(5)
        assert f"order_book is being written by process {first.pid}" in log.lines[-1]
        with recorder(exchange, tmp_path, datasets=("taker_flow",)) as (third, _):
            assert third.stdout.readline()


def test_a_killed_recorder_loses_at_most_its_last_batch(exchange, tmp_path):
    with recorder(exchange, tmp_path, "--book-every", "1") as (process, _):
        wait_for_rows(tmp_path, "order_book", 2)
        process.kill()
        process.wait()
    kept = rows_of(tmp_path, "order_book")
    assert kept >= 2
    with recorder(exchange, tmp_path, "--book-every", "1") as (process, _):
        assert process.stdout.readline()
        wait_for_rows(tmp_path, "order_book", kept + 1)
        assert ended(process)[0] == 0


FAULTS = {
    "429": ({"kind": "status", "status": 429, "retry_after": 1, "count": 2}, "LIMITED"),
    "500": ({"kind": "status", "status": 500, "count": 3}, "OUTAGE"),
    "html": ({"kind": "html", "count": 1}, "INVALID"),
    "cut": ({"kind": "cut", "count": 3}, "OUTAGE"),
    "no rows": ({"kind": "json", "body": [], "count": 1}, "INVALID"),
}


@pytest.mark.parametrize(("fault", "state"), FAULTS.values(), ids=FAULTS)
def test_recovers_from_faults_by_itself_and_says_so_once(
    exchange, tmp_path, fault, state, monkeypatch, caplog
):
    """In this process, because the pauses of a source that fails are long."""
    monkeypatch.setattr("providers.live.polls.FIRST_RETRY", timedelta(seconds=0.3))
    monkeypatch.setattr("providers.transport.http.FIRST_BACKOFF", 0.01)
    caplog.set_level("INFO")
    Faults(exchange).set({"path": BOOK, **fault})
    stop = threading.Event()
    monkeypatch.setattr("providers.__main__._stopped_by_signals", lambda: stop)
    arguments = command(exchange, tmp_path, "--book-every", "1", datasets=("order_book",))
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(arguments)))
    thread.start()
    wait_for_rows(tmp_path, "order_book", 2)
    deadline = time.monotonic() + PATIENCE
    while "-> OK" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(10)
    assert codes == [0]
    changes = [line for line in caplog.messages if " -> " in line]
    assert [line.split(": ")[1] for line in changes] == [f"WARMUP -> {state}", f"{state} -> OK"]


REFUSED = {
    "418": ({"kind": "status", "status": 418, "banned_until": 4102444800000}, "BANNED", 1),
    "451": ({"kind": "status", "status": 451}, "BLOCKED", 1),
    "429 for long": ({"kind": "status", "status": 429, "retry_after": 600}, "LIMITED", 1),
    "500": ({"kind": "status", "status": 500}, "OUTAGE", 3),
    "empty": ({"kind": "empty_list"}, "STALE", 1),
}


@pytest.mark.parametrize(("fault", "state", "requests"), REFUSED.values(), ids=REFUSED)
def test_once_says_what_could_not_be_had(
    exchange, tmp_path, fault, state, requests, monkeypatch, caplog
):
    monkeypatch.setattr("providers.transport.http.FIRST_BACKOFF", 0.01)
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)
    Faults(exchange).set({"path": KLINES, **fault})
    arguments = command(exchange, tmp_path, "--once", datasets=("taker_flow", "spot_taker_flow"))
    assert main(arguments) == 1
    assert Faults(exchange).requests()[KLINES] == requests
    changes = [line for line in caplog.messages if " -> " in line]
    assert len(changes) == 1
    assert changes[0].startswith(f"taker_flow {BTC}: WARMUP -> {state}")
    assert rows_of(tmp_path, "spot_taker_flow") > 90, "another source is not concerned"


def test_once_polls_everything_and_ends(exchange, tmp_path, monkeypatch):
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)
    datasets = ("order_book", "taker_flow", "liquidations")
    assert main(command(exchange, tmp_path, "--once", datasets=datasets)) == 0
    assert rows_of(tmp_path, "order_book") == 1
    assert rows_of(tmp_path, "taker_flow") > 90
    assert set(status(tmp_path)["feeds"]) == {f"order_book {BTC}", f"taker_flow {BTC}"}
    assert main(command(exchange, tmp_path, "--once", datasets=datasets)) == 0
    assert rows_of(tmp_path, "order_book") == 2


def test_once_that_could_not_be_written_is_no_success(exchange, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("providers.storage.history.History.add", full)
    arguments = command(exchange, tmp_path, "--once", datasets=("long_short_ratio",))
    assert main(arguments) == 1
    assert f"long_short_ratio of {BTC} was not written" in caplog.text


def test_the_status_file_is_written_again_and_again(tmp_path, monkeypatch):
    stopping, clock, written = threading.Event(), Clock(), []

    def write(path, content):
        written.append(json.loads(content)["pid"])
        if len(written) == 3:
            stopping.set()

    monkeypatch.setattr(recorder_module, "replace_file", write)
    monkeypatch.setattr(recorder_module, "LOOK_EVERY", timedelta(milliseconds=1))
    monkeypatch.setattr(recorder_module, "STATUS_EVERY", timedelta(0))
    sink = StoreSink(tmp_path, frozenset(), clock.now)
    it = recorder_module.Recorder(
        tmp_path, (), Feed(sink, clock.now, stopping=stopping), (), sink, clock.now
    )
    thread = threading.Thread(target=it.run, daemon=True)
    thread.start()
    thread.join(5)
    stopping.set()
    assert len(written) >= 3


def test_settlements_can_be_recorded(exchange, tmp_path, monkeypatch):
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)
    assert main(command(exchange, tmp_path, "--once", datasets=("funding_rate",))) == 0
    assert rows_of(tmp_path, "funding_rate") >= 1


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [("soon", "'soon' is no number of seconds"), ("nan", "nan is not within"), ("0", "0 is not")],
)
def test_an_impossible_interval_is_named(seconds, reason, capsys):
    with pytest.raises(SystemExit):
        main(["record", "--book-every", seconds])
    assert reason in capsys.readouterr().err


def test_a_source_that_hangs_does_not_hold_up_the_end(exchange, tmp_path):
    Faults(exchange).set({"path": BOOK, "kind": "hang"})
    with recorder(exchange, tmp_path) as (process, _):
        assert process.stdout.readline()
        deadline = time.monotonic() + PATIENCE
        while BOOK not in Faults(exchange).requests() and time.monotonic() < deadline:
            time.sleep(0.05)
        code, seconds = ended(process)
    assert code == 0
    assert seconds < 10


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--datasets", "open_intrest"], "did you mean open_interest?"),
        (["--datasets", "recorder_uptime"], "can be neither polled nor listened to"),
        (["--datasets", "liquidations", "--once"], "only listened to"),
        (["--pairs", "BTC/USDT"], "BTC/USDT"),
        (["--config", "no/such/config.json"], "--pairs"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(
    arguments, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)
    pairs = [] if {"--pairs", "--config"} & set(arguments) else ["--pairs", BTC]
    assert main(["record", *pairs, "--datadir", str(tmp_path), *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_pairs_come_from_the_config_of_the_bot(exchange, tmp_path, monkeypatch):
    monkeypatch.setattr("providers.__main__._stopped_by_signals", threading.Event)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"exchange": {"pair_whitelist": [BTC]}}))
    assert main([
        "record", "--config", str(config), "--once", "--datasets", "order_book",
        "--datadir", str(tmp_path), "--base-url", exchange,
    ]) == 0  # fmt: skip
    assert rows_of(tmp_path, "order_book") == 1

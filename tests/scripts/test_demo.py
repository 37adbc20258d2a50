"""`make demo` as a newcomer runs it, and what it says when something is wrong."""

import importlib.util
import shutil
import subprocess
import sys

import pytest

from providers.storage.store import native_path
from tests.engine.bot import ROOT, TIMERANGE
from tests.engine.conftest import simulated  # noqa: F401 - the same small market

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("demo")]

SCRIPT = ROOT / "scripts" / "demo.py"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/demo.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_demo_simulates_backtests_and_reports(tmp_path):
    report = tmp_path / "report.html"
    run = demo("--output", str(report))
    assert run.returncode == 0, run.stderr
    assert "BACKTESTING REPORT" in run.stdout  # Freqtrade's own
    assert "REGIME x SUB-STRATEGY x EXIT" in run.stdout
    assert "reconciles with Freqtrade's total" in run.stdout
    assert "mean nothing" in run.stdout
    page = report.read_text()
    assert "This market is simulated" in page
    assert "plotly" in page


@pytest.mark.verify
@pytest.mark.realdata
def test_demo_replays_recorded_candles(tmp_path, shared_data):
    report = tmp_path / "report.html"
    run = demo(
        "--datadir", str(shared_data / "binance"), "--timerange", "20251205-20251209",
        "--output", str(report),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "Backtesting 7 pairs" in run.stderr
    assert "Leaving out TRX/USDT:USDT" in run.stderr
    assert "This market is simulated" not in report.read_text()


@pytest.fixture
def complaint(capsys, monkeypatch):
    """Run the demo in this process, which must fail, and return its one line."""
    monkeypatch.syspath_prepend(SCRIPT.parent)  # as it is found when it is run
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this process keeps its own answers
    spec = importlib.util.spec_from_file_location("demo_script", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def complaint(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["demo", *arguments])
        try:
            code = script.main()
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        assert code == 2, said
        assert "Traceback" not in said.err
        return said.err.strip().splitlines()[-1]

    return complaint


def test_missing_folder_is_named(tmp_path):
    run = demo("--datadir", str(tmp_path / "nowhere"))
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    line = run.stderr.strip().splitlines()[-1]
    assert "nowhere does not exist" in line
    assert "leave it out to simulate" in line


def test_folder_without_candles_is_named(complaint, tmp_path):
    assert "holds no *-15m-futures.feather file" in complaint("--datadir", str(tmp_path))


@pytest.mark.parametrize(
    ("timerange", "message"),
    [
        ("2026", "timerange is '2026', expected YYYYMMDD-YYYYMMDD"),
        ("20260110-20260105", "ends before it starts"),
        ("20200101-20200201", "the data cover"),
    ],
)
def test_bad_timerange_says_what_would_do(complaint, simulated, timerange, message):  # noqa: F811
    assert message in complaint("--datadir", str(simulated), "--timerange", timerange)


def test_unknown_profile_lists_the_known(complaint):
    assert "expected one of conservative, classic" in complaint("--profile", "brave")


@pytest.fixture
def damaged(simulated, tmp_path):  # noqa: F811
    return shutil.copytree(simulated, tmp_path / "market")


def test_missing_pair_file_is_named(complaint, damaged):
    native_path(damaged, "BTC/USDT:USDT", "1h", "funding_rate").unlink()
    line = complaint(
        "--datadir", str(damaged), "--timerange", TIMERANGE, "--pairs", "BTC/USDT:USDT"
    )
    assert "BTC_USDT_USDT-1h-funding_rate.feather does not exist" in line


def test_corrupt_file_is_named_and_left_alone(complaint, damaged):
    path = native_path(damaged, "BTC/USDT:USDT", "4h")
    path.write_bytes(path.read_bytes()[:1000])
    line = complaint(
        "--datadir", str(damaged), "--timerange", TIMERANGE, "--pairs", "BTC/USDT:USDT"
    )
    assert "BTC_USDT_USDT-4h-futures.feather is not a readable feather file" in line
    assert path.stat().st_size == 1000

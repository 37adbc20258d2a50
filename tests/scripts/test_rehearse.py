"""The command line of a rehearsal: what it refuses before anything is started."""

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from providers.coverage import Period
from tests.engine.bot import ROOT

SCRIPT = ROOT / "scripts" / "rehearse.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("rehearse", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(script, capsys):
    """Run the command in this process; return its exit code and what it said."""

    def run(*arguments):
        try:
            code = script.main(arguments)
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        return code, " ".join(f"{said.out} {said.err}".split())  # however wide the terminal is

    return run


def test_it_starts_from_anywhere_and_its_help_names_every_option(tmp_path):
    command = [sys.executable, str(SCRIPT), "--help"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = ended.stdout
    for option in ("--datadir", "--from", "--days", "--speed", "--kill", "--faults", "--profile"):
        assert option in shown
    assert "examples:" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "0"], "--days is 0, expected more than 0"),
        (["--days", "61"], "at most 60"),
        (["--speed", "0.5"], "--speed is 0.5, expected 1 to 1000"),
        (["--from", "yesterday"], "expected YYYY-MM-DD"),
        (["--from", "2026-01-05T00:07"], "is not the open of a 15m candle"),
        (["--profile", "bold"], "invalid choice: 'bold'"),
        (["--datadir", "nowhere"], "nowhere"),
        (["--faults", "nowhere.json"], "nowhere.json"),
        (["--config", "nowhere.json"], "--config is nowhere.json, which is no file"),
        (["--kill", "2020-01-01T00:00"], "--kill 2020-01-01T00:00 is not between"),
        (["--kill", "noon"], "--kill is 'noon', expected HH:MM or YYYY-MM-DDTHH:MM"),
        (["--kill", "99:99"], "--kill is '99:99', expected HH:MM"),
        (["--pairs", "NO/USDT:USDT"], "NO/USDT:USDT"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_with_the_reason(run, arguments, said):
    code, told = run(*arguments)
    assert code == 2
    assert said in told


def test_without_libfaketime_it_says_how_to_get_it(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, told = run("--days", "0.1", "--folder", str(tmp_path / "out"))
    assert code == 2
    assert "apt-get install faketime" in told


def test_a_time_of_day_is_the_first_one_in_the_period(script):
    start = datetime(2026, 1, 8, 6, tzinfo=UTC)
    period = Period(start, start + timedelta(days=1))
    assert script._kill_times(["12:00", "03:30"], period) == [
        datetime(2026, 1, 8, 12, tzinfo=UTC),
        datetime(2026, 1, 9, 3, 30, tzinfo=UTC),
    ]

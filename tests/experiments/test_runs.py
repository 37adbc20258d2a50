"""A run is kept whole or not at all."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from experiments import runs
from experiments.runs import ExperimentError, Shelf, execute, refuse_parameter_file
from providers.storage.store import native_path
from replay.runner import Run
from tests.experiments.test_identity import JOB
from tests.reports.builders import END, OTHER_PAIR, PAIR, START, record, statistics


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "runs")


@pytest.fixture
def job(tmp_path):
    dates = pd.date_range(START, END, freq="15min").as_unit("ms")
    for pair in (PAIR, OTHER_PAIR):
        path = native_path(tmp_path, pair, "15m")
        path.parent.mkdir(exist_ok=True)
        prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0)
        pd.DataFrame({"date": dates, **prices}).to_feather(path)
    return replace(JOB, datadir=tmp_path)


def option(command, name):
    return next(it.partition("=")[2] for it in command if it.startswith(f"--{name}="))


def backtest(command, **_):
    """Write what Freqtrade would export."""
    folder = Path(option(command, "backtest-directory"))
    with zipfile.ZipFile(folder / "backtest-result-x.zip", "w") as archive:
        stats = statistics([record()])
        archive.writestr("backtest-result-x.json", json.dumps({"strategy": {"S": stats}}))
        archive.writestr("backtest-result-x_config.json", "{}")
    (folder / ".last_result.json").write_text('{"latest_backtest": "backtest-result-x.zip"}')
    return Run(tuple(command), 0, "", "")


def left_in(shelf):
    return sorted(it.name for it in shelf.folder.iterdir())


def test_a_finished_run_is_kept_with_its_record(shelf, job, monkeypatch):
    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    assert shelf.outcome(job.key, job.datadir) is None
    execute(job, shelf, "http://x")
    assert left_in(shelf) == [job.key]
    assert shelf.outcome(job.key, job.datadir).trades == 1
    assert shelf.seconds(job.key) >= 0
    noted = json.loads((shelf.folder / job.key / "run.json").read_text())
    assert noted["settings"] == job.settings
    assert noted["timerange"] == job.timerange
    assert "backtesting" in noted["command"]


def test_freqtrade_is_told_settings_fee_and_pairs(shelf, job, monkeypatch):
    seen = {}

    def look(command, *, cwd, **rest):
        overlay = next(it for it in command if it.endswith("overlay.json"))
        seen.update(command=command, cwd=cwd, overlay=json.loads(Path(overlay[9:]).read_text()))
        return backtest(command)

    monkeypatch.setattr(runs, "run_freqtrade", look)
    execute(replace(job, tree=Path("/tree")), shelf, "http://x")
    assert seen["overlay"] == {"regimekit": job.settings}
    assert seen["cwd"] == Path("/tree")
    assert option(seen["command"], "fee") == "0.0005"
    assert seen["command"][-2:] == ["--pairs", "BTC/USDT:USDT"]
    assert not [it for it in seen["command"] if it.startswith("--strategy-path")]
    execute(replace(job, strategy="Supertrend", settings={}), shelf, "http://x")
    assert seen["overlay"] == {}
    assert option(seen["command"], "strategy-path") == "experiments/strategies"


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_a_stopped_run_leaves_nothing(shelf, job, monkeypatch, signal):
    def stopped(command, **_):
        backtest(command)
        raise signal

    monkeypatch.setattr(runs, "run_freqtrade", stopped)
    with pytest.raises(signal):
        execute(job, shelf, "http://x")
    assert left_in(shelf) == []


def test_stopped_while_measuring_leaves_nothing(shelf, job, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    monkeypatch.setattr(runs, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        execute(job, shelf, "http://x")
    assert left_in(shelf) == []


def test_a_failed_run_leaves_only_its_log(shelf, job, monkeypatch):
    def failing(command, **_):
        return Run(tuple(command), 2, "", "- ERROR - no such pair\n")

    monkeypatch.setattr(runs, "run_freqtrade", failing)
    with pytest.raises(ExperimentError, match=r"exit code 2: - ERROR - no such pair \(whole log"):
        execute(job, shelf, "http://x")
    assert left_in(shelf) == [f"{job.key}.failed.log"]
    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    execute(job, shelf, "http://x")
    assert left_in(shelf) == [job.key]


def test_callbacks_that_failed_make_a_run_fail(shelf, job, monkeypatch):
    def troubled(command, **_):
        run = backtest(command)
        return replace(run, log="x - Strategy caused the following exception: division by zero\n")

    monkeypatch.setattr(runs, "run_freqtrade", troubled)
    with pytest.raises(ExperimentError, match="division by zero"):
        execute(job, shelf, "http://x")
    assert shelf.outcome(job.key, job.datadir) is None


def test_what_a_killed_run_left_is_no_result_and_is_swept(shelf, job, monkeypatch):
    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    execute(job, shelf, "http://x")
    killed = shelf.folder / ".run-abc-xyz" / "kept"
    killed.mkdir(parents=True)
    (killed / "outcome.json").write_text('{"wallet": [')
    shelf.sweep()
    assert left_in(shelf) == [job.key]


@pytest.mark.parametrize("damage", ["another measure", "half a file", "gone"])
def test_outcome_is_measured_again_from_the_kept_result(shelf, job, monkeypatch, damage):
    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    execute(job, shelf, "http://x")
    file = shelf.folder / job.key / "outcome.json"
    before, text = shelf.outcome(job.key, job.datadir), file.read_text()
    if damage == "another measure":
        content = json.loads(text)
        file.write_text(json.dumps({**content, "measured_by": "before", "trades": 99}))
    elif damage == "half a file":
        file.write_text(text[: len(text) // 2])
    else:
        file.unlink()
    assert shelf.outcome(job.key, job.datadir) == before
    assert json.loads(file.read_text()) == json.loads(text)


def test_a_repeated_run_replaces_the_kept_one(shelf, job, monkeypatch):
    monkeypatch.setattr(runs, "run_freqtrade", backtest)
    execute(job, shelf, "http://x")
    (shelf.folder / job.key / "old").touch()
    execute(job, shelf, "http://x")
    assert not (shelf.folder / job.key / "old").exists()
    shelf.discard(job.key)
    assert left_in(shelf) == []


def test_hyperopted_parameters_are_refused(tmp_path):
    refuse_parameter_file(tmp_path)
    file = tmp_path / "user_data" / "strategies" / "RegimeRouter.json"
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(ExperimentError, match=r"RegimeRouter.json holds.*--settings"):
        refuse_parameter_file(tmp_path)

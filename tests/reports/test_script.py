"""scripts/report.py: a file and tables, or one line and exit code 2."""

import importlib.util
from pathlib import Path

import pytest

from providers.storage.store import native_path, write_frame
from tests.reports.builders import statistics

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("report_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def datadir(tmp_path, market):
    for pair, series in market.items():
        for name, frame in series.items():
            kind = "funding_rate" if name == "funding_rate" else "futures"
            timeframe = "1h" if kind == "funding_rate" else name
            write_frame(frame, native_path(tmp_path / "data", pair, timeframe, kind))
    return tmp_path / "data"


def test_the_newest_result_becomes_a_report_beside_it(report, export, datadir, tmp_path, capsys):
    path = export()
    assert report.main(["--latest", "--results", str(tmp_path), "--datadir", str(datadir)]) == 0
    written = path.with_name(f"{path.stem}-report.html")
    assert "<title>RegimeRouter" in written.read_text()
    printed = capsys.readouterr().out
    assert "REGIME x SUB-STRATEGY x EXIT" in printed
    assert f"Report: {written}" in printed


def test_a_simulated_datadir_is_found_out(report, export, datadir):
    (datadir / "simulation.json").write_text("{}")
    path = export()
    assert report.load_study(path, datadir=datadir).simulated
    assert not report.load_study(path, datadir=datadir, simulated="no").simulated


def test_results_measured_with_candles_have_r(report, export, datadir):
    examined = report.load_study(export(), datadir=datadir)
    assert examined.r_unknown() == {"entry tag is not one of this pack": 1}


def test_a_default_datadir_may_be_missing(report, export):
    assert not report.load_study(export()).frames


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--datadir", "nowhere"], "--datadir nowhere is not a folder"),
        (["--strategy", "Nope"], "has no strategy Nope; it holds RegimeRouter"),
        (["--pair", "CCC"], "pair CCC has no candles to draw"),
        (["--output", "nowhere/report.html"], "folder nowhere does not exist"),
        (["--result", "nowhere.zip"], "nowhere.zip is not a file"),
    ],
)
def test_trouble_is_one_line_and_exit_code_2(report, export, capsys, monkeypatch, arguments, words):
    path = export()
    monkeypatch.chdir(path.parent)
    given = arguments if "--result" in arguments else ["--result", str(path), *arguments]
    assert report.main(given) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_damaged_result_is_one_line(report, export, capsys):
    stats = statistics([])
    del stats["trades"]
    assert report.main(["--result", str(export({"RegimeRouter": stats}))]) == 2
    assert "has no 'trades'" in capsys.readouterr().err


def test_help_explains_every_option(report, capsys):
    with pytest.raises(SystemExit) as stopped:
        report.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--result", "--latest", "--datadir", "--pair", "--output", "--simulated"):
        assert option in shown

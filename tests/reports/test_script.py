"""scripts/report.py: a file and tables, or one line and exit code 2."""

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from providers.storage.store import native_path, store_path, write_frame
from providers.storage.vetoes import LedgerFile, ledger_path
from regimekit.schema import Availability
from tests.reports.builders import END, PAIR, START, STEP, statistics

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


def snapshots(**columns):
    dates = pd.date_range(START - pd.Timedelta(days=5), END, freq=STEP, inclusive="left")
    random = np.random.default_rng(3)
    values = {name: scale * random.uniform(1, 2, len(dates)) for name, scale in columns.items()}
    return pd.DataFrame({"date": dates, **values})


def test_open_interest_and_flow_are_read_where_the_run_read_them(report, export, datadir):
    blind = report.load_study(export(), datadir=datadir)
    assert blind.frames[PAIR]["squeeze_risk"].isna().all()
    interest = snapshots(open_interest_amount=1000.0)
    write_frame(interest, native_path(datadir, PAIR, "15m", "open_interest"))
    flow = snapshots(volume=100.0, taker_buy_volume=50.0)
    flow = flow.assign(known_at=flow["date"] + STEP)
    write_frame(flow, store_path(datadir, "taker_flow", PAIR, "15m"), checksum=True)
    examined = report.load_study(export(), datadir=datadir)
    frame = examined.frames[PAIR]
    for state in ("oi_state", "flow_state", "squeeze_state"):
        assert frame[state].eq(int(Availability.OK)).mean() > 0.9
    assert frame["spot_flow_state"].eq(int(Availability.OUTAGE)).all()
    shares = {item.name: item.share for item in examined.inputs}
    assert shares["open interest"] == pytest.approx(0.5, abs=0.05)  # of two pairs it has one


def test_damaged_flow_counts_as_missing_as_it_did_in_the_run(report, export, datadir):
    path = store_path(datadir, "taker_flow", PAIR, "15m")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"junk")
    frame = report.load_study(export(), datadir=datadir).frames[PAIR]
    assert frame["flow_state"].eq(int(Availability.OUTAGE)).all()


@pytest.fixture
def vetoes(tmp_path):
    """A folder with the ledger of a run that began at noon, and one of the run before."""
    noon = datetime(2026, 1, 20, 12, tzinfo=UTC)
    for started, rows in ((noon - timedelta(minutes=5), 1), (noon + timedelta(seconds=3), 2)):
        path = ledger_path(tmp_path / "vetoes", "RegimeRouter", "backtest", f"{started:%H%M}")
        run = {"strategy": "RegimeRouter", "run_mode": "backtest",
               "timerange": "20260105-20260115", "started_at": started.isoformat()}  # fmt: skip
        at = START + pd.Timedelta(hours=30)
        LedgerFile(path, run, 100).append(
            {"at": (at + number * STEP).isoformat(), "pair": PAIR, "side": "long", "gate": "hour"}
            for number in range(rows)
        )
    return tmp_path / "vetoes"


def test_the_ledger_of_the_run_is_found(report, export, trades, datadir, vetoes):
    noon = int(datetime(2026, 1, 20, 12, tzinfo=UTC).timestamp())
    own = export({"RegimeRouter": statistics(trades, backtest_run_start_ts=noon)})
    examined = report.load_study(own, datadir=datadir, vetoes=vetoes)
    assert examined.ledger_rows == 2
    assert [row.refused for row in examined.gates if row.gate == "hour"] == [2]
    earlier = min(vetoes.iterdir())
    assert report.load_study(own, datadir=datadir, vetoes=earlier).ledger_rows == 1


@pytest.mark.parametrize("began", [None, "soon", 0])
def test_a_run_without_ledger_has_none(report, export, trades, vetoes, began):
    own = export({"RegimeRouter": statistics(trades, backtest_run_start_ts=began)})
    assert report.load_study(own, vetoes=vetoes).ledger_rows is None
    assert report.load_study(export(), vetoes=vetoes / "nowhere").ledger_rows is None


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
    for option in (
        "--result",
        "--latest",
        "--datadir",
        "--pair",
        "--output",
        "--simulated",
        "--vetoes",
    ):
        assert option in shown

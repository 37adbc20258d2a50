"""`scripts/ablate.py` as it is typed, with the real Freqtrade on a small simulated market."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import variants
from experiments.ledger import Ledger, Tries
from providers.results import read_result
from scripts import ablate
from tests.engine.bot import ROOT
from tests.engine.conftest import simulated  # noqa: F401 - the same small market

pytestmark = pytest.mark.xdist_group("ablation")

TIMERANGE = "20260101-20260112"


def command(datadir: Path, results: Path, *arguments: str) -> list[str]:
    return [
        *(sys.executable, "scripts/ablate.py", f"--datadir={datadir}", f"--results={results}"),
        *(f"--timerange={TIMERANGE}", "--jobs=1", "--only=exits.hybrid_trail", *arguments),
    ]


def run(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.verify
@pytest.mark.freqtrade
def test_interrupted_resumed_and_repeated(simulated, tmp_path):  # noqa: F811
    results, numbers = tmp_path / "results", tmp_path / "numbers.json"
    arguments = ["--only=Supertrend", f"--json={numbers}", f"--html={tmp_path / 'page.html'}"]

    # Some shells start background commands deaf to Ctrl-C, and what they start as well
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command(simulated, results, *arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stderr:
            if line.startswith("1/3 ") and line not in lines:
                process.send_signal(signal.SIGINT)
            lines.append(line)
    signal.signal(signal.SIGINT, before)
    assert process.returncode == 130, "".join(lines)
    assert "finished runs are kept" in lines[-1]
    assert "Traceback" not in "".join(lines)
    kept = [it.name for it in (results / "runs").iterdir()]
    assert len(kept) == 1
    assert not kept[0].startswith(".")

    resumed = run(simulated, results, *arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert "2 backtests to make, 1 kept." in resumed.stderr
    for label in ("default", "exits.hybrid_trail off", "Supertrend", "buy and hold"):
        assert re.search(rf"^\s+{label}\s", resumed.stdout, re.MULTILINE)
    assert "2 backtests of simulated so far" in resumed.stdout  # nobody chooses a baseline

    ledger = (results / "ledger.jsonl").read_bytes()
    repeated = run(simulated, results, *arguments)
    assert repeated.returncode == 0, repeated.stderr
    assert "0 backtests to make, 3 kept." in repeated.stderr
    assert repeated.stdout == resumed.stdout
    assert (results / "ledger.jsonl").read_bytes() == ledger
    figures_agree_with_freqtrade(json.loads(numbers.read_text()), results)


def figures_agree_with_freqtrade(content, results):
    """The last wallet of every variant is Freqtrade's own final balance."""
    records = [json.loads(it.read_text()) for it in results.glob("runs/*/run.json")]
    names = {it["name"]: it for it in records}
    assert names.keys() == {"default", "exits.hybrid_trail", "Supertrend"}
    assert names["default"]["settings"]["exits"]["hybrid_trail"] is True
    assert names["exits.hybrid_trail"]["settings"]["exits"]["hybrid_trail"] is False
    finals = {
        json.loads((it / "run.json").read_text())["name"]: read_result(it / "result.zip").stats
        for it in (results / "runs").iterdir()
    }
    for row in content[0]["rows"]:
        if row["name"] in finals:
            stats = finals[row["name"]]
            assert row["outcome"]["marked"]
            assert row["outcome"]["trades"] == stats["total_trades"]
            assert row["outcome"]["wallet"][-1] == pytest.approx(stats["final_balance"], abs=0.01)
    assert finals["Supertrend"]["total_trades"] > 4


@pytest.mark.freqtrade
def test_a_variant_that_fails_is_shown_and_not_fatal(simulated, tmp_path, monkeypatch, capsys):  # noqa: F811
    """A baseline that is not there stands for any variant that Freqtrade refuses."""
    broken = [
        replace(it, strategy="Missing") if it.name == "Supertrend" else it
        for it in variants.VARIANTS
    ]
    monkeypatch.setattr(variants, "VARIANTS", tuple(broken))
    little = ("--timerange=20260101-20260105", "--pairs", "BTC/USDT:USDT")
    code = ablate.main(command(simulated, tmp_path, "--only=Supertrend", *little)[2:])
    printed = capsys.readouterr()
    assert code == 1
    assert "FAILED simulated Supertrend: freqtrade backtesting ended" in printed.err
    assert "- FAILED Supertrend: freqtrade backtesting ended" in printed.out
    assert "exits.hybrid_trail off" in printed.out


def dry(*arguments, capsys):
    code = ablate.main([*arguments, "--dry-run"])
    return code, capsys.readouterr()


def test_dry_run_lists_and_writes_nothing(simulated, tmp_path, capsys):  # noqa: F811
    results = tmp_path / "results"
    code, printed = dry(*command(simulated, results)[2:], capsys=capsys)
    assert code == 0
    assert "exits.hybrid_trail off" in printed.out
    assert "left out: filters.news (only live" in printed.out
    assert not results.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only=nonsense"], "--only nonsense names no variant"),
        (["--settings={"], "--settings is not JSON"),
        (['--settings={"exits": {"trail_atr": 9999}}'], "exits.trail_atr is 9999"),
        (["--settings=[1]"], "No such file"),
        (["--pairs", "DOGE/USDT:USDT"], "DOGE/USDT:USDT"),
    ],
)
def test_wrong_arguments_are_one_line(simulated, tmp_path, capsys, arguments, message):  # noqa: F811
    code, printed = dry(*command(simulated, tmp_path)[2:], *arguments, capsys=capsys)
    assert code == 2
    assert message in printed.err
    assert len(printed.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--datadir=x", "--period=check"], ["--timerange=20260101-20260102"], ["--jobs=0"]],
)
def test_contradictions_are_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        ablate.main(arguments)
    assert "ablate: error: --" in capsys.readouterr().err


def test_missing_recorded_candles_are_named(tmp_path, capsys):
    code, printed = dry(f"--recorded={tmp_path}", capsys=capsys)
    assert code == 2
    assert "name another folder with --datadir" in printed.err


@pytest.mark.realdata
def test_a_look_at_a_reserved_period_is_noted(shared_data, tmp_path, capsys, monkeypatch):
    """The look is noted before anything runs: what is interrupted may have been seen."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ablate, "_run", interrupted)
    for number in (1, 2):
        code = ablate.main(
            ["--period=recent", f"--recorded={shared_data}", f"--results={tmp_path}"]
        )
        printed = capsys.readouterr()
        assert code == 130
        assert f"this is look number {number}, and each look spends it" in printed.err
    assert "recent leaves out TRX/USDT:USDT" in printed.err
    assert Ledger(tmp_path / "ledger.jsonl").tries("recent") == Tries(0, 0, 2)


def test_two_ablations_do_not_share_a_folder(simulated, tmp_path, capsys):  # noqa: F811
    with ablate._only_one(tmp_path):
        assert ablate.main(command(simulated, tmp_path)[2:]) == 2
    assert "another ablation is running" in capsys.readouterr().err

"""Freqtrade for one job: what it is asked, what is kept of it, and that nothing stays behind.

A short program stands in Freqtrade's place; `test_execute_freqtrade` runs the real one.
"""

import gzip
import json
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from replay import runner
from replay.client import ReplayError
from tests.processes import gone
from tuning.execution import execute as execution
from tuning.execution.execute import execute
from tuning.execution.shelf import RAW_EPOCHS, RECORD
from tuning.jobs import Backtest, Common, Search
from tuning.model import TuningError

COMMON = Common(
    strategy="Router",
    strategy_folder="user_data/strategies",
    timerange="20260101-20260103",
    pairs=("BTC/USDT:USDT", "ETH/USDT:USDT"),
    fee=0.00045,
    configs=("user_data/config.json", "config/more.json"),
    settings={"regimekit": {"exits": {"stop": 1}, "vetoes": {"days": 3}}, "loss": {"folds": 3}},
    source="s",
    data="d",
)
CLOSED = (("2026-01-02T00:00:00+00:00", "2026-01-02T06:00:00+00:00"),)
SEARCH = Search(COMMON, "RobustSharpe", ("buy", "sell"), epochs=3, seed=7, closed=CLOSED)
PARAMETERS = {
    "buy": {"adx": 21.0, "fast": True},
    "sell": {"trail": 3},
    "stoploss": {"stoploss": -1},
}

# Stands in for Freqtrade: tells what it was given, and fails.
TELLS = """
    import json, os, pathlib, sys
    userdir = pathlib.Path(next(it for it in sys.argv if it.startswith("--userdir="))[10:])
    print(json.dumps({
        "arguments": sys.argv[1:],
        "cwd": os.getcwd(),
        "overlay": json.loads((userdir / "overlay.json").read_text()),
        "strategies": {it.name: it.read_text() for it in (userdir / "strategies").iterdir()},
        "ledger": os.environ["FREQTRADE__REGIMEKIT__VETOES__LEDGER"],
        "path": os.environ["PYTHONPATH"].split(os.pathsep),
    }), file=sys.stderr)
    sys.exit(2)
"""
# Writes epochs one by one, each when the file `next` beside the tree is removed, then ends.
SEARCHES = """
    import json, os, pathlib, sys
    userdir = pathlib.Path(next(it for it in sys.argv if it.startswith("--userdir="))[10:])
    folder = userdir / "hyperopt_results"
    folder.mkdir()
    print(os.getpid(), file=sys.stderr, flush=True)
    for number in (1, 2):
        while pathlib.Path("next").exists():
            pass
        epoch = {
            "current_epoch": number, "loss": 1.5, "params_details": {"buy": {"a": number}},
            "results_metrics": {"trades": [], "starting_balance": 1000},
        }
        with open(folder / "strategy_Router.fthypt", "a") as file:
            file.write(json.dumps(epoch) + "\\n")
        pathlib.Path("next").touch()
    while pathlib.Path("next").exists():
        pass
"""


@dataclass
class Stage:
    """Does jobs in a small tree where a short program is Freqtrade."""

    tree: Path
    datadir: Path
    work: Path

    def __call__(self, job, source=TELLS, **options):
        (self.tree / "freqtrade" / "__main__.py").write_text(textwrap.dedent(source))
        return execute(job, tree=self.tree, datadir=self.datadir, work=self.work, **options)

    def go_on(self, *_):
        """Let `SEARCHES` take its next step."""
        (self.tree / "next").unlink(missing_ok=True)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    for name, text in {
        "user_data/config.json": "{}",
        "config/more.json": "{}",
        "user_data/strategies/Router.py": "class Router(IStrategy): ...",
        "user_data/strategies/_path.py": "",
        "user_data/strategies/Router.json": '{"params": {"buy": {"adx": 99}}}',
        "freqtrade/__init__.py": "",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)

    @contextmanager
    def no_exchange(datadir, **_):
        yield "http://127.0.0.1:9"

    monkeypatch.setattr(execution, "running", no_exchange)
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.01)
    return Stage(tree, tmp_path / "data", tmp_path / "work")


def left_in(folder) -> list[str]:
    return sorted(it.name for it in folder.iterdir())


def told(stage, job):
    """Return what Freqtrade would have been given for `job`."""
    with pytest.raises(TuningError) as failure:
        stage(job)
    (line,) = [it for it in str(failure.value).splitlines() if it.startswith("{")]
    return json.loads(line)


def options_of(arguments):
    return dict(it.split("=", 1) for it in arguments if it.startswith("--") and "=" in it)


def test_a_search_is_asked_for_as_a_user_would(stage):
    given = told(stage, SEARCH)
    arguments = given["arguments"]
    options = options_of(arguments)
    userdir = options["--userdir"]
    assert arguments[0] == "hyperopt"
    assert options | {"--config": ""} == {
        "--strategy": "Router",
        "--userdir": userdir,
        "--config": "",
        "--datadir": str(stage.datadir),
        "--timerange": "20260101-20260103",
        "--fee": "0.00045",
        "--hyperopt-loss": "RobustSharpe",
        "--hyperopt-path": str(stage.tree / "hyperopts"),
        "--job-workers": "1",
        "--epochs": "3",
        "--random-state": "7",
    }
    assert [it for it in arguments if it.startswith("--config")] == [
        "--config=user_data/config.json",
        "--config=config/more.json",
        f"--config={userdir}/overlay.json",
    ]
    rest = ["--disable-param-export", "--spaces", "buy", "sell", "--pairs", *COMMON.pairs]
    assert arguments[-len(rest) :] == rest
    assert given["cwd"] == str(stage.tree)


def test_a_backtest_is_asked_for_as_a_user_would(stage):
    arguments = told(stage, Backtest(COMMON, None))["arguments"]
    options = options_of(arguments)
    assert arguments[0] == "backtesting"
    assert options["--cache"] == "none"
    assert options["--backtest-directory"] == f"{options['--userdir']}/backtest_results"
    assert not {"--epochs", "--hyperopt-loss", "--random-state"} & options.keys()
    assert arguments[-3:] == ["--pairs", *COMMON.pairs]


def test_settings_are_laid_over_the_configuration(stage):
    given = told(stage, SEARCH)
    assert given["overlay"] == {
        "regimekit": {"exits": {"stop": 1}, "vetoes": {"days": 3, "ledger": False}},
        "loss": {"folds": 3, "closed": [list(CLOSED[0])]},
    }
    assert given["ledger"] == "false"
    assert "closed" not in told(stage, Backtest(COMMON, None))["overlay"]["loss"]


def test_the_strategy_is_a_private_copy_without_the_parameters_beside_it(stage):
    for job in (SEARCH, Backtest(COMMON, None)):
        assert told(stage, job)["strategies"].keys() == {"Router.py", "_path.py"}


def test_parameters_are_written_as_freqtrade_reads_them(stage):
    given = told(stage, Backtest(COMMON, PARAMETERS))
    written = json.loads(given["strategies"]["Router.json"])
    assert written["strategy_name"] == "Router"
    assert written["params"] == PARAMETERS
    assert written["ft_stratparam_v"] == 1
    # Configuration wins over a parameter file, so these are repeated there.
    assert given["overlay"]["stoploss"] == -1
    assert given["overlay"]["use_exit_signal"] is True


def test_the_source_is_imported_from_the_tree_first(stage, monkeypatch):
    assert told(stage, SEARCH)["path"] == [str(stage.tree)]
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert told(stage, SEARCH)["path"] == [str(stage.tree), "/elsewhere"]


def test_places_may_be_relative(stage, monkeypatch):
    monkeypatch.chdir(stage.tree.parent)
    here = Path.cwd()
    stage.tree, stage.work, stage.datadir = (
        it.relative_to(here) for it in (stage.tree, stage.work, stage.datadir)
    )
    options = options_of(told(stage, SEARCH)["arguments"])
    for name in ("--userdir", "--datadir", "--hyperopt-path"):
        assert options[name].startswith(f"{here}/")


def test_a_failure_brings_the_end_of_the_log_along(stage):
    source = """
        import sys
        for number in range(100):
            print(f"line {number}", file=sys.stderr)
        print("freqtrade - ERROR - no such loss", file=sys.stderr)
        sys.exit(2)
    """
    with pytest.raises(TuningError) as failure:
        stage(SEARCH, source)
    first, *tail = str(failure.value).splitlines()
    assert first.endswith("hyperopt ended with exit code 2: freqtrade - ERROR - no such loss")
    assert tail[-2:] == ["line 99", "freqtrade - ERROR - no such loss"]
    assert len(tail) == 25
    assert left_in(stage.work) == [".lock"]


def test_a_callback_that_failed_is_a_failure_though_the_exit_code_is_0(stage):
    source = 'import sys; print("Strategy caused the following exception", file=sys.stderr)'
    with pytest.raises(TuningError, match="Strategy caused the following"):
        stage(Backtest(COMMON, None), source)


def test_epochs_are_told_while_it_searches(stage):
    heard, goes_on = [], 0

    def on_epochs(epochs: int) -> None:
        nonlocal goes_on
        heard.append(epochs)
        if epochs >= goes_on and (stage.tree / "next").exists():
            stage.go_on()
            goes_on += 1

    (stage.tree / "next").touch()
    files = stage(SEARCH, SEARCHES, on_epochs=on_epochs)
    assert sorted(heard) == heard
    assert set(heard) == {0, 1, 2}
    lines = gzip.decompress(files[RAW_EPOCHS]).splitlines()
    assert [json.loads(line)["current_epoch"] for line in lines] == [1, 2]
    assert left_in(stage.work) == [".lock"]


def test_fewer_epochs_than_asked_for_are_kept(stage):
    files = stage(SEARCH, SEARCHES, on_epochs=stage.go_on)
    record = json.loads(files[RECORD])
    assert record["job"]["epochs"] == 3
    assert gzip.decompress(files[RAW_EPOCHS]).count(b"\n") == 2


def test_no_epoch_at_all_is_a_failure(stage):
    with pytest.raises(TuningError, match=r"none of 3 epochs; .* spaces buy, sell"):
        stage(SEARCH, "pass")


def test_epochs_that_cannot_be_read_are_a_failure(stage):
    source = SEARCHES.replace('"loss": 1.5', '"lost": 1.5')
    with pytest.raises(TuningError, match="epochs are not readable: KeyError"):
        stage(SEARCH, source, on_epochs=stage.go_on)


def test_no_result_is_a_failure(stage):
    with pytest.raises(TuningError, match=r"cannot be measured: .*no backtest result"):
        stage(Backtest(COMMON, None), "pass")


def test_an_exchange_that_does_not_start_is_a_failure(stage, monkeypatch):
    def broken(datadir, **_):
        raise ReplayError("the replay exchange did not start: no candles")

    monkeypatch.setattr(execution, "running", broken)
    with pytest.raises(TuningError, match="did not start: no candles"):
        stage(SEARCH)


def test_whoever_listens_may_end_it(stage):
    def enough(epochs: int) -> None:
        if epochs:
            raise LookupError("nobody waits for it")

    with pytest.raises(LookupError, match="nobody waits"):
        stage(SEARCH, SEARCHES, on_epochs=enough)
    assert left_in(stage.work) == [".lock"]


def test_a_run_that_hangs_is_ended(stage, monkeypatch):
    monkeypatch.setattr(execution, "MOST_SECONDS", 0.05)
    with pytest.raises(TuningError, match="no progress"):
        stage(SEARCH, "import signal; signal.pause()")


@pytest.mark.parametrize(
    "name", ["FREQTRADE__MAX_OPEN_TRADES", "FREQTRADE__REGIMEKIT__EXITS__STOP_ATR_MOMENTUM"]
)
def test_an_environment_that_changes_the_result_is_refused(stage, monkeypatch, name):
    monkeypatch.setenv(name, "3")
    with pytest.raises(TuningError, match=f"{name} in its environment"):
        stage(SEARCH)


def test_the_environment_of_a_bot_does_not_matter(stage, monkeypatch):
    for name in ("API_SERVER__PASSWORD", "TELEGRAM__TOKEN", "EXCHANGE__KEY", "EXCHANGE__SECRET"):
        monkeypatch.setenv(f"FREQTRADE__{name}", "x")
    assert told(stage, SEARCH)


@pytest.mark.parametrize("name", ["config/local.json", "{}/mine.json", "../mine.json"])
def test_a_configuration_that_was_not_carried_is_named(stage, name):
    (stage.tree.parent / "mine.json").write_text("{}")
    job = replace(SEARCH, common=replace(COMMON, configs=(name.format(stage.tree.parent),)))
    with pytest.raises(TuningError, match=r"\.json is not part of the source"):
        stage(job)


def test_a_strategy_that_is_not_there_is_named(stage):
    job = Backtest(replace(COMMON, strategy="Route"), None)
    with pytest.raises(TuningError, match="defines the strategy Route;"):
        stage(job)
    assert left_in(stage.work) == [".lock"]


# A worker: does a search, and repeats what Freqtrade says of itself.
WORKER = """
    import sys
    from contextlib import contextmanager
    from pathlib import Path
    from tests.tuning.execution.test_execute import SEARCH
    from tuning.execution import execute
    @contextmanager
    def no_exchange(*_, **__):
        yield "http://127.0.0.1:9"
    execute.running = no_exchange
    root = Path(sys.argv[1])
    execute.execute(
        SEARCH, tree=root / "tree", datadir=root, work=root / "work",
        on_epochs=lambda _: [print(it.read_text(), flush=True) for it in root.glob("*/pid")],
    )
"""


def test_a_worker_that_is_killed_takes_its_freqtrade_along(stage):
    source = """
        import os, pathlib, signal
        pathlib.Path("pid.new").write_text(str(os.getpid()))
        pathlib.Path("pid.new").rename("pid")
        signal.pause()
    """
    with pytest.raises(TuningError):
        stage(SEARCH, "raise SystemExit(1)")
    (stage.tree / "freqtrade" / "__main__.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-c", textwrap.dedent(WORKER), str(stage.tree.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        freqtrade = int(worker.stdout.readline())
        left = left_in(stage.work)
        worker.kill()
    assert gone(freqtrade)
    assert len(left) == 3  # the lock of all, the folder and its lock
    with pytest.raises(TuningError):
        stage(SEARCH, "raise SystemExit(1)")  # the next job on this machine tidies up
    assert left_in(stage.work) == [".lock"]

"""The real Freqtrade as a subprocess, against the replay exchange and a small simulated market."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock

from replay.client import running
from replay.simulator.market import simulate
from replay.simulator.write import is_current, write_market
from tests.engine.bot import ROOT, SPEC, Bot


@pytest.fixture(scope="session", autouse=True)
def shipped_parameters() -> None:
    """Fail early where a hyperopt result would replace the shipped defaults."""
    found = ROOT / "user_data" / "strategies" / "RegimeRouter.json"
    if found.exists():
        pytest.fail(f"{found} overrides the shipped parameters; move it away to run these tests")


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the market of `SPEC`, shared by all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    datadir = shared / "simulated"
    with FileLock(shared / "simulated.lock"):
        if not is_current(SPEC, datadir):
            write_market(simulate(SPEC), datadir)
    return datadir


@pytest.fixture(scope="session")
def exchange(simulated: Path) -> Iterator[str]:
    """A replay exchange that serves `simulated`."""
    with running(simulated) as url:
        yield url


@pytest.fixture
def bot(exchange: str, simulated: Path, tmp_path: Path) -> Bot:
    return Bot(exchange, simulated, tmp_path)


@pytest.fixture
def bot_on(tmp_path: Path) -> Iterator[Callable[[Path], Bot]]:
    """Make a bot for any other data folder; its exchange ends with the test."""
    with ExitStack() as servers:
        yield lambda datadir: Bot(servers.enter_context(running(datadir)), datadir, tmp_path)

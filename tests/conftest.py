"""Fixtures that several test folders share, and how hypothesis draws its examples."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a failure on one machine is a failure on all of them.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")

# Tests read tables and talk to loopback; some machines ask for color or name a proxy.
os.environ.pop("FORCE_COLOR", None)
os.environ.update(NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")
# Freqtrade's environment overrides its files: no test writes or prunes the user's own ledgers.
os.environ["FREQTRADE__REGIMEKIT__VETOES__LEDGER"] = "false"

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Make the folders that Freqtrade would make; two of them at once trip over each other."""
    for name in (
        *("backtest_results", "data", "freqaimodels", "hyperopt_results", "hyperopts"),
        *("logs", "notebooks", "plot", "strategies"),
    ):
        (REPOSITORY / "user_data" / name).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded real candles, which is not part of the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the recorded candles in shared/data beside the repository")
    return folder

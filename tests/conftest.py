"""Fixtures that several test folders share, and how hypothesis draws its examples."""

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a failure on one machine is a failure on all of them.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")

REPOSITORY = Path(__file__).resolve().parents[1]


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

"""The source as a worker unpacks it, and the small simulated market of the engine's tests."""

from pathlib import Path

import pytest

from tests.engine.conftest import simulated  # noqa: F401 - a fixture
from tuning.execution.places import pack_source, unpack_source


@pytest.fixture(scope="session")
def packed() -> bytes:
    """The source of this checkout as it is sent to workers."""
    return pack_source()


@pytest.fixture
def tree(packed: bytes, tmp_path: Path) -> Path:
    """That source, unpacked for one test, which may spoil it."""
    return unpack_source(packed, tmp_path / "cache")

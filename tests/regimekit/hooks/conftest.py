"""Freqtrade keeps trades in memory, as in a backtest, and nobody has to accept a loss."""

from collections.abc import Iterator

import pytest
from freqtrade.persistence import FtNoDBContext, LocalTrade, Trade

from regimekit.hooks import base


@pytest.fixture(autouse=True)
def no_database() -> Iterator[None]:
    with FtNoDBContext("15m"):
        yield
        LocalTrade.reset_trades()
    assert Trade.use_db


@pytest.fixture(autouse=True)
def unguarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let strategies be built for any run mode, but where that guard is what is tested."""
    if request.path.name != "test_live.py":
        monkeypatch.setattr(base, "require_acknowledgement", lambda *_: None)

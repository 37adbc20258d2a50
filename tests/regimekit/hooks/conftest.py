"""Freqtrade keeps trades in memory, as in a backtest."""

from collections.abc import Iterator

import pytest
from freqtrade.persistence import FtNoDBContext, LocalTrade, Trade


@pytest.fixture(autouse=True)
def no_database() -> Iterator[None]:
    with FtNoDBContext("15m"):
        yield
        LocalTrade.reset_trades()
    assert Trade.use_db

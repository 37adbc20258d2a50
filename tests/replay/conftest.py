from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock, parse_instant
from replay.data import Datadir
from tests.replay.market import NOW, Client, write_market


@pytest.fixture(scope="session")
def datadir(tmp_path_factory) -> Path:
    return write_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def exchange_at(datadir) -> Callable[..., Client]:
    """Return a client of the exchange at an instant."""
    files = Datadir.scan(datadir)

    def at(now: pd.Timestamp | str = NOW, *, oi_delay: int = 0, **settings) -> Client:
        clock = FrozenClock(parse_instant(pd.Timestamp(now).isoformat()))
        return Client(create_app(Exchange(files, clock, oi_delay), **settings))

    return at


@pytest.fixture(scope="session")
def client(exchange_at) -> Client:
    """Return a client of the exchange at `NOW`."""
    return exchange_at()

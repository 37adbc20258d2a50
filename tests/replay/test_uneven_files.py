"""Folders in which one timeframe was kept up to date and another was not."""

import pandas as pd

from providers.storage.store import native_path, read_frame, write_frame
from replay.app import create_app
from replay.asof import Exchange
from replay.clock import FrozenClock
from replay.data import Datadir
from tests.replay.market import BTC, NOW, Client, write_market


def test_a_slower_file_that_ends_early_leaves_no_hole(tmp_path):
    folder = write_market(tmp_path)
    path = native_path(folder, BTC, "1h")
    write_frame(read_frame(path).iloc[:40], path)
    clock = FrozenClock(int(NOW.timestamp() * 1000))
    client = Client(create_app(Exchange(Datadir.scan(folder), clock)))
    rows = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1h", limit=100).json()
    opens = pd.to_datetime([row[0] for row in rows], unit="ms", utc=True)
    assert opens[-1] == NOW.floor("1h")
    assert set(opens.diff().dropna()) == {pd.Timedelta("1h")}

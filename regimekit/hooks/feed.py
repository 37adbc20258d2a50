"""Fresh taker flow for a bot that trades: fetched in the background, read from memory.

The threads live in `providers.live.feed`. A strategy only says which pairs it follows, and reads
snapshots; nothing on the analysis path waits for a network.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pandas as pd

from providers.datasets import spot_taker_flow, taker_flow
from providers.endpoints import Endpoints
from providers.live.feed import Feed, interruptible
from providers.live.memory import Memory
from providers.live.polls import polls_of
from providers.sources import Sources
from providers.transport.http import Bounds, HttpClient
from providers.transport.limits import Limiter
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.rows import RowSource

logger = logging.getLogger(__name__)

ENTRIES = (taker_flow.ENTRY, spot_taker_flow.ENTRY)
STEP = timedelta(minutes=15)
# What 400 candles and the longest window need, in one request: spot gives 1000 rows at once.
REACH = timedelta(days=10)
BOUNDS = Bounds(total=10.0, read=5.0)  # of a request; a slow one delays those behind it
FIRST_ROWS = 10.0  # seconds that the start waits, so that the first analysis has something to see
STOP_SECONDS = 2.0
FUTURES_PATH, SPOT_PATH = "/fapi/v1", "/api/v3"


class LiveRows:
    """Rows from memory, or from the store where that is newer or memory has none.

    The store is newer where a recorder keeps it current and this process cannot reach the source.
    """

    def __init__(self, memory: Memory, store: RowSource) -> None:
        self._memory = memory
        self._store = store

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        """Return what is known of a dataset for a pair, an empty frame where nothing is."""
        fresh, stored = self._memory.rows(dataset, pair), self._store.rows(dataset, pair)
        if fresh is None:
            return stored
        newer = len(stored) and stored["date"].iloc[-1] > fresh["date"].iloc[-1]
        return stored if newer else fresh


class LiveFeed(PackStrategy):
    """Keeps taker flow of the whitelist fresh while the bot trades, dry or live.

    Backtests, hyperopt and ``inputs.feed: store`` read the store alone. A feed that cannot be
    started is logged, and the store is read; a source that fails shows in the ``flow_state``
    columns.
    """

    datasets: RowSource
    _feed: Feed | None = None
    _sources: Sources | None = None
    _client: HttpClient | None = None
    _followed: tuple[str, ...] = ()

    def bot_start(self, **kwargs: Any) -> None:
        """Start the threads, and give them a moment to bring the first rows."""
        super().bot_start(**kwargs)
        inputs = self.settings.inputs
        if self.dp.runmode not in LIVE or not inputs.taker_flow or inputs.feed != "thread":
            return
        try:
            self._start_feed()
        except Exception:
            logger.exception("The live feed did not start; taker flow is read from the store")

    def _start_feed(self) -> None:
        endpoints = endpoints_of(self.config)
        if endpoints is None:
            logger.warning(
                "Taker flow is read from the store: its live feed asks Binance only, at the "
                "addresses that exchange.ccxt_config.urls.api gives for fapiPublic and public"
            )
            return
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request is no news
        stopping = threading.Event()
        sleep = interruptible(stopping)
        client = self._client = HttpClient(Limiter(sleep=sleep), BOUNDS, sleep=sleep)
        memory = Memory(REACH, seed=self.datasets.rows)
        self._sources = Sources(client, endpoints, flow_step=STEP)
        self._feed = Feed(memory, client.now, stopping=stopping)
        self._memory = memory
        self.datasets = LiveRows(memory, self.datasets)
        self._feed_pairs(self._feed, self._sources)
        deadline = monotonic() + FIRST_ROWS
        while monotonic() < deadline and any(poll.outcome is None for poll in self._feed.polls):
            stopping.wait(0.05)

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Follow the whitelist and see to it that the threads live; neither asks nor waits."""
        super().bot_loop_start(current_time, **kwargs)
        if self._feed is not None and self._sources is not None:
            self._feed_pairs(self._feed, self._sources)

    def _feed_pairs(self, feed: Feed, sources: Sources) -> None:
        pairs = tuple(self.dp.current_whitelist())
        if pairs != self._followed:
            polls = [poll for entry in ENTRIES for poll in polls_of(entry, pairs, sources, REACH)]
            feed.follow(polls)
            self._memory.retain({poll.key for poll in polls})
            self._followed = pairs
        feed.ensure()

    def ft_bot_cleanup(self) -> None:
        """Stop the threads; Freqtrade calls this at the end and before it reloads the config."""
        super().ft_bot_cleanup()
        if self._feed is not None:
            self._feed.stop(STOP_SECONDS)
        if self._client is not None:  # a reload of the config makes another
            self._client.close()


def endpoints_of(config: Mapping[str, Any]) -> Endpoints | None:
    """Return where to ask: the addresses that ccxt is told to use, else those of Binance.

    A bot on the replay exchange must not ask the real one. Spot follows the futures address where
    only that is set. None where that cannot be told: another exchange, an unusual path.
    """
    exchange = config.get("exchange", {})
    if exchange.get("name") != "binance":
        return None
    addresses = exchange.get("ccxt_config", {}).get("urls", {}).get("api", {})
    futures, spot = (addresses.get(name) for name in ("fapiPublic", "public"))
    real = Endpoints()
    if futures is None and spot is None:
        return real
    for address, path in ((futures, FUTURES_PATH), (spot, SPOT_PATH)):
        if address is not None and not str(address).rstrip("/").endswith(path):
            return None
    root = real.binance_futures if futures is None else _root(futures, FUTURES_PATH)
    beside = root if spot is None else _root(spot, SPOT_PATH)
    return Endpoints(binance_futures=root, binance_spot=beside)


def _root(address: str, path: str) -> str:
    return address.rstrip("/").removesuffix(path)

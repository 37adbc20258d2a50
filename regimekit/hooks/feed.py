"""Fresh taker flow, order books and news for a bot that trades: fetched in the background.

The threads live in `providers.live.feed`. A strategy only says which pairs it follows, and reads
snapshots; nothing on the analysis path, and no callback, waits for a network.
"""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Protocol

import pandas as pd

from providers.datasets import news, order_book, spot_taker_flow, taker_flow
from providers.endpoints import Endpoints
from providers.live.feed import Feed, interruptible
from providers.live.memory import Memory
from providers.live.polls import Poll, polls_of
from providers.live.snapshots import Snapshots
from providers.live.stop import Stop
from providers.sources import Sources
from providers.transport.http import Bounds, HttpClient
from providers.transport.limits import Limiter
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.order_time import OrderTimeFilters
from regimekit.hooks.rows import RowSource, StoreRows
from regimekit.settings import FilterSettings

logger = logging.getLogger(__name__)

ENTRIES = (taker_flow.ENTRY, spot_taker_flow.ENTRY)
STEP = timedelta(minutes=15)
# What 400 candles and the longest window need, in one request: spot gives 1000 rows at once.
REACH = timedelta(days=10)
STOP_SECONDS = 2.0
FUTURES_PATH, SPOT_PATH = "/fapi/v1", "/api/v3"
LEAST_BOOK_SECONDS = 5  # between two snapshots of a pair, however fresh they are wanted
# Of the 2400 per minute that Freqtrade and we may ask of the address together.
BOOK_WEIGHT, BOOK_WEIGHT_PER_MINUTE = 5, 400
NEWS_EVERY = timedelta(hours=1)  # a plan pays for so many requests, and each pair is one


class Held(Protocol):
    """What a feed brought: `Memory` or `Snapshots`."""

    def rows(self, dataset: str, pair: str) -> pd.DataFrame | None:
        """Return the rows, None before the first."""


class LiveRows:
    """Rows that a feed brought, or those behind it where they are newer or it has none.

    The store is newer where a recorder keeps it current and this process cannot reach the source.
    """

    def __init__(self, held: Held, behind: RowSource) -> None:
        self._held = held
        self._behind = behind

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        """Return what is known of a dataset for a pair, an empty frame where nothing is."""
        fresh, stored = self._held.rows(dataset, pair), self._behind.rows(dataset, pair)
        if fresh is None:
            return stored
        newer = len(stored) and stored["date"].iloc[-1] > fresh["date"].iloc[-1]
        return stored if newer else fresh


class LiveFeed(PackStrategy):
    """Keeps what the whitelist needs fresh while the bot trades, dry or live.

    That is taker flow, and for a strategy that asks `OrderTimeFilters` order books and, with a key
    in the environment, news. Backtests, hyperopt and ``inputs.feed: store`` read the store alone. A
    feed that cannot be started is logged, and the store is read; a source that fails shows in the
    ``flow_state`` columns, and as an order-time filter without data.
    """

    datasets: RowSource
    _flow: Feed | None = None
    _order_time: Feed | None = None
    _sources: Sources | None = None
    _client: HttpClient | None = None
    _followed: tuple[str, ...] = ()

    def bot_start(self, **kwargs: Any) -> None:
        """Start the threads, and give taker flow a moment to bring the first rows."""
        super().bot_start(**kwargs)
        if self.dp.runmode not in LIVE:
            return
        if isinstance(self.datasets, StoreRows):
            self.datasets = self.datasets.latest(_days(self.settings.filters))
        if self.settings.inputs.feed != "thread" or not self._wants():
            return
        try:
            self._start_feed()
        except Exception:
            logger.exception(
                "The live feed did not start; what it would bring is read from the store"
            )

    def _wants(self) -> tuple[str, ...]:
        """Return the datasets that a feed is to bring."""
        filters = self.settings.filters
        asks = isinstance(self, OrderTimeFilters)
        wanted = [entry.dataset.name for entry in ENTRIES if self.settings.inputs.taker_flow]
        wanted += [order_book.DATASET.name] if asks and filters.order_book else []
        wanted += [news.DATASET.name] if asks and filters.news else []
        return tuple(wanted)

    def _start_feed(self) -> None:
        endpoints = endpoints_of(self.config)
        if endpoints is None:
            logger.warning(
                "%s: read from the store, because the live feed asks Binance only, at the "
                "addresses that exchange.ccxt_config.urls.api gives for fapiPublic and public",
                ", ".join(self._wants()),
            )
            return
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request is no news
        stopping = Stop()
        sleep = interruptible(stopping)
        patience = self.settings.inputs.request_seconds
        bounds = Bounds(total=patience, read=patience / 2)  # a slow one delays those behind it
        client = self._client = HttpClient(Limiter(sleep=sleep), bounds, sleep=sleep)
        self._sources = Sources(client, endpoints, flow_step=STEP, keys=os.environ)
        self._memory = Memory(REACH, seed=self.datasets.rows)
        self._snapshots = Snapshots(_kept(self.settings.filters))
        self.datasets = LiveRows(self._snapshots, LiveRows(self._memory, self.datasets))
        self._news = self._has_news(endpoints)
        self._flow = Feed(self._memory, client.now, stopping=stopping)
        self._follow_flow(self._flow, self._sources)
        deadline = monotonic() + patience  # so that the first analysis has something to see
        while monotonic() < deadline and any(poll.outcome is None for poll in self._flow.polls):
            stopping.wait(0.05)
        # In threads of its own, and not before: what may be missing delays nothing that is needed
        self._order_time = Feed(self._snapshots, client.now, stopping=stopping)
        self._follow_order_time(self._order_time, self._sources)
        self._followed = tuple(self.dp.current_whitelist())

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Follow the whitelist and see to it that the threads live; neither asks nor waits."""
        super().bot_loop_start(current_time, **kwargs)
        if self._flow is None or self._order_time is None or self._sources is None:
            return
        pairs = tuple(self.dp.current_whitelist())
        if pairs != self._followed:
            self._follow_flow(self._flow, self._sources)
            self._follow_order_time(self._order_time, self._sources)
            self._followed = pairs
        self._flow.ensure()
        self._order_time.ensure()

    def _follow_flow(self, feed: Feed, sources: Sources) -> None:
        pairs, wanted = self.dp.current_whitelist(), self._wants()
        entries = [entry for entry in ENTRIES if entry.dataset.name in wanted]
        polls = [poll for entry in entries for poll in polls_of(entry, pairs, sources, REACH)]
        feed.follow(polls)
        self._memory.retain({poll.key for poll in polls})
        feed.ensure()

    def _follow_order_time(self, feed: Feed, sources: Sources) -> None:
        pairs, wanted = self.dp.current_whitelist(), self._wants()
        polls: list[Poll] = []
        if order_book.DATASET.name in wanted:
            polls += book_polls(pairs, sources, self.settings.filters)
        if self._news:
            reach = self._snapshots.keep[news.DATASET.name]
            polls += polls_of(news.ENTRY, pairs, sources, reach, NEWS_EVERY)
        feed.follow(polls)
        every = {poll.key: poll.every for poll in polls}
        for poll in feed.polls:  # of more pairs each is asked less often
            poll.every = every[poll.key]
        self._snapshots.retain(every.keys())
        feed.ensure()

    def _has_news(self, endpoints: Endpoints) -> bool:
        """Tell whether news are polled; what keeps from it is logged."""
        if news.DATASET.name not in self._wants():
            return False
        policy = "abstain" if self.settings.filters.news_outage == "abstain" else "refuse orders"
        if not os.environ.get(news.KEY, "").strip():
            why = f"{news.KEY} is not set in the environment, get a key at {news.WHERE}"
        elif endpoints.binance_futures != Endpoints().binance_futures:
            why = "the exchange is a stand-in, and its market knows nothing of real headlines"
        else:
            return True
        logger.info("No news are asked for: %s. filters.news will %s.", why, policy)
        return False

    def ft_bot_cleanup(self) -> None:
        """Stop the threads; Freqtrade calls this at the end and before it reloads the config."""
        super().ft_bot_cleanup()
        deadline = monotonic() + STOP_SECONDS
        for feed in (self._flow, self._order_time):
            if feed is not None:
                feed.stop(max(0.0, deadline - monotonic()))
        if self._client is not None:  # a reload of the config makes another
            self._client.close()


def book_polls(pairs: Sequence[str], sources: Sources, settings: FilterSettings) -> list[Poll]:
    """Return polls of order books, often enough that a snapshot is fresh at any moment."""
    every = book_interval(len(pairs), settings.book_max_age_seconds)
    if every.total_seconds() * 2 > settings.book_max_age_seconds:
        logger.warning(
            "The order books of %d pairs are asked for every %d s, too seldom for "
            "filters.book_max_age_seconds %g: at times an order will find none that is fresh",
            *(len(pairs), every.total_seconds(), settings.book_max_age_seconds),
        )
    return polls_of(order_book.ENTRY, pairs, sources, every, every)


def book_interval(pairs: int, max_age_seconds: float) -> timedelta:
    """Return the time between two snapshots of a pair: half their age limit, or what limits allow.

    Whole seconds. Our share of the requests that the venue allows the address is divided among the
    pairs.
    """
    affordable = math.ceil(pairs * BOOK_WEIGHT * 60 / BOOK_WEIGHT_PER_MINUTE)
    return timedelta(seconds=max(LEAST_BOOK_SECONDS, int(max_age_seconds / 2), affordable))


def _kept(settings: FilterSettings) -> dict[str, timedelta]:
    """Return how long what is asked at order time may be of use."""
    return {
        order_book.DATASET.name: timedelta(seconds=settings.book_max_age_seconds),
        news.DATASET.name: timedelta(hours=settings.news_max_age_hours),
    }


def _days(settings: FilterSettings) -> int:
    """Return how many recorded days hold all that may be of use, begun and unfinished included."""
    return math.ceil(max(_kept(settings).values()) / timedelta(days=1)) + 1


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

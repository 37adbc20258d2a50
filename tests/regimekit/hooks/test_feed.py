"""When a live feed runs, whom it asks, and what a strategy then reads."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode

from providers.endpoints import Endpoints
from providers.live.memory import Memory
from providers.transport.http import HttpClient
from providers.transport.limits import utc_now
from regimekit.hooks import feed as hook
from regimekit.hooks.feed import LiveFeed, LiveRows, endpoints_of
from regimekit.hooks.inputs import MarketInputs
from regimekit.hooks.rows import StoreRows
from tests.providers.scripted import DATASET, HOUR, START, rows
from tests.regimekit.hooks.fakes import PAIR, Silent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHER = "ETH/USDT:USDT"
LATER = START + 400 * HOUR


class Fed(Silent, LiveFeed, MarketInputs):
    """Has a feed and decides nothing."""


class Stored:
    def __init__(self, frame: pd.DataFrame):
        self.frame = frame

    def rows(self, dataset, pair):
        return self.frame


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """What went out; every request finds an empty market."""
    addresses: list[str] = []

    def get(self, url, **_):
        addresses.append(url)
        return b"[]"

    monkeypatch.setattr(HttpClient, "get", get)
    return addresses


def bot(runmode: RunMode = RunMode.DRY_RUN, pairs=(PAIR,), exchange=None, **settings) -> Fed:
    fed = Fed(
        {"exchange": exchange or {"name": "binance"}, "regimekit": {"inputs": settings}},
    )
    fed.dp = SimpleNamespace(runmode=runmode, current_whitelist=lambda: list(pairs))
    return fed


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("feed ")}


def test_a_trading_bot_asks_futures_and_spot_and_stops_with_the_bot(asked, monkeypatch):
    fed = bot()
    fed.bot_start()
    try:
        assert threads() == {"feed binance-futures", "feed binance-spot"}
        assert isinstance(fed.datasets, LiveRows)
        assert {url.partition("?")[0] for url in asked} == {
            "https://fapi.binance.com/fapi/v1/klines",
            "https://api.binance.com/api/v3/klines",
        }
        closed = []
        monkeypatch.setattr(HttpClient, "close", lambda self: closed.append(id(self)))
    finally:
        fed.ft_bot_cleanup()
    assert threads() == set()
    assert closed == [id(fed._sources.client)], "a reload of the config would leak its connections"


@pytest.mark.parametrize(
    "fed",
    [
        lambda: bot(RunMode.BACKTEST),
        lambda: bot(RunMode.HYPEROPT),
        lambda: bot(feed="store"),
        lambda: bot(taker_flow=False),
        lambda: bot(exchange={"name": "bybit"}),
    ],
)
def test_everybody_else_reads_the_store_and_holds_no_lock(fed, asked):
    fed = fed()
    fed.bot_start()
    fed.bot_loop_start(NOW)
    fed.ft_bot_cleanup()
    assert isinstance(fed.datasets, StoreRows)
    assert fed._feed is None
    assert not asked
    assert threads() == set()


def test_new_pairs_are_followed_without_a_request_in_the_loop(asked, monkeypatch):
    pairs = [PAIR]
    fed = bot(pairs=pairs)
    fed.dp.current_whitelist = lambda: list(pairs)
    fed.bot_start()
    try:
        kept = {poll.pair: poll for poll in fed._feed.polls if poll.key[0] == "taker_flow"}[PAIR]
        caller, outsiders = threading.current_thread(), []
        monkeypatch.setattr(
            HttpClient, "get",
            lambda *_, **__: outsiders.append(threading.current_thread()) or b"[]",
        )  # fmt: skip
        pairs[:] = [OTHER, PAIR]
        fed.bot_loop_start(NOW)
        assert {poll.pair for poll in fed._feed.polls} == {PAIR, OTHER}
        assert kept in fed._feed.polls
        fed._memory.accept(DATASET, PAIR, rows([0], [1]), LATER)
        pairs[:] = [OTHER]
        fed.bot_loop_start(NOW)
        assert fed._memory.rows("hourly", PAIR) is None, "what nobody follows would pile up"
        assert {poll.pair for poll in fed._feed.polls} == {OTHER}
        assert caller not in outsiders
    finally:
        fed.ft_bot_cleanup()


def test_a_feed_that_cannot_start_leaves_the_store(asked, monkeypatch, caplog):
    monkeypatch.setattr(hook, "endpoints_of", lambda _: 1 / 0)
    fed = bot()
    fed.bot_start()
    fed.bot_loop_start(NOW)
    assert isinstance(fed.datasets, StoreRows)
    assert "did not start" in caplog.text


def api(**addresses: str) -> dict[str, object]:
    return {"exchange": {"name": "binance", "ccxt_config": {"urls": {"api": addresses}}}}


REPLAY = Endpoints(binance_futures="http://127.0.0.1:1", binance_spot="http://127.0.0.1:1")
ADDRESSES = {
    "real": ({"exchange": {"name": "binance"}}, Endpoints()),
    "futures only": (api(fapiPublic="http://127.0.0.1:1/fapi/v1"), REPLAY),
    "both": (
        api(fapiPublic="http://127.0.0.1:1/fapi/v1/", public="http://127.0.0.1:2/api/v3"),
        replace(REPLAY, binance_spot="http://127.0.0.1:2"),
    ),
    "spot only": (
        api(public="http://127.0.0.1:2/api/v3"),
        replace(Endpoints(), binance_spot="http://127.0.0.1:2"),
    ),
    "an unusual path": (api(fapiPublic="http://127.0.0.1:1/proxy"), None),
    "another exchange": ({"exchange": {"name": "bybit"}}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("config", "endpoints"), ADDRESSES.values(), ids=ADDRESSES)
def test_requests_go_where_ccxt_sends_them(config, endpoints):
    assert endpoints_of(config) == endpoints


def test_the_newer_of_memory_and_store_is_read():
    memory = Memory()
    stored = rows([0, 1, 2], [1, 2, 3])
    read = LiveRows(memory, Stored(stored))
    assert read.rows("hourly", PAIR) is stored
    memory.accept(DATASET, PAIR, rows([1, 2, 3], [2, 3, 4]), LATER)
    assert read.rows("hourly", PAIR)["value"].tolist() == [2, 3, 4]
    later = LiveRows(memory, Stored(rows([4], [5])))
    assert later.rows("hourly", PAIR)["value"].tolist() == [5]
    empty = LiveRows(memory, Stored(pd.DataFrame()))
    assert empty.rows("hourly", PAIR)["value"].tolist() == [2, 3, 4]


def test_a_store_without_the_columns_seeds_nothing():
    memory = Memory(seed=lambda *_: pd.DataFrame({"date": [utc_now()]}))
    assert memory.newest(DATASET, PAIR) is None

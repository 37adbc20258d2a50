"""When a live feed runs, whom it asks, and what a strategy then reads."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from hypothesis import given
from hypothesis import strategies as st

from providers.endpoints import Endpoints
from providers.live.memory import Memory
from providers.transport.http import HttpClient
from providers.transport.limits import utc_now
from regimekit.hooks import feed as hook
from regimekit.hooks.feed import LiveFeed, LiveRows, book_interval, book_polls, endpoints_of
from regimekit.hooks.inputs import MarketInputs
from regimekit.hooks.order_time import OrderTimeFilters
from regimekit.hooks.rows import StoreRows
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings
from tests.providers.scripted import DATASET, HOUR, START, rows
from tests.regimekit.hooks.fakes import PAIR, Silent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHER = "ETH/USDT:USDT"
LATER = START + 400 * HOUR


class Fed(Silent, LiveFeed, MarketInputs):
    """Has a feed and decides nothing."""


class Asking(Fed, OrderTimeFilters):
    """Asks order book and news too."""


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


def bot(
    runmode: RunMode = RunMode.DRY_RUN, pairs=(PAIR,), exchange=None, kind=Fed, filters=(), **inputs
) -> Fed:
    settings = {"inputs": inputs, "filters": dict(filters)}
    fed = kind({"exchange": exchange or {"name": "binance"}, "regimekit": settings})
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
        lambda: bot(RunMode.BACKTEST, kind=Asking),
        lambda: bot(RunMode.HYPEROPT, kind=Asking),
        lambda: bot(feed="store", kind=Asking),
        lambda: bot(taker_flow=False, kind=Asking, filters={"order_book": False, "news": False}),
    ],
)
def test_everybody_else_reads_the_store_and_holds_no_lock(fed, asked):
    fed = fed()
    fed.bot_start()
    fed.bot_loop_start(NOW)
    fed.ft_bot_cleanup()
    assert isinstance(fed.datasets, StoreRows)
    assert fed._flow is None
    assert fed._order_time is None
    assert not asked
    assert threads() == set()


def test_new_pairs_are_followed_without_a_request_in_the_loop(asked, monkeypatch):
    pairs = [PAIR]
    fed = bot(pairs=pairs)
    fed.dp.current_whitelist = lambda: list(pairs)
    fed.bot_start()
    try:
        kept = {poll.pair: poll for poll in fed._flow.polls if poll.key[0] == "taker_flow"}[PAIR]
        caller, outsiders = threading.current_thread(), []
        monkeypatch.setattr(
            HttpClient, "get",
            lambda *_, **__: outsiders.append(threading.current_thread()) or b"[]",
        )  # fmt: skip
        pairs[:] = [OTHER, PAIR]
        fed.bot_loop_start(NOW)
        assert {poll.pair for poll in fed._flow.polls} == {PAIR, OTHER}
        assert kept in fed._flow.polls
        fed._memory.accept(DATASET, PAIR, rows([0], [1]), LATER)
        pairs[:] = [OTHER]
        fed.bot_loop_start(NOW)
        assert fed._memory.rows("hourly", PAIR) is None, "what nobody follows would pile up"
        assert {poll.pair for poll in fed._flow.polls} == {OTHER}
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


DEPTH = "https://fapi.binance.com/fapi/v1/depth"
NEWS = "https://cryptopanic.com/api/developer/v2/posts/"


@pytest.fixture
def market(monkeypatch):
    """A market with a book and a headline; tells what was asked, and from which threads."""
    asked: list[tuple[str, str]] = []
    seen = threading.Condition()

    def get(self, url, **_):
        with seen:
            asked.append((url, threading.current_thread().name))
            seen.notify_all()
        now = self.now()
        stamp = round(now.timestamp() * 1000)
        if url == DEPTH:
            bids, asks = ([[str(100 + side * (1 + step)), size] for step in range(10)]
                          for side, size in ((-1, "3"), (1, "1")))  # fmt: skip
            return json.dumps({"E": stamp, "T": stamp, "bids": bids, "asks": asks}).encode()
        if url == NEWS:
            post = {"title": "a title", "url": "https://example.org", "votes": {
                "positive": 2, "negative": 18}, "published_at": now.isoformat()}  # fmt: skip
            return json.dumps({"next": None, "results": [post]}).encode()
        return b"[]"

    monkeypatch.setattr(HttpClient, "get", get)
    monkeypatch.setenv("CRYPTOPANIC_TOKEN", "made-up")

    def wait_for(*urls: str) -> None:
        with seen:
            assert seen.wait_for(lambda: set(urls) <= {url for url, _ in asked}, timeout=30)

    return SimpleNamespace(asked=asked, wait_for=wait_for)


def urls(market) -> set[str]:
    return {url for url, _ in market.asked}


def verdicts(fed):
    """Wait until both filters have data, which comes just after it was asked for."""
    for _ in range(3000):
        found = fed.order_time_verdicts(PAIR, Side.LONG, fed._sources.client.now())
        if all(verdict.available for verdict in found):
            return {verdict.gate: verdict.bonus for verdict in found}
        fed._order_time.stopping.wait(0.01)
    raise AssertionError(f"nothing came: {found}")


def test_book_and_news_reach_an_order_and_no_request_leaves_the_callback(market):
    fed = bot(kind=Asking)
    fed.bot_start()
    try:
        assert verdicts(fed) == {Gate.ORDER_BOOK: 0.08, Gate.NEWS: -0.15}
        assert {DEPTH, NEWS} <= urls(market)
        assert all(thread.startswith("feed ") for _, thread in market.asked)
    finally:
        fed.ft_bot_cleanup()
    assert threads() == set()


@pytest.mark.parametrize(
    ("filters", "kind", "never"),
    [
        ({"order_book": False}, Asking, DEPTH),
        ({"news": False}, Asking, NEWS),
        ({}, Fed, DEPTH),
        ({}, Fed, NEWS),
    ],
)
def test_what_no_filter_asks_is_not_polled(filters, kind, never, market):
    fed = bot(kind=kind, filters=filters)
    fed.bot_start()
    fed.ft_bot_cleanup()
    dataset = {DEPTH: "order_book", NEWS: "news"}[never]
    assert dataset not in {poll.key[0] for poll in fed._order_time.polls}
    assert never not in urls(market)


def test_books_are_polled_without_taker_flow(market):
    fed = bot(kind=Asking, taker_flow=False)
    fed.bot_start()
    try:
        assert verdicts(fed)[Gate.ORDER_BOOK] == 0.08
        assert urls(market) == {DEPTH, NEWS}
    finally:
        fed.ft_bot_cleanup()


@pytest.mark.parametrize("token", [None, "", " "])
def test_without_a_key_news_are_not_asked_for_and_it_is_told_once(
    token, market, monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.delenv("CRYPTOPANIC_TOKEN")
    if token is not None:
        monkeypatch.setenv("CRYPTOPANIC_TOKEN", token)
    fed = bot(kind=Asking)
    fed.bot_start()
    try:
        fed.dp.current_whitelist = lambda: [PAIR, OTHER]
        fed.bot_loop_start(NOW)
        assert {poll.key[0] for poll in fed._order_time.polls} == {"order_book"}
    finally:
        fed.ft_bot_cleanup()
    told = [record for record in caplog.records if "CRYPTOPANIC_TOKEN" in record.getMessage()]
    assert len(told) == 1
    assert "abstain" in told[0].getMessage()


def test_a_stand_in_for_the_exchange_gets_no_real_news(market, caplog):
    caplog.set_level("INFO")
    local = {"fapiPublic": "http://127.0.0.1:1/fapi/v1"}
    fed = bot(kind=Asking, exchange={"name": "binance", "ccxt_config": {"urls": {"api": local}}})
    fed.bot_start()
    fed.ft_bot_cleanup()
    assert all(url.startswith("http://127.0.0.1:1/") for url in urls(market))
    assert "stand-in" in caplog.text


def test_the_start_waits_for_flow_and_not_for_books(asked, monkeypatch):
    held = threading.Event()

    def get(self, url, **_):
        if "depth" in url:
            assert held.wait(30)
        return b"[]"

    monkeypatch.setattr(HttpClient, "get", get)
    clock = iter(range(10_000))
    monkeypatch.setattr(hook, "monotonic", lambda: next(clock) / 1000)
    fed = bot(kind=Asking, filters={"news": False})
    fed.bot_start()
    try:
        assert all(poll.outcome is not None for poll in fed._flow.polls)
        assert all(poll.outcome is None for poll in fed._order_time.polls)
    finally:
        held.set()
        fed.ft_bot_cleanup()


def test_order_time_polls_follow_the_whitelist(market):
    pairs = [PAIR]
    fed = bot(kind=Asking)
    fed.dp.current_whitelist = lambda: list(pairs)
    fed.bot_start()
    try:
        verdicts(fed)
        pairs[:] = [f"A{number}/USDT:USDT" for number in range(39)] + [PAIR]
        fed.bot_loop_start(NOW)
        books = [poll for poll in fed._order_time.polls if poll.key[0] == "order_book"]
        assert {poll.pair for poll in books} == set(pairs)
        assert {poll.every.total_seconds() for poll in books} == {30.0}
        pairs[:] = [OTHER]
        fed.bot_loop_start(NOW)
        assert {poll.pair for poll in fed._order_time.polls} == {OTHER}
        assert fed._snapshots.rows("order_book", PAIR) is None
    finally:
        fed.ft_bot_cleanup()


@given(st.integers(1, 500), st.floats(1, 900))
def test_books_are_fresh_twice_over_or_as_often_as_the_venue_allows(pairs, max_age):
    every = book_interval(pairs, max_age).total_seconds()
    assert pairs * hook.BOOK_WEIGHT * 60 / every <= hook.BOOK_WEIGHT_PER_MINUTE
    assert every >= hook.LEAST_BOOK_SECONDS
    assert every % 1 == 0
    affordable = pairs * hook.BOOK_WEIGHT * 60 / hook.BOOK_WEIGHT_PER_MINUTE
    if max_age >= 2 * max(hook.LEAST_BOOK_SECONDS, affordable + 1):
        assert every <= max_age / 2


@pytest.mark.parametrize(("pairs", "seconds"), [(1, 15), (10, 15), (20, 15), (40, 30), (80, 60)])
def test_how_often_a_book_is_asked_for(pairs, seconds):
    assert book_interval(pairs, 30).total_seconds() == seconds


def test_too_many_pairs_for_fresh_books_are_told(caplog):
    clock = SimpleNamespace(client=SimpleNamespace(now=utc_now))
    few, many = ([f"A{number}/USDT:USDT" for number in range(count)] for count in (10, 80))
    assert len(book_polls(few, clock, FilterSettings())) == 10
    assert not caplog.records
    book_polls(many, clock, FilterSettings())
    assert "book_max_age_seconds 30" in caplog.text

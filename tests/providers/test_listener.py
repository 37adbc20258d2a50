"""A listener and a real websocket server on loopback."""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

import pandas as pd
from websockets.sync.server import Server, ServerConnection, serve

from providers.datasets.bybit_liquidations import BybitLiquidations
from providers.datasets.liquidations import BinanceLiquidations
from providers.datasets.recorder_uptime import DATASET, uptime_row
from providers.endpoints import Endpoints
from providers.live.health import HealthLog, State
from providers.live.listener import Listener
from providers.sources import Sources
from providers.storage.history import empty, merge
from providers.transport.limits import utc_now
from tests.providers.recorded import recording

BTC, ROSE = "BTC/USDT:USDT", "ROSE/USDT:USDT"
BINANCE = [
    json.dumps(it) for it in json.loads(recording("binance_um/ws_forceOrder_real_2022.json"))
]
BYBIT = recording("bybit/ws_allLiquidation_doc.json").decode()
BATCH = timedelta(milliseconds=40)


class Rows:
    """A sink that says when something came."""

    def __init__(self) -> None:
        self.frames: dict[str, list[pd.DataFrame]] = {}
        self.came = threading.Condition()
        self.full = False

    def newest(self, dataset, pair):
        return None

    def accept(self, dataset, pair, rows, at):
        if self.full:
            raise OSError(28, "No space left on device")
        with self.came:
            self.frames.setdefault(f"{dataset.name} {pair}", []).append(rows)
            self.came.notify_all()

    def of(self, name: str) -> pd.DataFrame:
        return pd.concat(self.frames.get(name, [pd.DataFrame()]), ignore_index=True)

    def wait_for(self, name: str, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.of(name)) >= count, 10), self.frames


@dataclass
class Venue:
    """A server whose side of each connection a test writes down."""

    url: str
    server: Server
    paths: list[str] = field(default_factory=list)
    heard: "queue.Queue[str]" = field(default_factory=queue.Queue)


@contextmanager
def venue(talk: Callable[[ServerConnection, Venue], None], **options) -> Iterator[Venue]:
    def handle(connection: ServerConnection) -> None:
        it.paths.append(connection.request.path)
        talk(connection, it)

    with serve(handle, "127.0.0.1", 0, close_timeout=1, **options) as server:
        port = server.socket.getsockname()[1]
        it = Venue(f"ws://127.0.0.1:{port}", server)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield it
        server.shutdown()
        thread.join(5)


@contextmanager
def listening(stream_type, url: str, pairs=(BTC,), **settings) -> Iterator[tuple[Listener, Rows]]:
    endpoints = Endpoints(binance_stream=url, bybit_stream=url)
    sink = settings.pop("sink", None) or Rows()
    stream = stream_type(Sources(None, endpoints))
    listener = Listener(
        stream, pairs, sink, utc_now, HealthLog(),
        batch=BATCH, pause=lambda _: timedelta(milliseconds=20), **settings,
    )  # fmt: skip
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    try:
        yield listener, sink
    finally:
        listener.stop.set()
        thread.join(5)
        assert not thread.is_alive()


def stay(connection: ServerConnection) -> None:
    """Read until the other side closes; pings are answered on the way."""
    for _ in connection:
        pass


def lines(caplog) -> list[str]:
    return [record.message for record in caplog.records if " -> " in record.message]


def test_liquidations_of_binance_become_rows():
    def talk(connection, it):
        for message in BINANCE:
            connection.send(message)
        stay(connection)

    with venue(talk) as it, listening(BinanceLiquidations, it.url) as (_, sink):
        sink.wait_for(f"liquidations {BTC}", 2)
    rows = sink.of(f"liquidations {BTC}")
    assert it.paths[0] == "/market/stream?streams=btcusdt@forceOrder"
    assert rows["side"].tolist() == [1.0, 1.0]
    assert rows["price"].tolist() == [39021.0, 38986.5]
    assert (rows["known_at"] > rows["date"]).all()


def test_bybit_is_told_what_to_send_and_pinged_in_its_words(monkeypatch):
    monkeypatch.setattr("providers.live.listener.BATCH", timedelta(0))

    def talk(connection, it):
        it.heard.put(connection.recv())
        connection.send('{"success": true, "ret_msg": "subscribe", "op": "subscribe"}')
        connection.send(BYBIT)
        for message in connection:
            it.heard.put(message)

    class Eager(BybitLiquidations):
        def subscription(self, pairs):
            told = BybitLiquidations.subscription(self, pairs)
            return type(told)(told.url, told.messages, told.ping, timedelta(milliseconds=50))

    with venue(talk) as it, listening(Eager, it.url, (ROSE,)) as (_, sink):
        sink.wait_for(f"bybit_liquidations {ROSE}", 1)
        told = json.loads(it.heard.get(timeout=5))
        assert told == {"op": "subscribe", "args": ["allLiquidation.ROSEUSDT"]}
        assert json.loads(it.heard.get(timeout=5)) == {"op": "ping"}
    assert it.paths == ["/v5/public/linear"]
    assert sink.of(f"bybit_liquidations {ROSE}")["side"].tolist() == [-1.0]


def test_connects_again_when_the_venue_hangs_up(caplog):
    def talk(connection, it):
        if len(it.paths) > 1:
            connection.send(BINANCE[0])
            stay(connection)

    caplog.set_level(logging.INFO)
    with venue(talk) as it, listening(BinanceLiquidations, it.url) as (listener, sink):
        sink.wait_for(f"liquidations {BTC}", 1)
        sink.wait_for("recorder_uptime MARKET", 3)
        assert listener.health.state is State.OK
        assert listener.failures == 0
    assert [line.split(": ")[1] for line in lines(caplog)] == ["WARMUP -> OUTAGE", "OUTAGE -> OK"]


def test_a_venue_that_is_away_is_told_once(caplog):
    with venue(lambda *_: None) as it:
        url = it.url
    with caplog.at_level(logging.INFO), listening(BinanceLiquidations, url) as (listener, _):
        deadline = time.monotonic() + 5
        while listener.failures < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert listener.failures >= 4
        assert listener.health.state is State.OUTAGE
    assert len(lines(caplog)) == 1


def test_garbage_is_invalid_once_and_the_connection_goes_on(caplog):
    def talk(connection, it):
        for message in ("<html>", "[1]", '{"e": "forceOrder", "o": {"s": "BTCUSDT"}}'):
            connection.send(message)
        connection.send(b"\xff\xfe")
        spoiled = json.loads(BINANCE[0])
        spoiled["o"]["S"] = "WAIT"
        connection.send(json.dumps(spoiled))
        connection.send(BINANCE[1])
        stay(connection)

    caplog.set_level(logging.INFO)
    with venue(talk) as it, listening(BinanceLiquidations, it.url) as (_, sink):
        sink.wait_for(f"liquidations {BTC}", 1)
        sink.wait_for("recorder_uptime MARKET", 3)
    assert len(it.paths) == 1
    assert 38986.5 in sink.of(f"liquidations {BTC}")["price"].tolist()
    assert [line.split(": ")[1] for line in lines(caplog)] == [
        "WARMUP -> INVALID",
        "INVALID -> OK",
    ]


def test_a_refused_subscription_is_no_uptime():
    answered = threading.Event()

    def talk(connection, it):
        connection.recv()
        connection.send('{"success": false, "ret_msg": "no such topic", "op": "subscribe"}')
        answered.set()
        stay(connection)

    with venue(talk) as it, listening(BybitLiquidations, it.url, (ROSE,)) as (listener, sink):
        assert answered.wait(5)
        deadline = time.monotonic() + 5
        while listener.failures < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert listener.health.state is State.INVALID
    assert len(it.paths) == 1, "it is not asked again at once"
    assert not sink.frames


def test_a_peer_that_answers_no_pings_is_no_uptime():
    """The connection stands, as far as TCP can tell, but nobody is there."""

    def fall_deaf(connection, request):
        connection.protocol.receive_data = lambda data: None

    def talk(connection, it):
        connection.send(BINANCE[0])
        time.sleep(0.5)

    with (
        venue(talk, process_request=fall_deaf) as it,
        listening(BinanceLiquidations, it.url) as (_, sink),
    ):
        sink.wait_for(f"liquidations {BTC}", 1)
        time.sleep(0.2)
        assert "recorder_uptime MARKET" not in sink.frames


def test_a_location_that_is_not_served_is_blocked_and_left_alone():
    def refuse(connection, request):
        return connection.respond(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, "not here")

    with (
        venue(lambda *_: None, process_request=refuse) as it,
        listening(BinanceLiquidations, it.url) as (listener, _),
    ):
        deadline = time.monotonic() + 5
        while listener.failures < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert listener.health.state is State.BLOCKED
        assert listener.failures == 1


def test_what_cannot_be_written_waits():
    sink = Rows()
    sink.full = True

    def talk(connection, it):
        connection.send(BINANCE[0])
        stay(connection)

    with venue(talk) as it, listening(BinanceLiquidations, it.url, sink=sink) as (listener, _):
        deadline = time.monotonic() + 5
        while listener.health.state is not State.OUTAGE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert listener.health.state is State.OUTAGE
        sink.full = False
        sink.wait_for(f"liquidations {BTC}", 1)


def test_a_message_nobody_foresaw_costs_no_other(caplog, monkeypatch):
    parse = BinanceLiquidations.parse

    def fragile(self, page):
        if b"ETHUSDT" in page.content:
            raise KeyError("forgotten")
        return parse(self, page)

    monkeypatch.setattr(BinanceLiquidations, "parse", fragile)
    sink = Rows()
    listener = Listener(
        BinanceLiquidations(Sources(None)), (BTC,), sink, utc_now, HealthLog(), batch=BATCH
    )
    good = BINANCE[0].encode()
    bad = BINANCE[0].replace("BTCUSDT", "ETHUSDT").encode()
    listener._waiting = [(BTC, bad), (BTC, good)]
    listener.flush()
    assert len(sink.of(f"liquidations {BTC}")) == 1
    assert listener.health.state is State.INVALID
    assert caplog.text.count("was not foreseen") == 1


def test_what_is_in_hand_is_written_when_it_stops():
    sent = threading.Event()

    def talk(connection, it):
        connection.send(BINANCE[0])
        sent.set()
        stay(connection)

    with venue(talk) as it:
        with listening(BinanceLiquidations, it.url) as (listener, sink):
            listener.batch = timedelta(hours=1)  # the next look comes after a message or a second
            assert sent.wait(5)
            deadline = time.monotonic() + 5
            while not (listener._waiting or sink.frames) and time.monotonic() < deadline:
                time.sleep(0.005)
            started = time.monotonic()
        assert time.monotonic() - started < 3
        assert len(sink.of(f"liquidations {BTC}")) == 1


def test_two_streams_share_the_file_of_uptime():
    now = utc_now()
    first = merge(empty(DATASET), uptime_row("liquidations", now), DATASET, now).frame
    both = merge(first, uptime_row("bybit_liquidations", now), DATASET, now)
    assert len(both.frame) == 2
    assert both.restated.empty

"""Listens to what a venue pushes over a websocket and hands it to a sink in batches.

Silence is normal where nobody is liquidated, so a connection has to prove itself: every few
seconds it is pinged, and only what answered is written down as `UPTIME`. A consumer can tell that
nothing happened from that nobody listened.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from providers.contract import MARKET, Page
from providers.datasets.recorder_uptime import DATASET as UPTIME
from providers.datasets.recorder_uptime import uptime_row
from providers.errors import ProviderError
from providers.live.feed import Sink
from providers.live.health import Health, HealthLog, Outcome
from providers.live.polls import LONGEST_RETRY, retry_after
from providers.live.stop import Stop
from providers.streams import Stream, Subscription, SubscriptionRefusedError

_LOG = logging.getLogger(__name__)

BATCH = timedelta(seconds=10)  # at most this much is lost when the process is killed
OPEN_SECONDS = 5.0
CLOSE_SECONDS = 1.0
LARGEST_MESSAGE = 1 << 20  # bytes
MOST_WAITING = 10_000  # messages; more only while the disk cannot be written
SILENT_SECONDS = 60.0  # without an answer to a ping: the connection is dead
REOPEN = timedelta(hours=23)  # venues close a connection after a day; we choose the moment
REFUSALS = {
    **dict.fromkeys((403, 451), Outcome.BLOCKED),
    418: Outcome.BANNED,
    429: Outcome.LIMITED,
}


@dataclass(slots=True)
class Listener:
    """One connection about `pairs`, opened again whenever it ends, until `stop` is set.

    Attributes
    ----------
    batch : timedelta
        How often messages go to the sink and the connection has to prove itself.
    pause : callable
        How long to wait after so many failures in a row.
    """

    stream: Stream
    pairs: tuple[str, ...]
    sink: Sink
    clock: Callable[[], pd.Timestamp]
    log: HealthLog
    health: Health = field(default_factory=Health)
    stop: threading.Event = field(default_factory=Stop)
    batch: timedelta = BATCH
    pause: Callable[[int], timedelta] = retry_after
    failures: int = 0
    _waiting: list[tuple[str, bytes]] = field(default_factory=list)
    _pong: threading.Event | None = None

    @property
    def name(self) -> str:
        """Return what logs and the status file call this connection."""
        return f"{self.stream.dataset.name} ({len(self.pairs)} pairs)"

    def run(self) -> None:
        """Connect and listen until told to stop; the body of a thread."""
        while not self.stop.is_set():
            pause = timedelta(0)
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next connection may do
                pause = self._failed(error)
            finally:
                self.flush()
            self.stop.wait(pause.total_seconds())

    def _failed(self, error: Exception) -> timedelta:
        """Note why the connection ended; return how long to leave the venue alone."""
        self.failures += 1
        outcome, refused = Outcome.OUTAGE, False
        if isinstance(error, ProviderError):
            outcome, refused = Outcome.of(error), True
        elif isinstance(error, InvalidStatus):
            status = error.response.status_code
            outcome, refused = REFUSALS.get(status, Outcome.OUTAGE), status in REFUSALS
        changed = self._note(outcome, f"{type(error).__name__}: {error}")
        if changed and not isinstance(error, OSError | WebSocketException | ProviderError):
            _LOG.error("%s failed in a way that was not foreseen", self.name, exc_info=error)
        return LONGEST_RETRY if refused else self.pause(self.failures)

    def _listen(self) -> None:
        """Take messages until it is time for a new connection; raise when this one ends."""
        subscription = self.stream.subscription(self.pairs)
        opened = self.clock()
        with self._connected(subscription) as connection:
            flushed = pinged = self.clock()
            self._pong = connection.ping()
            while not self.stop.is_set() and abs(self.clock() - opened) < REOPEN:
                with suppress(TimeoutError):  # silence
                    self._take(connection.recv(timeout=self._patience(), decode=False))
                now = self.clock()
                if subscription.ping and abs(now - pinged) >= (subscription.ping_every or BATCH):
                    connection.send(subscription.ping)
                    pinged = now
                if abs(now - flushed) >= self.batch:
                    self.flush()
                    self._prove_uptime(connection, now)
                    flushed = now

    def _patience(self) -> float:
        return min(1.0, self.batch.total_seconds())

    @contextmanager
    def _connected(self, subscription: Subscription) -> Iterator[ClientConnection]:
        with connect(
            subscription.url,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_timeout=SILENT_SECONDS,
            max_size=LARGEST_MESSAGE,
        ) as connection:
            for message in subscription.messages:
                connection.send(message)
            yield connection

    def _take(self, message: bytes) -> None:
        """Keep a message about one of our pairs until the next `flush`."""
        try:
            pair = self.stream.pair_of(message, self.pairs)
        except SubscriptionRefusedError:
            raise
        except ProviderError as error:
            self._note(Outcome.INVALID, str(error))
            return
        if pair is not None:
            self._waiting.append((pair, message))
            del self._waiting[:-MOST_WAITING]

    def flush(self) -> None:
        """Hand what has come to the sink; what cannot be written waits for the next time."""
        waiting, self._waiting = self._waiting, []
        for pair in dict.fromkeys(pair for pair, _ in waiting):
            messages = [message for about, message in waiting if about == pair]
            try:
                self._write(pair, messages)
            except OSError as error:
                self._waiting += [(pair, message) for message in messages]
                self._note(Outcome.OUTAGE, f"cannot be written, {error}")

    def _write(self, pair: str, messages: list[bytes]) -> None:
        """Write messages as one batch; one by one where a bad one among them spoils it."""
        now = self.clock()
        content = b"[" + b",".join(messages) + b"]"
        page = Page(content, f"{self.stream.dataset.name} {pair}", pair, now)
        try:
            frame = self.stream.check(self.stream.parse(page), page).frame
            self.sink.accept(self.stream.dataset, pair, frame, now)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a message nobody foresaw must not cost others
            if len(messages) == 1:
                changed = self._note(Outcome.INVALID, f"{type(error).__name__}: {error}")
                if changed and not isinstance(error, ProviderError):
                    _LOG.error("%s has a message that was not foreseen", self.name, exc_info=error)
                return
            for message in messages:
                self._write(pair, [message])

    def _prove_uptime(self, connection: ClientConnection, now: pd.Timestamp) -> None:
        """Write that the connection stands, if it has answered; ask again."""
        if self._pong is None or not self._pong.is_set():
            return
        self._pong = connection.ping()
        self.failures = 0
        try:
            self.sink.accept(UPTIME, MARKET, uptime_row(self.stream.dataset.name, now), now)
        except (OSError, ProviderError) as error:
            self._note(Outcome.OUTAGE, f"cannot be written, {error}")
        else:
            self._note(Outcome.GOOD, "")

    def _note(self, outcome: Outcome, why: str) -> bool:
        transition = self.health.observe(outcome, self.clock())
        self.log.note(self.name, transition, why)
        return transition is not None

"""How far this computer's clock is from the exchange's, asked in the background.

A clock that is wrong goes unnoticed otherwise: prices still come, while candles seem to be missing
or unfinished, locks end at the wrong time and analyses stop. Freqtrade compares clocks once, when
it starts.

The exchange read its clock some time between our question and its answer, so the distance is known
to half a round trip and no better. Who judges it takes that into account.

Source: ``GET /fapi/v1/time``, weight 1, milliseconds since 1970.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pandas as pd

from providers.contract import Client
from providers.errors import BadAnswerError, ProviderError
from providers.live.health import one_line
from providers.live.polls import FIRST_RETRY, retry_after
from providers.live.stop import Stop

_LOG = logging.getLogger(__name__)

TIME_PATH, BUCKET = "/fapi/v1/time", "binance-futures"
SAMPLES = 3  # the one with the shortest round trip counts: any may have been held up
IDLE = timedelta(seconds=5)  # after which the thread looks whether it has been hurried
DOUBTFUL_EVERY = timedelta(seconds=30)  # so that a clock that was put right is soon seen to be
EARLIEST, LATEST = pd.Timestamp("2017-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")


@dataclass(frozen=True, slots=True)
class Reading:
    """One comparison of the clocks.

    Attributes
    ----------
    offset : float
        Ours minus theirs, seconds; positive where ours is ahead.
    uncertainty : float
        Half of the round trip, seconds; the true offset lies within that distance.
    """

    offset: float
    uncertainty: float

    @classmethod
    def of(cls, asked: pd.Timestamp, theirs: pd.Timestamp, answered: pd.Timestamp) -> "Reading":
        """Compare their clock with ours just before and just after it was asked."""
        half = (answered - asked).total_seconds() / 2
        # A clock that was set back in between tells nothing about the length of the way.
        return cls((asked - theirs).total_seconds() + half, abs(half))


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the clock; one object, so that another thread never sees half of it.

    Attributes
    ----------
    reading : Reading or None
        The latest, None before the first.
    since : float
        When it came, on the monotonic clock; when the asking began where none came.
    begun : float
        When it was asked for, on the monotonic clock.
    why : str
        What went wrong when it was asked last, empty when nothing did.
    times : int
        How often it was asked, in vain or not.
    """

    reading: Reading | None
    since: float
    begun: float
    why: str = ""
    times: int = 0


def read_offset(client: Client, base: str, samples: int = SAMPLES) -> Reading:
    """Ask the exchange at address `base` a few times; return the most certain reading.

    Raises
    ------
    ProviderError
        No answer, or none that is a time.
    """
    readings = []
    for _ in range(samples):
        asked = client.now()
        body = client.get(base + TIME_PATH, bucket=BUCKET)
        readings.append(Reading.of(asked, _moment(body), client.now()))
    return min(readings, key=lambda reading: reading.uncertainty)


def _moment(body: bytes) -> pd.Timestamp:
    """Return the time that an answer tells."""
    try:
        stamp = json.loads(body)["serverTime"]
        if type(stamp) is not int:
            raise TypeError(f"serverTime is {stamp!r:.40}")
        moment = pd.Timestamp(stamp, unit="ms", tz="UTC")
        if not EARLIEST <= moment <= LATEST:
            raise ValueError(f"serverTime is {stamp}")
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadAnswerError(f"{TIME_PATH} did not tell a time, {error!r:.120}") from None
    return moment


@dataclass(slots=True)
class ClockWatch:
    """Asks every now and then, in a thread of its own.

    Attributes
    ----------
    ask : callable
        Returns a reading or raises `ProviderError`.
    every : timedelta
        Between two readings.
    doubtful : float
        Offset beyond which it is asked again soon, seconds.
    monotonic : callable
        Seconds that only ever grow.
    """

    ask: Callable[[], Reading]
    every: timedelta
    doubtful: float
    monotonic: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=Stop)
    _told: Told | None = None
    _due: float | None = None
    _failures: int = 0
    _thread: threading.Thread | None = None

    @property
    def told(self) -> Told | None:
        """Return what is known, None before `ensure` was called."""
        return self._told

    def hurry(self) -> None:
        """Have it asked at once, for example because our clock was seen to jump."""
        self._due = None

    def ensure(self) -> None:
        """Start the thread unless it runs; one that died is started again."""
        if self.stopping.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        if self._thread is not None:
            _LOG.error("The clock watch had died and is started again")
        self._begin()
        self._thread = threading.Thread(target=self.run, name="clock watch", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Step until told to stop; the body of the thread."""
        while not self.stopping.is_set():
            self.stopping.wait(self.step().total_seconds())

    def step(self) -> timedelta:
        """Ask if it is due; return the time until it may be due again."""
        if self._due is None or self.monotonic() >= self._due:
            # Should it kill the thread, the next one does not begin with it; and a `hurry` from
            # here on counts for the next time.
            self._due = self.monotonic() + FIRST_RETRY.total_seconds()
            pause = self._ask(self._begin()).total_seconds()
            if self._due is not None:
                self._due = self.monotonic() + pause
        if self._due is None:
            return timedelta(0)
        left = timedelta(seconds=max(0.0, self._due - self.monotonic()))
        return min(IDLE, left)

    def _begin(self) -> Told:
        if self._told is None:
            now = self.monotonic()
            self._told = Told(None, now, now)
        return self._told

    def _ask(self, before: Told) -> timedelta:
        """Ask, keep what was told, and return the pause until the next time."""
        begun = self.monotonic()
        try:
            reading = self.ask()
        except ProviderError as error:
            why = one_line(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the clock is watched further
            _LOG.exception("The clock watch failed, unforeseen")
            why = one_line(repr(error))
        else:
            self._failures = 0
            self._told = Told(reading, self.monotonic(), begun, "", before.times + 1)
            doubtful = abs(reading.offset) > self.doubtful
            return min(self.every, DOUBTFUL_EVERY) if doubtful else self.every
        self._failures += 1
        self._told = replace(before, why=why, times=before.times + 1)
        return min(self.every, retry_after(self._failures))

    def stop(self) -> None:
        """Let the thread end as soon as it has its answer; nobody waits for it."""
        self.stopping.set()

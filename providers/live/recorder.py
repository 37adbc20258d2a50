"""Writes down what has no history and keeps what has one current: a feed that ends in the store.

One process per data folder; bots only read. Polled datasets and streams share the sink, the log and
the stop signal. Every minute the state of each feed goes to ``regimekit/recorder.json``, whose age
tells a health check whether the process still makes progress.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pandas as pd

from providers.datasets.recorder_uptime import DATASET as UPTIME
from providers.errors import DataMissingError
from providers.live.feed import Feed
from providers.live.health import HealthLog
from providers.live.listener import Listener
from providers.live.polls import Poll, polls_of
from providers.live.stop import Stop
from providers.live.store_sink import StoreSink
from providers.registry import entry
from providers.sources import Entry, Sources
from providers.storage.lease import lease
from providers.storage.store import STORE_FOLDER, replace_file
from providers.streams import Stream

_LOG = logging.getLogger(__name__)

STATUS_FILE = "recorder.json"
LOOKBACK = timedelta(days=1)  # of a dataset that is not there yet; a backfill brings the rest
LOOK_EVERY = timedelta(seconds=5)  # whether all threads live
STATUS_EVERY = timedelta(minutes=1)
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Recorder:
    """Polls and streams of some datasets, written by one process; `recorder_of` builds it."""

    datadir: Path
    datasets: tuple[str, ...]
    feed: Feed
    listeners: tuple[Listener, ...]
    sink: StoreSink
    clock: Callable[[], pd.Timestamp]

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Record until ``feed.stopping`` is set, then write what is still in hand.

        Raises
        ------
        LeaseError
            Another process writes one of the datasets.
        """
        with self._leases():
            threads: dict[str, threading.Thread] = {}
            self._supervise(threads)
            self.write_status()
            ready()
            told = monotonic()
            while not self.feed.stopping.wait(LOOK_EVERY.total_seconds()):
                self._supervise(threads)
                if monotonic() - told >= STATUS_EVERY.total_seconds():
                    self.write_status()
                    told = monotonic()
            self._end(threads)

    def once(self) -> tuple[Poll, ...]:
        """Poll everything one time; return what did not go well. Streams are left out."""
        with self._leases():
            failed = self.feed.once()
            unwritten = self.sink.flush()
            self.write_status()
            return failed + tuple(
                poll for poll in self.feed.polls if poll.key in unwritten and poll not in failed
            )

    def write_status(self) -> None:
        """Write the states of all feeds; the file's age is the process's pulse."""
        states = self.feed.states() | {it.name: str(it.health.state) for it in self.listeners}
        status = {"at": self.clock().isoformat(), "pid": os.getpid(), "feeds": states}
        try:
            replace_file(
                self.datadir / STORE_FOLDER / STATUS_FILE, json.dumps(status, indent=1).encode()
            )
        except OSError as error:  # a full disk must not end what may yet recover
            _LOG.warning("The status file cannot be written: %s", error)

    @contextmanager
    def _leases(self) -> Iterator[None]:
        with ExitStack() as leases:
            for name in self.datasets:
                leases.enter_context(lease(self.datadir, name, self.clock))
            yield

    def _supervise(self, threads: dict[str, threading.Thread]) -> None:
        """Start what does not run: at first all, later what died."""
        self.feed.ensure()
        for listener in self.listeners:
            thread = threads.get(listener.name)
            if thread is not None and thread.is_alive():
                continue
            if thread is not None:
                _LOG.error("The listener of %s had died and is started again", listener.name)
            threads[listener.name] = threading.Thread(
                target=listener.run, name=listener.name, daemon=True
            )
            threads[listener.name].start()

    def _end(self, threads: dict[str, threading.Thread]) -> None:
        """Let the threads end, all within `STOP_SECONDS`, and write what is in hand."""
        deadline = monotonic() + STOP_SECONDS
        self.feed.stop(STOP_SECONDS)
        for thread in threads.values():
            thread.join(max(0.0, deadline - monotonic()))
        for listener in self.listeners:
            if not threads[listener.name].is_alive():
                listener.flush()
        self.sink.flush()
        self.write_status()


def recorder_of(
    datasets: Sequence[str],
    pairs: Sequence[str],
    datadir: Path,
    sources: Sources,
    *,
    every: dict[str, timedelta] | None = None,
    stopping: threading.Event | None = None,
    streams: bool = True,
) -> Recorder:
    """Return what records `datasets` about `pairs` into `datadir`.

    Parameters
    ----------
    every : mapping of str to timedelta, optional
        How often to poll a dataset, where it is not as often as usual.
    stopping : Event, optional
        What ends it.
    streams : bool
        Whether to listen; without, a dataset that can only be listened to is left out.

    Raises
    ------
    DataMissingError
        There is no such dataset, or it can neither be polled nor listened to.
    """
    entries = [entry(name) for name in dict.fromkeys(datasets)]
    clock, log, stopping = sources.client.now, HealthLog(), stopping or Stop()
    recorded = frozenset({it.dataset.name for it in entries if it.recorded} | {UPTIME.name})
    sink = StoreSink(datadir, recorded, clock)
    polls: list[Poll] = []
    listeners: list[Listener] = []
    for it in entries:
        pushed = [each for each in it.providers(sources) if isinstance(each, Stream)]
        if streams:
            listeners += [
                Listener(stream, tuple(pairs), sink, clock, log, stop=stopping) for stream in pushed
            ]
        if not pushed:
            polls += _polls(it, pairs, sources, (every or {}).get(it.dataset.name))
    if not polls and not listeners:
        raise DataMissingError(f"nothing of {', '.join(datasets)} can be polled, only listened to")
    feed = Feed(sink, clock, log, stopping)
    feed.follow(polls)
    written = {name for name, _ in (poll.key for poll in polls)}
    written |= {listener.stream.dataset.name for listener in listeners}
    written |= {UPTIME.name} if listeners else set()
    return Recorder(datadir, tuple(sorted(written)), feed, tuple(listeners), sink, clock)


def _polls(
    it: Entry, pairs: Sequence[str], sources: Sources, every: timedelta | None
) -> list[Poll]:
    found = polls_of(it, pairs, sources, LOOKBACK, every)
    if not found:
        raise DataMissingError(
            f"{it.dataset.name} can be neither polled nor listened to; a backfill fetches it, "
            "`python scripts/backfill.py --list` says from where"
        )
    return found

"""What can be wrong with a bot's database, disk, clock and account, and how that is found.

A check is asked once per loop, waits for nothing, and answers with a `Finding`.
"""

import logging
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from providers.live.clock_offset import ClockWatch
from providers.storage.instance import Instance
from regimekit.settings.watch import WatchSettings
from regimekit.watch import clock_jumped, clock_wrong, disk_scarce

logger = logging.getLogger(__name__)

MB = 1_000_000
FIRST_WORD = timedelta(minutes=1)  # within which the exchange should have told its time at first
SILENCES = 3  # intervals without the exchange's time after which that is told
STRANGERS_EVERY, STRANGERS_AFTER = timedelta(minutes=1), timedelta(minutes=10)


class Finding(NamedTuple):
    """What a check found: why entries stop, empty when they need not.

    Attributes
    ----------
    lasting : bool
        Whether it is worth a lock and a message; not what will be known within seconds.
    """

    why: str = ""
    lasting: bool = True


FINE = Finding()
Check = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class InstanceCheck:
    """Finds that the lock of the database was taken away from the bot."""

    instance: Instance | None

    def __call__(self) -> Finding:
        """Look whether it is held; one that was deleted is taken anew where nobody else did."""
        if self.instance is None or self.instance.intact():
            return FINE
        return Finding(f"the lock file {self.instance.path} was deleted or replaced")


@dataclass(slots=True)
class DiskCheck:
    """Finds a disk that is filling up, before a database that cannot be written ends the bot.

    Attributes
    ----------
    folders : tuple of Path
        Where the bot writes.
    least : float
        MB that must be free for each; 0 is off.
    """

    folders: tuple[Path, ...]
    least: float
    _scarce: bool = False

    def __call__(self) -> Finding:
        """Measure the fullest of the folders; one that cannot be measured counts as full."""
        if not self.least:
            return FINE
        free, folder = min((_free(folder), str(folder)) for folder in self.folders)
        self._scarce = disk_scarce(free, scarce=self._scarce, least=self.least)
        if not self._scarce:
            return FINE
        if free < 0:
            return Finding(f"the free space of {folder} cannot be told")
        return Finding(f"{free:.0f} MB are free in {folder}, {self.least:g} MB at least are needed")


def _free(folder: Path) -> float:
    """Return the free MB of the disk of a folder, below 0 where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free / MB
    except OSError:
        return -math.inf


@dataclass(slots=True)
class ClockCheck:
    """Finds a clock that is wrong by what the exchange tells, or that jumped since it did.

    That the exchange does not tell its time stops nothing: prices may come all the same, and who
    cannot ask for these has no analyzed candle to enter on. It is logged when it lasts.

    Attributes
    ----------
    watch : ClockWatch
        Asks, in a thread of its own.
    wall : callable
        The time of day, seconds; where it and the watch's own clock part, somebody has set it.
    """

    watch: ClockWatch
    settings: WatchSettings
    wall: Callable[[], float] = time.time
    _wrong: bool = False
    _warned: bool = False
    _silent: bool = False
    _last: tuple[float, float] | None = None  # what both clocks showed
    _jump: tuple[float, float] | None = None  # when, and by how much

    def __call__(self) -> Finding:
        """Judge the latest reading."""
        self.watch.ensure()
        now = self._compare_clocks()
        told = self.watch.told
        if told is None:
            return FINE
        if self._jump is not None and told.reading is not None and told.begun > self._jump[0]:
            self._jump = None
        if self._jump is not None:
            return Finding(
                f"the clock jumped by {self._jump[1]:+.0f} s and is compared with that of the "
                "exchange again"
            )
        silent_for = now - told.since
        self._note_silence(silent_for, told.why)
        if told.reading is None:
            first = not told.times and silent_for < FIRST_WORD.total_seconds()
            return (
                Finding("the exchange has not told its time yet", lasting=False) if first else FINE
            )
        return self._judge(told.reading.offset, told.reading.uncertainty)

    def _judge(self, offset: float, uncertainty: float) -> Finding:
        good, bad = self.settings.clock_warn_seconds, self.settings.clock_block_seconds
        self._wrong = clock_wrong(offset, uncertainty, wrong=self._wrong, good=good, bad=bad)
        text = f"{abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} that of the exchange"
        if abs(offset) <= good / 2:
            self._warned = False
        elif not self._wrong and not self._warned and abs(offset) - uncertainty > good:
            self._warned = True
            logger.warning("The clock is %s; beyond %g s entries stop", text, bad)
        return Finding(f"the clock is {text}") if self._wrong else FINE

    def _compare_clocks(self) -> float:
        """Return the time that nobody sets, after a look whether the time of day jumped."""
        before, wall, now = self.watch.monotonic(), self.wall(), self.watch.monotonic()
        if self._last is not None:
            passed, steady = wall - self._last[0], now - self._last[1]
            bad = self.settings.clock_block_seconds
            if clock_jumped(passed, steady, slack=now - before, bad=bad):
                self._jump = now, passed - steady
                self.watch.hurry()
        self._last = wall, now
        return now

    def _note_silence(self, seconds: float, why: str) -> None:
        if seconds <= SILENCES * self.watch.every.total_seconds():
            self._silent = False
        elif not self._silent:
            self._silent = True
            logger.warning(
                "The exchange has not told its time for %.0f min (%s); entries go on, and an "
                "error of the clock would not be seen",
                *(seconds / 60, why or "no answer"),
            )


@dataclass(slots=True)
class Strangers:
    """Notices positions on the account that this bot did not open, in live trading only.

    It is a hint: Freqtrade asks for positions hourly and around its own orders.
    """

    _since: dict[str, datetime] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _looked: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Tell whether to look again; a clock that was set back counts as due."""
        due = self._looked is None or abs(now - self._looked) >= STRANGERS_EVERY
        if due:
            self._looked = now
        return due

    def news(self, positions: set[str], own: set[str], now: datetime) -> list[str]:
        """Return the pairs that have been strange for long enough to say so, each once."""
        strange = positions - own
        self._since = {pair: self._since.get(pair, now) for pair in strange}
        self._told &= strange
        lasting = {pair for pair in strange if now - self._since[pair] >= STRANGERS_AFTER}
        fresh = sorted(lasting - self._told)
        self._told.update(fresh)
        return fresh

"""Rows of our own datasets, as a strategy reads them: from a snapshot, never from a network."""

import logging
import threading
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self

import pandas as pd

from providers.contract import Span
from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import read_dataset, recording_folder, store_path

logger = logging.getLogger(__name__)

NOTHING = pd.DataFrame()  # one object, so that a reader sees that nothing has changed
EVENTS = "events"  # stands for the timeframe of a dataset without a grid
DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9].feather"


class RowSource(Protocol):
    """What strategies read datasets from; a live feed and the store both satisfy it."""

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        """Return what is stored of a dataset for a pair, an empty frame where nothing is.

        Rows have ``date``, ``known_at`` and the values. The frame is shared: do not change it. No
        network, no waiting, and no exception for missing or damaged data.
        """
        ...


class StoreRows:
    """Reads our store and reads again when a file was replaced.

    Parameters
    ----------
    datadir : Path or None
        Freqtrade's data folder; without one nothing is stored.
    timeframe : str
        Of the rows that are wanted. A dataset without a grid of its own, as the order book, is
        found at any.
    days : int or None
        Of what was recorded, how many of the latest days to read; None for all.
    """

    def __init__(self, datadir: Path | None, timeframe: str, days: int | None = None) -> None:
        self._datadir = datadir
        self._timeframe = timeframe
        self._days = days
        self._places: dict[tuple[str, str], tuple[tuple[str, tuple[Path, ...]], ...]] = {}

    def latest(self, days: int) -> Self:
        """Return the same store without recordings of earlier days, for a bot that trades now."""
        return type(self)(self._datadir, self._timeframe, days)

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        """Return the rows of a store file; a damaged file is logged once and counts as missing."""
        if self._datadir is None:
            return NOTHING
        places = self._places.get((dataset, pair))
        if places is None:  # kept, because to join paths costs more than to look at the files
            places = self._places[dataset, pair] = _places(
                self._datadir, dataset, pair, self._timeframe
            )
        for timeframe, paths in places:
            version = _version(paths)
            if version:
                key = (self._datadir, dataset, pair, timeframe, self._days)
                return _VERSIONS.rows(key, version)
        return NOTHING


def _places(
    datadir: Path, dataset: str, pair: str, timeframe: str
) -> tuple[tuple[str, tuple[Path, ...]], ...]:
    """Return where rows may lie: on the grid that is wanted, else without one."""
    on_grid, events = (store_path(datadir, dataset, pair, name) for name in (timeframe, EVENTS))
    # Each file that a recorder replaces also changes its folder
    recorded = recording_folder(datadir, dataset, pair)
    return (timeframe, (on_grid,)), (EVENTS, (events, recorded))


def _version(paths: tuple[Path, ...]) -> "_Version":
    """Return what changes whenever the rows do; nothing where none are stored."""
    version: _Version = ()
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue
        version += (stat.st_mtime_ns, stat.st_size)
    return version


class _Versions:
    """The latest version of each store file; hyperopt and analyses ask for it again and again.

    One version each: where a recorder replaces files, older ones would fill the memory of a bot.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[_Key, tuple[_Version, pd.DataFrame]] = {}
        self._lock = threading.Lock()  # a feed's threads read the store too

    def rows(self, key: "_Key", version: "_Version") -> pd.DataFrame:
        """Return the rows of a file, read again if it has another `version` by now."""
        with self._lock:
            held = self._held.pop(key, None)
            if held is None or held[0] != version:
                held = (version, _rows(*key))
            self._held[key] = held  # the latest last
            while len(self._held) > self._most:
                del self._held[next(iter(self._held))]
            return held[1]


_Key = tuple[Path, str, str, str, int | None]
_Version = tuple[int, ...]
_VERSIONS = _Versions(most=64)  # files; five years of 15m are 12 MB


def _rows(datadir: Path, dataset: str, pair: str, timeframe: str, days: int | None) -> pd.DataFrame:
    """Read a store file, or the recorded days; nothing where they cannot be used."""
    span = None
    if timeframe == EVENTS and days is not None:
        span = _latest_days(recording_folder(datadir, dataset, pair), days)
    try:
        frame = read_dataset(datadir, dataset, pair, span, timeframe=timeframe)
    except (CorruptDataError, DataMissingError, OSError, KeyError) as error:
        logger.warning("%s of %s counts as missing: %s", dataset, pair, error)
        return NOTHING
    stamps = frame.columns.intersection(["date", "known_at"])
    if len(stamps) < 2 or not all(
        isinstance(frame[name].dtype, pd.DatetimeTZDtype) for name in stamps
    ):
        logger.warning(
            "%s of %s counts as missing: its rows lack date or known_at in UTC; fetch it again",
            dataset,
            pair,
        )
        return NOTHING
    return frame


def _latest_days(folder: Path, days: int) -> Span | None:
    """Return the last days that hold recorded rows, None where none do."""
    recorded = [path.stem for path in folder.glob(DAY)]
    if not recorded:
        return None
    end = pd.Timestamp(max(recorded), tz="UTC") + timedelta(days=1)
    return Span(end - timedelta(days=days), end)

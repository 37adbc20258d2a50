"""Rows of our own datasets, as a strategy reads them: from a snapshot, never from a network."""

import logging
import threading
from pathlib import Path
from typing import Protocol

import pandas as pd

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import read_dataset, store_path

logger = logging.getLogger(__name__)


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
        Of the rows that are wanted.
    """

    def __init__(self, datadir: Path | None, timeframe: str) -> None:
        self._datadir = datadir
        self._timeframe = timeframe

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        """Return the rows of a store file; a damaged file is logged once and counts as missing."""
        if self._datadir is None:
            return pd.DataFrame()
        try:
            stat = store_path(self._datadir, dataset, pair, self._timeframe).stat()
        except OSError:
            return pd.DataFrame()
        key = (self._datadir, dataset, pair, self._timeframe)
        return _VERSIONS.rows(key, (stat.st_mtime_ns, stat.st_size))


class _Versions:
    """The latest version of each store file; hyperopt and analyses ask for it again and again.

    One version each: where a recorder replaces files, older ones would fill the memory of a bot.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[_Key, tuple[tuple[int, int], pd.DataFrame]] = {}
        self._lock = threading.Lock()  # a feed's threads read the store too

    def rows(self, key: "_Key", version: tuple[int, int]) -> pd.DataFrame:
        """Return the rows of a file, read again if it has another `version` by now."""
        with self._lock:
            held = self._held.pop(key, None)
            if held is None or held[0] != version:
                held = (version, _rows(*key))
            self._held[key] = held  # the latest last
            while len(self._held) > self._most:
                del self._held[next(iter(self._held))]
            return held[1]


_Key = tuple[Path, str, str, str]
_VERSIONS = _Versions(most=64)  # files; five years of 15m are 12 MB


def _rows(datadir: Path, dataset: str, pair: str, timeframe: str) -> pd.DataFrame:
    """Read a store file; nothing where it cannot be used."""
    try:
        frame = read_dataset(datadir, dataset, pair, timeframe=timeframe)
    except (CorruptDataError, DataMissingError, OSError, KeyError) as error:
        logger.warning("%s of %s counts as missing: %s", dataset, pair, error)
        return pd.DataFrame()
    stamps = frame.columns.intersection(["date", "known_at"])
    if len(stamps) < 2 or not all(
        isinstance(frame[name].dtype, pd.DatetimeTZDtype) for name in stamps
    ):
        logger.warning(
            "%s of %s counts as missing: its rows lack date or known_at in UTC; fetch it again",
            dataset,
            pair,
        )
        return pd.DataFrame()
    return frame

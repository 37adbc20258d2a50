"""The market that a rehearsal is held in: a data folder, and prices within its candles."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from providers.coverage import Period, select_pairs
from providers.errors import ProviderError
from providers.results import SIMULATION
from providers.storage.store import native_path, read_frame, write_frame
from rehearsal.errors import RehearsalError
from rehearsal.minutes import minutes_of

TIMEFRAME, DETAIL = "15m", "1m"
AROUND = timedelta(hours=12)  # minutes before the first and after the last traded candle


@dataclass(frozen=True, slots=True)
class Market:
    """A data folder that the exchange serves and the backtest reads.

    Attributes
    ----------
    datadir : Path
        Links to the recorded files, and a 1m file per pair.
    pairs : tuple of str
        Those with all data for the period.
    period : Period
        What is traded.
    simulated : bool
        Whether the candles were invented.
    refused : dict
        Pairs that were left out, and why.
    """

    datadir: Path
    pairs: tuple[str, ...]
    period: Period
    simulated: bool
    refused: dict[str, str]


def stage_market(
    datadir: Path, folder: Path, period: Period, pairs: Sequence[str] = (), *, hold: int = 5
) -> Market:
    """Make the data folder `folder` out of `datadir`, which stays as it is.

    Made-up minutes `hold` the open of their candle so long.

    Raises
    ------
    RehearsalError
        No pair has all data for the period, or a named one has not.
    ProviderError
        `datadir` is no data folder, or a file is corrupt.
    """
    chosen, refused = select_pairs(datadir, period, tuple(pairs))
    for pair in pairs:
        if pair in refused:
            raise RehearsalError(f"{pair} cannot be rehearsed: {refused[pair]}")
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "futures").mkdir(parents=True)
    for source in sorted(datadir.iterdir()):
        if source.name != "futures":
            (folder / source.name).symlink_to(source.resolve())
    for source in sorted((datadir / "futures").iterdir()):
        (folder / "futures" / source.name).symlink_to(source.resolve())
    for pair in chosen:
        _add_minutes(folder, pair, period, hold)
    return Market(folder, chosen, period, (datadir / SIMULATION).exists(), dict(refused))


def _add_minutes(datadir: Path, pair: str, period: Period, hold: int) -> None:
    """Write the 1m file of a pair, unless it was recorded."""
    path = native_path(datadir, pair, DETAIL)
    if path.exists():
        dates = read_frame(path)["date"]
        if dates.iloc[0] <= period.start and dates.iloc[-1] >= period.end - timedelta(minutes=1):
            return
        path.unlink()  # the link, not what was recorded
    candles = read_frame(native_path(datadir, pair, TIMEFRAME))
    wanted = candles["date"].between(period.start - AROUND, period.end + AROUND, inclusive="left")
    if not wanted.any():
        raise ProviderError(f"{pair} has no {TIMEFRAME} candles in {period.timerange}")
    write_frame(minutes_of(candles[wanted], hold), path)

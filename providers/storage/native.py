"""Freqtrade's own files, made from our store: open interest and funding rates.

Open interest of 15m, 1h and 4h is the snapshot at that very stamp; nothing is averaged, filled or
moved. A funding rate is dated by the hour of its settlement, as Freqtrade dates it, and a file
holds the first of an hour.

What a native file already holds stays: rows are added, blanks are filled, differences are counted.
Native files know no ``known_at``. A strategy that reads them must add the delay itself: a snapshot
counts five minutes after its date, a settlement one minute after. A row that became known later
than that, because a blank of it was filled, is left out: such a file could not say so.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from providers.errors import CorruptDataError, DataMissingError, ProviderError
from providers.storage.history import TOLERANCE
from providers.storage.intake import Outcome
from providers.storage.store import (
    STORE_FOLDER,
    native_path,
    read_dataset,
    read_frame,
    replace_file,
    set_aside,
    sweep,
    write_frame,
)

OPEN_INTEREST = ("open_interest_amount", "open_interest_value")
SNAPSHOTS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "4h": timedelta(hours=4)}
FUNDING_RATE = ("funding_rate",)
KNOWN_AFTER = timedelta(minutes=5, seconds=30)  # stamps lie up to half a minute off their grid

# Venue, as the command line calls it, and the dataset that holds its open interest.
VENUES = {"binance": "open_interest", "bybit": "bybit_open_interest"}


class VenueError(ProviderError):
    """Native files hold the open interest of another venue."""


@dataclass(frozen=True, slots=True)
class Written:
    """What happened to a native file.

    Attributes
    ----------
    rows, appended : int
        Rows in the file, and those that are new.
    differing : int
        Rows of ours that the file has with another value, which stays.
    damaged : str or None
        What was wrong with the file that was there; it was kept under another name.
    """

    path: Path
    rows: int
    appended: int
    differing: int
    damaged: str | None = None


def choose_venue(datadir: Path, venue: str, *, replace: bool = False) -> list[Path]:
    """Settle whose open interest the native files hold; return the files set aside for that.

    Raises
    ------
    VenueError
        They hold that of another venue, and `replace` is not set.
    """
    choice = datadir / STORE_FOLDER / "native.json"
    files = sorted((datadir / "futures").glob("*-open_interest.feather"))
    current = _chosen(choice) or ("binance" if files else venue)
    aside = []
    if current != venue:
        if not replace:
            raise VenueError(
                f"native open interest files in {datadir} hold that of {current}, not of {venue}; "
                "add --replace-native to set them aside and write new ones"
            )
        aside = [set_aside(path, "replaced") for path in files]
    choice.parent.mkdir(parents=True, exist_ok=True)
    replace_file(choice, json.dumps({"open_interest": venue}).encode())
    return aside


def write_open_interest(datadir: Path, pair: str, venue: str = "binance") -> list[Written]:
    """Bring the native open interest files of `pair` up to our store.

    Raises
    ------
    DataMissingError
        The store holds nothing of the pair.
    """
    stored = _in_time(read_dataset(datadir, VENUES[venue], pair, timeframe="5m"))
    frame = stored.reindex(columns=["date", *OPEN_INTEREST]).astype(
        dict.fromkeys(OPEN_INTEREST, "float64")
    )
    frame = frame[frame[list(OPEN_INTEREST)].notna().any(axis=1)]
    return [
        _write(
            native_path(datadir, pair, timeframe, "open_interest"),
            frame[frame["date"] == frame["date"].dt.floor(step)],
        )
        for timeframe, step in SNAPSHOTS.items()
    ]


def write_funding_rate(datadir: Path, pair: str) -> list[Written]:
    """Bring the native funding rate file of `pair` up to our store; errors as above."""
    stored = _in_time(read_dataset(datadir, "funding_rate", pair))
    frame = stored[["date", *FUNDING_RATE]].dropna()
    frame = frame.assign(date=frame["date"].dt.floor("h"))
    frame = frame.drop_duplicates("date", keep="first")
    return [_write(native_path(datadir, pair, "1h", "funding_rate"), frame)]


def _in_time(stored: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were known as soon as a native file promises."""
    return stored[stored["known_at"] - stored["date"] <= KNOWN_AFTER]


def _write(path: Path, ours: pd.DataFrame) -> Written:
    sweep(path.parent, path.name)  # Freqtrade's folder has no lease; our dataset's covers its files
    theirs, damaged = _existing(path, ours)
    values = list(ours.columns[1:])
    old, new = theirs.set_index("date")[values], ours.set_index("date")[values]
    frame = old.combine_first(new).reindex(columns=values)
    both = old.index.intersection(new.index)
    one, other = old.loc[both].to_numpy(), new.loc[both].to_numpy()
    with np.errstate(invalid="ignore"):  # a blank differs from nothing
        apart = np.abs(one - other) > TOLERANCE * np.maximum(np.abs(one), np.abs(other))
    frame = frame.rename_axis("date").reset_index()
    frame["date"] = frame["date"].dt.as_unit("ms")
    if not frame.equals(theirs):
        write_frame(frame, path)
    return Written(
        path, len(frame), len(frame) - len(theirs), int(apart.any(axis=1).sum()), damaged
    )


def _existing(path: Path, like: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Return the rows of a native file as Freqtrade would read them, and what was wrong."""
    damaged = None
    try:
        frame = read_frame(path)
        if "funding_rate" in like and "funding_rate" not in frame:
            frame = frame.rename(columns={"open": "funding_rate"})  # Freqtrade's older layout
        types = {"date": "datetime64[ms, UTC]"} | dict.fromkeys(like.columns[1:], "float64")
        frame = frame[list(like.columns)].astype(types)
    except DataMissingError:
        return like.iloc[:0].reset_index(drop=True), None
    except (CorruptDataError, KeyError, TypeError, ValueError) as error:
        aside = set_aside(path, "corrupt")
        damaged = f"{error}; it was kept as {aside.name} and is written anew"
        return like.iloc[:0].reset_index(drop=True), damaged
    frame = frame.drop_duplicates("date", keep="first").sort_values("date", ignore_index=True)
    return frame, damaged


def _chosen(choice: Path) -> str | None:
    try:
        venue = json.loads(choice.read_text())["open_interest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return venue if venue in VENUES else None


class Natives:
    """Brings Freqtrade's own files up to our store after each series of a backfill."""

    def __init__(self, datadir: Path, venue: str) -> None:
        self.datadir, self.venue = datadir, venue
        self.written: list[Written] = []

    def follow(self, outcome: Outcome) -> None:
        """Write the files that `outcome` concerns, if Freqtrade knows such."""
        try:
            if outcome.dataset == VENUES[self.venue]:
                new = write_open_interest(self.datadir, outcome.pair, self.venue)
            elif outcome.dataset == "funding_rate":
                new = write_funding_rate(self.datadir, outcome.pair)
            else:
                return
        except ProviderError as error:
            outcome.problems.append(str(error))
            return
        outcome.problems += [file.damaged for file in new if file.damaged]
        self.written += new

    def summary(self) -> str:
        """Return what was done, in a sentence."""
        rows = sum(file.appended for file in self.written)
        differing = sum(file.differing for file in self.written)
        kept = f"; {differing:,} rows differ from what they held, which was kept"
        return (
            f"Freqtrade's own files: {len(self.written)} brought up to date, {rows:,} rows added"
            f"{kept if differing else ''}."
        )

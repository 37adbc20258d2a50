"""The files of a Freqtrade data folder, found at start-up and read when they are first needed.

Every command that writes Freqtrade candle files, ours included, makes a folder this module can
serve. What lies in our store beside them is served as well, and nobody misses what does not. Only
headers are read at start-up; a file's content is read once and kept as numpy arrays, so files that
change while the exchange runs are not noticed: a replay repeats.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from providers.contract import MARKET
from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import read_frame, store_path
from providers.symbols import coin
from replay.candles import FIELDS, INTERVALS, TAKER_BUY_VOLUME, Candles, Stamps, Table

PRICE_COLUMNS = FIELDS[:TAKER_BUY_VOLUME]
TAKER_COLUMNS = FIELDS[TAKER_BUY_VOLUME:]
COLUMNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("futures", "mark", "index", "premiumIndex", "spot"), PRICE_COLUMNS),
    **dict.fromkeys(("taker_flow", "spot_taker_flow"), TAKER_COLUMNS),
    "funding_rate": ("funding_rate",),
    "open_interest": ("open_interest_amount", "open_interest_value"),
    "bybit_open_interest": ("open_interest_amount",),
    "long_short_ratio": ("global_account_ratio", "top_account_ratio", "top_position_ratio"),
    "basis": ("index_price", "futures_price"),
    "fear_greed": ("fear_greed",),
    "senticrypt": (
        *("sentiment_mean", "sentiment_sum", "sentiment_count"),
        *("sentiment_score_1", "sentiment_score_2", "sentiment_score_3"),
    ),
}
# Columns that a file may lack, and what is true of its rows then.
OPTIONAL: dict[str, dict[str, float]] = {
    "premiumIndex": {"volume": 0.0},  # nobody trades a premium
    **{kind: {"quote_volume": np.nan} for kind in ("taker_flow", "spot_taker_flow")},
}
# Datasets of our store, by the kind of what they hold.
STORED = {
    "taker_flow": "taker_flow",
    "spot_taker_flow": "spot_taker_flow",
    "open_interest": "open_interest",
    "bybit_open_interest": "bybit_open_interest",
    "long_short_ratio": "long_short_ratio",
    "basis": "basis",
    "premium_index": "premiumIndex",
}
STORED_OF_THE_MARKET = ("fear_greed", "senticrypt")
FLOW_OF = {"futures": "taker_flow", "spot": "spot_taker_flow"}
FILES_IN_MEMORY = 128  # a year of 1m candles is 34 MB, of 15m candles 2 MB

_FILE_NAME = re.compile(
    r"(?P<base>.+)_(?P<quote>[A-Z]+)_(?P<settle>[A-Z]+)-(?P<timeframe>\w+)-(?P<kind>\w+)\.feather"
)
_SPOT_NAME = re.compile(r"(?P<base>[^_]+)_(?P<quote>[A-Z]+)-(?P<timeframe>\w+)\.feather")


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A linear perpetual contract, margined in its quote currency; or a spot market."""

    base: str
    quote: str

    @property
    def symbol(self) -> str:
        """Return Binance's name, for example ``BTCUSDT``."""
        return f"{self.base}{self.quote}"

    @property
    def name(self) -> str:
        """Return Freqtrade's name, for example ``BTC/USDT:USDT``."""
        return f"{self.base}/{self.quote}:{self.quote}"


WHOLE_MARKET = Pair(MARKET, "")  # stands where a pair would, as in our store


@dataclass(frozen=True, slots=True)
class File:
    """One feather file: what it holds, and from when."""

    pair: Pair
    kind: str
    interval: int
    first: int
    path: Path


@dataclass(frozen=True, slots=True)
class Events:
    """Rows that are true at an instant, not over an interval: settlements, snapshots."""

    stamps: Stamps
    table: Table

    def __getitem__(self, rows: slice | NDArray[Any]) -> "Events":
        return Events(self.stamps[rows], self.table[rows])

    def until(self, instant: int) -> "Events":
        """Return the rows up to and including `instant`."""
        return self[: np.searchsorted(self.stamps, instant, side="right")]

    def merged(self, other: "Events") -> "Events":
        """Return the rows of both in time order; they must not share a stamp."""
        stamps = np.concatenate([self.stamps, other.stamps])
        order = np.argsort(stamps, kind="stable")
        return Events(stamps[order], np.concatenate([self.table, other.table])[order])


class Datadir:
    """The files of a data folder by pair and kind, fastest interval first."""

    def __init__(self, files: Sequence[File]) -> None:
        self._files: dict[tuple[Pair, str], list[File]] = {}
        for file in sorted(files, key=lambda file: file.interval):
            self._files.setdefault((file.pair, file.kind), []).append(file)
        self.pairs = sorted(pair for pair, kind in self._files if kind == "futures")
        self.spot_pairs = sorted(pair for pair, kind in self._files if kind == "spot")
        self.candles = lru_cache(FILES_IN_MEMORY)(self._read_candles)
        self.events = lru_cache(FILES_IN_MEMORY)(_read_rows)

    @classmethod
    def scan(cls, folder: Path) -> "Datadir":
        """Find the files of `folder` and check their headers.

        Raises
        ------
        DataMissingError
            The folder does not exist or has no futures candles.
        CorruptDataError
            A file is not feather, is cut short, or lacks a column.
        """
        way_out = (
            "pass a Freqtrade data folder such as user_data/data/binance, "
            "or make one with `python -m replay simulate`"
        )
        if not folder.is_dir():
            raise DataMissingError(f"data folder {folder} does not exist; {way_out}")
        datadir = cls(list(_scan(folder)))
        if not datadir.pairs:
            raise DataMissingError(
                f"data folder {folder} has no candles in futures/*-futures.feather; {way_out}"
            )
        return datadir

    def files(self, pair: Pair, kind: str) -> Sequence[File]:
        """Return the files of one kind, fastest interval first."""
        return self._files.get((pair, kind), ())

    def _read_candles(self, file: File, interval: int) -> Candles:
        """Return the candles of `file`, grouped to `interval`, with taker flow where we have it."""
        if interval != file.interval:
            return self.candles(file, file.interval).grouped(interval)
        rows = _read_rows(file)
        taker = np.full((len(rows.stamps), len(TAKER_COLUMNS)), np.nan)
        if file.kind in FLOW_OF:
            for flow in self.files(file.pair, FLOW_OF[file.kind]):
                if interval % flow.interval == 0:
                    _fill_unknown(taker, rows.stamps, _taker_candles(flow).grouped(interval))
        return Candles(interval, rows.stamps, np.hstack([rows.table, taker]))


def _scan(folder: Path) -> Iterator[File]:
    pairs = set()
    for path in sorted((folder / "futures").glob("*.feather")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or match["quote"] != match["settle"]:
            continue  # a dated or inverse contract, or something else altogether
        interval = INTERVALS.get(match["timeframe"])
        kind = match["kind"]
        if interval and kind in COLUMNS:
            pair = Pair(match["base"], match["quote"])
            pairs.add(pair)
            yield from _file(pair, kind, interval, path)
    for path in sorted(folder.glob("*.feather")):
        match = _SPOT_NAME.fullmatch(path.name)
        if match and (interval := INTERVALS.get(match["timeframe"])):
            yield from _file(Pair(match["base"], match["quote"]), "spot", interval, path)
    yield from _scan_store(folder, sorted(pairs))


def _scan_store(folder: Path, pairs: Sequence[Pair]) -> Iterator[File]:
    wanted = [
        (pair, pair.name, dataset, kind) for pair in pairs for dataset, kind in STORED.items()
    ]
    wanted += [(WHOLE_MARKET, MARKET, dataset, dataset) for dataset in STORED_OF_THE_MARKET]
    for pair, name, dataset, kind in wanted:
        if kind == "spot_taker_flow":  # kept by perpetual; 1000PEPE trades as PEPE there
            pair = Pair(coin(name), pair.quote)  # noqa: PLW2901
        for timeframe, interval in INTERVALS.items():
            path = store_path(folder, dataset, name, timeframe)
            if path.exists():
                yield from _file(pair, kind, interval, path)


def _file(pair: Pair, kind: str, interval: int, path: Path) -> Iterator[File]:
    """Yield the file unless it is empty; CorruptDataError when it is not what its name says."""
    way_out = "delete it and fetch it again"
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            missing = {"date", *COLUMNS[kind]} - {*reader.schema.names, *OPTIONAL.get(kind, ())}
            if missing:
                names = ", ".join(sorted(missing))
                raise CorruptDataError(f"{path} has no column {names}; {way_out}")
            if reader.num_record_batches == 0 or (batch := reader.get_batch(0)).num_rows == 0:
                return
            first = pd.Timestamp(batch.column("date")[0].as_py())
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptDataError(
            f"{path} is not a readable candle file ({reason}); {way_out}"
        ) from error
    yield File(pair, kind, interval, int(first.timestamp() * 1000), path)


def _read_rows(file: File) -> Events:
    """Return the content of a file in time order; of two rows with the same date, the first."""
    columns = list(COLUMNS[file.kind])
    frame = read_frame(file.path)
    absent = {k: v for k, v in OPTIONAL.get(file.kind, {}).items() if k not in frame}
    frame = frame.assign(**absent).dropna(subset=["date"])
    # The first column is what a row is about: a candle without an open never began.
    about = columns if file.kind == "long_short_ratio" else columns[:1]
    frame = frame.dropna(subset=about, how="all").drop_duplicates("date").sort_values("date")
    stamps = frame["date"].dt.as_unit("ms").astype("int64").to_numpy()
    return Events(stamps, frame[columns].to_numpy(dtype=np.float64))


def _taker_candles(file: File) -> Candles:
    rows = _read_rows(file)
    values = np.zeros((len(rows.stamps), len(FIELDS)))
    values[:, TAKER_BUY_VOLUME:] = rows.table
    return Candles(file.interval, rows.stamps, values)


def _fill_unknown(taker: Table, stamps: Stamps, flow: Candles) -> None:
    """Write the taker columns of `flow` into the rows of `taker` that are still unknown."""
    _, target, source = np.intersect1d(stamps, flow.opens_at, return_indices=True)
    unknown = np.isnan(taker[target, 0])
    taker[target[unknown]] = flow.table[source[unknown], TAKER_BUY_VOLUME:]

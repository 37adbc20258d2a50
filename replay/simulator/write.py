"""A simulated market on disk: native Freqtrade files, our store beside them, and a manifest.

The manifest says that the folder is simulated, so that reports can label their results and nobody
mistakes it for data. It is marked incomplete while files are written; a crash therefore leaves a
folder that the next run finishes.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from providers.contract import MARKET
from providers.errors import ProviderError
from providers.storage.store import STORE_FOLDER, native_path, replace_file, store_path, write_frame
from replay.simulator.market import Market, PairMarket
from replay.simulator.spec import MarketSpec
from replay.simulator.stored import settlements, stored

MANIFEST = "simulation.json"
VERSION = 2  # raise it whenever the same spec begins to give other files
NOTE = "This market is simulated: its prices are invented, and profits made in it mean nothing."

_CANDLE = {
    "date": "first",
    "open": "first",
    "high": "max",
    "low": "min",
    "close": "last",
    "volume": "sum",
}


def write_market(
    market: Market, datadir: Path, progress: Callable[[str], None] | None = None
) -> list[Path]:
    """Write all files of `market` below `datadir` and return their paths.

    Files of an earlier simulation that this one does not replace are removed. `progress` is called
    with the name of each pair once it is written.

    Raises
    ------
    ProviderError
        `datadir` holds candles that no simulation wrote; they are left alone.
    """
    earlier = read_manifest(datadir)
    if earlier is None and (found := _candle_files(datadir)):
        raise ProviderError(
            f"{datadir} holds {len(found)} candle file(s) that are not simulated, the first "
            f"{found[0].name}; simulate into an empty folder, so that real and invented prices "
            "do not mix"
        )
    files = {pair: _files(traded, datadir) for pair, traded in market.pairs.items()}
    files[MARKET] = {
        store_path(datadir, name, MARKET, "1d"): partial(stored, frame, name)
        for name, frame in market.sentiment.items()
    }
    written = [path for of_pair in files.values() for path in of_pair]
    planned = {path.relative_to(datadir).as_posix() for path in written}
    stale = set(earlier["files"] if earlier else []) - planned
    _write_manifest(market.spec, datadir, sorted(planned | stale), complete=False)
    for pair, of_pair in files.items():
        for path, frame in of_pair.items():
            write_frame(frame(), path, checksum=datadir / STORE_FOLDER in path.parents)
        if progress is not None and pair != MARKET:
            progress(pair)
    for name in stale:
        (datadir / name).unlink(missing_ok=True)
        (datadir / f"{name}.sha256").unlink(missing_ok=True)
    _write_manifest(market.spec, datadir, sorted(planned), complete=True)
    return written


def is_current(spec: MarketSpec, datadir: Path) -> bool:
    """Whether `datadir` holds, completely, what simulating `spec` would write."""
    manifest = read_manifest(datadir)
    return (
        manifest is not None
        and manifest.get("complete") is True
        and manifest.get("version") == VERSION
        and manifest.get("spec") == spec.as_json()
        and all((datadir / name).is_file() for name in manifest["files"])
    )


def read_manifest(datadir: Path) -> dict[str, Any] | None:
    """Return the manifest of a simulated folder; None where the data is not simulated."""
    try:
        manifest = json.loads((datadir / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    known = isinstance(manifest, dict) and isinstance(manifest.get("files"), list)
    return manifest if known else None


def _write_manifest(spec: MarketSpec, datadir: Path, names: list[str], *, complete: bool) -> None:
    manifest = {
        "note": NOTE,
        "generator": "replay.simulator",
        "version": VERSION,
        "complete": complete,
        "spec": spec.as_json(),
        "first": spec.first.isoformat(),
        "end": spec.end.isoformat(),
        "files": names,
    }
    datadir.mkdir(parents=True, exist_ok=True)
    replace_file(datadir / MANIFEST, json.dumps(manifest, indent=2).encode() + b"\n")


def _candle_files(datadir: Path) -> list[Path]:
    """Return the candle files of a data directory, where Freqtrade looks for them."""
    return sorted([*datadir.glob("*-*.feather"), *datadir.glob("futures/*-*.feather")])


def _files(traded: PairMarket, datadir: Path) -> dict[Path, Callable[[], pd.DataFrame]]:
    """Return what belongs on disk for a pair: each path with the function that makes its frame."""
    pair, spot = traded.pair, spot_pair(traded.pair)
    native = partial(native_path, datadir)
    files: dict[Path, Callable[[], pd.DataFrame]] = {}
    for timeframe, bars in (("15m", 1), ("1h", 4), ("4h", 16)):
        files[native(pair, timeframe)] = partial(slower, traded.futures, bars)
        files[native(pair, timeframe, "open_interest")] = partial(every, traded.open_interest, bars)
    for timeframe, bars in (("15m", 1), ("1h", 4)):
        files[native(spot, timeframe, "spot")] = partial(slower, traded.spot, bars)
    # On Binance Freqtrade names both 1h, whatever the settlement interval.
    files[native(pair, "1h", "mark")] = lambda: traded.mark
    # By these prices the labels of archived open interest are told apart.
    files[native(pair, "5m", "mark")] = lambda: traded.mark_5m
    files[native(pair, "1h", "funding_rate")] = lambda: traded.funding_rate
    for dataset, timeframe, frame in (
        ("taker_flow", "15m", traded.taker_flow),
        ("spot_taker_flow", "15m", traded.spot_taker_flow),
        ("open_interest", "5m", traded.open_interest_5m),
        ("long_short_ratio", "5m", traded.long_short_ratio),
        ("basis", "5m", traded.basis),
        ("premium_index", "1h", traded.premium_index),
        ("funding_rate", "events", settlements(traded.funding_rate)),
    ):
        path = store_path(datadir, dataset, pair, timeframe)
        files[path] = partial(stored, frame, dataset)
    return files


def spot_pair(pair: str) -> str:
    """Return the spot market beside a perpetual: ``BTC/USDT:USDT`` -> ``BTC/USDT``."""
    return pair.partition(":")[0]


def slower(candles: pd.DataFrame, bars: int) -> pd.DataFrame:
    """Join every `bars` candles into one; the first row opens a candle of the slower timeframe."""
    if bars == 1:
        return candles
    joined = candles.groupby(candles.index // bars).agg(_CANDLE)
    # Volumes are whole steps of at least 0.001; rounding only drops the dust of adding them.
    return joined.assign(volume=joined["volume"].round(6))


def every(snapshots: pd.DataFrame, bars: int) -> pd.DataFrame:
    """Keep the snapshots at the labels of a timeframe of `bars` candles."""
    return snapshots.iloc[::bars].reset_index(drop=True)

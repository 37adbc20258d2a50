"""Backtest results as Freqtrade exports them, and the candles they were made on.

A result is a zip: ``<name>.json`` with the statistics of each strategy, ``<name>_config.json``
with the merged configuration, for each strategy its source and, where hyperopt wrote one, its
parameter file, and the market's mean change.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import pandas as pd
import pyarrow as pa

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import native_path, read_frame

LATEST = ".last_result.json"
SIMULATION = "simulation.json"


@dataclass(frozen=True, slots=True)
class Result:
    """One strategy's part of an export; `parameters` and `market_change` may be missing."""

    strategy: str
    stats: Mapping[str, Any]
    config: Mapping[str, Any]
    parameters: Mapping[str, Any] | None
    market_change: pd.DataFrame | None


def latest_result(folder: Path) -> Path:
    """Return the newest result of `folder`, as Freqtrade noted it.

    Raises
    ------
    DataMissingError
        There is none; run a backtest first.
    """
    noted = folder / LATEST
    try:
        path = folder / str(json.loads(noted.read_text(encoding="utf-8"))["latest_backtest"])
    except (FileNotFoundError, NotADirectoryError):
        raise DataMissingError(
            f"{folder} holds no backtest result; run `freqtrade backtesting` or name a file "
            "with --result"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CorruptDataError(f"{noted} is not readable; name a file with --result") from None
    if not path.is_file():
        raise DataMissingError(f"{path} is gone; name another file with --result")
    return path


def read_result(path: Path, strategy: str | None = None) -> Result:
    """Read one strategy of an export; `strategy` may be left out when there is only one.

    Raises
    ------
    DataMissingError
        No such file or strategy.
    CorruptDataError
        The file is no zip, is truncated, or lacks the statistics.
    """
    try:
        with ZipFile(path) as archive:
            files = {entry: archive.read(entry) for entry in archive.namelist()}
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissingError(f"{path} is not a file; name a result zip with --result") from None
    except (BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise _corrupt(path, f"{type(error).__name__}: {error}") from error
    stem = _stem(path, files)
    strategies = _json(path, files, f"{stem}.json").get("strategy")
    if not isinstance(strategies, dict) or not strategies:
        raise _corrupt(path, "no strategy in it")
    chosen = _choose(path, strategies, strategy)
    own = f"{stem}_{chosen}.json"
    return Result(
        strategy=chosen,
        stats=strategies[chosen],
        config=_json(path, files, f"{stem}_config.json"),
        parameters=_json(path, files, own) if own in files else None,
        market_change=_frame(path, files, f"{stem}_market_change.feather"),
    )


def read_market(
    datadir: Path, pairs: Iterable[str], timeframes: Iterable[str], *, futures: bool = True
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the candles of each pair by timeframe and ``funding_rate``, without what is missing.

    Raises
    ------
    CorruptDataError
        A file is there but unreadable.
    """
    wanted = list(timeframes)
    market: dict[str, dict[str, pd.DataFrame]] = {}
    for pair in pairs:
        paths = {
            name: native_path(datadir, pair, name, "futures" if futures else "spot")
            for name in wanted
        }
        if futures:
            # Freqtrade names funding 1h on Binance, whatever the settlement interval.
            paths["funding_rate"] = native_path(datadir, pair, "1h", "funding_rate")
        series = {name: read_frame(path) for name, path in paths.items() if path.exists()}
        if series:
            market[pair] = series
    return market


def read_simulation(datadir: Path) -> Mapping[str, Any] | None:
    """Return the market simulator's manifest; None where the candles are recorded.

    A manifest that cannot be read still says that the market is simulated.
    """
    try:
        manifest = json.loads((datadir / SIMULATION).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _stem(path: Path, files: Mapping[str, bytes]) -> str:
    """Return the name that the export was written under; the zip may have been renamed since."""
    configs = [entry for entry in files if entry.endswith("_config.json")]
    if not configs:
        raise _corrupt(path, "no _config.json in it")
    return min(configs, key=len).removesuffix("_config.json")


def _choose(path: Path, strategies: Mapping[str, Any], wanted: str | None) -> str:
    names = ", ".join(strategies)
    if wanted is None and len(strategies) > 1:
        raise DataMissingError(f"{path} holds several strategies ({names}); choose with --strategy")
    chosen = wanted or next(iter(strategies))
    if chosen not in strategies:
        raise DataMissingError(f"{path} has no strategy {chosen}; it holds {names}")
    return chosen


def _json(path: Path, files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        content = json.loads(files[name])
    except KeyError:
        raise _corrupt(path, f"no {name} in it") from None
    except ValueError as error:
        raise _corrupt(path, f"{name}: {error}") from error
    if not isinstance(content, dict):
        raise _corrupt(path, f"{name} is not an object")
    return content


def _frame(path: Path, files: Mapping[str, bytes], name: str) -> pd.DataFrame | None:
    if name not in files:
        return None
    try:
        return pd.read_feather(BytesIO(files[name]))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _corrupt(path, f"{name} is not a feather file") from error


def _corrupt(path: Path, reason: str) -> CorruptDataError:
    return CorruptDataError(
        f"{path} is not a readable backtest result ({reason}); run the backtest again"
    )

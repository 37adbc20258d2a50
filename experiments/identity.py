"""What a run depends on, as hashes: the same key means the same result."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# What can change a backtest: decisions, strategies, configuration, and the exchange that states
# fees, tiers and precision.
SOURCES = (
    "regimekit/**/*.py",
    "user_data/strategies/*.py",
    "experiments/strategies/*.py",
    "user_data/config.json",
    "config/**/*.json",
    "replay/**/*.py",
    "providers/**/*.py",
)
# How a finished backtest is measured; a change needs no new run.
MEASURES = ("experiments/outcome.py", "regimekit/reports/equity.py", "regimekit/reports/trades.py")


def source_fingerprint(root: Path = ROOT, patterns: Iterable[str] = SOURCES) -> str:
    """Return a hash over the names and contents of the files that `patterns` match."""
    paths = {path for pattern in patterns for path in root.glob(pattern)}
    return _digest_files(root, paths)


def copy_source(folder: Path, root: Path = ROOT) -> None:
    """Copy `SOURCES` into `folder`, so that edits during a long ablation reach no run."""
    for pattern in SOURCES:
        for path in sorted(root.glob(pattern)):
            copy = folder / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def data_fingerprint(datadir: Path) -> str:
    """Return a hash over the names and contents of all candle files below `datadir`."""
    return _digest_files(datadir, set(datadir.rglob("*.feather")))


def engines() -> dict[str, str]:
    """Return the versions of what computes a result."""
    return {name: version(name) for name in ("freqtrade", "numpy", "pandas", "ta-lib")}


def key_of(parts: Mapping[str, Any]) -> str:
    """Return a short hash of `parts` and of the versions of what computes with them."""
    text = json.dumps({**parts, "engines": engines()}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _digest_files(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]

"""A hash of the pack's source, so that Freqtrade's backtest cache notices edits in helper modules.

The cache compares config and strategy file only; without this an edited indicator would be
answered with yesterday's result.
"""

import functools
import hashlib
from pathlib import Path

import regimekit


@functools.cache
def source_fingerprint() -> str:
    """Return a short hash over all Python files of regimekit."""
    digest = hashlib.sha256()
    root = Path(regimekit.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]

"""Finds RegimeRouter for the benchmark strategies, which live outside ``user_data``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "user_data" / "strategies"))

from RegimeRouter import RegimeRouter

__all__ = ["RegimeRouter"]

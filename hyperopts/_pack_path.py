"""Let the losses find the pack when it is not installed, only checked out around them."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("regimekit") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

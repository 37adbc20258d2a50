"""The shipped profiles, as Freqtrade's configuration holds them."""

from pathlib import Path
from typing import Any

import rapidjson

FOLDER = Path(__file__).resolve().parents[1] / "config" / "profiles"


def profile(name: str) -> dict[str, Any]:
    """Return what the overlay of a profile says under ``regimekit``."""
    modes = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
    text = (FOLDER / f"{name}.json").read_text()
    return dict(rapidjson.loads(text, parse_mode=modes)["regimekit"])

"""Settings written as a config overlay that explains itself."""

import json
from dataclasses import fields
from typing import Any

from regimekit.settings import SECTIONS, Settings

HEAD = """\
// The shipped default: what running such a system with real money taught.
// Every setting of the pack stands here with its meaning, default and range, as regimekit/settings
// declares and checks them. Overlay single values in a config file of your own. `make profiles`
// writes this file.
{
    "regimekit": {
        // The name the report shows; it changes no number. Choose a profile with -c.
        "profile": "conservative",
        // Set false for lookahead-analysis: past trades then change no decision.
        "trade_history": true,
"""
WIDTH = 100


def conservative_overlay() -> str:
    """Return ``config/profiles/conservative.json``: every setting with its comment."""
    defaults = Settings()
    sections = ",\n".join(_section(key, getattr(defaults, key)) for key in SECTIONS)
    return f"{HEAD}{sections}\n    }}\n}}\n"


def _section(key: str, section: Any) -> str:
    about = (type(section).__doc__ or "").splitlines()[0]
    settings = [
        f"{_comment(item)}\n            {json.dumps(item.name)}: {json.dumps(item.default)}"
        for item in fields(section)
    ]
    body = ",\n".join(settings)
    return f"        // {about}\n        {json.dumps(key)}: {{\n{body}\n        }}"


def _comment(item: Any) -> str:
    about = item.metadata["about"]
    if "_" not in about.split()[0]:  # the name of a column keeps its spelling
        about = about[0].upper() + about[1:]
    words = f"{about}. Range: {_range(item)}.".split()
    lines, line = [], "            //"
    for word in words:
        if len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = "            //"
        line = f"{line} {word}"
    return "\n".join([*lines, line])


def _range(item: Any) -> str:
    if item.metadata["choices"]:
        return f"one of {', '.join(item.metadata['choices'])}"
    if isinstance(item.default, bool):
        return "true or false"
    if isinstance(item.default, str):
        return "text"
    return f"{item.metadata['low']:g} to {item.metadata['high']:g}"

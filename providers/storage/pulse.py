"""The pulse of a bot: one small file that says when its loop last went round, and on what data.

A bot writes it from its loop and nowhere else, so a loop that hangs or a process that dies stops
the pulse; nothing beats on its behalf. ``scripts/health.py`` reads it, from another process or
from the health check of a container::

    {"at": "2026-01-05T08:00:03+00:00", "candle": "2026-01-05T08:00:00+00:00", "pid": 17,
     "strategy": "RegimeRouter", "state": "running", "blocked": []}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import replace_file

FOLDER = "pulse"  # below Freqtrade's user_data
SUFFIX = ".json"
MOST_BYTES = 65_536  # a pulse has some hundred bytes; a larger file is none


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a bot's loop said about itself.

    Attributes
    ----------
    at : datetime
        When the loop went round, UTC by the bot's clock.
    candle : datetime or None
        Close of the newest candle that was analyzed, over all pairs, UTC; None before the first.
    pid : int
        The bot's process, as its own container counts.
    strategy : str
        Name of the strategy's class.
    state : str
        Freqtrade's state of the bot, ``running`` for example.
    blocked : tuple of str
        What keeps new positions from being opened, ``disk`` for example; empty when nothing does.

    Raises
    ------
    ValueError
        An instant without a time zone: it would be compared with another one's clock.
    """

    at: datetime
    candle: datetime | None
    pid: int
    strategy: str
    state: str
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("at", "candle"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} of a pulse must be UTC, was {moment} without a time zone")


def pulse_path(user_data: Path, bot: str) -> Path:
    """Return the file of a bot; `bot` tells it from others that share the folder."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", bot) or "_"
    return user_data / FOLDER / f"{name}{SUFFIX}"


def write_pulse(path: Path, pulse: Pulse) -> None:
    """Replace the pulse; a reader sees the old one or the new one.

    Raises
    ------
    OSError
        The disk does not take it; the old pulse stays, and grows old.
    """
    content = {
        "at": _text(pulse.at),
        "candle": _text(pulse.candle),
        "pid": pulse.pid,
        "strategy": pulse.strategy,
        "state": pulse.state,
        "blocked": list(pulse.blocked),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(content).encode() + b"\n")


def read_pulse(path: Path) -> Pulse:
    """Read a pulse.

    Raises
    ------
    DataMissingError
        No such file: the bot has not gone round once, or runs under another name.
    CorruptDataError
        The file is no pulse.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise DataMissingError(
            f"{path} does not exist; a bot of the pack writes it when its loop goes round"
        ) from None
    except OSError as error:
        raise CorruptDataError(f"{path} cannot be read ({error.strerror})") from error
    try:
        return _pulse(content)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CorruptDataError(
            f"{path} is no pulse of a bot ({_reason(error)}); delete it, the bot writes another"
        ) from error


def _pulse(content: bytes) -> Pulse:
    """Return what a file says; whatever is not as `write_pulse` writes it raises."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    found = json.loads(content)
    if not isinstance(found, Mapping):
        raise TypeError("not a JSON object")
    blocked, candle = found["blocked"], found["candle"]
    if not isinstance(blocked, list):
        raise TypeError("blocked is not a list")
    return Pulse(
        at=_instant(found["at"]),
        candle=None if candle is None else _instant(candle),
        pid=_kept(found, "pid", int),
        strategy=_kept(found, "strategy", str),
        state=_kept(found, "state", str),
        blocked=tuple(_kept({"blocked": reason}, "blocked", str) for reason in blocked),
    )


def _kept(found: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a field of one kind; JSON's true is no number here."""
    if type(found[name]) is not kind:
        raise TypeError(f"{name} is {found[name]!r:.40}")
    return found[name]


def _instant(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment.astimezone(UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _reason(error: Exception) -> str:
    """Return why a file is no pulse, on one short line."""
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return " ".join(str(error).split())[:100] or type(error).__name__

"""Archive files on disk, as they came, and a note of those that do not exist.

A zip is stored under its path in the archive with its SHA-256 beside it, and is read only while
the two agree; one that does not is set aside as ``*.corrupt``. A full or read-only disk costs
speed and nothing else.
"""

import hashlib
import json
import logging
import threading
from datetime import timedelta
from pathlib import Path

import pandas as pd

from providers.storage.store import replace_file

_LOG = logging.getLogger(__name__)

ABSENCE_HOLDS = timedelta(hours=3)  # how long to believe that a young file does not exist


def digest(content: bytes) -> str:
    """Return the SHA-256 as Binance writes it."""
    return hashlib.sha256(content).hexdigest()


class ArchiveCache:
    """The files below `folder`; without a folder it remembers nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._absent: dict[str, str] = {}
        self._unsaved = False
        if folder is not None:
            self._absent = _absent(folder / "missing.json")

    def read(self, path: str) -> bytes | None:
        """Return a stored zip, None where there is none or it was damaged."""
        if self._folder is None:
            return None
        file = self._folder / path
        try:
            content, expected = file.read_bytes(), _digest_path(file).read_text().strip()
        except (OSError, ValueError):
            return None
        if digest(content) == expected:
            return content
        _LOG.warning("%s differs from its checksum; it is set aside and fetched again", file)
        try:
            file.replace(file.with_name(f"{file.name}.corrupt"))
        except OSError as error:
            _LOG.warning("%s cannot be set aside: %s", file, error)
        return None

    def write(self, path: str, content: bytes) -> None:
        """Store a zip; between the two steps it differs from its checksum, which `read` notices."""
        if self._folder is None:
            return
        file = self._folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, content)
            replace_file(_digest_path(file), digest(content).encode())
        except OSError as error:
            _LOG.warning("%s cannot be kept and will be fetched again: %s", file, error)

    def missing(self, path: str, settled: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Tell whether a file is known not to exist.

        For good when it was asked for after `settled`, else for some hours.
        """
        with self._lock:
            noted = self._absent.get(path)
        if noted is None:
            return False
        asked = pd.Timestamp(noted)
        # A note from the future was made by a clock that was wrong
        return asked <= now and (asked >= settled or now < asked + ABSENCE_HOLDS)

    def note_missing(self, path: str, now: pd.Timestamp) -> None:
        """Remember that a file does not exist at `now`."""
        with self._lock:
            self._absent[path] = now.isoformat()
            self._unsaved = True

    def save(self) -> None:
        """Write down which files do not exist, beside what others noted meanwhile."""
        with self._lock:
            if self._folder is None or not self._unsaved:
                return
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                notes = _absent(self._folder / "missing.json") | self._absent
                content = json.dumps(notes, indent=0, sort_keys=True).encode()
                replace_file(self._folder / "missing.json", content)
                self._unsaved = False
            except OSError as error:
                _LOG.warning("%s cannot be written: %s", self._folder / "missing.json", error)


def _absent(file: Path) -> dict[str, str]:
    """Return the notes in `file`; what cannot be read is asked again."""
    try:
        noted = json.loads(file.read_bytes())
        return {str(path): str(pd.Timestamp(at).tz_convert("UTC")) for path, at in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _digest_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")

"""Files of lines that only grow: one JSON object a line, the first of which names the run.

Lines are appended with one write and nothing is held back, so a process that is killed loses the
line it was writing and no other. A line that was torn is passed over when the file is read. A file
that grows beyond its bound loses its oldest rows, by a new file that takes its place.
"""

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.store import replace_file, set_aside

SUFFIX = ".jsonl"
SLACK = 10  # a file may grow by a tenth of its bound before it is rewritten


class LineFile:
    """Appends to one file, which is begun with the first row or by `begin`.

    Parameters
    ----------
    run : mapping
        Goes into the first line; a file that is there already keeps its own.
    most_rows : int
        Kept after the file outgrew them by a tenth.

    All methods raise OSError when the disk does not take what they write; what was there before
    stays as it was.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], most_rows: int) -> None:
        self.path = path
        self._run = run
        self._most = most_rows
        self._lines: int | None = None

    def begin(self) -> None:
        """Make the file unless it is there; one that names no run is set aside."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not read_run(self.path):
            set_aside(self.path, "damaged")
        if not self.path.exists():
            replace_file(self.path, _line({"run": dict(self._run)}))
        self._lines = self.path.read_bytes().count(b"\n") - 1

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows at the end; a number that is not finite becomes null."""
        lines = [_line({name: _plain(value) for name, value in row.items()}) for row in rows]
        if self._lines is None or not self.path.exists():  # it may have been cleared away
            self.begin()
        _append(self.path, b"".join(lines))
        self._lines = (self._lines or 0) + len(lines)
        if self._lines > self._most + self._most // SLACK:
            self._lines = 0  # should this fail, it is tried again a whole file later
            self._lines = _keep_newest(self.path, self._most)


def read_rows(path: Path, *, what: str, wanted: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a file says about its run, and its rows; lines that were torn are left out.

    Parameters
    ----------
    what : str
        The kind of file, for the message: ``ledger of refusals``.
    wanted : str
        What writes one, for the message.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        The first line does not name a run.
    """
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise DataMissingError(f"{path} does not exist; {wanted}") from None
    run = _run_of(lines[0] if lines else b"")
    if run is None:
        raise CorruptDataError(f"{path} is no {what}: its first line names no run")
    found = (_object(line) or {} for line in lines[1:])
    return run, [row for row in found if isinstance(row.get("at"), str)]


def read_run(path: Path) -> dict[str, Any]:
    """Return what a file says about its run, nothing where it says nothing."""
    try:
        with path.open("rb") as file:
            return _run_of(file.readline()) or {}
    except OSError:
        return {}


def file_name(*parts: str) -> str:
    """Return a name made of `parts` that cannot leave its folder."""
    return "-".join(re.sub(r"[^A-Za-z0-9_]+", "_", part) for part in parts) + SUFFIX


def _append(path: Path, content: bytes) -> None:
    """Add to a file with one write, behind a line break where the last line was torn."""
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            content = content if file.read(1) == b"\n" else b"\n" + content
        written = file.write(content)
        if written < len(content):  # as much as the disk took
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _keep_newest(path: Path, most: int) -> int:
    """Rewrite a file with its first line and the last `most` rows; return how many it has."""
    first, *rows = path.read_bytes().splitlines(keepends=True)
    kept = rows[-most:]
    replace_file(path, b"".join([first, *kept]))
    return len(kept)


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: a number that is not finite is not known."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def _object(line: bytes) -> dict[str, Any] | None:
    """Return what a line holds, None where it was torn."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _run_of(line: bytes) -> dict[str, Any] | None:
    run = (_object(line) or {}).get("run")
    return run if isinstance(run, dict) else None

"""An append-only file of JSON lines, in which every line vouches for all that stands before it.

A line begins with ``n``, its number in the file, and ends with ``sha256``: the SHA-256 of the
first ``n`` lines, with this field cut from the last of them. Line 7 is checked by hand with::

    head -n 7 ledger.jsonl | sed '$s/, "sha256": "[0-9a-f]*"}$//' | sha256sum

so a line that is changed, removed, inserted or moved is found, because its own hash and those of
all lines after it are wrong. Two things a file cannot know about itself: that lines at its end are
gone, and that somebody computed all hashes anew. Both are found by a hash that was noted elsewhere,
the `Chain.head` of that time.

Lines without a hash may stand at the beginning: they are older than the chain, and its first hash
covers them. A line that was cut short when its writer was killed is closed with `` <torn>`` by the
next writer, whose hash covers it.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

MOST_SECONDS = 60.0  # another program appends for; an append takes milliseconds
TORN = b" <torn>"

_CHAINED = re.compile(rb'(\{"n": (\d+), .*), "sha256": "([0-9a-f]{64})"\}', re.DOTALL)
_RESERVED = {"n", "at", "sha256"}

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """A chain as it was when it was read.

    Attributes
    ----------
    lines : tuple of bytes
        Without their line breaks.
    closed : bool
        Whether the last has a line break; one without may be cut short.
    """

    lines: tuple[bytes, ...]
    closed: bool

    @property
    def head(self) -> str:
        """Return the hash of the last line that has one, empty when there is none."""
        matches = (_CHAINED.fullmatch(line) for line in reversed(self.lines))
        return next((match[3].decode() for match in matches if match), "")

    def entries(self) -> list[dict[str, Any]]:
        """Return what every line holds, nothing for a line that cannot be read."""
        return [_parsed(line) for line in self.lines if line.strip()]

    def verify(self, *heads: str) -> str | None:
        """Return what is wrong first, by line number; None when nothing is.

        Parameters
        ----------
        *heads : str
            Hashes that were noted before: each must be that of a line. An empty one is that of
            a file that had no line yet.
        """
        digest, found = hashlib.sha256(), {""}
        for number, line in enumerate(self.lines, start=1):
            match = _CHAINED.fullmatch(line)
            if match:
                if int(match[2]) != number:
                    return (
                        f"line {number} was written as line {int(match[2])}: lines before it were "
                        "removed, inserted or moved, or it was changed"
                    )
                if _sealed(digest, match[1]) != match[3].decode():
                    return f"line {number} or what stands before it was changed"
                found.add(match[3].decode())
            elif not self._excused(number, chained=len(found) > 1):
                return f"line {number} carries no hash: it was changed, or another program added it"
            digest.update(line + b"\n")
        if missing := [head for head in heads if head not in found]:
            return f"no line has the hash {missing[0]} that was noted before: the end is gone"
        return None

    def _excused(self, number: int, *, chained: bool) -> bool:
        """Return whether a line may lack its hash: torn, or older than the chain."""
        line = self.lines[number - 1]
        cut_short = line.endswith(TORN) or (number == len(self.lines) and not self.closed)
        return cut_short or not (chained or line.startswith(b'{"n": ') or b'"sha256"' in line)


@dataclass(frozen=True, slots=True)
class Chain:
    """The file at `path`, which need not exist yet; several programs may append at a time."""

    path: Path

    def read(self) -> Content:
        """Return what is in the file now."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return Content((), closed=True)
        lines = raw.split(b"\n")
        closed = not lines[-1]
        return Content(tuple(lines[:-1] if closed else lines), closed)

    @property
    def head(self) -> str:
        """Return the hash of the last line that has one, empty when there is none."""
        return self.read().head

    def entries(self) -> list[dict[str, Any]]:
        """Return what every line holds, nothing for a line that cannot be read."""
        return self.read().entries()

    def verify(self, *heads: str) -> str | None:
        """Return what is wrong first, None when nothing is; see `Content.verify`."""
        return self.read().verify(*heads)

    def append(self, entries: Iterable[Entry], *, once: str = "") -> None:
        """Write `entries` at the end, all in one write, and see them onto the disk.

        A damaged chain is continued as well, so that no try is lost; `verify` goes on to name the
        damage.

        Parameters
        ----------
        entries : iterable of mapping
            Values as JSON has them; ``n``, ``at`` and ``sha256`` are added.
        once : str
            Name of a field: an entry whose value of it some line has already is left out.

        Raises
        ------
        ValueError
            An entry has a field that is added, or a number that JSON does not have.
        OSError
            The disk does not take it, and the file is as before; or another program holds the
            lock for a minute.
        """
        wanted = list(entries)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=MOST_SECONDS):
            content = self.read()
            if once:
                wanted = list(_new(wanted, content.entries(), once))
            if wanted:
                _write(self.path, b"".join(_continued(content, wanted)))


def _new(wanted: Iterable[Entry], there: Iterable[Entry], once: str) -> Iterator[Entry]:
    known = {entry[once] for entry in there if once in entry}
    for entry in wanted:
        if entry[once] not in known:
            known.add(entry[once])
            yield entry


def _continued(content: Content, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the bytes that append `entries` to `content`."""
    lines = list(content.lines)
    if not content.closed:
        # A line that a crash cut short must not swallow this one
        mark = b"" if _parsed(lines[-1]) else TORN
        lines[-1] += mark
        yield mark + b"\n"
    digest = hashlib.sha256(b"".join(line + b"\n" for line in lines))
    at = datetime.now(tz=UTC).isoformat(timespec="seconds")
    for number, entry in enumerate(entries, start=len(lines) + 1):
        if taken := _RESERVED & entry.keys():
            raise ValueError(f"an entry has the field {min(taken)!r}, which the chain adds itself")
        text = json.dumps({"n": number, "at": at, **entry}, allow_nan=False)
        body = text.removesuffix("}").encode()
        line = body + f', "sha256": "{_sealed(digest, body)}"}}\n'.encode()
        digest.update(line)
        yield line


def _sealed(before: "hashlib._Hash", body: bytes) -> str:
    """Return the hash of a line: over all before it and what it says."""
    digest = before.copy()
    digest.update(body + b"\n")
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        written = file.write(content)
        if written < len(content):  # as much as the disk took
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}

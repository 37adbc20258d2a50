"""One bot per database: a lock that the system takes back when the bot's process ends.

Freqtrade does not notice a second bot on its database: both enter the same pair, and both sell the
same trade. The lock lies beside the database, because SQLite's own locks on that file would be lost
if anybody else opened and closed it. A process that was killed holds nothing.
"""

import errno
import hashlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from providers.errors import ProviderError
from providers.storage.lease import utc_now
from providers.storage.store import replace_file

LOCK, OWNER = ".bot.lock", ".bot.json"
FOLDER = "locks"  # below Freqtrade's user_data, for databases that are no files
IN_MEMORY = ("", ":memory:", "file::memory:")


class InstanceError(ProviderError):
    """Another bot uses the database, or whether one does cannot be told."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The bot that holds a database: its process, the computer or container, since when."""

    pid: int
    host: str
    since: str
    bot: str


def database_of(url: str) -> Path | None:
    """Return the file of an SQLite database, None for one in memory or on a server.

    Examples
    --------
    >>> database_of("sqlite:////data/trades.sqlite")
    PosixPath('/data/trades.sqlite')
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return None
    name = address.database or ""
    in_memory = name in IN_MEMORY or address.query.get("mode") == "memory"
    if address.get_backend_name() != "sqlite" or in_memory:
        return None
    return Path(name.removeprefix("file:")).resolve()


def lock_of(url: str, user_data: Path) -> Path | None:
    """Return the lock file of a database, None for one in memory, which nobody else can open.

    That of a database on a server lies in `user_data`: only bots that share this folder see it.
    """
    database = database_of(url)
    if database is not None:
        return database.with_name(database.name + LOCK)
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if address.get_backend_name() == "sqlite":
        return None
    text = address.set(password=None).render_as_string()
    return user_data / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}{LOCK}"


def owner_of(lock: Path) -> Owner | None:
    """Return who holds `lock` now, None when nobody does; one that is unknown has pid 0.

    Raises
    ------
    InstanceError
        The file cannot be locked to find out.
    """
    if not lock.exists():
        return None
    probe = FileLock(lock, timeout=0, thread_local=False)
    try:
        probe.acquire()
    except Timeout:
        return _written(lock) or Owner(0, "", "", "")
    except OSError as error:
        raise InstanceError(f"{lock} cannot be locked ({error.strerror})") from error
    probe.release()
    return None


class Instance:
    """A database held by this process; get it with `hold`.

    Attributes
    ----------
    path : Path
        Of the lock file.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path = path
        self._owner = owner
        self._lock = FileLock(path, timeout=0, thread_local=False)
        self._file: tuple[int, int] | None = None

    def intact(self) -> bool:
        """Tell whether the lock file is still the one that is held, or could be held anew.

        Who deletes the file lets a second bot lock another one of the same name.
        """
        if self._file is not None and _identity(self.path) == self._file:
            return True
        self.release()
        try:
            self.take()
        except (InstanceError, OSError):
            return False
        return True

    def take(self) -> None:
        """Lock the file and write down who did.

        Raises
        ------
        InstanceError
            Another process holds it.
        OSError
            The folder is missing or cannot be written.
        """
        self._check_folder()
        try:
            self._lock.acquire()
        except Timeout:
            raise InstanceError(_refusal(self.path)) from None
        self._file = _identity(self.path)
        note = json.dumps(asdict(self._owner)).encode() + b"\n"
        replace_file(_note(self.path), note)

    def release(self) -> None:
        """Let another process have the database."""
        self._file = None
        self._lock.release(force=True)

    def _check_folder(self) -> None:
        """Make our own folder, but not that of a database: its name may be mistyped.

        Freqtrade would begin an empty database there, and know nothing of the open trades.
        """
        folder = self.path.parent
        if folder.name == FOLDER:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


# What this process holds: a reload of the configuration builds another strategy, and keeps it.
_HELD: dict[Path, Instance] = {}


def hold(path: Path, bot: str, clock: Callable[[], pd.Timestamp] = utc_now) -> Instance:
    """Be the only bot of a database until this process ends; to ask twice is no error.

    Parameters
    ----------
    path : Path
        The lock file, from `lock_of`.
    bot : str
        Name of the bot, for whoever is refused.

    Raises
    ------
    InstanceError
        Another process is; the message names it and the way out. Or the file cannot be locked.
    """
    held = _HELD.get(path)
    if held is not None and held.intact():
        return held
    instance = Instance(path, Owner(os.getpid(), socket.gethostname(), clock().isoformat(), bot))
    try:
        instance.take()
    except OSError as error:
        instance.release()
        raise InstanceError(
            f"Whether another bot uses the database cannot be told, because {path} cannot be "
            f"written ({error.strerror}); its folder must exist, be writable and have free space"
        ) from error
    _HELD[path] = instance
    return instance


def _refusal(path: Path) -> str:
    owner, database = _written(path), path.name.removesuffix(LOCK)
    if owner is None:
        who, way = "another bot", "stop it"
    else:
        who = f"the bot of process {owner.pid} on {owner.host} since {owner.since}"
        # On another computer, or in another container, the number is another process.
        here = owner.host == socket.gethostname()
        way = f"stop it with `kill {owner.pid}`" if here else "stop it there"
    return (
        f"The database {path.with_name(database)} is used by {who}; two bots on one database "
        f"double entries and exits. Wait until it ends, {way}, or give this one a database of "
        "its own with --db-url"
    )


def _written(path: Path) -> Owner | None:
    try:
        note = json.loads(_note(path).read_text())
        return Owner(int(note["pid"]), str(note["host"]), str(note["since"]), str(note["bot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(LOCK) + OWNER)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

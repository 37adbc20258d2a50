"""Source and candles where a job is done: carried there once, checked, then used by many jobs.

A cache folder holds ``source-<fingerprint>`` and ``data-<fingerprint>``. Each is made beside its
place and renamed when it is whole, so several processes may fill one cache at the same time.
"""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout
from fsspec.core import url_to_fs

from experiments.identity import (
    MEASURES,
    ROOT,
    SOURCES,
    data_fingerprint,
    source_fingerprint,
)
from tuning.model import TuningError

# What measures a result runs in the worker's own process; it travels so that results depend on it
CARRIED = (*SOURCES, *MEASURES, "hyperopts/**/*.py", "tuning/execution/*.py")
# Keys and what belongs to one machine; `.gitignore` names the same files.
PRIVATE = ("config/local*.json", "config/secrets*.json")
DATA_SUFFIXES = (".feather", ".feather.sha256", "simulation.json")
BEGINNING = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier moment


def carried(root: Path = ROOT) -> set[Path]:
    """Return all files below `root` that a run needs and may see."""
    private = {path for pattern in PRIVATE for path in root.glob(pattern)}
    return {path for pattern in CARRIED for path in root.glob(pattern)} - private


def pack_source(root: Path = ROOT) -> bytes:
    """Return a zip of what is `carried`; equal sources give equal bytes."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(carried(root)):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), BEGINNING)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def fingerprint_of(blob: bytes) -> str:
    """Return a hash over the names and contents of what `pack_source` packed.

    Raises
    ------
    TuningError
        `blob` is no such zip.
    """
    digest = hashlib.sha256()
    with _opened(blob) as archive:
        for name in sorted(archive.namelist(), key=PurePosixPath):
            content = hashlib.sha256(archive.read(name)).hexdigest()
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:16]


def unpack_source(blob: bytes, cache: Path) -> Path:
    """Return the folder below `cache` that holds the source in `blob`, unpacked once.

    Raises
    ------
    TuningError
        `blob` is damaged, or somebody has changed what was unpacked.
    """
    fingerprint = fingerprint_of(blob)
    place = cache / f"source-{fingerprint}"
    if not place.is_dir():
        with _staging(cache) as folder:
            with _opened(blob) as archive:
                archive.extractall(folder)
            _settle(folder, place)
    # Every module in it can be imported, also one that was never carried
    if source_fingerprint(place, (*CARRIED, "**/*.py")) != fingerprint:
        raise TuningError(f"{place} was changed since it was unpacked; delete it and try again")
    return place


def local_data(url: str, fingerprint: str | None, cache: Path) -> Path:
    """Return a local folder with the candles of `url`, downloaded once below `cache` if need be.

    Parameters
    ----------
    url : str
        A local folder, which is used as it is, or anything that fsspec opens, such as
        ``s3://bucket/binance``.
    fingerprint : str or None
        What `experiments.identity.data_fingerprint` must say of it; None for whatever is there
        now, which is then downloaded again.

    Raises
    ------
    TuningError
        It cannot be reached, has no candles, or is not what `fingerprint` names.
    """
    filesystem, root = _reached(url)
    if "file" in _protocols(filesystem):
        _check(Path(root), fingerprint, url)
        return Path(root)
    if fingerprint and (place := cache / f"data-{fingerprint}").is_dir():
        _check(place, fingerprint, str(place))
        return place
    with _staging(cache) as folder:
        _download(filesystem, root, folder, url)
        found = _check(folder, fingerprint, url)
        return _settle(folder, cache / f"data-{found}")


def address_of(url: str) -> str:
    """Return `url` as it is understood in any working directory."""
    filesystem, root = _reached(url)
    return root if "file" in _protocols(filesystem) else url


@contextmanager
def private_folder(work: Path, name: str) -> Iterator[Path]:
    """Yield a new folder below `work` and remove it when the block ends.

    It is locked while it is in use; those of killed processes are not any more, and are removed
    here.
    """
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / ".lock"):  # nobody sees a folder that is not locked yet
        for left in work.glob("run-*.lock"):
            _remove_unless_in_use(left)
        folder = Path(tempfile.mkdtemp(prefix=f"run-{name}-", dir=work))
        lock = FileLock(folder.with_suffix(".lock"), timeout=0, is_singleton=False)
        lock.acquire()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _remove_unless_in_use(left: Path) -> None:
    with suppress(Timeout), FileLock(left, timeout=0, is_singleton=False):
        shutil.rmtree(left.with_suffix(""), ignore_errors=True)
        left.unlink(missing_ok=True)


def _opened(blob: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BytesIO(blob))
    except zipfile.BadZipFile as error:
        raise TuningError(f"the packed source is damaged ({error}); pack it again") from None


def _reached(url: str) -> tuple[Any, str]:
    """Return the file system of `url` and the place of `url` in it."""
    try:
        filesystem, root = url_to_fs(url)
    except Exception as error:  # every protocol has errors of its own
        raise TuningError(f"candles at {url} cannot be downloaded: {error}") from error
    return filesystem, root


def _download(filesystem: Any, root: str, folder: Path, url: str) -> None:
    try:
        names = [name for name in filesystem.find(root) if name.endswith(DATA_SUFFIXES)]
        for name in names:
            inside = PurePosixPath(name).relative_to(PurePosixPath(root))
            if ".." in inside.parts:  # a web page may list anything
                raise ValueError(f"it lists {name}, which lies elsewhere")
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(name, str(target))
    except Exception as error:  # every protocol has errors of its own
        raise TuningError(f"candles at {url} cannot be downloaded: {error}") from error


def _check(folder: Path, fingerprint: str | None, url: str) -> str:
    """Return the fingerprint of the candles in `folder`; TuningError when it is not as asked."""
    if next(folder.rglob("*.feather"), None) is None:
        raise TuningError(f"{url} holds no candles (*.feather); name Freqtrade's data folder")
    found = data_fingerprint(folder)
    if fingerprint not in {None, found}:
        raise TuningError(
            f"the candles at {url} are not those of this walk: their fingerprint is {found}, not "
            f"{fingerprint}; copy the same files there, or start over with these"
        )
    return found


def _protocols(filesystem: Any) -> tuple[str, ...]:
    named = filesystem.protocol
    return (named,) if isinstance(named, str) else tuple(named)


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".staging-", dir=cache) as name:
        yield Path(name) / "content"


def _settle(folder: Path, place: Path) -> Path:
    """Rename `folder` to `place`, unless another process was faster."""
    try:
        return folder.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        return place

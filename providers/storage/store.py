"""Market data on disk: Freqtrade's native candle files and our store beside them.

Freqtrade owns ``<datadir>/futures/<PAIR>-<timeframe>-<candle type>.feather``. What it has no candle
type for (taker flow, ratios, sentiment) lives in ``<datadir>/regimekit/<dataset>/``, one level
deeper than ``freqtrade list-data`` looks. Writes are temporary file, fsync, rename, so a reader
sees the old file or the new one and never half of it. Our own files carry a SHA-256 beside them,
because feather has no checksum and a flipped bit loads without complaint.
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa

from providers.contract import MARKET, Span
from providers.errors import CorruptDataError, DataMissingError

STORE_FOLDER = "regimekit"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.feather")


def file_stem(pair: str) -> str:
    """Return the pair as Freqtrade spells it in file names: ``BTC/USDT:USDT`` -> BTC_USDT_USDT."""
    return re.sub(r"[/ .@$+:]", "_", pair)


def native_path(datadir: Path, pair: str, timeframe: str, candle_type: str = "futures") -> Path:
    """Return where Freqtrade keeps a candle file; a spot file has neither folder nor suffix."""
    if candle_type == "spot":
        return datadir / f"{file_stem(pair)}-{timeframe}.feather"
    return datadir / "futures" / f"{file_stem(pair)}-{timeframe}-{candle_type}.feather"


def store_path(datadir: Path, dataset: str, pair: str, timeframe: str) -> Path:
    """Return where our store keeps `dataset`, for example ``taker_flow`` of a pair at 15m."""
    return datadir / STORE_FOLDER / dataset / f"{file_stem(pair)}-{timeframe}.feather"


def recording_folder(datadir: Path, dataset: str, pair: str) -> Path:
    """Return where our store keeps what was recorded of a pair, a file per UTC day."""
    return datadir / STORE_FOLDER / dataset / f"{file_stem(pair)}-events"


def restated_path(path: Path) -> Path:
    """Return where the rows are kept that contradicted those of the store file `path`."""
    return path.with_name(f"{path.stem}.restated.feather")


def read_dataset(
    datadir: Path,
    dataset: str,
    pair: str,
    span: Span | None = None,
    *,
    timeframe: str | None = None,
) -> pd.DataFrame:
    """Read what our store holds of a dataset, fetched or recorded, ascending by ``date``.

    Parameters
    ----------
    dataset : str
        Name of the dataset, for example ``open_interest``.
    pair : str
        Freqtrade's name of the pair, or `MARKET`.
    span : Span, optional
        Rows whose ``date`` lies within; everything by default. Recorded days outside are not read.
    timeframe : str, optional
        Needed where the store holds several, of ``taker_flow`` for example.

    Raises
    ------
    DataMissingError
        Nothing is stored, or several timeframes are and none was named.
    CorruptDataError
        A file cannot be trusted.
    """
    paths = _fetched(datadir, dataset, pair, timeframe)
    if timeframe in {None, "events"}:
        paths += _recorded(datadir, dataset, pair, span)
    if not paths:
        which = f"{dataset} of {pair}{f' at {timeframe}' if timeframe else ''}"
        pairs = "" if pair == MARKET else f"--pairs {pair} "
        raise DataMissingError(
            f"{datadir / STORE_FOLDER} holds no {which}; fetch it with "
            f"`python scripts/backfill.py {pairs}--datasets {dataset}`"
        )
    frame = pd.concat([read_frame(path) for path in paths], ignore_index=True)
    if span is not None:
        frame = frame[(frame["date"] >= span.start) & (frame["date"] < span.end)]
    return frame.sort_values("date", kind="stable", ignore_index=True)


def _fetched(datadir: Path, dataset: str, pair: str, timeframe: str | None) -> list[Path]:
    """Return the file that a backfill wrote, if there is one."""
    if timeframe is not None:
        path = store_path(datadir, dataset, pair, timeframe)
        return [path] if path.exists() else []
    folder, prefix = datadir / STORE_FOLDER / dataset, f"{file_stem(pair)}-"
    names = re.compile(rf"{re.escape(prefix)}(\d+[a-z]+|events)\.feather")
    paths = sorted(path for path in folder.glob(f"{prefix}*") if names.fullmatch(path.name))
    if len(paths) > 1:
        found = ", ".join(path.stem.removeprefix(prefix) for path in paths)
        raise DataMissingError(f"{folder} holds {dataset} of {pair} at {found}; name a timeframe")
    return paths


def _recorded(datadir: Path, dataset: str, pair: str, span: Span | None) -> list[Path]:
    """Return the files of the recorded days that `span` touches."""
    folder = recording_folder(datadir, dataset, pair)
    days = sorted(path for path in folder.glob("*.feather") if _DAY.fullmatch(path.name))
    if span is None:
        return days
    first, last = f"{span.start:%Y-%m-%d}", f"{span.end:%Y-%m-%d}"
    return [path for path in days if first <= path.stem <= last]


def read_frame(path: Path) -> pd.DataFrame:
    """Read a feather file; verify it where a checksum lies beside it.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        The file is unreadable, or differs from its checksum.
    """
    content = _content(path)
    while not _matches_checksum(path, content):
        again = _content(path)  # a writer may have replaced the file since it was read
        if again == content and not _matches_checksum(path, content):
            raise CorruptDataError(
                f"{path} differs from its checksum; delete it and fetch it again"
            )
        content = again
    try:
        return pd.read_feather(pa.BufferReader(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptDataError(
            f"{path} is not a readable feather file ({reason}); delete it and fetch it again"
        ) from error


def write_frame(frame: pd.DataFrame, path: Path, *, checksum: bool = False) -> None:
    """Write `frame` as feather so that a crash leaves the old file or the new one.

    `checksum` is for our own files; Freqtrade rewrites its native ones without telling us.
    """
    sink = pa.BufferOutputStream()
    frame.to_feather(sink, compression="lz4")
    content = sink.getvalue().to_pybytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not checksum:
        replace_file(path, content)
        return
    # Until the data is renamed both digests are valid: a crash at any step leaves a good pair.
    digests = [_digest(content)]
    if path.exists():
        old = path.read_bytes()
        if _matches_checksum(path, old):  # else a crash would vouch for a damaged file
            digests.append(_digest(old))
    replace_file(_checksum_path(path), "\n".join(digests).encode())
    replace_file(path, content)
    replace_file(_checksum_path(path), digests[0].encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file in the same folder, flush it to disk, rename it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp makes it private; a bot in a container reads it too
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sweep(folder: Path, names: str = "*.*") -> None:
    """Delete what `replace_file` left half-written when it was killed.

    Parameters
    ----------
    names : str
        Glob of the files that were to be written; nobody else may be writing them.
    """
    for temporary in folder.rglob(f".{names}.????????"):
        if temporary.is_file():
            temporary.unlink(missing_ok=True)


def set_aside(path: Path, reason: str) -> Path:
    """Rename a file and its checksum to ``<name>.<reason>-<n>``; data is never deleted."""
    number = 1
    while (aside := path.with_name(f"{path.name}.{reason}-{number}")).exists():
        number += 1
    path.replace(aside)
    if _checksum_path(path).exists():
        _checksum_path(path).replace(_checksum_path(aside))
    return aside


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataMissingError(
            f"{path} does not exist; download it with `freqtrade download-data` "
            "or simulate a market with `python -m replay simulate`"
        ) from None


def _matches_checksum(path: Path, content: bytes) -> bool:
    """Tell whether `content` is what the checksum beside `path` vouches for, if there is one."""
    checksum = _checksum_path(path)
    if not checksum.exists():
        return True
    # A damaged checksum need not be text
    return _digest(content) in checksum.read_text("ascii", errors="replace").split()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")

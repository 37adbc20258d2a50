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

from providers.errors import CorruptDataError, DataMissingError

STORE_FOLDER = "regimekit"


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
    if not _matches_checksum(path, content):
        content = _content(path)  # a writer may have replaced the file since it was read
        if not _matches_checksum(path, content):
            raise CorruptDataError(
                f"{path} differs from its checksum; delete it and fetch it again"
            )
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
        digests.append(_digest(path.read_bytes()))
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
    return not checksum.exists() or _digest(content) in checksum.read_text().split()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")

"""Zips from outside: one file inside, of a sane size, read in memory and never by its path."""

import io
import zipfile
import zlib

from providers.errors import CorruptDataError

LARGEST = 64 * 2**20  # bytes; the largest file that we read has a tenth of it

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def only_member(content: bytes, name: str, largest: int = LARGEST) -> bytes:
    """Return the one file inside a zip called `name`.

    Raises
    ------
    CorruptDataError
        It is no zip, is damaged or encrypted, holds several files, or unpacks to more than
        `largest` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) != 1 or members[0].is_dir():
                raise CorruptDataError(f"{name} holds {len(members)} entries, expected one file")
            if members[0].compress_type not in _METHODS:  # others have errors of their own
                raise CorruptDataError(
                    f"{name} is packed by method {members[0].compress_type}, expected deflate"
                )
            with archive.open(members[0]) as file:
                unpacked = file.read(largest + 1)  # the size in its header may be a lie
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CorruptDataError(f"{name} is not a readable zip ({error})") from error
    except (OSError, ValueError, OverflowError) as error:  # offsets that point nowhere
        raise CorruptDataError(f"{name} is not a readable zip ({error})") from error
    if len(unpacked) > largest:
        raise CorruptDataError(f"{name} unpacks to more than {largest} bytes, which no file has")
    return unpacked

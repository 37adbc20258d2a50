"""Whether processes are still there, told by the kernel instead of by waiting."""

import os
import select

SECONDS = 10.0  # for one that was killed just now


def gone(pid: int) -> bool:
    """Tell whether a process that was killed ends; one that nobody reaps has ended too."""
    try:
        return _ended(pid, SECONDS)
    except ProcessLookupError:
        return True


def alive(pid: int) -> bool:
    """Tell whether a process runs now."""
    return not _ended(pid, 0.0)


def _ended(pid: int, seconds: float) -> bool:
    handle = os.pidfd_open(pid)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)

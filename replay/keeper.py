"""Processes that must not outlive whoever started them, not even one that is killed.

A keeper stands between the two: it starts the command and holds the read end of a pipe whose only
write end is ours. When that closes, however we end, it kills its whole process group. Freqtrade's
hyperopt starts workers of its own; they belong to the group too.

`main` is run as a script by an interpreter without site packages, so only the standard library may
be imported here.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

STANDARD_INPUT = 0


def start(
    command: Sequence[str],
    *,
    stdout: IO[str] | int,
    stderr: IO[str] | int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start `command` under a keeper, in a session of its own and without standard input.

    The process returned is the keeper: it ends as the command does, hands SIGTERM on, and ends
    both when its ``stdin`` is closed.
    """
    return subprocess.Popen(  # noqa: S603 - what our own callers run
        [sys.executable, "-I", "-S", __file__, *command],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=env,
        text=True,
        errors="replace",
        start_new_session=True,  # so that its group is what it started, and nothing else
    )


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a keeper and everything that it started."""
    with suppress(ProcessLookupError):  # it ended by itself
        os.killpg(process.pid, signal.SIGKILL)


def main(command: Sequence[str]) -> int:
    """Run `command` until it ends or standard input does; return its exit code."""
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if child is None:  # it may be just about to start
            os.killpg(0, signal.SIGKILL)
        else:
            child.send_signal(number)

    signal.signal(signal.SIGTERM, hand_on)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - see `start`
    # A thread, not a wait with a timeout: those hang under Debian's libfaketime
    threading.Thread(target=_watch_lifeline, daemon=True).start()
    code = child.wait()
    if code < 0:  # end by the same signal, so that whoever waits for us sees it
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _watch_lifeline() -> None:
    while os.read(STANDARD_INPUT, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

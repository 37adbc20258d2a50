"""A clock that starts in the past and runs fast, for several programs at once.

libfaketime is loaded into a program and answers when that asks for the time. Programs share one
clock only when it is given as a distance from now ("-86400s x60") and the ``faketime`` command that
made their shared memory still runs; a clock given as a date starts anew in each of them.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rehearsal.errors import RehearsalError

FASTEST = 1000.0  # beyond it an answer from the exchange takes longer than the bot's loop
WAY_OUT = (
    "install it with `apt-get install faketime` (Debian, Ubuntu) or `dnf install libfaketime` "
    "(Fedora); it needs no privileges to run"
)
_END = b"\0end of environment\0"
# `env` ends each variable with a NUL; `read` then holds the shared memory until we close the pipe.
_HOLD = r"env -0; printf '\0end of environment\0'; read _"
_OURS = ("FAKETIME", "LD_PRELOAD")


@dataclass(frozen=True, slots=True)
class MovedClock:
    """The time that programs see which run with `environment`.

    Attributes
    ----------
    environment : dict
        Variables that a program needs to live in this time.
    speed : float
        Seconds of it per real second.
    version : str
        Of libfaketime.
    """

    environment: dict[str, str]
    speed: float
    version: str
    _real: float
    _moved: float

    def now(self) -> datetime:
        """Return what the programs take the time to be, UTC."""
        return datetime.fromtimestamp(self._moved + (time.time() - self._real) * self.speed, UTC)

    def real_seconds(self, span: timedelta) -> float:
        """Return how long `span` takes in real seconds."""
        return span.total_seconds() / self.speed

    def off_by(self, skew: timedelta) -> dict[str, str]:
        """Return the environment of a program whose clock is wrong by `skew`, positive: ahead."""
        offset, speed = self.environment["FAKETIME"].split("s ")
        moved = round(float(offset) + skew.total_seconds())
        return self.environment | {"FAKETIME": f"{moved:+d}s {speed}"}


@contextmanager
def moved_clock(start: datetime, speed: float) -> Iterator[MovedClock]:
    """Make a clock that shows `start` now and runs `speed` times as fast as the real one.

    It ends with the block; programs that still use it then have undefined time.

    Raises
    ------
    RehearsalError
        libfaketime is missing or does not work here, or the speed is none.
    """
    if not 1 <= speed <= FASTEST:
        raise RehearsalError(f"--speed is {speed:g}, expected 1 to {FASTEST:g}")
    command = shutil.which("faketime")
    if command is None:
        raise RehearsalError(f"libfaketime is not installed; {WAY_OUT}")
    offset = round(start.timestamp() - time.time())
    with subprocess.Popen(  # noqa: S603 - found on the user's own path
        [command, "-m", "-f", f"{offset:+d}s x{speed:g}", "sh", "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TZ": "UTC"},
    ) as holder:
        environment = _environment(holder)
        before = time.time()
        shown = subprocess.run(
            ["date", "+%s.%N"],  # noqa: S607 - POSIX
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        real = (before + time.time()) / 2
        moved = float(shown) if re.fullmatch(r"\d+\.\d+", shown) else 0.0
        if abs(moved - start.timestamp()) > 60 * speed:
            raise RehearsalError(
                f"libfaketime is installed but moved the clock to {shown!r} instead of "
                f"{start:%Y-%m-%d %H:%M}; {WAY_OUT}"
            )
        yield MovedClock(environment, speed, _version(command), real, moved)
        assert holder.stdin is not None  # noqa: S101 - for the type checker; it is a pipe
        holder.stdin.close()


def _environment(holder: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Return the variables that ``faketime`` set for its child."""
    assert holder.stdout is not None  # noqa: S101 - for the type checker; it is a pipe
    said = b""
    while not said.endswith(_END):
        more = os.read(holder.stdout.fileno(), 1 << 16)
        if not more:
            raise RehearsalError(f"the faketime command ended at once; {WAY_OUT}")
        said += more
    pairs = (text.partition("=") for text in said.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs if name.startswith(_OURS)} | {"TZ": "UTC"}


def _version(command: str) -> str:
    said = subprocess.run(  # noqa: S603 - found on the user's own path
        [command, "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return found[0] if found else "unknown"

"""An event whose waits end when the process's clock says so, under libfaketime too."""

import select
import socket
import threading


class Stop(threading.Event):
    """Tells threads to end, and lets them sleep until then.

    Python waits for a lock with a deadline on the monotonic clock, which the kernel compares with
    the real one. Where libfaketime moves time, as in rehearsals, such a wait takes forever: the
    version that Debian ships replaces ``poll`` and ``select`` but not that call. So this waits for
    a socket to close.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watched, self._held = socket.socketpair()

    def set(self) -> None:
        """End all waits, those that begin later too."""
        super().set()
        self._held.close()

    def clear(self) -> None:
        """Refused: threads that have ended do not come back.

        Raises
        ------
        RuntimeError
            Always.
        """
        raise RuntimeError("a Stop is not taken back; make another one")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; return whether it is."""
        if not self.is_set():
            watch = select.poll()
            watch.register(self._watched, select.POLLIN | select.POLLHUP)
            watch.poll(None if timeout is None else max(0.0, timeout) * 1000)
        return self.is_set()

"""One deadline for a whole request, however slowly the other side sends.

A socket timeout starts anew with every byte, so a server that sends one byte per second is never
too slow for it. Here every read and write gets what is left until the deadline of its thread.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_CURRENT = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let everything that this thread sends and receives within end after `seconds`."""
    _CURRENT.end = time.monotonic() + seconds
    try:
        yield
    finally:
        _CURRENT.end = None


def remaining(timeout: float | None = None) -> float | None:
    """Return the seconds left, at most `timeout`; raise `httpcore.ReadTimeout` when it is over."""
    end: float | None = getattr(_CURRENT, "end", None)
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left if timeout is None else min(timeout, left)


def keep_deadlines(client: httpx.Client) -> None:
    """Make the connections of `client`, through proxies too, keep the deadline of their thread.

    httpx has no setting for the layer that owns the sockets, so it is replaced where it is kept.
    """
    transports = [client._transport, *client._mounts.values()]  # noqa: SLF001
    for transport in transports:
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore.NetworkStream:
        inner = self._inner.connect_tcp(host, port, remaining(timeout), *args, **kwargs)
        return _Stream(inner)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, remaining(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        kwargs["timeout"] = remaining(kwargs.get("timeout"))
        return _Stream(self._inner.start_tls(*args, **kwargs))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

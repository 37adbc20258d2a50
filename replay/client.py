"""What programs need to use the replay exchange: start it, and point Freqtrade at it."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from replay import keeper

CONTROL_SECONDS = 10
START_SECONDS = 60  # generous: a cold import on a busy machine
STOP_SECONDS = 10


class ReplayError(RuntimeError):
    """The replay exchange did not start; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The remote control of a running exchange: what it is to do wrong, and what it was asked.

    A rule is a mapping with ``path`` (prefix or glob) and ``kind``, and as needed ``symbol``,
    ``after``, ``count`` and the settings of the kind; docs/replay.md lists them.

    Parameters
    ----------
    url : str
        What `running` yields.

    Examples
    --------
    ::

        with running(datadir) as url:
            faults = Faults(url)
            faults.set({"path": "/futures/data/", "kind": "status", "status": 429, "count": 2})
            ...
            assert faults.requests()["/futures/data/openInterestHist"] == 3
            faults.clear()
    """

    url: str

    def set(self, *rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Replace all rules; return them as understood. ReplayError says what is wrong with one."""
        return list(self._ask("PUT", "/ctl/faults", list(rules)))

    def clear(self) -> None:
        """Do nothing wrong any more, and let go of connections that hang."""
        self._ask("DELETE", "/ctl/faults")

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules with ``seen``, requests that matched, and ``applied``, those spoiled."""
        return list(self._ask("GET", "/ctl/faults"))

    def requests(self) -> dict[str, int]:
        """Return how often each path was asked for since the start, or since `forget`."""
        return dict(self._ask("GET", "/ctl/requests"))

    def forget(self) -> None:
        """Count requests from zero."""
        self._ask("DELETE", "/ctl/requests")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        # Straight to the socket: a proxy in the environment must not see loopback requests
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=CONTROL_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ReplayError(str(content.get("error", content)))
        return content


def freqtrade_environment(url: str) -> dict[str, str]:
    """Return the environment variables that point an unpatched Freqtrade at the exchange `url`.

    Freqtrade merges them over its configuration files. They name the public addresses of Binance,
    futures and spot; without an API key, as in backtests and dry runs, there are no others.
    """
    exchange = "FREQTRADE__EXCHANGE"
    return {
        # Only market data are redirected; a real order would go to the real exchange.
        "FREQTRADE__DRY_RUN": "true",
        f"{exchange}__ONLY_FROM_CCXT": "true",
        f"{exchange}__CCXT_CONFIG__enableRateLimit": "false",
        f"{exchange}__CCXT_CONFIG__OPTIONS__fetchMarkets": '["linear"]',
        f"{exchange}__CCXT_CONFIG__URLS__API__fapiPublic": f"{url}/fapi/v1",
        f"{exchange}__CCXT_CONFIG__URLS__API__fapiData": f"{url}/futures/data",
        f"{exchange}__CCXT_CONFIG__URLS__API__public": f"{url}/api/v3",
    }


@contextmanager
def running(
    datadir: Path | str,
    *,
    at: datetime | str | None = None,
    freeze: bool = False,
    port: int = 0,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve `datadir` in a process of its own; yield the URL, stop it when the block ends or we do.

    Parameters
    ----------
    datadir : Path or str
        Freqtrade data folder.
    at : datetime or str, optional
        Where the clock starts, UTC without an offset; by default the computer's clock.
    freeze : bool
        Hold the clock where it starts.
    port : int
        Port to listen on, 0 for any free one.
    options : sequence of str
        Further options of ``python -m replay serve``.
    environment : mapping, optional
        Further environment variables, such as those of a clock that runs fast.

    Raises
    ------
    ReplayError
        It ended or said nothing for `START_SECONDS`; the message has what it wrote to stderr.
    """
    command = [sys.executable, "-m", "replay", "serve", f"--datadir={datadir}", f"--port={port}"]
    if at is not None:
        command.append(f"--at={at.isoformat() if isinstance(at, datetime) else at}")
    if freeze:
        command.append("--freeze")
    with tempfile.TemporaryFile("w+") as complaints:
        process = keeper.start(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield _url(process, complaints)
        finally:
            _stop(process)


def _url(process: subprocess.Popen[str], complaints: IO[str]) -> str:
    """Wait for the ready line and return the URL in it."""
    # Not a thread and a queue: their timed waits hang under Debian's libfaketime
    output, line = process.stdout, ""
    if output is not None and select.select([output], [], [], START_SECONDS)[0]:
        line = output.readline()
    if not line.startswith("replay exchange at "):
        _stop(process)
        complaints.seek(0)
        said = complaints.read().strip() or line.strip() or "it said nothing"
        raise ReplayError(f"the replay exchange did not start: {said}")
    return line.split()[3]


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill(process)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()

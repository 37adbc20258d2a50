"""``python -m replay serve``: from command-line settings to a running server."""

import argparse
import asyncio
import copy
import math
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from replay.app import create_app
from replay.asof import Exchange
from replay.clock import (
    Clock,
    FrozenClock,
    ShiftedClock,
    format_instant,
    parse_instant,
    wall_clock,
)
from replay.data import Datadir
from replay.errors import StartUpError
from replay.faults import FaultError, Rule, load

# Longer than any client keeps an idle connection, so that it is never the server who hangs up
KEEP_ALIVE_SECONDS = 75
HEADERS_SECONDS = 1.0  # between two updates of the Date that answers carry

DESCRIPTION = """\
Serve the candle files of a Freqtrade data folder the way Binance USDT-M would, up to the
exchange's clock and never beyond. When it accepts connections it prints one line:

  replay exchange at http://127.0.0.1:PORT serving N pairs, clock 2026-01-10T00:00:00Z
"""
EPILOG = """\
Backtesting needs no --at: at today's date all candles are history. Pair lists that look at
the last days' volume, download-data of open interest (30 days) and dry runs need a clock
inside the data. Freqtrade has a clock of its own: where a command counts days back from now,
give it a --timerange; for dry runs serve data that reach past now, or run both under faketime.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings of ``serve``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "--datadir",
        type=Path,
        required=True,
        help="Freqtrade data folder, for example user_data/data/binance",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="start the clock here and run on at real speed: ISO 8601 (UTC without an offset) "
        "or epoch milliseconds; default: the computer's clock",
    )
    parser.add_argument("--freeze", action="store_true", help="hold the clock where it starts")
    parser.add_argument(
        "--oi-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="publish open-interest snapshots this much later than their time (default: 0)",
    )
    parser.add_argument(
        "--enforce-limits",
        action="store_true",
        help="answer 429 beyond Binance's request limits; they are only counted otherwise",
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="JSON list of faults to make from the start; see docs/replay.md",
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="default: 0, any free port")
    parser.add_argument("--verbose", action="store_true", help="log every request to stderr")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises
    ------
    StartUpError, providers.errors.ProviderError
        The exchange cannot start.
    """
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit_cleanly)
    if not 0 <= arguments.oi_delay < math.inf:
        raise StartUpError(f"--oi-delay is {arguments.oi_delay:g}, expected 0 or more seconds")
    faults = _faults(arguments.faults)
    datadir = Datadir.scan(arguments.datadir)
    clock = _clock(arguments.at, freeze=arguments.freeze)
    exchange = Exchange(datadir, clock, oi_delay=round(arguments.oi_delay * 1000))
    market = exchange.now()
    if not market.pairs():
        first = min(datadir.files(pair, "futures")[0].first for pair in datadir.pairs)
        raise StartUpError(
            f"clock is {format_instant(market.now)}, before the first candle in "
            f"{arguments.datadir}; choose --at {format_instant(first)} or later"
        )
    listener = _listen(arguments.host, arguments.port)
    ready = (
        f"replay exchange at http://{arguments.host}:{listener.getsockname()[1]} "
        f"serving {len(market.pairs())} pairs, clock {format_instant(market.now)}"
    )
    app = create_app(exchange, enforce_limits=arguments.enforce_limits, faults=faults)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=_log_config(),
        log_level="info" if arguments.verbose else "warning",
        access_log=arguments.verbose,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    _Server(config, ready).run(sockets=[listener])
    return 0


class _Server(uvicorn.Server):
    """A server that says so once it accepts connections, and rests between requests.

    uvicorn looks ten times a second whether it is to end. Under a clock that runs 120 times as fast
    that is 1200 times, a third of a processor; this one is woken when it is to end.
    """

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready
        self._leave: Callable[[], object] | None = None

    async def main_loop(self) -> None:
        leave = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._leave = lambda: loop.call_soon_threadsafe(leave.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(leave.wait(), HEADERS_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._leave is not None:
            self._leave()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self._ready}\n")
        sys.stdout.flush()


def _faults(script: Path | None) -> list[Rule]:
    try:
        return [] if script is None else load(script)
    except FaultError as error:
        raise StartUpError(f"--faults: {error}") from None


def _clock(at: str | None, *, freeze: bool) -> Clock:
    if at is None:
        return FrozenClock(wall_clock()) if freeze else wall_clock
    try:
        instant = parse_instant(at)
    except ValueError:
        raise StartUpError(
            f"--at is {at!r}, expected ISO 8601 such as 2026-01-10T12:00 or epoch milliseconds"
        ) from None
    return FrozenClock(instant) if freeze else ShiftedClock.starting_at(instant)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StartUpError(
            f"cannot listen on {host}:{port} ({reason}); pass another --port, 0 finds a free one"
        ) from None


def _log_config() -> dict[str, Any]:
    """Return uvicorn's log settings with stdout kept free for the ready line."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    return config


def _exit_cleanly(*_: object) -> NoReturn:
    # uvicorn shuts down first and then raises the signal again, which ends here
    sys.exit(0)

"""Command line of the providers: ``python -m providers record``."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from providers.command_line import wanted_pairs
from providers.endpoints import Endpoints
from providers.errors import ProviderError
from providers.families.klines import step_of
from providers.live.feed import interruptible
from providers.live.recorder import Recorder, recorder_of
from providers.live.stop import Stop
from providers.registry import DATASETS
from providers.sources import Sources
from providers.transport.http import Bounds, HttpClient
from providers.transport.limits import Limiter

DEFAULTS = ("order_book", "liquidations", "taker_flow", "spot_taker_flow", "long_short_ratio")
DATADIR = Path("user_data/data/binance")
CONFIG = Path("user_data/config.json")
BOUNDS = Bounds(total=10.0, read=5.0)  # a poll that hangs delays those behind it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m providers", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    record = commands.add_parser(
        "record",
        help="write what has no history, and keep the rest current, until stopped",
        description="Record order books, liquidations and news, which have no history, and keep "
        "other datasets current. SIGTERM and Ctrl-C write what is in hand and end it with exit "
        "code 0; 1 means that --once could not get something, 2 that nothing could be done.",
    )
    _add_arguments(record)
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and with them keys
    try:
        return _record(arguments)
    except (ProviderError, ValueError, OSError) as error:
        print(f"{parser.prog} record: {error}", file=sys.stderr)
        return 2


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    recordable = [name for name, entry in DATASETS.items() if entry.recorded]
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pairs", nargs="+", metavar="PAIR", help="perpetuals, as BTC/USDT:USDT")
    which.add_argument(
        "--config", type=Path, default=CONFIG, metavar="FILE",
        help="or take the pairs from a Freqtrade config (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--datasets", nargs="+", metavar="NAME", default=list(DEFAULTS),
        help=f"default: {' '.join(DEFAULTS)}; without a history elsewhere: {' '.join(recordable)}",
    )  # fmt: skip
    parser.add_argument(
        "--datadir", type=Path, default=DATADIR, metavar="DIR",
        help="Freqtrade's data folder of one exchange (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--flow-timeframe", default="15m", metavar="TF",
        help="length of the candles that taker flow is read from (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--book-every", type=_seconds, metavar="SECONDS",
        help="how often to record the order book (default: 60)",
    )  # fmt: skip
    parser.add_argument(
        "--once", action="store_true",
        help="poll everything one time and end, from cron for example; streams are left out",
    )  # fmt: skip
    parser.add_argument(
        "--base-url", metavar="URL", help="send every request here, to the replay exchange say"
    )


def _record(arguments: argparse.Namespace) -> int:
    stopping = _stopped_by_signals()
    sleep = interruptible(stopping)
    with HttpClient(Limiter(sleep=sleep), BOUNDS, sleep=sleep) as client:
        sources = Sources(
            client,
            Endpoints.all_at(arguments.base_url) if arguments.base_url else Endpoints(),
            keys=os.environ,
            flow_step=step_of(arguments.flow_timeframe),
        )
        recorder = recorder_of(
            arguments.datasets,
            wanted_pairs(arguments.pairs, arguments.config),
            arguments.datadir,
            sources,
            every={"order_book": arguments.book_every} if arguments.book_every else None,
            stopping=stopping,
            streams=not arguments.once,
        )
        if arguments.once:
            return 1 if recorder.once() else 0
        recorder.run(lambda: _say_ready(recorder))
    return 0


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 to 3600 seconds")
    return timedelta(seconds=seconds)


def _say_ready(recorder: Recorder) -> None:
    print(f"recording {', '.join(recorder.datasets)} into {recorder.datadir}", flush=True)


def _stopped_by_signals() -> threading.Event:
    stop = Stop()

    def handle(*_: object) -> None:
        # Not here: the signal may have met this thread while it held the lock of the event
        threading.Thread(target=stop.set).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


if __name__ == "__main__":
    sys.exit(main())

"""Compare what a bot did with a backtest of the same days, decision by decision, trade by trade.

Each difference gets a cause where its evidence is found: in the journal, in the ledgers of refused
orders, in the prices of 1m candles, in what is known about times at which the bot was not running.
Whatever has no evidence is unexplained, and the exit code is 1.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.coverage import Period  # noqa: E402
from providers.errors import DataMissingError, ProviderError  # noqa: E402
from providers.results import read_simulation  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from regimekit.reports.run import RunError  # noqa: E402
from regimekit.settings import SettingsError  # noqa: E402
from rehearsal.errors import RehearsalError  # noqa: E402
from rehearsal.examine import examine  # noqa: E402
from rehearsal.page import write_page  # noqa: E402
from rehearsal.parity import Interval, Tolerances  # noqa: E402
from rehearsal.tables import parity_tables  # noqa: E402

EXAMPLE = """example: a dry run of seven days, the candles of these days, and a backtest of them
  freqtrade download-data --trading-mode futures -t 1m 15m 1h 4h --days 80
  freqtrade backtesting --strategy RegimeRouter --timeframe-detail 1m --timerange 20260301-20260308
  scripts/parity.py --db user_data/trades.dry_run.sqlite --datadir user_data/data/binance \\
    --result user_data/backtest_results/<name>.zip --log user_data/logs/freqtrade.log

Exits with 0 when nothing is unexplained, with 1 when something is or nothing could be compared,
with 2 when a file is missing or damaged. docs/rehearsal.md, "Parity", lists the causes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; return 0 when nothing is unexplained, 1 when something is, 2 when it cannot be."""
    try:
        options = _parser().parse_args(arguments)
        _must_exist(options)
        parity = examine(
            options.db,
            options.result,
            datadir=options.datadir,
            user_data=options.user_data,
            log=options.log,
            vetoes=options.vetoes,
            window=options.window,
            tolerances=Tolerances(
                speed=options.speed,
                throttle=timedelta(seconds=options.throttle),
                analysis=timedelta(seconds=options.analysis),
                order=timedelta(seconds=options.order),
                late=timedelta(seconds=options.late),
                spread=options.spread / 1e4,
            ),
            down=options.down or None,
            simulated=read_simulation(options.datadir) is not None,
            strategy=options.strategy,
        )
        output = options.output or options.result.with_name(f"{options.result.stem}-parity.html")
        if not output.parent.is_dir():
            raise DataMissingError(
                f"folder {output.parent} does not exist; create it or choose another --output"
            )
        write_page(parity, output)
        if options.json is not None:
            replace_file(options.json, json.dumps(parity.to_dict(), indent=2).encode())
    except (ProviderError, RehearsalError, RunError, SettingsError, OSError) as error:
        print(f"parity: {error}", file=sys.stderr)
        return 2
    console = Console()
    for table in parity_tables(parity):
        console.print(table)
    print(f"Report: {output}")
    return 0 if parity.ok else 1


def _must_exist(options: argparse.Namespace) -> None:
    """Refuse a file that was named and is not there: without it the evidence would look absent."""
    if not options.datadir.is_dir():
        raise DataMissingError(f"--datadir is {options.datadir}, which is no folder; name another")
    if options.log is not None and not options.log.is_file():
        raise DataMissingError(f"--log is {options.log}, which is no file; name another or none")


def at_least(least: float) -> Callable[[str], float]:
    """Return a reader of numbers that are not below `least`."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r}, expected a number from {least:g} on")
        return value

    return number


def span(text: str) -> Period:
    """Read ``<from>..<to>``, both as ISO dates or times, UTC."""
    begin, found, end = text.partition("..")
    try:
        moments = [datetime.fromisoformat(part) for part in (begin, end)]
    except ValueError:
        moments = []
    if not found or len(moments) != 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no span of time; write 2026-03-01..2026-03-08 or "
            "2026-03-01T06:00..2026-03-01T07:30"
        )
    first, last = (
        moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment for moment in moments
    )
    if last <= first:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins; swap the two")
    return Period(first, last)


def interval(text: str) -> Interval:
    """Read ``<from>..<to>=<why>``; the reason may be left out."""
    times, _, why = text.partition("=")
    period = span(times)
    return Interval(period.start, period.end, why)


def _parser() -> argparse.ArgumentParser:
    usual = Tolerances()
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--db", type=Path, metavar="FILE", required=True, help="the bot's database; only read")
    add("--result", type=Path, metavar="ZIP", required=True, help="export of the backtest")
    add("--datadir", type=Path, metavar="DIR", required=True, help="candles of both, with 1m")
    add("--user-data", type=Path, metavar="DIR", default=ROOT / "user_data",
        help="the bot's user folder, with journal/ and vetoes/ (default: user_data)")  # fmt: skip
    add("--vetoes", type=Path, metavar="PATH", default=ROOT / "user_data" / "vetoes",
        help="the backtest's ledger, or the folder to find it in")  # fmt: skip
    add("--log", type=Path, metavar="FILE", help="the bot's log: entries that were not filled")
    add("--strategy", metavar="NAME", help="strategy to compare when the export holds several")
    add("--window", type=span, metavar="A..B",
        help="what to compare, UTC (default: what journal and backtest share)")  # fmt: skip
    add("--down", type=interval, metavar="A..B[=WHY]", action="append",
        help="when the bot could not act; repeatable (default: from its journal)")  # fmt: skip
    add(
        "--speed",
        type=at_least(1),
        default=1.0,
        metavar="X",
        help="of the bot's clock (default: 1)",
    )
    add("--throttle", type=at_least(0), metavar="S", default=usual.throttle.total_seconds(),
        help="seconds between two looks at the market (default: %(default)g)")  # fmt: skip
    add("--analysis", type=at_least(0), metavar="S", default=usual.analysis.total_seconds(),
        help="seconds that a loop with a new candle may take (default: %(default)g)")  # fmt: skip
    add("--order", type=at_least(0), metavar="S", default=usual.order.total_seconds(),
        help="seconds that it takes to send an entry (default: %(default)g)")  # fmt: skip
    add("--late", type=at_least(0), metavar="S", default=usual.late.total_seconds(),
        help="ignore_buying_expired_candle_after (default: %(default)g)")  # fmt: skip
    add("--spread", type=at_least(0), metavar="BP", default=usual.spread * 1e4,
        help="how far fills may lie outside traded prices, bp (default: %(default)g)")  # fmt: skip
    add("--output", type=Path, metavar="HTML",
        help="page to write (default: beside the export, <name>-parity.html)")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the result as JSON too")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Fetch the history of open interest, funding, taker flow and sentiment into the data folder.

What is there is kept and not asked for again, apart from a day that is compared, so the same
command brings a folder up to date and goes on after an interruption. Exits with 0 when all went
well, 1 when it finished and something could not be had, 2 when nothing could be done.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pandas as pd
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.backfill import Backfill, pairs_of  # noqa: E402
from providers.command_line import instant, wanted_pairs  # noqa: E402
from providers.contract import Client, Span  # noqa: E402
from providers.endpoints import Endpoints  # noqa: E402
from providers.errors import DataMissingError, ProviderError  # noqa: E402
from providers.families.klines import step_of  # noqa: E402
from providers.progress import (  # noqa: E402
    Shown,
    plan_table,
    problem_lines,
    registry_list,
    summary_table,
)
from providers.registry import DATASETS, entry  # noqa: E402
from providers.sources import Entry, Sources  # noqa: E402
from providers.storage import native  # noqa: E402
from providers.storage.lease import lease  # noqa: E402
from providers.storage.store import STORE_FOLDER  # noqa: E402
from providers.transport.http import HttpClient  # noqa: E402

DATADIR = ROOT / "user_data" / "data" / "binance"
CONFIG = ROOT / "user_data" / "config.json"
SINCE = timedelta(days=730)
DEFAULTS = (
    *("open_interest", "funding_rate", "taker_flow", "spot_taker_flow"),
    *("long_short_ratio", "premium_index", "fear_greed", "senticrypt"),
)


def main(arguments: Sequence[str] | None = None, client: Client | None = None) -> int:
    """Run the backfill; return the exit code. `client` stands in for the network in tests."""
    options = _parser().parse_args(arguments)
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 170)
    try:
        if options.list:
            out.print(registry_list(DATASETS.values()))
            return 0
        if client is not None:
            return _backfill(options, client, out)
        with HttpClient() as real:
            return _backfill(options, real, out)
    except (ProviderError, ValueError, OSError) as error:
        print(f"backfill: {error}", file=sys.stderr)
        return 2


def _backfill(options: argparse.Namespace, client: Client, out: Console) -> int:
    entries = _entries(options, out)
    pairs = wanted_pairs(options.pairs, options.config)
    span = _span(options, client.now())
    sources = Sources(
        client,
        Endpoints.all_at(options.base_url) if options.base_url else Endpoints(),
        archive_cache=options.archive_cache or options.datadir / STORE_FOLDER / ".archive",
        keys=os.environ,
        flow_step=step_of(options.flow_timeframe),
        verify_labels=options.verify_labels == "all",
    )
    questions = list(Backfill(options.datadir, sources).plan(entries, pairs, span))
    if options.dry_run:
        out.print(plan_table(questions))
        return 0
    _settle_venue(options, entries, out)
    natives = native.Natives(options.datadir, options.open_interest_from)
    shown = Shown(sum(len(pairs_of(it.dataset, pairs)) for it in entries), questions)
    backfill = Backfill(options.datadir, sources, shown, natives.follow)
    interrupted = False
    try:
        with shown.bar:
            backfill.run(entries, pairs, span)
    except KeyboardInterrupt:
        interrupted = True
    if backfill.report.outcomes:
        out.print(summary_table(backfill.report))
        out.print(natives.summary(), markup=False)
    for line in problem_lines(backfill.report):
        out.print(line, markup=False)
    if interrupted:
        print(
            "backfill: interrupted; what had come is stored, the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    return 0 if backfill.report.flawless else 1


def _entries(options: argparse.Namespace, out: Console) -> list[Entry]:
    """Return what is to be fetched; of ``all`` only what can be."""
    if "all" in options.datasets:
        entries = [it for it in DATASETS.values() if not it.recorded]
        lacking = [it for it in entries if it.key and not os.environ.get(it.key, "").strip()]
        for it in lacking:
            out.print(f"Leaving out {it.dataset.name}: {it.key} is not set.", markup=False)
        return [it for it in entries if it not in lacking]
    names = list(dict.fromkeys(options.datasets))
    venue = native.VENUES[options.open_interest_from]
    if venue not in names and set(native.VENUES.values()) & set(names):
        names.append(venue)
    for name in names:
        if entry(name).recorded:
            raise DataMissingError(
                f"{name} has no history to fetch; record it from now on with "
                "`python -m providers record`"
            )
    return [it for name, it in DATASETS.items() if name in names]


def _span(options: argparse.Namespace, now: pd.Timestamp) -> Span:
    end = min(options.until or now, now)
    start = options.since if options.since is not None else (end - SINCE).floor("D")
    if start >= end:
        raise ValueError(
            f"--since {start:%Y-%m-%d %H:%M} is not before --until {end:%Y-%m-%d %H:%M} UTC"
        )
    return Span(start, end)


def _settle_venue(options: argparse.Namespace, entries: Sequence[Entry], out: Console) -> None:
    """Refuse to mix the open interest of two venues in Freqtrade's files."""
    venue = options.open_interest_from
    dataset = native.VENUES[venue]
    if dataset not in {it.dataset.name for it in entries}:
        return
    with lease(options.datadir, dataset):  # nothing is moved while somebody else writes
        for path in native.choose_venue(options.datadir, venue, replace=options.replace_native):
            out.print(f"Set aside: {path}", markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backfill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/backfill.py --pairs BTC/USDT:USDT --since 2023-01-01",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pairs", nargs="+", metavar="PAIR", help="perpetuals, as BTC/USDT:USDT")
    which.add_argument(
        "--config", type=Path, default=CONFIG, metavar="FILE",
        help="or take the pairs from a Freqtrade config (default: user_data/config.json)",
    )  # fmt: skip
    parser.add_argument(
        "--datasets", nargs="+", default=list(DEFAULTS), metavar="NAME",
        help=f"what to fetch, or all (default: {' '.join(DEFAULTS)})",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print all datasets and end")
    parser.add_argument(
        "--since", type=instant, metavar="DATE", help="from this day, UTC (default: two years ago)"
    )
    parser.add_argument(
        "--until", type=instant, metavar="DATE", help="up to this day, UTC (default: now)"
    )
    parser.add_argument(
        "--datadir", type=Path, default=DATADIR, metavar="DIR",
        help="Freqtrade's data folder of one exchange (default: user_data/data/binance)",
    )  # fmt: skip
    parser.add_argument(
        "--flow-timeframe", default="15m", metavar="TF",
        help="length of the candles that taker flow is read from (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--open-interest-from", choices=tuple(native.VENUES), default="binance",
        help="whose open interest Freqtrade's own files hold (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--replace-native", action="store_true",
        help="set those files aside when they hold another venue's, and write new ones",
    )  # fmt: skip
    parser.add_argument(
        "--archive-cache", type=Path, metavar="DIR",
        help="where downloaded archive files stay (default: within the data folder)",
    )  # fmt: skip
    parser.add_argument(
        "--verify-labels",
        choices=("sample", "all"),
        default="sample",
        help="compare the labels of archived open interest with mark prices: around their switch "
        "and once a month, or on every day at the cost of a second download (default: %(default)s)",
    )
    parser.add_argument(
        "--base-url", metavar="URL", help="send every request to one server, a replay for example"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be asked, and ask nothing"
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and writes what has come
    sys.exit(main())

"""Say what a data folder holds: how much, how complete, how old, what is damaged.

Looks at Freqtrade's candle, funding and open interest files and at the datasets beside them. Exits
with 0 when all is well, 1 when something is stale, damaged, missing or has too many gaps, and 2
when there is nothing to look at.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.command_line import instant  # noqa: E402
from providers.errors import DataMissingError, ProviderError  # noqa: E402
from providers.registry import DATASETS  # noqa: E402
from providers.status import Series, State, absent, is_called, survey, words  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from regimekit.reports.coverage import Lane, coverage_page  # noqa: E402

DATADIR = ROOT / "user_data" / "data" / "binance"

COLORS = {State.FRESH: "green", State.STALE: "yellow"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the status; return what the exit code of the script is to be."""
    options = _parser().parse_args(arguments)
    try:
        now = options.at or pd.Timestamp.now(tz="UTC")
        found = survey(
            options.datadir, now, DATASETS, pairs=options.pairs, datasets=options.datasets
        )
        found += absent(found, options.require, options.pairs)
        if not found:
            raise DataMissingError(
                f"{options.datadir} holds nothing of that; fetch it with scripts/backfill.py or "
                "`freqtrade download-data`, or leave out --pairs and --datasets"
            )
        if options.html:
            lanes = [_lane(series) for series in found]
            page = coverage_page(lanes, now, str(options.datadir))
            replace_file(options.html, page.encode())
        told = json.dumps([series.as_json() for series in found], indent=1)
        if options.json and options.json != "-":
            replace_file(Path(options.json), told.encode())
    except (ProviderError, ValueError, OSError) as error:
        print(f"data_status: {error}", file=sys.stderr)
        return 2
    if options.json == "-":
        print(told)
    else:
        _print(found)
    if options.html:
        print(f"Page: {options.html}", file=sys.stderr)
    return 1 if any(_failing(series, options) for series in found) else 0


def _failing(series: Series, options: argparse.Namespace) -> bool:
    """Tell whether a series is reason enough for exit code 1."""
    counts = not options.require or any(is_called(series.name, n) for n in options.require)
    gaps = options.max_gaps is not None and len(series.gaps) > options.max_gaps
    return series.state is State.CORRUPT or (counts and (series.state is not State.FRESH or gaps))


def _print(found: Sequence[Series]) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Data", "State", "First", "Last"):
        table.add_column(name, no_wrap=True)
    for name in ("Rows", "Gaps", "Age"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Found")
    pair = ""
    for series in found:
        if series.pair != pair:
            pair = series.pair
            table.add_row(f"[bold]{escape(pair)}[/]")
        facts, color = _facts(series), COLORS.get(series.state, "red")
        gaps = f"{facts['Gaps']} ({facts['Longest']})" if series.gaps else facts["Gaps"]
        table.add_row(
            f"  {escape(series.name)}",
            f"[{color}]{series.state.value}[/]",
            *(facts[name] for name in ("First", "Last", "Rows")),
            gaps,
            facts["Age"],
            escape(facts["Found"]),
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    for series in found:
        if series.state in {State.CORRUPT, State.MISSING}:
            print(f"{series.pair} {series.name}: {series.problem}")


def _facts(series: Series) -> dict[str, str]:
    """Return the figures of a series as text; what is not known is empty."""
    found = ", ".join(f"{name} {count:,}" for name, count in sorted(series.quality.items()))
    return {
        "First": "" if series.first is None else f"{series.first:%Y-%m-%d}",
        "Last": "" if series.last is None else f"{series.last:%Y-%m-%d %H:%M}",
        "Rows": f"{series.rows:,}",
        "Gaps": f"{len(series.gaps):,}",
        "Longest": words(series.longest_gap) if series.gaps else "",
        "Age": "" if series.age is None else words(series.age),
        "Found": found,
    }


def _lane(series: Series) -> Lane:
    facts = _facts(series) | {"Problem": series.problem}
    gaps = [(gap.start, gap.end) for gap in series.gaps]
    return Lane(
        series.pair, series.name, series.state.value, series.first, series.last, gaps, facts
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="data_status",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/data_status.py --require open_interest funding_rate --max-gaps 5",
    )
    parser.add_argument(
        "--datadir", type=Path, default=DATADIR, metavar="DIR",
        help="Freqtrade's data folder of one exchange (default: user_data/data/binance)",
    )  # fmt: skip
    parser.add_argument("--pairs", nargs="+", default=[], metavar="PAIR", help="only these")
    parser.add_argument(
        "--datasets", nargs="+", default=[], metavar="NAME",
        help="only these: open_interest, for example, or futures for futures-15m and its like",
    )  # fmt: skip
    parser.add_argument(
        "--at", type=instant, metavar="TIME", help="judge ages as of this time, UTC (default: now)"
    )
    parser.add_argument(
        "--require", nargs="+", default=[], metavar="NAME",
        help="these must be there and fresh for every pair; staleness of others does not count",
    )  # fmt: skip
    parser.add_argument(
        "--max-gaps", type=int, metavar="N", help="exit with 1 when a series has more gaps"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - prints it")
    parser.add_argument("--html", type=Path, metavar="FILE", help="draw everything over time")
    return parser


if __name__ == "__main__":
    sys.exit(main())

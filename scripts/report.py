"""Write the HTML report of a backtest.

The report is one file that needs no network. It shows equity and drawdown against holding the
market, trades by regime, sub-strategy, filter, exit and hour, results in R, excursions, a candle
chart with regimes and trades, what refused entries would have done, whether confidence says
anything, and what the result hangs on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.errors import DataMissingError, ProviderError  # noqa: E402
from providers.results import (  # noqa: E402
    Result,
    latest_result,
    read_market,
    read_result,
    read_simulation,
)
from providers.storage.store import native_path, read_frame, replace_file  # noqa: E402
from providers.storage.vetoes import FOLDER, find_ledger, read_ledger  # noqa: E402
from regimekit.hooks.rows import StoreRows  # noqa: E402
from regimekit.inputs import HIGHER_TIMEFRAMES  # noqa: E402
from regimekit.reports.page import build_report  # noqa: E402
from regimekit.reports.run import Run, RunError  # noqa: E402
from regimekit.reports.study import (  # noqa: E402
    OPEN_INTEREST,
    SPOT_TAKER_FLOW,
    TAKER_FLOW,
    Study,
    study,
)
from regimekit.reports.terminal import summary_tables  # noqa: E402
from regimekit.reports.wording import conclusion  # noqa: E402
from regimekit.settings import SettingsError  # noqa: E402

STEP = "15m"  # of open interest and taker flow, as strategies ask for them

RESULTS = ROOT / "user_data" / "backtest_results"
VETOES = ROOT / "user_data" / FOLDER


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; return 2 with one line on stderr when that is not possible."""
    options = _parser().parse_args(arguments)
    try:
        path = options.result or latest_result(options.results)
        examined = load_study(
            path,
            strategy=options.strategy,
            datadir=options.datadir,
            simulated=options.simulated,
            command=options.command,
            variants=options.variants,
            vetoes=options.vetoes,
        )
        html = build_report(examined, pair=options.pair)
        output = options.output or path.with_name(f"{path.stem}-report.html")
        if not output.parent.is_dir():
            raise DataMissingError(
                f"folder {output.parent} does not exist; create it or choose another --output"
            )
        replace_file(output, html.encode())
    except (ProviderError, RunError, SettingsError, ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    console = Console()
    for table in summary_tables(examined):
        console.print(table)
    console.print(conclusion(examined), markup=False, highlight=False)
    print(f"Report: {output}")
    return 0


def load_study(
    path: Path,
    *,
    strategy: str | None = None,
    datadir: Path | None = None,
    simulated: str = "auto",
    command: str | None = None,
    variants: int | None = None,
    vetoes: Path = VETOES,
) -> Study:
    """Read a result and its candles and recompute what the export leaves out.

    Parameters
    ----------
    datadir : Path, optional
        By default Freqtrade's own, ``user_data/data/<exchange>``; candles may be missing there, but
        a folder that was named must exist.
    simulated : str
        ``auto`` looks for the simulator's manifest in `datadir`; ``yes`` or ``no`` overrule it.
    vetoes : Path
        Folder of the veto ledgers, or the ledger of this run; there may be none.
    """
    result = read_result(path, strategy)
    run = Run.from_export(result.strategy, result.stats, result.config, result.parameters)
    if datadir is not None and not datadir.is_dir():
        raise DataMissingError(f"--datadir {datadir} is not a folder; name the backtest's own")
    folder = datadir or _default_datadir(result.config)
    timeframes = dict.fromkeys([run.timeframe, *HIGHER_TIMEFRAMES])
    candles = read_market(folder, run.pairs, timeframes, futures=run.trading_mode == "futures")
    market = {pair: series | _derivatives(folder, pair) for pair, series in candles.items()}
    manifest = {"auto": read_simulation(folder), "yes": {}, "no": None}[simulated]
    return study(
        run,
        market,
        market_change=result.market_change,
        simulation=manifest,
        command=command,
        variants=variants,
        vetoes=_refusals(vetoes, result),
    )


def _refusals(place: Path, result: Result) -> pd.DataFrame | None:
    """Return the rows of the run's veto ledger, None where there is none."""
    if place.is_file():
        return read_ledger(place).rows
    try:
        began = datetime.fromtimestamp(int(result.stats["backtest_run_start_ts"]), tz=UTC)
    except (KeyError, TypeError, ValueError):
        return None
    timerange = str(result.stats.get("timerange") or "")
    path = find_ledger(place, result.strategy, began, timerange=timerange)
    return None if path is None else read_ledger(path).rows


def _derivatives(datadir: Path, pair: str) -> dict[str, pd.DataFrame]:
    """Return open interest and taker flow as the run read them, without what is missing."""
    stored = StoreRows(datadir, STEP)
    found = {name: stored.rows(name, pair) for name in (TAKER_FLOW, SPOT_TAKER_FLOW)}
    native = native_path(datadir, pair, STEP, OPEN_INTEREST)
    if native.exists():
        found[OPEN_INTEREST] = read_frame(native)
    return {name: rows for name, rows in found.items() if not rows.empty}


def _default_datadir(config: Mapping[str, Any]) -> Path:
    exchange = config.get("exchange", {}).get("name", "binance")
    return ROOT / "user_data" / "data" / str(exchange)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: scripts/report.py --latest --datadir user_data/data/simulated",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--result", type=Path, metavar="ZIP", help="backtest export to read")
    source.add_argument(
        "--latest", action="store_true", help="read the newest export, which is the default"
    )
    parser.add_argument(
        "--results", type=Path, metavar="DIR", default=RESULTS,
        help="where --latest looks (default: user_data/backtest_results)",
    )  # fmt: skip
    parser.add_argument(
        "--strategy", metavar="NAME", help="strategy to report when the export holds several"
    )
    parser.add_argument(
        "--datadir", type=Path, metavar="DIR",
        help="candles of the backtest, for R and charts (default: user_data/data/<exchange>)",
    )  # fmt: skip
    parser.add_argument(
        "--pair",
        metavar="PAIR",
        help="pair of the candle chart (default: the one with most trades)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="HTML",
        help="file to write (default: beside the export, <name>-report.html)",
    )  # fmt: skip
    parser.add_argument(
        "--simulated", choices=("auto", "yes", "no"), default="auto",
        help="whether prices were invented; auto looks for simulation.json in the datadir",
    )  # fmt: skip
    parser.add_argument(
        "--vetoes", type=Path, metavar="PATH", default=VETOES,
        help="veto ledger of the run, or the folder to find it in (default: user_data/vetoes)",
    )  # fmt: skip
    parser.add_argument(
        "--variants", type=int, metavar="N", help="variants tried before this one, to be stated"
    )
    parser.add_argument("--command", metavar="TEXT", help="command of the backtest, to be stated")
    return parser


if __name__ == "__main__":
    sys.exit(main())

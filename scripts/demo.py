"""Backtest RegimeRouter from nothing: a market, an exchange, the real Freqtrade, a report.

Without --datadir a market is simulated; its profits mean nothing. With --datadir recorded candles
are replayed, and the pairs that have all data for the period are chosen.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from os.path import relpath
from pathlib import Path

from report import load_study
from rich.console import Console

from providers.coverage import Period, longest_period, parse_timerange, select_pairs
from providers.errors import ProviderError
from providers.storage.store import replace_file
from regimekit.reports.page import build_report
from regimekit.reports.run import RunError
from regimekit.reports.terminal import summary_tables
from regimekit.reports.wording import conclusion
from regimekit.settings import PROFILES
from replay.client import ReplayError, running
from replay.runner import Run, run_freqtrade
from replay.simulator.cli import WARMUP_DAYS, simulate_into
from replay.simulator.spec import MarketSpec

ROOT = Path(__file__).resolve().parents[1]
SIMULATED = ROOT / "user_data" / "data" / "simulated"
RESULTS = ROOT / "build" / "demo"


def main() -> int:
    """Run the demo; return 0, or 2 after one line that says what is wrong."""
    arguments = _arguments()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    try:
        report = _demo(arguments, console)
    except (ProviderError, ReplayError, RunError, ValueError, OSError) as error:
        console.print(f"demo: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("demo: interrupted")
        return 130
    took = time.monotonic() - started
    console.print(
        f"Done in {took:.0f} s. Open the report: {report.resolve().as_uri()}", markup=False
    )
    return 0


def _demo(arguments: argparse.Namespace, console: Console) -> Path:
    datadir, period = _market(arguments, console)
    pairs, refused = select_pairs(datadir, period, tuple(arguments.pairs))
    for pair, reason in refused.items():
        if arguments.pairs:
            raise ProviderError(f"{pair} cannot be backtested: {reason}; leave it out of --pairs")
        console.print(f"Leaving out {pair}: {reason}.", markup=False)
    console.print(
        f"Backtesting {len(pairs)} pairs over {period.timerange}, profile {arguments.profile}."
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    with running(datadir) as url, console.status("Starting Freqtrade ...") as status:
        run = _backtest(arguments, datadir, pairs, period, url, _narrator(status.update))
    sys.stdout.write(run.output)
    (RESULTS / "freqtrade.log").write_text(run.log)
    if not run.ok:
        raise ProviderError(f"{run.explain()} (whole log: {RESULTS / 'freqtrade.log'})")
    newest = max(RESULTS.glob("backtest-result-*.zip"), key=lambda path: path.stat().st_mtime)
    examined = load_study(newest, datadir=datadir, command=f"freqtrade {' '.join(run.command)}")
    out = Console(highlight=False)
    for table in summary_tables(examined):
        out.print(table)
    out.print(conclusion(examined), markup=False)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    replace_file(arguments.output, build_report(examined).encode())
    return Path(arguments.output)


def _market(arguments: argparse.Namespace, console: Console) -> tuple[Path, Period]:
    """Return the data folder and the period, simulating a market when none was given."""
    if arguments.datadir is None:
        spec = MarketSpec(days=arguments.days, seed=arguments.seed, warmup_days=WARMUP_DAYS)
        console.print(simulate_into(spec, SIMULATED), markup=False)
        datadir, whole = SIMULATED, Period(spec.start, spec.end.to_pydatetime())
    else:
        datadir = arguments.datadir
        whole = longest_period(datadir)
    return datadir, parse_timerange(arguments.timerange) if arguments.timerange else whole


def _backtest(
    arguments: argparse.Namespace,
    datadir: Path,
    pairs: tuple[str, ...],
    period: Period,
    url: str,
    on_log: Callable[[str], None],
) -> Run:
    """Run ``freqtrade backtesting`` as any user would, on this data folder and exchange."""
    return run_freqtrade(
        [
            "backtesting",
            "--strategy=RegimeRouter",
            "--config=user_data/config.json",
            f"--config=config/profiles/{arguments.profile}.json",
            f"--datadir={relpath(datadir, ROOT)}",
            f"--timerange={period.timerange}",
            f"--backtest-directory={relpath(RESULTS, ROOT)}",
            "--cache=none",  # the data may have changed since
            "--pairs",
            *pairs,
        ],
        url=url,
        cwd=ROOT,
        environment=_looks(),
        on_log=on_log,
    )


def _looks() -> dict[str, str]:
    """Let Freqtrade draw its tables for our terminal, if there is one."""
    console = Console()
    return {"COLUMNS": str(console.width), "FORCE_COLOR": "1"} if console.is_terminal else {}


def _narrator(say: Callable[[str], None]) -> Callable[[str], None]:
    """Turn Freqtrade's log into a line that tells what it is doing."""

    def narrate(line: str) -> None:
        parts = line.split(" - ", 3)
        if len(parts) == 4 and parts[2] == "INFO":
            say(f"freqtrade: {parts[3][:90]}".replace("[", r"\["))

    return narrate


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument(
        "--datadir",
        type=Path,
        metavar="DIR",
        help="recorded candles; without it a market is simulated",
    )
    parser.add_argument(
        "--timerange", metavar="YYYYMMDD-YYYYMMDD", help="default: the longest that the data allow"
    )
    parser.add_argument(
        "--pairs", nargs="+", default=[], metavar="PAIR", help="default: all with data"
    )
    parser.add_argument(
        "--profile",
        default=PROFILES[0],
        metavar="NAME",
        help=f"{' or '.join(PROFILES)} (%(default)s)",
    )
    parser.add_argument(
        "--days", type=int, default=60, help="days to simulate (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulation (%(default)s)")
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS / "report.html",
        metavar="FILE",
        help="where the HTML report goes (default build/demo/report.html)",
    )
    arguments = parser.parse_args()
    if arguments.profile not in PROFILES:
        parser.error(f"--profile is {arguments.profile!r}, expected one of {', '.join(PROFILES)}")
    if arguments.output.is_dir():
        parser.error(f"--output is {arguments.output}, a folder; name a file in it")
    return arguments


if __name__ == "__main__":
    sys.exit(main())

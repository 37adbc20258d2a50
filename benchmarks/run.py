"""Measure RegimeRouter's speed and memory and show them beside their aims.

Ratios are taken within one run, so that a slow or busy computer disturbs them least; the times in
seconds are this computer's. A missed aim is shown, and is an exit code of 1 only with --check.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import data
import live
import loop
import populate
import walk
import year
from figures import Figure, as_table, write_json
from market import prepare
from measure import ROOT, Bench, BenchmarkError
from rich.console import Console
from rich.status import Status

from providers.errors import ProviderError
from replay.client import ReplayError, running
from tuning.model import TuningError

BENCHMARKS: dict[str, Callable[[Bench], list[Figure]]] = {
    "loop": loop.measure,
    "populate": populate.measure,
    "live": live.measure,
    "data": data.measure,
    "year": year.measure,
    "walk": walk.measure,
}
BUILD = ROOT / "build" / "bench"


def main() -> int:
    """Run the benchmarks; return 0, 1 for a missed aim with --check, 2 when something broke."""
    arguments = _arguments()
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        facts = _facts()
        figures = _figures(arguments, progress)
        Console(width=None if sys.stdout.isatty() else 140).print(as_table(figures, facts))
        if arguments.json:
            write_json(figures, facts, arguments.json)
    except (BenchmarkError, ProviderError, ReplayError, TuningError, OSError) as error:
        progress.print(f"bench: {error}", markup=False)
        return 2
    return int(arguments.check and any(figure.met is False for figure in figures))


def _figures(arguments: argparse.Namespace, progress: Console) -> list[Figure]:
    datadir = BUILD / "market"
    prepare(datadir)
    chosen = [arguments.only] if arguments.only else list(BENCHMARKS)
    with (
        TemporaryDirectory(dir=BUILD) as folder,
        running(datadir) as url,
        progress.status("Starting ...") as status,
    ):
        bench = Bench(datadir, url, Path(folder), arguments.quick, _narrator(progress, status))
        return [figure for name in chosen for figure in BENCHMARKS[name](bench)]


def _narrator(progress: Console, status: Status) -> Callable[[str], None]:
    """Show each step on a terminal's last line, or as lines of a log."""
    began = monotonic()

    def say(step: str) -> None:
        line = f"{monotonic() - began:4.0f} s  {step}"
        if progress.is_terminal:
            status.update(line)
        else:
            progress.print(line, markup=False)

    return say


def _facts() -> dict[str, str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "Freqtrade": version("freqtrade"),
        "Python": platform.python_version(),
        "cores": str(usable),
        "machine": f"{platform.system()} {platform.machine()}",
        "load at start": f"{os.getloadavg()[0]:.1f}",
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, help="run one benchmark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions")
    parser.add_argument("--check", action="store_true", help="exit with 1 when an aim is missed")
    arguments = parser.parse_args()
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json: folder {arguments.json.parent} does not exist; create it first")
    return arguments


if __name__ == "__main__":
    sys.exit(main())

"""Look for what is wrong before a bot trades: settings, data, machine and code.

Reads the configuration as Freqtrade merges it, files and environment alike. What cannot be looked
at is said to be unchecked, never to be well. Exits with 0 when nothing keeps the bot from trading
(warnings are allowed), 1 when something does, and 2 when there is nothing to look at.
"""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
# This file would hide the package of its name, which lies in the checkout.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "scripts"]
sys.path.insert(0, str(ROOT))

from doctor.checks import CHECKS, Check, chosen, examine, exit_code  # noqa: E402
from doctor.errors import DoctorError  # noqa: E402
from doctor.findings import Finding, Severity  # noqa: E402
from doctor.patient import Patient, admit  # noqa: E402

CONFIG = Path("user_data") / "config.json"
COLORS = {
    Severity.OK: "green",
    Severity.INFO: "cyan",
    Severity.UNCHECKED: "magenta",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
}
TITLES = {
    "config": "Configuration",
    "secrets": "Secrets",
    "live": "Real money",
    "liquidation": "Liquidation",
    "data": "Data",
    "startup": "Warm-up",
    "machine": "Machine",
    "code": "Code",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings; return what the exit code of the script is to be."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(CHECKS))
        return 0
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # Freqtrade tells about each file and each setting
    try:
        checks = chosen(options.only, options.skip)
        patient = _admit(options)
        found = examine(patient, checks, on_start=_tell)
    except DoctorError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    finally:
        logging.disable(before)
    if options.json:
        told = {
            "live": patient.live,
            "strategy": options.strategy,
            "exit_code": exit_code(found),
            "findings": [finding.as_json() for finding in found],
        }
        print(json.dumps(told, indent=1))
    else:
        _print(found, everything=options.verbose)
    return exit_code(found)


def _admit(options: argparse.Namespace) -> Patient:
    files = options.config or [CONFIG if CONFIG.exists() else ROOT / CONFIG]
    return admit(
        files,
        options.strategy,
        root=ROOT,
        strategy_path=options.strategy_path,
        datadir=options.datadir,
        user_data=options.userdir,
        live=options.live,
        deep=options.deep,
        online=not options.offline,
    )


def _tell(check: Check) -> None:
    if check.slow and sys.stderr.isatty():
        print(f"{check.name} ...", file=sys.stderr)


def _print(found: Sequence[Finding], *, everything: bool) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=None, header_style="dim", pad_edge=False, show_edge=False)
    table.add_column("Check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Found", ratio=3)
    table.add_column("Way out", ratio=2)
    concern = ""
    for finding in found:
        group = finding.check.partition(".")[0]
        if group != concern:
            concern = group
            table.add_row(f"[bold]{TITLES.get(group, group)}[/]")
        if finding.severity is Severity.OK and not everything and group == "code":
            continue  # eight lines that say the same; the last line counts them
        color = COLORS[finding.severity]
        said = escape(": ".join(filter(None, (finding.what, finding.value))))
        where = f"[dim]{escape(finding.where)}[/] " if finding.where else ""
        table.add_row(
            f"  {finding.check.partition('.')[2]}",
            f"[{color}]{finding.severity.value}[/]",
            where + said,
            escape(finding.way_out),
        )
    console.print(table)
    counts = Counter(finding.severity for finding in found)
    console.print(", ".join(f"{counts[s]} {s.value}" for s in reversed(Severity) if counts[s]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "example: scripts/doctor.py --live -c user_data/config.json -c config/live.json "
            "-c config/local.json"
        ),
    )
    parser.add_argument(
        "-c", "--config", type=Path, action="append", metavar="FILE",
        help="as for freqtrade, later ones override earlier ones (default: user_data/config.json)",
    )  # fmt: skip
    parser.add_argument("-s", "--strategy", default="RegimeRouter", metavar="NAME")
    parser.add_argument("--strategy-path", type=Path, metavar="DIR", help="where it lies")
    parser.add_argument("-d", "--datadir", type=Path, metavar="DIR", help="of one exchange")
    parser.add_argument("--userdir", type=Path, metavar="DIR", help="Freqtrade's user_data")
    parser.add_argument("--live", action="store_true", help="judge as for real money")
    parser.add_argument(
        "--deep", action="store_true", help="also run `freqtrade recursive-analysis` (minutes)"
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the exchange")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="CHECK", help="checks, concerns or patterns"
    )
    parser.add_argument("--skip", nargs="+", default=[], metavar="CHECK", help="leave these out")
    parser.add_argument("--list", action="store_true", help="name all checks and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all that is well")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Switch each filter, gate, exit and the adaptive layer off or on, one at a time, and compare.

Every variant is backtested by the real Freqtrade over recorded candles and compared with the
default on the same days. Finished runs are kept: the same command goes on after an interruption
and repeats only what source, settings or data have changed. Exits with 0 when all went well, 1
when some variants failed, 2 when nothing could be done.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from experiments.ablation import Ablation, Plan, Prepared  # noqa: E402
from experiments.comparison import Comparison  # noqa: E402
from experiments.periods import NAMED, Sample, named_samples, own_samples  # noqa: E402
from experiments.progress import Shown, plan_table  # noqa: E402
from experiments.runs import ExperimentError, refuse_parameter_file  # noqa: E402
from experiments.tables import document, html, markdown, notes, terminal_table  # noqa: E402
from experiments.variants import EXCLUDED, base_settings, choose  # noqa: E402
from providers.errors import ProviderError  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from replay.client import ReplayError, running  # noqa: E402

RECORDED = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "user_data" / "ablation"
WIDE = 210  # columns that the table with everything on one line takes
EXAMPLES = """\
examples:
  scripts/ablate.py                                    everything, on the period to choose on
  scripts/ablate.py --dry-run                          list the variants and what is kept already
  scripts/ablate.py --only exit --only gate/gates.*    some of it
  scripts/ablate.py --settings '{"exits": {"trail_atr": 4}}'   around another default
  scripts/ablate.py --period check                     spends a look at the reserved months
  scripts/ablate.py --datadir user_data/data/binance --timerange 20260101-20260401
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ablation; return the exit code."""
    options = _arguments(arguments)
    say = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    try:
        return _ablate(options, say)
    except (ExperimentError, ProviderError, ReplayError, ValueError, OSError) as error:
        say.print(f"ablate: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing left to stop
        # Not with rich: a line that was interrupted is still in its buffer
        print(
            "ablate: interrupted; finished runs are kept, the same command goes on",
            file=sys.stderr,
        )
        return 130


def _ablate(options: argparse.Namespace, say: Console) -> int:
    overlay = _overlay(options.settings)
    base = base_settings(overlay)
    plan = Plan(
        variants=choose(options.only, base), base=base, overlay=overlay, pairs=tuple(options.pairs)
    )
    samples = _samples(options)
    ablation = Ablation(options.results)
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    if options.dry_run:
        for sample in samples:
            out.print(plan_table(ablation.prepare(plan, sample), sample))
        for path, reason in EXCLUDED.items():
            out.print(f"left out: {path} ({reason})", style="dim", markup=False)
        return 0
    refuse_parameter_file()
    with _only_one(options.results):
        ablation.shelf.sweep()
        with ablation.source() as tree:
            prepared = [ablation.prepare(plan, sample, tree) for sample in samples]
            for it in prepared:
                _announce(it, ablation, say)
            failures = _run(options, prepared, ablation, say)
        with say.status("Comparing ..."):
            comparisons = [ablation.compare(it, failures) for it in prepared]
    for comparison in comparisons:
        out.print(terminal_table(comparison, narrow=out.width < WIDE))
        for note in notes(comparison):
            out.print(f"- {note}", markup=False, soft_wrap=not sys.stdout.isatty())
        out.print()
    _write(options, comparisons, say)
    return 1 if failures else 0


def _run(
    options: argparse.Namespace, prepared: list[Prepared], ablation: Ablation, say: Console
) -> dict[str, str]:
    """Make the runs that are missing; return why those that failed did."""
    jobs = [job for it in prepared for job in ablation.missing(it, fresh=options.fresh)]
    usual = ablation.typical_seconds(prepared)
    kept = sum(it.kept for one in prepared for it in one.planned) if not options.fresh else 0
    say.print(f"{len(jobs)} backtests to make, {kept} kept.")
    with (
        _exchanges(job.datadir for job in jobs) as urls,
        Shown(say, jobs, usual, options.jobs) as shown,
    ):
        return ablation.run(jobs, urls, workers=options.jobs, watcher=shown)


def _announce(prepared: Prepared, ablation: Ablation, say: Console) -> None:
    """Say which pairs are left out, and note and say that a reserved period is looked at."""
    for pair, reason in prepared.refused.items():
        say.print(f"{prepared.sample.name} leaves out {pair}: {reason}.", markup=False)
    if prepared.sample.reserved:
        say.print(ablation.look(prepared), markup=False)


def _write(options: argparse.Namespace, comparisons: list[Comparison], say: Console) -> None:
    for path, render in (
        (options.markdown, markdown),
        (options.json, document),
        (options.html, html),
    ):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, render(comparisons).encode())
            say.print(f"Written: {path}", markup=False)


def _samples(options: argparse.Namespace) -> tuple[Sample, ...]:
    if options.datadir:
        return own_samples(options.datadir, options.timerange)
    return named_samples(options.period or ["choose"], options.recorded)


def _overlay(text: str) -> dict[str, dict[str, object]]:
    """Read ``--settings``: JSON, or the name of a file with JSON."""
    source = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
    try:
        content = json.loads(source)
    except ValueError as error:
        raise ValueError(
            f'--settings is not JSON ({error}); write it as \'{{"exits": {{"trail_atr": 4}}}}\''
        ) from None
    return content  # type: ignore[no-any-return]  # checked as settings by the caller


@contextmanager
def _only_one(results: Path) -> Iterator[None]:
    """Hold the results folder; two ablations would sweep each other's runs away."""
    results.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results / ".lock", timeout=0):
            yield
    except Timeout:
        raise ExperimentError(
            f"another ablation is running in {results}; wait for it or name another --results"
        ) from None


@contextmanager
def _exchanges(datadirs: Iterator[Path]) -> Iterator[Mapping[Path, str]]:
    """Serve each folder that a run needs."""
    with ExitStack() as stack:
        yield {it: stack.enter_context(running(it)) for it in dict.fromkeys(datadirs)}


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ablate",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parser.add_argument_group("candles")
    data.add_argument(
        "--period", action="append", choices=[*NAMED, "all"],
        help="recorded period, repeatable (default choose); check and recent are reserved, and "
        "each look at them is written down",
    )  # fmt: skip
    data.add_argument(
        "--recorded", type=Path, default=RECORDED, metavar="DIR",
        help="folder of the recorded periods (default ../shared/data)",
    )  # fmt: skip
    data.add_argument(
        "--datadir", type=Path, action="append", metavar="DIR",
        help="Freqtrade data folder of your own instead of a period, repeatable",
    )  # fmt: skip
    data.add_argument(
        "--timerange", metavar="YYYYMMDD-YYYYMMDD", help="with --datadir; default: the longest"
    )
    data.add_argument(
        "--pairs", nargs="+", default=[], metavar="PAIR", help="default: all with complete data"
    )
    what = parser.add_argument_group("variants")
    what.add_argument(
        "--only", action="append", default=[], metavar="GROUP/NAME",
        help="a group, a name or both, with * as a wildcard, repeatable; the default always runs",
    )  # fmt: skip
    what.add_argument(
        "--settings", default="{}", metavar="JSON",
        help="settings by section that change the default itself; JSON or a file with it",
    )  # fmt: skip
    what.add_argument("--dry-run", action="store_true", help="list what would run, and run nothing")
    what.add_argument("--fresh", action="store_true", help="repeat runs that are kept")
    what.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
        help="runs at a time, about 1 GB of memory each (default: cores, here %(default)s)",
    )  # fmt: skip
    where = parser.add_argument_group("results")
    where.add_argument("--markdown", type=Path, metavar="FILE", help="also write Markdown")
    where.add_argument("--json", type=Path, metavar="FILE", help="also write every number")
    where.add_argument("--html", type=Path, metavar="FILE", help="also write a page")
    where.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR",
        help="finished runs and the ledger of tries (default user_data/ablation)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.datadir and options.period:
        parser.error("--datadir and --period exclude each other; give one of them")
    if options.timerange and not options.datadir:
        parser.error("--timerange needs --datadir; the periods have their own")
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}, expected at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())

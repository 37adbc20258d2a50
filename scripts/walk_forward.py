"""Tune on the past, trade what comes after, again and again, and learn what the tuning is worth.

Drives the real Freqtrade: hyperopt on each training span, then a backtest of its choice on the days
after it. Every trial of every search is counted in a ledger that is never rewritten, and the report
opens with what the out-of-sample evidence supports, given how much was tried. Finished work is
kept: the same command goes on after an interruption. Exits with 0 when all went well, 1 when some
folds failed, 2 when nothing could be done.
"""

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from experiments.identity import data_fingerprint  # noqa: E402
from experiments.runs import ExperimentError  # noqa: E402
from experiments.variants import base_settings  # noqa: E402
from providers.coverage import longest_period, parse_timerange, select_pairs  # noqa: E402
from providers.errors import ProviderError  # noqa: E402
from providers.results import read_simulation  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from regimekit.evaluation.loss_settings import loss_config_from  # noqa: E402
from replay.client import ReplayError  # noqa: E402
from tuning.execution.cluster import DaskPool  # noqa: E402
from tuning.execution.outfit import Supplies  # noqa: E402
from tuning.execution.parameters import strategy_file, write_parameters  # noqa: E402
from tuning.execution.places import (  # noqa: E402
    address_of,
    carried,
    fingerprint_of,
    local_data,
    pack_source,
)
from tuning.listing import plan_line, plan_table  # noqa: E402
from tuning.model import FoldResult, Mode, Plan, TuningError, Walk  # noqa: E402
from tuning.pool import Idle  # noqa: E402
from tuning.progress import WalkProgress  # noqa: E402
from tuning.report.document import document  # noqa: E402
from tuning.report.page import write_page  # noqa: E402
from tuning.report.tables import markdown, terminal  # noqa: E402
from tuning.walk import Prepared, WalkForward  # noqa: E402
from tuning.weighing.evidence import weigh  # noqa: E402
from tuning.weighing.verdict import judge  # noqa: E402

CONFIG = ROOT / "user_data" / "config.json"
LOSSES = {path.stem for path in (ROOT / "hyperopts").glob("[!_]*.py")}
WIDE = 150  # columns that the widest table takes
FURTHER_FILES = "add_config_files"  # in a configuration of Freqtrade
# Settings travel to workers and stand in reports, and no backtest needs any of these
SECRETS = ("api_server", "telegram", "webhook", "discord")
ACCOUNT = {"key", "secret", "password", "uid"}
MOST_DAYS = 36_500  # a hundred years; calendars end at some time after that
RESULTS = ROOT / "user_data" / "tuning"
ABLATION = ROOT / "user_data" / "ablation" / "ledger.jsonl"
HYPEROPT = ROOT / "user_data" / "hyperopt_results"
EXAMPLES = """\
examples:
  scripts/walk_forward.py --datadir user_data/data/binance --dry-run     the folds, and what is kept
  scripts/walk_forward.py --datadir user_data/data/binance --train 180d --test 30d --epochs 60
  scripts/walk_forward.py --datadir user_data/data/binance --mode cpcv --groups 6 --held-out 2
  scripts/walk_forward.py --datadir s3://candles/binance --scheduler tcp://10.0.0.2:8786 --pairs ...
  scripts/walk_forward.py --report 3f2a91c07d55                          the report once more
  scripts/walk_forward.py --verify-ledger
"""


def days(text: str) -> timedelta:
    """Read ``180d`` or ``26w`` as whole days; argparse words the error."""
    found = re.fullmatch(r"(\d+)([dw])", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time, write 180d or 26w")
    length = int(found[1]) * (7 if found[2] == "w" else 1)
    if length > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_DAYS:,} days")
    return timedelta(days=length)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the walk-forward; return the exit code."""
    options = _arguments(arguments)
    say = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    try:
        walks = WalkForward(options.results)
        if options.verify_ledger:
            return _verify(walks, say)
        if options.report is not None:
            return _report(options, walks, walks.reopen(options.report), {}, say)
        return _walk(options, walks, say)
    except (TuningError, ExperimentError, ProviderError, ReplayError, ValueError, OSError) as error:
        say.print(f"walk_forward: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing left to stop
        # Not with rich: a line that was interrupted is still in its buffer
        print(
            "walk_forward: interrupted; what is finished is kept, the same command goes on",
            file=sys.stderr,
        )
        return 130


def _walk(options: argparse.Namespace, walks: WalkForward, say: Console) -> int:
    """Do what is left of the walk that the options describe, and report it."""
    supplies = Supplies(pack_source(ROOT), options.datadir, data="")
    # Here, too: which pairs have data is found out before anything is sent to a worker
    datadir = local_data(options.datadir, None, supplies.cache_here())
    supplies = replace(
        supplies, data=data_fingerprint(datadir), data_url=address_of(options.datadir)
    )
    prepared = Prepared(
        plan=_plan(options, datadir, say),
        source=fingerprint_of(supplies.source),
        data=supplies.data,
        simulated=read_simulation(datadir) is not None,
    )
    if options.dry_run:
        _out().print(plan_table(prepared, walks))
        return 0
    with _only_one(options.results):
        walks.shelf.sweep()
        say.print(plan_line(prepared, walks.outlook(prepared)), markup=False)
        failures = _run(options, walks, prepared, supplies, say)
        return _report(options, walks, prepared, failures, say)


def _run(
    options: argparse.Namespace,
    walks: WalkForward,
    prepared: Prepared,
    supplies: Supplies,
    say: Console,
) -> dict[int, str]:
    """Do what is not kept; return why folds failed, by number."""
    left = walks.outlook(prepared)
    with (
        _pool(options, supplies) if not left.nothing else nullcontext(Idle()) as pool,
        WalkProgress(
            say, searches=left.searches, epochs=prepared.plan.epochs, backtests=left.backtests
        ) as shown,
    ):
        return walks.run(prepared, pool, shown)


def _pool(options: argparse.Namespace, supplies: Supplies) -> DaskPool:
    if options.scheduler:
        return DaskPool.at(options.scheduler, supplies)
    return DaskPool.local(supplies, workers=options.workers, dashboard=options.dashboard)


def _report(
    options: argparse.Namespace,
    walks: WalkForward,
    prepared: Prepared,
    failures: Mapping[int, str],
    say: Console,
) -> int:
    """Weigh what is there, say it and write it; return the exit code."""
    folds, missing = walks.results_of(prepared, failures)
    if not folds:
        reason = next(iter(missing.values()))
        raise TuningError(f"no fold of walk {prepared.digest} has a result: {reason}")
    with say.status("Weighing the evidence ..."):
        walk = _counted(options, walks, prepared, folds, missing)
        evidence = weigh(walk)
        verdict = judge(evidence, walk)
    # Files first: whoever reads the terminal may close it, as `head` does
    folder = walks.folder(prepared)
    replace_file(folder / "report.json", document(walk, evidence, verdict).encode())
    replace_file(folder / "report.md", markdown(walk, evidence, verdict).encode())
    page = options.html or folder / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_page(walk, evidence, verdict, page)
    _out().print(terminal(walk, evidence, verdict))
    if options.export:
        _export(options.export, prepared, folds[-1], say)
    say.print(f"Report: {page}", markup=False)
    return 1 if missing else 0


def _out() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def _counted(
    options: argparse.Namespace,
    walks: WalkForward,
    prepared: Prepared,
    folds: tuple[FoldResult, ...],
    missing: Mapping[int, str],
) -> Walk:
    """Note that these results are looked at, and count what was tried until now.

    Without a count there is a report without a verdict; without the note there is none at all.
    """
    walks.looked(prepared, folds)
    trials, unknown = None, ""
    try:
        walks.require_counted()
        trials = walks.ledger.count(
            prepared.plan.strategy,
            [test for fold in folds for test in fold.fold.tests],
            ablation=options.ablation,
            hyperopt_results=HYPEROPT,
            declared=options.also_tried,
        )
    except TuningError as error:
        unknown = str(error)
    return Walk(
        plan=prepared.plan,
        folds=folds,
        failures=missing,
        trials=trials,
        trials_unknown=unknown,
        simulated=prepared.simulated,
        source=prepared.source,
        data=prepared.data,
    )


def _export(path: Path, prepared: Prepared, last: FoldResult, say: Console) -> None:
    """Write the newest choice as the file of parameters that Freqtrade reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parameters(path, prepared.plan.strategy, last.chosen.parameters)
    say.print(
        f"Written: {path}, the choice of fold {last.fold.number}, whose training ended "
        f"{last.fold.train.end:%Y-%m-%d}. It takes effect beside the strategy's file.",
        markup=False,
    )


def _verify(walks: WalkForward, say: Console) -> int:
    """Check the ledger; return 1 when somebody has changed it."""
    wrong, known = walks.ledger.verify(), len(walks.ledger.chain.entries())
    if not (wrong or known):
        raise TuningError(f"there is no ledger {walks.ledger.path} yet; check --results")
    lines = f"{walks.ledger.path}: {known:,} lines"
    say.print(f"{lines}, {wrong or 'unbroken'}", markup=False)
    return 1 if wrong else 0


def _plan(options: argparse.Namespace, datadir: Path, say: Console) -> Plan:
    strategy_folder = _strategy_folder(options.strategy_folder, options.strategy)
    if options.mode is Mode.CPCV and options.loss not in LOSSES:
        raise TuningError(
            f"--loss {options.loss} does not know what cpcv holds out; take one of hyperopts/, "
            "such as RobustSharpe, or another --mode"
        )
    settings = _settings(options.settings)
    base = base_settings(settings.get("regimekit", {}))
    loss_config_from(settings.get("loss", {}))
    span = parse_timerange(options.timerange) if options.timerange else longest_period(datadir)
    pairs, refused = select_pairs(datadir, span, tuple(options.pairs))
    for pair, reason in refused.items():
        if options.pairs:
            raise TuningError(f"{pair} cannot be traded: {reason}; leave it out of --pairs")
        say.print(f"Left out {pair}: {reason}.", markup=False)
    return Plan(
        strategy=options.strategy,
        strategy_folder=strategy_folder,
        loss=options.loss,
        spaces=tuple(options.spaces),
        epochs=options.epochs,
        seed=options.seed,
        mode=options.mode,
        span=span,
        train=options.train,
        test=options.test,
        purge=options.purge,
        embargo=options.embargo,
        groups=options.groups,
        held_out=options.held_out,
        pairs=pairs,
        fee=base.exits.taker_fee if options.fee is None else options.fee,
        configs=tuple(_inside(path) for path in options.config or [CONFIG]),
        settings=settings,
    )


def _strategy_folder(named: str, strategy: str) -> str:
    """Return the folder of a strategy that workers get, relative to the root."""
    file = strategy_file(Path(os.path.normpath(ROOT / named)), strategy)  # or say there is none
    if file not in carried(ROOT):
        raise TuningError(
            f"{file} is not part of the source that is carried to workers, and no result is kept "
            "for what can change unseen; copy it into user_data/strategies/"
        )
    return file.parent.relative_to(ROOT).as_posix()


def _inside(path: Path) -> str:
    """Return the name of a configuration file within the source that workers get."""
    file, way_out = path.resolve(), "copy it into config/ or give its values with --settings"
    if not file.is_relative_to(ROOT):
        raise TuningError(
            f"--config {path} lies outside {ROOT}, and workers get nothing from there; {way_out}"
        )
    if file not in carried(ROOT):
        raise TuningError(
            f"--config {path} is missing, private or no configuration, so workers do not get it; "
            f"{way_out}"
        )
    return file.relative_to(ROOT).as_posix()


def _settings(text: str) -> dict[str, Any]:
    """Read ``--settings``: JSON, or the name of a file with JSON."""
    written_out = text.lstrip().startswith(("{", "["))
    try:
        source = text if written_out else Path(text).read_text(encoding="utf-8")
        content = json.loads(source, parse_constant=_no_number)
    except OSError as error:
        raise TuningError(
            f"--settings {text!r} cannot be read ({error.strerror}); give JSON or a file with it"
        ) from None
    except ValueError as error:
        raise TuningError(
            f"--settings is not JSON ({error}); write it as '{{\"max_open_trades\": 4}}'"
        ) from None
    if not isinstance(content, dict):
        raise TuningError(f"--settings is {content!r}, expected configuration by name")
    if FURTHER_FILES in content:
        raise TuningError(
            f"--settings has {FURTHER_FILES}, whose files may change unseen; name them with "
            "--config instead"
        )
    exchange = content.get("exchange", {})
    found = [name for name in SECRETS if name in content]
    found += sorted(ACCOUNT & set(exchange)) if isinstance(exchange, dict) else []
    if found:
        raise TuningError(
            f"--settings has {', '.join(found)}, which no backtest needs and which would travel to "
            "every worker; leave it out"
        )
    return content


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number that JSON has")


@contextmanager
def _only_one(results: Path) -> Iterator[None]:
    """Hold the results folder; two walks would wait for each other's jobs in vain."""
    results.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results / ".lock", timeout=0):
            yield
    except Timeout:
        raise TuningError(
            f"another walk-forward is running in {results}; wait for it or name another --results"
        ) from None


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="walk_forward",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is tuned")
    what.add_argument("--strategy", default="RegimeRouter", help="class name (default %(default)s)")
    what.add_argument(
        "--strategy-folder", default="user_data/strategies", metavar="DIR",
        help="where its file lies, below the root of the repository (default %(default)s)",
    )  # fmt: skip
    what.add_argument(
        "--loss", default="RobustSharpe", help="hyperopt loss, see docs/tuning.md (%(default)s)"
    )
    what.add_argument(
        "--spaces", nargs="+", default=["buy", "sell"], metavar="SPACE", help="default: buy sell"
    )
    what.add_argument(
        "--epochs", type=_natural, default=100, metavar="N", help="trials per fold (%(default)s)"
    )
    what.add_argument(
        "--seed", type=_natural, default=1, metavar="N",
        help="of the sampler; fold n uses seed + n (%(default)s)",
    )  # fmt: skip
    what.add_argument(
        "--config", type=Path, action="append", metavar="FILE",
        help="configuration within the repository, repeatable (default user_data/config.json)",
    )  # fmt: skip
    what.add_argument(
        "--settings", default="{}", metavar="JSON",
        help="configuration laid over it; JSON or a file with it",
    )  # fmt: skip
    when = parser.add_argument_group("how time is divided")
    when.add_argument(
        "--mode", type=Mode, choices=list(Mode), default=Mode.ROLLING,
        metavar="{" + ",".join(Mode) + "}",
        help="rolling: the training window moves along; anchored: it grows from the start; cpcv: "
        "combinatorial purged cross-validation, every choice of groups is held out once (rolling)",
    )  # fmt: skip
    when.add_argument(
        "--train", type=days, default=days("180d"), metavar="180d", help="training (180d)"
    )
    when.add_argument("--test", type=days, default=days("30d"), metavar="30d", help="test (30d)")
    when.add_argument(
        "--purge", type=days, nargs="?", default=days("2d"), const=days("2d"), metavar="2d",
        help="days between training and test that nothing is learned from, at least one (2d)",
    )  # fmt: skip
    when.add_argument(
        "--embargo", type=days, nargs="?", default=days("5d"), const=days("5d"), metavar="5d",
        help="days after a test that nothing is learned from; only cpcv trains after tests (5d)",
    )  # fmt: skip
    when.add_argument("--groups", type=_natural, default=6, metavar="N", help="of cpcv (6)")
    when.add_argument(
        "--held-out", type=_natural, default=2, metavar="N", help="groups tested at a time (2)"
    )
    data = parser.add_argument_group("candles")
    data.add_argument(
        "--datadir", default=str(ROOT / "user_data" / "data" / "binance"), metavar="DIR",
        help="Freqtrade data folder, or its fsspec URL (default user_data/data/binance)",
    )  # fmt: skip
    data.add_argument(
        "--timerange", metavar="YYYYMMDD-YYYYMMDD", help="default: the longest that is covered"
    )
    data.add_argument(
        "--pairs", nargs="+", default=[], metavar="PAIR", help="default: all with complete data"
    )
    data.add_argument(
        "--fee", type=float, metavar="F", help="of one side, a fraction (default: the settings')"
    )
    where = parser.add_argument_group("where it runs")
    where.add_argument(
        "--workers", type=_natural, default=len(os.sched_getaffinity(0)), metavar="N",
        help="processes on this machine, about 1 GB each (default: cores, here %(default)s)",
    )  # fmt: skip
    where.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT",
        help="workers of a running Dask scheduler instead, see docs/tuning.md",
    )  # fmt: skip
    where.add_argument(
        "--dashboard", metavar="HOST:PORT", help="where Dask shows its workers (needs bokeh)"
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR",
        help="finished work, reports and the ledger of trials (default user_data/tuning)",
    )  # fmt: skip
    results.add_argument("--html", type=Path, metavar="FILE", help="write the page there instead")
    results.add_argument(
        "--also-tried", type=int, default=0, metavar="N",
        help="trials made elsewhere that no ledger knows: by hand, on another machine (0)",
    )  # fmt: skip
    results.add_argument(
        "--ablation", type=Path, default=ABLATION, metavar="FILE",
        help="ledger of ablations that counts too (default user_data/ablation/ledger.jsonl)",
    )  # fmt: skip
    results.add_argument(
        "--export", type=Path, metavar="FILE",
        help="write the newest fold's choice as a file of parameters for Freqtrade",
    )  # fmt: skip
    instead = parser.add_argument_group("instead of a walk").add_mutually_exclusive_group()
    instead.add_argument("--dry-run", action="store_true", help="list the folds and what is kept")
    instead.add_argument("--report", metavar="WALK", help="report a walk again, by its name")
    instead.add_argument("--verify-ledger", action="store_true", help="check the ledger's chain")
    options = parser.parse_args(arguments)
    if options.also_tried < 0:
        parser.error(f"--also-tried is {options.also_tried}, expected 0 or more")
    if options.export and options.export.suffix != ".json":
        parser.error(f"--export is {options.export}, expected a name that ends in .json")
    if options.fee is not None and not 0 <= options.fee < 0.1:
        parser.error(f"--fee is {options.fee}, expected a fraction of one side, such as 0.0005")
    return options


def _natural(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

"""Let the real Freqtrade trade for hours of market with random faults, and watch what grows.

Prints the seed and a table of memory, handles, threads, files, log lines and latency against their
bounds; writes samples and a page to build/soak. Exits with 0 when every bound held, with 1 when
one was broken, with 2 when the soak could not be held.
"""

import argparse
import json
import random
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.coverage import Period, longest_period  # noqa: E402
from providers.errors import ProviderError  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from rehearsal.bot import Bot  # noqa: E402
from rehearsal.clock import FASTEST  # noqa: E402
from rehearsal.errors import RehearsalError  # noqa: E402
from rehearsal.faults.run import ENVIRONMENT, SETTINGS, STRATEGIES, STRATEGY  # noqa: E402
from rehearsal.faults.script import FaultPlayer, Planned  # noqa: E402
from rehearsal.market import stage_market  # noqa: E402
from rehearsal.soak import Outcome, Sample, Soak, as_csv, as_script, judge, schedule  # noqa: E402
from rehearsal.soak_page import soak_page, soak_table  # noqa: E402
from rehearsal.stage import hold, lead, staged  # noqa: E402
from replay.client import ReplayError  # noqa: E402
from replay.simulator.cli import WARMUP_DAYS, simulate_into  # noqa: E402
from replay.simulator.spec import MarketSpec  # noqa: E402

RESULTS = ROOT / "build" / "soak"
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT")
WIDE = 140  # columns from which there is room for reasons
EXAMPLES = """\
examples:
  scripts/soak.py                            24 hours of a simulated market, in six minutes
  scripts/soak.py --seed 1234                the faults of an earlier soak again
  scripts/soak.py --hours 168 --speed 120    a week
  scripts/soak.py --strategy RegimeRouter --strategy-path user_data/strategies
                                             as it is shipped; the default enters all the time

A seed repeats when which fault begins and ends, not what the computer's load does to the bot.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold a soak; return the exit code."""
    options = _arguments(arguments)
    say = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    try:
        outcomes = _soak(options, say)
    except (RehearsalError, ReplayError, ProviderError, ValueError, OSError) as error:
        say.print(f"soak: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        say.print("soak: interrupted, nothing was judged")
        return 130
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _soak(options: argparse.Namespace, say: Console) -> list[Outcome]:
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    folder = options.output / str(seed)
    if folder.exists():
        shutil.rmtree(folder)
    period = _period(options, say)
    held = round(hold(options.speed) / timedelta(minutes=1))
    market = stage_market(options.datadir, folder / "market", period, options.pairs, hold=held)
    symbols = [pair.partition(":")[0].replace("/", "") for pair in market.pairs]
    script = schedule(seed, period.start, period.end, symbols)
    say.print(
        f"seed {seed}: {len(script)} faults in {options.hours:g} hours from "
        f"{period.start:%Y-%m-%d %H:%M} UTC, {options.speed:g} times as fast as real time"
    )
    begins = period.start - lead(options.speed)
    with staged(market, folder, start=begins, speed=options.speed) as stage:
        bot = stage.bot(
            settings=SETTINGS if options.strategy == STRATEGY else None,
            strategy=options.strategy,
            strategy_path=options.strategy_path.resolve(),
            environment=ENVIRONMENT,
        )
        bot.start()
        bot.wait_for("Bot heartbeat")
        soak = Soak(bot, stage.clock, FaultPlayer(script, stage.faults))
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=say,
        ) as progress:
            task = progress.add_task("", total=options.hours)
            soak.show = _shower(progress, task)
            soak.run(period.end)
        outcomes = judge(soak.samples, faults=len(script), died=soak.died, alive=bot.running)
        _report(soak, outcomes, script, seed, options, bot)
    return outcomes


def _shower(progress: Progress, task: TaskID) -> Callable[[Sample, list[str]], None]:
    def show(sample: Sample, said: list[str]) -> None:
        told = f"{sample.rss:.0f} MB, {sample.handles} handles, {sample.trades} trades"
        progress.update(task, completed=sample.hours, description=told)
        for line in said:
            progress.console.print(line, markup=False)

    return show


def _report(
    soak: Soak,
    outcomes: Sequence[Outcome],
    script: Sequence[Planned],
    seed: int,
    options: argparse.Namespace,
    bot: Bot,
) -> None:
    title = (
        f"Soak: {options.hours:g} h at x{options.speed:g}, seed {seed}, {len(script)} faults, "
        f"{options.strategy}"
    )
    out = Console(highlight=False)
    out.print(soak_table(outcomes, title, reasons=out.width >= WIDE))
    last = soak.samples[-1]
    ours, all_lines = last.own_lines / max(last.hours, 1e-9), last.lines / max(last.hours, 1e-9)
    out.print(
        f"{last.trades} trades; log lines per hour: {ours:.0f} of the pack, "
        f"{all_lines - ours:.0f} of Freqtrade, which logs each failing request"
    )
    folder = options.output / str(seed)
    replace_file(folder / "samples.csv", as_csv(soak.samples).encode())
    replace_file(
        folder / "faults.json", json.dumps([as_script(e) for e in script], indent=1).encode()
    )
    replace_file(folder / "soak.html", soak_page(soak.samples, outcomes, title).encode())
    out.print(f"{folder / 'soak.html'}; samples, faults and {bot.log.name} lie beside it")


def _period(options: argparse.Namespace, say: Console) -> Period:
    """Return the traded hours, simulating a market where none was given."""
    span = timedelta(hours=options.hours)
    if options.datadir is None:
        options.datadir = ROOT / "build" / "soak-market"
        days = int(span.total_seconds() // 86400) + 2
        start = datetime(2026, 1, 1, tzinfo=UTC)
        spec = MarketSpec(pairs=PAIRS, start=start, days=days, seed=7, warmup_days=WARMUP_DAYS)
        say.print(simulate_into(spec, options.datadir), markup=False)
        return Period(start + timedelta(hours=12), start + timedelta(hours=12) + span)
    whole = longest_period(options.datadir)
    start = whole.start + timedelta(hours=12)
    if start + span > whole.end:
        raise RehearsalError(
            f"--hours is {options.hours:g}, but {options.datadir} has data for "
            f"{(whole.end - start) / timedelta(hours=1):.0f}"
        )
    return Period(start, start + span)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="soak",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=float, default=24, help="of market (default %(default)s)")
    parser.add_argument(
        "--speed",
        type=float,
        default=240,
        help="seconds of market per real second (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, help="of the faults; by default any, and printed")
    parser.add_argument(
        "--datadir", type=Path, metavar="DIR", help="recorded candles; else a market is simulated"
    )
    parser.add_argument("--pairs", nargs="+", default=(), metavar="PAIR", help="default: all")
    parser.add_argument("--strategy", default=STRATEGY, help="default %(default)s")
    parser.add_argument("--strategy-path", type=Path, default=STRATEGIES, metavar="DIR",
        help="where it lies (default: that of Eager)")  # fmt: skip
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="gets a folder named like the seed, with samples and page (default build/soak)",
    )
    options = parser.parse_args(arguments)
    if options.hours < 2:
        parser.error(f"--hours is {options.hours:g}, expected 2 or more: the last has no faults")
    if not 1 <= options.speed <= FASTEST:
        parser.error(f"--speed is {options.speed:g}, expected 1 to {FASTEST:g}")
    return options


if __name__ == "__main__":
    sys.exit(main())

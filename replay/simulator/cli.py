"""The command ``python -m replay simulate``: arguments, progress, one line for what went wrong."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from providers.errors import ProviderError
from replay.simulator.contracts import CONTRACTS
from replay.simulator.market import simulate
from replay.simulator.spec import DEFAULT_PAIRS, MarketSpec
from replay.simulator.write import NOTE, is_current, write_market

WARMUP_DAYS = 75  # 400 candles of 4h, and a week to spare


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of ``simulate`` to `parser`."""
    spec = MarketSpec()
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="data directory to write"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--pairs", nargs="+", metavar="PAIR", help="perpetuals, for example BTC/USDT:USDT"
    )
    which.add_argument(
        "--pair-count",
        type=int,
        metavar="N",
        help=f"the first N of the {len(CONTRACTS)} known ones (default {len(DEFAULT_PAIRS)})",
    )
    parser.add_argument(
        "--days", type=int, default=spec.days, help="traded days (default %(default)s)"
    )
    parser.add_argument(
        "--warmup-days",
        type=int,
        default=WARMUP_DAYS,
        help="days before them, for indicators (default %(default)s)",
    )
    parser.add_argument(
        "--start",
        default=spec.start.date().isoformat(),
        metavar="DATE",
        help="first traded day, UTC (default %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=spec.seed, help="another seed, another market (%(default)s)"
    )


def run(arguments: Namespace) -> int:
    """Simulate and write; return 0, or 2 after one line that says what is wrong."""
    try:
        summary = simulate_into(_spec(arguments), arguments.out)
    except (ProviderError, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _refuse(f"--out {arguments.out} cannot be written ({reason}); choose another folder")
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(summary)
    out.print(NOTE)
    return 0


def _refuse(reason: str) -> int:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"simulate: {reason}")
    return 2


def _spec(arguments: Namespace) -> MarketSpec:
    """Understand the command line; ValueError names the option that cannot be simulated."""
    pairs = tuple(arguments.pairs or DEFAULT_PAIRS)
    if (count := arguments.pair_count) is not None:
        if not 1 <= count <= len(CONTRACTS):
            raise ValueError(f"--pair-count is {count}, expected 1 to {len(CONTRACTS)}")
        pairs = tuple(CONTRACTS)[:count]
    try:
        start = datetime.fromisoformat(arguments.start)
    except ValueError:
        raise ValueError(
            f"--start is {arguments.start!r}, expected a date such as 2026-01-01"
        ) from None
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return MarketSpec(pairs, start, arguments.days, arguments.seed, arguments.warmup_days)


def simulate_into(spec: MarketSpec, datadir: Path) -> str:
    """Do the work behind a progress bar and return what was done, as one line."""
    period = f"{len(spec.pairs)} pair(s), {spec.first:%Y-%m-%d} to {spec.end:%Y-%m-%d}"
    if is_current(spec, datadir):
        return f"{datadir} already holds this market ({period}, seed {spec.seed})."
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("Simulating", total=2 * len(spec.pairs))
        market = simulate(spec, lambda _: bar.advance(task))
        bar.update(task, description="Writing")
        written = write_market(market, datadir, lambda _: bar.advance(task))
    size = sum(path.stat().st_size for path in written) / 1e6
    return (
        f"Wrote {len(written)} files ({size:.0f} MB) to {datadir}: {period}, {spec.days} traded "
        f"days after {spec.warmup_days} of warm-up, seed {spec.seed}."
    )

"""Rehearse live trading: the real Freqtrade trades a past period in dry-run under a fast clock.

Then the same period is backtested, and a report says where live and backtest differ and why.
Exits with 0 when every difference has a cause, with 1 when some have none, with 2 when the
rehearsal could not be held. Nothing leaves this computer, and no order can reach an exchange.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a checkout need not be installed

from providers.coverage import Period, longest_period  # noqa: E402
from providers.errors import ProviderError  # noqa: E402
from providers.storage.store import replace_file  # noqa: E402
from regimekit.settings import PROFILES  # noqa: E402
from rehearsal.bot import Bot  # noqa: E402
from rehearsal.clock import FASTEST  # noqa: E402
from rehearsal.errors import RehearsalError  # noqa: E402
from rehearsal.examine import examine  # noqa: E402
from rehearsal.faults.script import FaultPlayer, load_script  # noqa: E402
from rehearsal.page import write_page  # noqa: E402
from rehearsal.parity import Interval, Parity, Tolerances  # noqa: E402
from rehearsal.run import CANDLE, Moment, Plan, Rehearsed, backtest, rehearse, start  # noqa: E402
from rehearsal.stage import ANALYSIS_SECONDS, ORDER_SECONDS, THROTTLE_SECONDS, Stage  # noqa: E402
from rehearsal.tables import parity_tables  # noqa: E402
from replay.client import ReplayError  # noqa: E402
from replay.simulator.cli import WARMUP_DAYS, simulate_into  # noqa: E402
from replay.simulator.spec import MarketSpec  # noqa: E402

RESULTS = ROOT / "build" / "rehearsal"
SIMULATED = ROOT / "build" / "rehearsal-market"
MOST_DAYS = 60
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT")
EXAMPLES = """\
examples:
  scripts/rehearse.py                                     a simulated market, one day
  scripts/rehearse.py --datadir user_data/data/binance --from 2026-01-05 --days 5
  scripts/rehearse.py --profile classic --speed 60        more trades, slower clock
  scripts/rehearse.py --kill 12:00 --kill 18:30           pull the plug twice, start again
  scripts/rehearse.py --faults faults.json                docs/rehearsal.md says what goes in

A clock of 120 shows two minutes of market per second: a day takes twelve minutes. The second or two
that the bot needs for a new candle are minutes of market then; the price holds the open so long.
Use 120 on two idle cores, 60 on busy ones. It needs libfaketime (apt-get install faketime).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold a rehearsal; return the exit code."""
    options = _arguments(arguments)
    say = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and ends what it started
    try:
        parity = _rehearse(options, say)
    except (RehearsalError, ReplayError, ProviderError, ValueError, OSError) as error:
        say.print(f"rehearse: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        say.print("rehearse: interrupted; what was traded so far lies in", RESULTS)
        return 130
    return 0 if parity.ok else 1


def _rehearse(options: argparse.Namespace, say: Console) -> Parity:
    plan = _plan(options, say)
    say.print(
        f"Rehearsing {plan.strategy} from {plan.period.start:%Y-%m-%d %H:%M} to "
        f"{plan.period.end:%Y-%m-%d %H:%M} UTC, {plan.speed:g} times as fast as real time.",
        markup=False,
    )
    script = load_script(options.faults) if options.faults else None

    def player(stage: Stage, bot: Bot) -> FaultPlayer:
        assert script is not None  # noqa: S101 - only asked for with a script
        return FaultPlayer(script, stage.faults, actions={"kill": (bot.kill, partial(start, bot))})

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[trades]}"),
        console=say,
    ) as progress:
        task = progress.add_task("starting the bot", total=1.0, trades="")
        rehearsed = rehearse(plan, _shower(progress, task), player if script else None)
        progress.update(task, completed=1.0, description="backtesting the same period")
        result = backtest(rehearsed)
    parity = _examined(rehearsed, result)
    _report(parity, rehearsed, options, say)
    return parity


def _shower(progress: Progress, task: TaskID) -> Any:
    def show(moment: Moment) -> None:
        progress.update(
            task,
            completed=moment.done,
            description=f"{moment.now:%Y-%m-%d %H:%M}",
            trades=f"{moment.open_trades} open, {moment.closed_trades} closed",
        )
        for line in moment.said:
            progress.console.print(line, markup=False)

    return show


def _examined(rehearsed: Rehearsed, result: Path) -> Parity:
    plan, bot = rehearsed.plan, rehearsed.bot
    return examine(
        bot.database,
        result,
        datadir=rehearsed.market.datadir,
        user_data=bot.user_data,
        log=bot.log,
        vetoes=plan.folder / "backtest" / "user_data" / "vetoes",
        window=Period(rehearsed.since, plan.period.end),
        tolerances=Tolerances(
            speed=plan.speed,
            throttle=timedelta(seconds=THROTTLE_SECONDS),
            hold=rehearsed.hold,
            analysis=timedelta(seconds=ANALYSIS_SECONDS * plan.speed),
            late=rehearsed.hold,
            order=timedelta(seconds=ORDER_SECONDS * plan.speed),
        ),
        down=[Interval(begin, end, "killed") for begin, end in rehearsed.down],
        simulated=rehearsed.market.simulated,
    )


def _report(
    parity: Parity, rehearsed: Rehearsed, options: argparse.Namespace, say: Console
) -> None:
    out = Console(highlight=False)
    for table in parity_tables(parity):
        out.print(table)
    page = options.output or rehearsed.plan.folder / "parity.html"
    write_page(parity, page)
    replace_file(page.with_suffix(".json"), json.dumps(parity.to_dict(), indent=1).encode())
    for line in rehearsed.trouble[:3]:
        say.print(f"The strategy failed: {line}", markup=False)
    hours = (rehearsed.plan.period.end - rehearsed.since) / timedelta(hours=1)
    say.print(
        f"{hours:.0f} hours of market in {rehearsed.seconds / 60:.1f} minutes under "
        f"libfaketime {rehearsed.faketime}; the exchange answered "
        f"{sum(rehearsed.requests.values())} requests.",
        f"Open the report: {page.resolve().as_uri()}",
        sep="\n",
        markup=False,
    )


def _plan(options: argparse.Namespace, say: Console) -> Plan:
    """Return what the command line asks for; simulate a market where none is given."""
    days = CANDLE * round(options.days * (timedelta(days=1) / CANDLE))
    if options.datadir is None:
        spec = MarketSpec(
            pairs=tuple(options.pairs or PAIRS), days=30, seed=options.seed, warmup_days=WARMUP_DAYS
        )
        with say.status("simulating a market ..."):
            say.print(simulate_into(spec, SIMULATED), markup=False)
        datadir, earliest = SIMULATED, spec.start + timedelta(days=1)
    else:
        datadir = options.datadir
        earliest = longest_period(datadir).start
    start = options.begin or earliest
    period = Period(start, start + days)
    return Plan(
        datadir=datadir,
        period=period,
        folder=options.folder,
        speed=options.speed,
        pairs=tuple(options.pairs),
        strategy=options.strategy,
        configs=(
            ROOT / "config" / "profiles" / f"{options.profile}.json",
            *(path.resolve() for path in options.config),
        ),
        kills=tuple(sorted(_kill_times(options.kill, period))),
    )


def _kill_times(texts: Sequence[str], period: Period) -> list[datetime]:
    """Return when the bot is killed; a time of day means the first one in the period."""
    moments = []
    for text in texts:
        try:
            if len(text) == len("12:00"):
                clock = datetime.strptime(text, "%H:%M").replace(tzinfo=UTC)
                moment = period.start.replace(hour=clock.hour, minute=clock.minute)
                moment += timedelta(days=1) if moment < period.start else timedelta(0)
            else:
                moment = _moment(text)
        except ValueError:
            raise ValueError(
                f"--kill is {text!r}, expected HH:MM or YYYY-MM-DDTHH:MM (UTC)"
            ) from None
        if not period.start < moment < period.end:
            raise ValueError(
                f"--kill {text} is not between {period.start:%Y-%m-%dT%H:%M} and "
                f"{period.end:%Y-%m-%dT%H:%M}"
            )
        moments.append(moment)
    return moments


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _begin(text: str) -> datetime:
    try:
        moment = _moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date, expected YYYY-MM-DD or YYYY-MM-DDTHH:MM (UTC)"
        ) from None
    if moment.timestamp() % 900:
        raise argparse.ArgumentTypeError(
            f"{text} is not the open of a 15m candle; write :00, :15, :30 or :45"
        )
    return moment


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rehearse",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--datadir",
        type=Path,
        metavar="DIR",
        help="recorded candles; without it a market is simulated",
    )
    parser.add_argument(
        "--from",
        dest="begin",
        type=_begin,
        metavar="TIME",
        help="first traded candle, UTC; default: the earliest that the data allow",
    )
    parser.add_argument(
        "--days", type=float, default=1.0, help="days to trade, parts too (default %(default)g)"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=120.0,
        help="seconds of market per real second (default %(default)g); beyond what the machine "
        "keeps up with, entries come too late, and the report says so",
    )
    parser.add_argument(
        "--pairs", nargs="+", default=[], metavar="PAIR", help="default: all with data"
    )
    parser.add_argument("--strategy", default="RegimeRouter", help="default: %(default)s")
    parser.add_argument(
        "--profile",
        default=PROFILES[0],
        choices=PROFILES,
        help="config/profiles/NAME.json (default %(default)s)",
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="further configuration over the pack's own; may be repeated",
    )
    parser.add_argument(
        "--kill",
        action="append",
        default=[],
        metavar="TIME",
        help="kill the bot then (HH:MM or YYYY-MM-DDTHH:MM, UTC), start it again; may be repeated",
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="what the exchange does wrong, and when"
    )
    parser.add_argument(
        "--seed", type=int, default=11, help="seed of the simulated market (%(default)s)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="gets log, database, ledgers and report; emptied first (default build/rehearsal)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the HTML report goes (default parity.html in that folder)",
    )
    options = parser.parse_args(arguments)
    if not 0 < options.days <= MOST_DAYS:
        parser.error(f"--days is {options.days:g}, expected more than 0 and at most {MOST_DAYS}")
    if not 1 <= options.speed <= FASTEST:
        parser.error(f"--speed is {options.speed:g}, expected 1 to {FASTEST:g}")
    for path in options.config:
        if not path.is_file():
            parser.error(f"--config is {path}, which is no file; name another")
    options.folder = options.folder.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())

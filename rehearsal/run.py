"""Hold a rehearsal: trade through a period under a fast clock, then backtest the same period."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from providers.coverage import Period
from rehearsal.bot import CLEAN_STOP, ROOT, Bot
from rehearsal.errors import RehearsalError
from rehearsal.market import DETAIL, Market, stage_market
from rehearsal.stage import Stage, hold, lead, staged
from replay.client import running
from replay.runner import run_freqtrade, trouble_in

CANDLE = timedelta(minutes=15)
LOOK_SECONDS = 0.25  # real, between two looks at clock, log and faults
READY = "Bot heartbeat"
# The last candle closes at the end of the period; the bot is given time to decide on it.
AFTER_THE_END = timedelta(minutes=14)


class Player(Protocol):
    """Does something to a stage while time passes, such as making faults."""

    def tick(self, now: datetime) -> Sequence[str]:
        """Do what is due at `now`; return lines that say what that was."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed.

    Attributes
    ----------
    datadir : Path
        Freqtrade data folder, recorded or simulated.
    period : Period
        Traded time, UTC.
    folder : Path
        Gets everything; what an earlier rehearsal left there is removed.
    speed : float
        Seconds of market per real second.
    pairs : tuple of str
        By default all with data.
    strategy : str
        Class name.
    configs : tuple of Path
        Configuration files over the pack's own, such as a profile.
    settings : mapping
        Freqtrade configuration over those.
    kills : tuple of datetime
        When the bot is killed as by a power cut, and started again.
    """

    datadir: Path
    period: Period
    folder: Path
    speed: float
    pairs: tuple[str, ...] = ()
    strategy: str = "RegimeRouter"
    strategy_path: Path = ROOT / "user_data" / "strategies"
    configs: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    kills: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal that was held, and where its traces lie.

    Attributes
    ----------
    since : datetime
        Open of the first candle whose close the bot waited for.
    down : tuple of (datetime, datetime)
        When no bot was running or it was only starting.
    seconds : float
        Real time that the trading took.
    requests : dict
        How often each path of the exchange was asked for.
    trouble : list of str
        Log lines of failing strategy code.
    faketime : str
        Version of libfaketime.
    """

    plan: Plan
    market: Market
    bot: Bot
    hold: timedelta
    since: datetime
    down: tuple[tuple[datetime, datetime], ...]
    seconds: float
    requests: dict[str, int]
    trouble: list[str]
    faketime: str


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a rehearsal is, for a progress bar."""

    now: datetime
    done: float
    open_trades: int
    closed_trades: int
    said: tuple[str, ...] = ()


def rehearse(
    plan: Plan,
    show: Callable[[Moment], None],
    player: Callable[[Stage, Bot], Player] | None = None,
) -> Rehearsed:
    """Trade `plan`'s period in dry-run; return when the bot has ended cleanly.

    Parameters
    ----------
    show : callable
        Told about progress several times a second.
    player : callable, optional
        Makes what accompanies the rehearsal from its stage and bot.

    Raises
    ------
    RehearsalError, ReplayError, ProviderError
        It cannot be held: no clock, no data, a bot that does not start or does not end.
    """
    if plan.folder.exists():
        shutil.rmtree(plan.folder)
    held = hold(plan.speed)
    market = stage_market(
        plan.datadir,
        plan.folder / "market",
        plan.period,
        plan.pairs,
        hold=round(held / timedelta(minutes=1)),
    )
    began = time.monotonic()
    start = plan.period.start - lead(plan.speed)
    with staged(market, plan.folder, start=start, speed=plan.speed) as stage:
        bot = stage.bot(
            settings=plan.settings,
            strategy=plan.strategy,
            strategy_path=plan.strategy_path,
            configs=plan.configs,
            rest=False,
        )
        since, down = _trade(plan, stage, bot, show, player(stage, bot) if player else None)
        code = bot.stop()
        if code != CLEAN_STOP:
            raise RehearsalError(f"the bot ended with exit code {code}; its log is {bot.log}")
        return Rehearsed(
            plan=plan,
            market=market,
            bot=bot,
            hold=held,
            since=since,
            down=tuple(down),
            seconds=time.monotonic() - began,
            requests=stage.faults.requests(),
            trouble=trouble_in(bot.lines()),
            faketime=stage.clock.version,
        )


def _trade(
    plan: Plan,
    stage: Stage,
    bot: Bot,
    show: Callable[[Moment], None],
    player: Player | None,
) -> tuple[datetime, list[tuple[datetime, datetime]]]:
    """Let the bot trade until the period is over; return since when, and when it was down."""
    end, kills, down = plan.period.end + AFTER_THE_END, list(plan.kills), []
    begun = stage.clock.now()
    start(bot)
    ready = stage.clock.now()
    since = candle_of(ready)
    if since + CANDLE > plan.period.start:
        raise RehearsalError(
            f"the bot was ready at {ready:%Y-%m-%d %H:%M}, too late for the first candle; "
            f"pass a --speed below {plan.speed:g} or give the machine a rest"
        )
    gone: datetime | None = None
    while (now := stage.clock.now()) < end:
        if not bot.running and not bot.killed:
            raise RehearsalError(
                "the bot ended by itself; it logged last:\n" + "\n".join(bot.lines()[-15:])
            )
        said = tuple(player.tick(now)) if player is not None else ()
        if bot.killed and gone is None:  # by a script, which starts it again
            gone = now
        elif bot.running and gone is not None:
            down.append((gone, stage.clock.now()))
            gone = None
        if kills and now >= kills[0]:
            kills.pop(0)
            bot.kill()
            start(bot)
            down.append((now, stage.clock.now()))
        done = (now - begun) / (end - begun)
        show(Moment(now, min(done, 1.0), *_trades(bot.database), said))
        time.sleep(LOOK_SECONDS)
    show(Moment(now, 1.0, *_trades(bot.database)))
    return since, down


def candle_of(moment: datetime) -> datetime:
    """Return when the candle that contains `moment` opened."""
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % CANDLE


def start(bot: Bot) -> None:
    """Start a bot, again too, and wait until it is at work."""
    said = len(bot.lines())
    bot.start()
    bot.wait_for(READY, since=said)


def _trades(database: Path) -> tuple[int, int]:
    """Return how many trades are open and closed, 0 before there is a database."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("select is_open, count(*) from trades group by 1").fetchall()
    except sqlite3.Error:  # not there yet, or just being written
        return 0, 0
    counts = {bool(is_open): int(number) for is_open, number in rows}
    return counts.get(True, 0), counts.get(False, 0)


def backtest(rehearsed: Rehearsed, on_log: Callable[[str], None] | None = None) -> Path:
    """Backtest the same market with the same settings; return the exported result.

    Prices within candles come from the same minutes that the bot saw (``--timeframe-detail``).

    Raises
    ------
    RehearsalError
        The backtest failed.
    """
    plan, market = rehearsed.plan, rehearsed.market
    folder = plan.folder / "backtest"
    user_data = folder / "user_data"
    user_data.mkdir(parents=True)
    end = plan.period.end.astimezone(UTC)
    arguments = [
        "backtesting",
        *_configs(plan.configs),
        f"--config={rehearsed.bot.folder / 'config.json'}",
        f"--userdir={user_data}",
        f"--datadir={market.datadir}",
        f"--strategy={plan.strategy}",
        f"--strategy-path={plan.strategy_path}",
        f"--timerange={rehearsed.since.timestamp():.0f}-{end.timestamp():.0f}",
        f"--timeframe-detail={DETAIL}",
        f"--backtest-directory={folder}",
        "--cache=none",
        "--pairs",
        *market.pairs,
    ]
    with running(market.datadir) as url:
        run = run_freqtrade(arguments, url=url, cwd=ROOT, on_log=on_log, environment=os.environ)
    (folder / "freqtrade.log").write_text(run.log)
    if not run.ok:
        raise RehearsalError(f"{run.explain()} (whole log: {folder / 'freqtrade.log'})")
    return max(folder.glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)


def _configs(further: Sequence[Path]) -> list[str]:
    return ["--config=user_data/config.json", *(f"--config={path}" for path in further)]

"""A rehearsal's stage: market, clock, exchange and bots, set up and taken down together."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rehearsal.bot import Bot
from rehearsal.clock import MovedClock, moved_clock
from rehearsal.market import Market
from rehearsal.minutes import LONGEST_HOLD
from replay.client import Faults, running

# What a start takes on a busy machine, in real seconds: imports, markets, the first candles.
START_SECONDS = 25.0
LEAST_LEAD = timedelta(minutes=15)  # the bot is ready before a candle's close, and waits for it
THROTTLE_SECONDS = 20  # between two looks at the market
NEVER = timedelta(hours=10)  # a patience: fast clocks make seconds of it
# Real seconds that a new candle takes to be analyzed, on two busy cores. In a fast market that is
# minutes, LEAST_HOLD at least; until then the price holds the open, and an entry is not too late.
ANALYSIS_SECONDS = 4.0
ORDER_SECONDS = 0.5  # and to send one entry, before it is the next pair's turn
LEAST_HOLD = timedelta(minutes=4)


@dataclass
class Stage:
    """Where a rehearsal takes place.

    Attributes
    ----------
    url : str
        Of the exchange.
    folder : Path
        Of everything that the rehearsal leaves behind.
    """

    market: Market
    clock: MovedClock
    url: str
    folder: Path
    bots: list[Bot] = field(default_factory=list)

    @property
    def faults(self) -> Faults:
        """Return the remote control of what the exchange does wrong."""
        return Faults(self.url)

    def bot(
        self,
        name: str = "bot",
        *,
        skew: timedelta = timedelta(0),
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Bot:
        """Return a bot that is not started yet; it is killed with the stage.

        `settings` overlay those that a fast clock needs; `options` are those of `Bot`.
        """
        clock = self.clock.off_by(skew) if skew else self.clock.environment
        merged = _merged(_settings(self.market.pairs, self.clock.speed), settings or {})
        bot = Bot(self.folder / name, self.url, clock, merged, **options)
        self.bots.append(bot)
        return bot


@contextmanager
def staged(
    market: Market,
    folder: Path,
    *,
    start: datetime,
    speed: float,
    options: Sequence[str] = (),
) -> Iterator[Stage]:
    """Set up clock and exchange so that the market's clock shows `start`.

    `options` are those of ``python -m replay serve``.

    Raises
    ------
    RehearsalError, ReplayError
        The clock cannot be moved, or the exchange does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        clock = stack.enter_context(moved_clock(start, speed))
        url = stack.enter_context(
            running(market.datadir, options=options, environment=clock.environment)
        )
        stage = Stage(market, clock, url, folder)
        try:
            yield stage
        finally:
            for bot in stage.bots:
                bot.kill()


def lead(speed: float) -> timedelta:
    """Return how long before the first traded candle the clock starts."""
    return LEAST_LEAD + timedelta(seconds=START_SECONDS * speed)


def hold(speed: float) -> timedelta:
    """Return how long a candle's price must hold its open for the bot to see it."""
    needed = timedelta(minutes=math.ceil(ANALYSIS_SECONDS * speed / 60))
    return min(max(LEAST_HOLD, needed), timedelta(minutes=LONGEST_HOLD))


def _settings(pairs: Sequence[str], speed: float) -> dict[str, Any]:
    """Return what a bot needs to be told when hours take seconds."""
    late = round(hold(speed).total_seconds())
    return {
        "dry_run": True,
        "exchange": {
            "pair_whitelist": list(pairs),
            "ccxt_config": {"timeout": round(NEVER / timedelta(milliseconds=1))},
        },
        "internals": {"process_throttle_secs": THROTTLE_SECONDS},
        "ignore_buying_expired_candle_after": late,
        "regimekit": {
            "inputs": {"request_seconds": NEVER.total_seconds(), "analysis_grace_seconds": late},
            # Candles have no book. The exchange makes one up that says nothing of order flow, and
            # to ask for it every 15 s of this time would be the most of what both programs do.
            "filters": {"order_book": False},
        },
    }


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged

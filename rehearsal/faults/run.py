"""Acts of faults, played to a bot that trades; what was seen of each goes to the criteria.

A bot with near stops enters every pair at the open of every candle. While the price still holds
the open the faults begin, so that each pair has a trade to close; a few minutes later a person
orders what is still open to be closed. The next candle is analyzed during the fault: no entry may
come of it. Then the fault ends, and the candle after it has to bring entries again.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx

from rehearsal.bot import ROOT, Bot
from rehearsal.faults.criteria import CANDLE, Finding, judge
from rehearsal.faults.observed import (
    Observation,
    Trade,
    integrity,
    read_lines,
    read_reasons,
    read_trades,
)
from rehearsal.faults.scenarios import Act, Effect, Scenario, pairs_of
from rehearsal.faults.script import FaultPlayer, Planned
from rehearsal.stage import THROTTLE_SECONDS, Stage

STRATEGIES = ROOT / "tests" / "rehearsal" / "strategies"
STRATEGY = "Eager"
SPEED = 40.0
LOOK = 0.15  # real seconds between two looks; a tenth of a minute's market at most speeds
ANSWER = 5.0  # real seconds that an answer of the bot is waited for
# Within a candle: entries are through, the person orders exits, the fault is over.
FLAT = timedelta(minutes=1)  # before a fault, to close what must not be open in it
BEGINS, ORDERS, ENDS = timedelta(minutes=8), timedelta(minutes=11), timedelta(minutes=12)

# Every candle may bring an entry of every pair, and what can be missing is required.
SETTINGS: dict[str, Any] = {
    "max_open_trades": 10,
    "stake_amount": 100,
    "ignore_buying_expired_candle_after": 600,
    # A rehearsal without faults waits for hours of its fast time; here somebody has to give up.
    "exchange": {"ccxt_config": {"timeout": 240_000}},
    "regimekit": {
        "inputs": {
            "request_seconds": 120,
            "analysis_grace_seconds": 480,  # a pair without analysis is locked after it
            # A snapshot counts for its own candle and the next: a fault shows at the first close.
            "open_interest_max_age_hours": 0.3,
        },
        "squeeze": {"outage": "block"},
        "filters": {"order_book": True, "book_outage": "block", "book_max_age_seconds": 120},
        "gates": {
            **dict.fromkeys(("cooldown_loss_bars", "cooldown_profit_bars"), 0),
            **dict.fromkeys(("entries_per_hour", "entries_per_day", "entries_per_candle"), 0),
            **dict.fromkeys(("same_direction", "regime_wait_bars", "reward_share"), 0),
            **dict.fromkeys(("daily_loss", "drawdown_stop", "total_at_risk"), 1),
        },
    },
}
ENVIRONMENT = {"FREQTRADE__REGIMEKIT__VETOES__LEDGER": "true"}


@dataclass
class Theater:
    """A stage with a bot on it, and whoever watches; `play` one act after the other.

    Parameters
    ----------
    say : callable
        Told what happens, a line each.
    """

    stage: Stage
    bot: Bot
    say: Callable[[str], None] = field(default=lambda _: None)
    _loops: list[datetime] = field(default_factory=list)
    _asked: list[tuple[datetime, dict[str, int]]] = field(default_factory=list)
    _gap: timedelta = timedelta(0)

    def open(self) -> None:
        """Start the bot and wait until it trades and has analyzed a candle while nothing is wrong.

        RehearsalError when it does not come that far.
        """
        said = len(self.bot.lines())
        self.bot.start()
        self.bot.wait_for("Bot heartbeat", since=said)
        since = self.stage.clock.now()
        close = _close_after(since)
        self.watch_until(close + BEGINS - 2 * FLAT)
        rounds = [at for at in self._loops if at > since]
        moments = [since, *rounds, self.stage.clock.now()]
        self._gap = max(later - sooner for sooner, later in pairwise(moments))

    def play(self, act: Act) -> list[Observation]:
        """Play an act and return what was seen of each scenario in it."""
        pairs = self.stage.market.pairs
        own = pairs_of(act, pairs)
        if not self.bot.running:  # the last act ended it; that stands in its findings
            self.say("the bot is started again")
            self.open()
        now = self.stage.clock.now()
        candle = _close_after(now) - CANDLE
        if now - candle > BEGINS - FLAT:
            candle += CANDLE
        while act.at_the_hour != _spans_an_hour(candle, act.candles):
            candle += CANDLE
        began = candle + BEGINS
        ended = candle + act.candles * CANDLE + ENDS
        player = FaultPlayer(_script(act, own, began, ended), self.stage.faults)
        self._watch(player, began - FLAT)
        flat = {pair for each in act.scenarios for pair in each.flat(own[each.name])}
        self.order_exits(flat)
        self._watch(player, began)
        self.say(f"{began:%H:%M} {act.name}: {', '.join(s.name for s in act.scenarios)}")
        before = tuple(trade for trade in read_trades(self.bot.database) if trade.closed)
        ordered: list[Trade] = []
        for number in range(act.candles):  # flat before each close that is analyzed in the fault
            self._watch(player, candle + number * CANDLE + ORDERS)
            ordered += self.order_exits()
        self._watch(player, ended)
        for close in (_close_after(ended), _close_after(ended) + CANDLE):
            self._watch(player, close)
            self._watch(player, close + BEGINS - 2 * FLAT, lambda: self._back(act, own, ended))
            if self._back(act, own, ended):
                break
        # A source that was told to leave the exchange alone comes back when it may ask again.
        quiet = timedelta(seconds=max(scenario.quiet_seconds for scenario in act.scenarios))
        self._watch(player, ended + quiet)
        until = self.stage.clock.now()
        log = read_lines(self.bot.lines())
        found = []
        for scenario in act.scenarios:
            befallen = own[scenario.name]
            healthy = tuple(pair for pair in pairs[:1] if pair not in befallen)
            found.append(
                Observation(
                    *(scenario, befallen, healthy, began, ended),
                    first_close=candle + scenario.due * CANDLE,
                    watched_until=until,
                    alive=self.bot.running,
                    loops=tuple(self._loops),
                    healthy_gap=self._gap,
                    throttle=timedelta(seconds=THROTTLE_SECONDS),
                    trades=read_trades(self.bot.database),
                    reasons=read_reasons(self.bot.database, self.bot.user_data),
                    lines=log,
                    integrity=integrity(self.bot.database),
                    before=before,
                    asked=tuple((at, _count(asked, scenario)) for at, asked in self._asked),
                    exits_asked=tuple(t.id for t in ordered if t.pair in befallen),
                )
            )
        return found

    @property
    def rounds(self) -> int:
        """Return how many rounds of the loop were seen."""
        return len(self._loops)

    def next_candle(self) -> datetime:
        """Return when the next candle opens."""
        return _close_after(self.stage.clock.now())

    def watch_until(self, until: datetime) -> None:
        """Look at the bot until the market's clock shows `until`, without faults."""
        self._watch(FaultPlayer([], self.stage.faults), until)

    def _watch(
        self, player: FaultPlayer, until: datetime, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Look at the bot until the market's clock shows `until`, it ends, or it is `enough`."""
        with self.bot.api() as api:
            while (now := self.stage.clock.now()) < until and self.bot.running and not enough():
                for line in player.tick(now):
                    self.say(line)
                self._asked.append((now, self.stage.faults.requests()))
                self._look(api)
                time.sleep(LOOK)
        # Of a bot that has ended nothing is to be seen: the faults end, as if it were later.
        for line in player.tick(self.stage.clock.now() if self.bot.running else until):
            self.say(line)

    def _look(self, api: httpx.Client) -> None:
        try:
            told = api.get("/health", timeout=ANSWER).json()["last_process"]
        except (httpx.HTTPError, KeyError, ValueError):
            return
        if told is None:
            return
        at = datetime.fromisoformat(told).astimezone(UTC)
        if not self._loops or at > self._loops[-1]:
            self._loops.append(at)

    def order_exits(self, pairs: Collection[str] | None = None) -> list[Trade]:
        """Order the open trades to be closed, as a person would in FreqUI; return them.

        All of them, or those of `pairs`.
        """
        still_open = [
            trade
            for trade in read_trades(self.bot.database)
            if not trade.closed and (pairs is None or trade.pair in pairs)
        ]
        with self.bot.api() as api:
            for trade in still_open:
                order = {"tradeid": str(trade.id), "ordertype": "market"}
                try:
                    answer = api.post("/forceexit", json=order, timeout=ANSWER)
                except httpx.HTTPError as error:
                    self.say(f"exit of {trade.pair} was not answered: {type(error).__name__}")
                    continue
                if answer.status_code != httpx.codes.OK:
                    self.say(f"exit of {trade.pair} was refused: {answer.text[:100]}")
        return still_open

    def _back(self, act: Act, own: Mapping[str, Sequence[str]], ended: datetime) -> bool:
        """Tell whether every pair that could not be entered has been entered since."""
        entered = {t.pair for t in read_trades(self.bot.database) if t.opened >= ended}
        gated = [s for s in act.scenarios if s.effect is Effect.GATED]
        return all(pair in entered for scenario in gated for pair in own[scenario.name])


def findings(theater: Theater, acts: Sequence[Act]) -> dict[str, tuple[Scenario, list[Finding]]]:
    """Play `acts` and return the findings of each scenario by its name."""
    found = {}
    for act in acts:
        for seen in theater.play(act):
            found[seen.scenario.name] = (seen.scenario, judge(seen))
    return found


def bot_for(stage: Stage, name: str = "bot", *, skew: timedelta = timedelta(0)) -> Bot:
    """Return a bot that enters whenever it may, with a clock that is wrong by `skew`."""
    return stage.bot(
        name,
        skew=skew,
        settings=SETTINGS,
        strategy=STRATEGY,
        strategy_path=STRATEGIES,
        environment=ENVIRONMENT,
    )


def _script(
    act: Act, own: Mapping[str, Sequence[str]], began: datetime, ended: datetime
) -> list[Planned]:
    return [
        Planned(began, ended, rule)
        for scenario in act.scenarios
        for rule in scenario.rules_for([_symbol(pair) for pair in own[scenario.name]])
    ]


def _spans_an_hour(candle: datetime, candles: int) -> bool:
    """Tell whether one of the closes after `candle` ends an hour, when 1h and 4h are asked for."""
    return any((candle + n * CANDLE).minute == 0 for n in range(1, candles + 1))


def _symbol(pair: str) -> str:
    return pair.partition(":")[0].replace("/", "")


def _count(asked: dict[str, int], scenario: Scenario) -> int:
    paths = tuple(str(rule["path"]) for rule in scenario.rules)
    return sum(count for path, count in asked.items() if path.startswith(paths))


def _close_after(moment: datetime) -> datetime:
    seconds, whole = moment.timestamp(), CANDLE.total_seconds()
    return datetime.fromtimestamp(seconds - seconds % whole + whole, UTC)

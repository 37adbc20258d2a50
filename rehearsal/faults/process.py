"""What befalls the process rather than the exchange: killed, stopped, doubled, a clock that is off.

Each ordeal is played to the bot of a `Theater` or to one beside it, leaves it running, and returns
its findings; nothing is repaired by hand.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from rehearsal.bot import CLEAN_STOP, Bot, free_port
from rehearsal.faults.criteria import CANDLE, ENTRY_LATENESS, Finding, Verdict
from rehearsal.faults.observed import Trade, integrity, read_reasons, read_stops, read_trades
from rehearsal.faults.run import BEGINS, Theater, bot_for
from rehearsal.faults.scenarios import Criterion, Effect, Scenario

STOP_SECONDS = 10.0  # real; a container is killed after its grace period
REFUSED = 2  # Freqtrade's exit code for a start that it refuses
REFUSAL_SECONDS = 60.0  # real, generous: imports on a busy machine
SKEW = timedelta(minutes=-10)


@dataclass(frozen=True, slots=True)
class Ordeal:
    """One row of the matrix that happens to the process."""

    row: int
    name: str
    fault: str
    play: Callable[[Theater], list[Finding]]

    @property
    def scenario(self) -> Scenario:
        """Return it as a row of the table."""
        return Scenario(self.row, self.name, self.fault, (), Effect.UNHARMED)


def killed(theater: Theater) -> list[Finding]:
    """Kill -9 while trades are open, and start again."""
    bot = theater.bot
    theater.watch_until(theater.next_candle() + BEGINS)
    before, stops = read_trades(bot.database), read_stops(bot.database)
    bot.kill()
    _start_again(bot)
    back = theater.stage.clock.now()
    theater.order_exits()
    close = theater.next_candle()
    theater.watch_until(close + BEGINS)
    after = read_trades(bot.database)
    return [
        _kept(bot, before, after, stops),
        _closed([trade for trade in before if not trade.closed], after),
        _no_double_entry(after),
        _entered(theater, after, f"back at {back:%H:%M}"),
    ]


def stopped(theater: Theater) -> list[Finding]:
    """Stop it in the middle of a candle as a container is stopped, and start again."""
    bot = theater.bot
    theater.watch_until(theater.next_candle() + BEGINS)
    before, stops = read_trades(bot.database), read_stops(bot.database)
    asked = time.monotonic()
    code = bot.stop()
    took = time.monotonic() - asked
    in_time = code == CLEAN_STOP and took <= STOP_SECONDS
    whole = _kept(bot, before, read_trades(bot.database), stops)
    _start_again(bot)
    back = theater.stage.clock.now()
    theater.order_exits()
    theater.watch_until(theater.next_candle() + BEGINS)
    said = f"exit code {code} after {took:.1f} s, at most {STOP_SECONDS:g} s"
    return [
        Finding(Criterion.ALIVE, Verdict.PASS if in_time else Verdict.FAIL, said),
        whole,
        _entered(theater, read_trades(bot.database), f"back at {back:%H:%M}"),
    ]


def doubled(theater: Theater) -> list[Finding]:
    """Start a second bot on the same database."""
    first = theater.bot
    before, rounds = read_trades(first.database), theater.rounds
    log = first.folder / "second.log"
    second = Second(**{**vars(replace(first, port=free_port(), process=None)), "own_log": log})
    second.start()
    assert second.process is not None  # noqa: S101 - it was just started
    deadline = time.monotonic() + REFUSAL_SECONDS
    while second.running and time.monotonic() < deadline:
        theater.watch_until(theater.stage.clock.now() + timedelta(seconds=30))
    refused = not second.running
    second.kill()
    told = [line for line in second.lines() if "is used by the bot of process" in line]
    named = bool(told) and str(first.process.pid if first.process else "") in told[0]
    code = second.process.returncode
    theater.watch_until(theater.next_candle() + BEGINS)
    after = read_trades(first.database)
    said = told[0].split(" - ")[-1][:140] if told else "no word of the owner"
    went_on = first.running and theater.rounds > rounds
    return [
        Finding(
            Criterion.ALIVE,
            Verdict.PASS if went_on else Verdict.FAIL,
            f"the first one made {theater.rounds - rounds} rounds meanwhile",
        ),
        Finding(
            Criterion.REASON,
            Verdict.PASS if refused and code == REFUSED and named else Verdict.FAIL,
            f"exit code {code}: {said}",
        ),
        _kept(first, before, after, {}),
        _no_double_entry(after),
        _entered(theater, after, "by the first one"),
    ]


def late_clock(theater: Theater) -> list[Finding]:
    """Let a bot beside it live with a clock that is ten minutes slow."""
    bot = bot_for(theater.stage, "late", skew=SKEW)
    bot.start()
    try:
        bot.wait_for("Bot heartbeat")
        theater.watch_until(theater.next_candle() + 2 * CANDLE)
        reasons = {r.words for r in read_reasons(bot.database, bot.user_data) if r.pair == "*"}
        trades = read_trades(bot.database)
        lines = [line for line in bot.lines() if "CLOCK_SKEW: " in line and "watch" in line]
        alive = bot.running
    finally:
        bot.kill()
    gated = reasons == {"CLOCK_SKEW: the clock of this computer is wrong"}
    return [
        Finding(Criterion.ALIVE, Verdict.PASS if alive else Verdict.FAIL, "it trades on"),
        Finding(
            Criterion.ENTRIES,
            Verdict.FAIL if trades else Verdict.PASS,
            f"{len(trades)} entries in two candles",
        ),
        Finding(
            Criterion.REASON,
            Verdict.PASS if gated else Verdict.FAIL,
            "; ".join(sorted(reasons)) or "no lock",
        ),
        Finding(
            Criterion.LOG,
            Verdict.PASS if len(lines) == 1 else Verdict.FAIL,
            f"{len(lines)} lines about it",
        ),
    ]


def dead_exchange(theater: Theater) -> list[Finding]:
    """Start a bot while the exchange answers nothing but errors, and again when it is back."""
    bot = bot_for(theater.stage, "early")
    theater.stage.faults.set({"path": "/fapi/", "kind": "status", "status": 503})
    try:
        bot.start()
        deadline = time.monotonic() + REFUSAL_SECONDS
        while bot.running and time.monotonic() < deadline:
            time.sleep(0.1)
        ended = not bot.running and bot.process is not None
        code = bot.process.returncode if bot.process else None
    finally:
        theater.stage.faults.clear()
        bot.kill()
    try:
        bot.start()
        bot.wait_for("Bot heartbeat")
        again = bot.running
    finally:
        bot.kill()
    return [
        Finding(
            Criterion.ALIVE,
            Verdict.KNOWN if ended and code else Verdict.FAIL,
            f"exit code {code}; stock Freqtrade does not start without its exchange, so that "
            "something has to start it again: compose does, with restart: on-failure",
        ),
        Finding(
            Criterion.RECOVERY,
            Verdict.PASS if again else Verdict.FAIL,
            "started again when the exchange answered",
        ),
    ]


ORDEALS: tuple[Ordeal, ...] = (
    Ordeal(36, "process-killed", "kill -9 with open trades", killed),
    Ordeal(54, "process-stopped", "SIGTERM in the middle of a candle", stopped),
    Ordeal(43, "process-doubled", "a second bot on the same database", doubled),
    Ordeal(45, "process-late", "a clock ten minutes slow", late_clock),
    Ordeal(30, "process-dead-exchange", "a start while the exchange is down", dead_exchange),
)


@dataclass
class Second(Bot):
    """A bot in the folder of another one, with a log of its own."""

    own_log: Path | None = None

    @property
    def log(self) -> Path:
        """Return its log."""
        return self.own_log or self.folder / "second.log"


def _start_again(bot: Bot) -> None:
    said = len(bot.lines())
    bot.start()
    bot.wait_for("Bot heartbeat", since=said)


def _kept(
    bot: Bot, before: tuple[Trade, ...], after: tuple[Trade, ...], stops: dict[int, float]
) -> Finding:
    """G6: no trade is lost, what was closed reads the same, and no stop of a long is looser."""
    now = {trade.id: trade for trade in after}
    lost = [trade.id for trade in before if trade.id not in now]
    changed = [trade.id for trade in before if trade.closed and now.get(trade.id) != trade]
    held = read_stops(bot.database)
    looser = [number for number, stop in stops.items() if held.get(number, stop) < stop]
    said = integrity(bot.database)
    wrong = lost or changed or looser or said != "ok"
    evidence = (
        f"{len(before)} trades kept, {len(stops)} stops not looser, database {said}"
        if not wrong
        else f"lost {lost}, changed {changed}, looser {looser}, database {said}"
    )
    return Finding(Criterion.KEPT, Verdict.FAIL if wrong else Verdict.PASS, evidence)


def _closed(were_open: list[Trade], after: tuple[Trade, ...]) -> Finding:
    """G4: what was open before is managed after."""
    closed = {trade.id for trade in after if trade.closed}
    left = [trade.id for trade in were_open if trade.id not in closed]
    verdict = Verdict.FAIL if left else Verdict.PASS if were_open else Verdict.UNSEEN
    said = f"{len(were_open)} were open, {len(were_open) - len(left)} of them closed since"
    return Finding(Criterion.EXITS, verdict, said)


def _no_double_entry(after: tuple[Trade, ...]) -> Finding:
    """G3: no pair was entered twice in one candle."""
    seen = [(trade.pair, trade.opened.timestamp() // CANDLE.total_seconds()) for trade in after]
    twice = len(seen) - len(set(seen))
    return Finding(
        Criterion.ENTRIES,
        Verdict.FAIL if twice else Verdict.PASS,
        f"{len(after)} entries, {twice} of them second ones in their candle",
    )


def _entered(theater: Theater, after: tuple[Trade, ...], how: str) -> Finding:
    """G5: the newest candle brought entries."""
    candle = theater.next_candle() - CANDLE
    found = [trade for trade in after if candle <= trade.opened < candle + ENTRY_LATENESS]
    return Finding(
        Criterion.RECOVERY,
        Verdict.PASS if found else Verdict.FAIL,
        f"{len(found)} entries in the candle of {candle:%H:%M}, {how}",
    )

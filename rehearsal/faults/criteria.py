"""What must hold while the exchange is at fault: pure checks of an `Observation`.

Each returns a `Finding` with the evidence for its verdict. A criterion that stock Freqtrade cannot
meet is KNOWN when it fails, with the reason; nothing is passed in silence, and what could not be
seen is UNSEEN, which is no pass.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from rehearsal.faults.observed import Line, Observation
from rehearsal.faults.scenarios import Criterion, Effect

CANDLE = timedelta(minutes=15)
HYSTERESIS = 1  # further candles that recovery may take: a source confirms that it is well
ENTRY_LATENESS = timedelta(minutes=9)  # into a candle, on a clock that runs fast
# A pair and a feed each tell that it goes and that it comes back; a source may also change its
# mind about what is wrong (INVALID, then STALE), and relapse once.
LINES_PER_PAIR = 4
LINES_PER_FEED = 6
LINES_OTHERWISE = 4  # summaries every 15 minutes, what is told once
MOST_ALIKE = 3  # lines that differ in numbers only, per pair or feed

# A pair without analysis or without a required input: one cause, told by lock and by gate.
_SAME = {
    "a required input is missing or stale": "inputs",
    "gate inputs": "inputs",
    "gate analysis": "inputs",
    "gate order_book": "order book",
    "CLOCK_SKEW: the clock of this computer is wrong": "clock",
    "gate clock_skew": "clock",
    "DISK: too little free space": "disk",
    "gate disk": "disk",
}
# What follows any exit, in the candle of the exit; the second is Freqtrade's own lock.
_NOT_ABOUT_FAULTS = {"gate exit_candle", "gate signal", "Auto lock"}


class Verdict(StrEnum):
    """How a criterion came out."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "FAIL"
    KNOWN = "known"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion of one scenario.

    Attributes
    ----------
    evidence : str
        What was seen; for a known weakness also what protects the trader.
    """

    criterion: Criterion
    verdict: Verdict
    evidence: str


def judge(seen: Observation) -> list[Finding]:
    """Return a finding for every criterion that applies, in the order of `Criterion`."""
    findings = []
    for criterion, check in _CHECKS.items():
        told = check(seen)
        if told is None:
            continue
        verdict, evidence = told
        protection = seen.scenario.known.get(criterion)
        if verdict is not Verdict.PASS and protection:
            verdict, evidence = Verdict.KNOWN, f"{evidence}; {protection}"
        findings.append(Finding(criterion, verdict, evidence))
    return findings


Told = tuple[Verdict, str]


def loop_alive(seen: Observation) -> Told:
    """G1: the process lives, and no round of its loop took much longer than a healthy one.

    An error that the pack logs is a callback of ours that failed, whenever that was.
    """
    if not seen.alive:
        return Verdict.FAIL, "the process ended"
    failed = [line for line in seen.lines if line.ours and line.level in ("ERROR", "CRITICAL")]
    if failed:
        return Verdict.FAIL, f"{failed[0].at:%H:%M:%S} {failed[0].logger}: {failed[0].words[:120]}"
    during = [at for at in seen.loops if seen.began <= at < seen.ended]
    moments = [seen.began, *during, seen.ended]
    longest = max(later - sooner for sooner, later in pairwise(moments))
    limit = 2 * (seen.throttle + seen.healthy_gap)
    evidence = (
        f"{len(during)} rounds, the longest {_minutes(longest)}, at most {_minutes(limit)} "
        f"({_minutes(seen.healthy_gap)} while healthy)"
    )
    return (Verdict.PASS if longest <= limit else Verdict.FAIL), evidence


def entries(seen: Observation) -> Told:
    """G3: no entry from a candle that was analyzed without what it needs; else entries go on."""
    found = seen.entries(seen.pairs, seen.first_close, seen.ended)
    when = ", ".join(f"{trade.pair} {trade.opened:%H:%M:%S}" for trade in found)
    if seen.scenario.effect is Effect.GATED:
        if found:
            return Verdict.FAIL, f"{len(found)} entries while it lasted: {when}"
        flat = _flat(seen, seen.first_close, seen.ended)
        if not flat:
            return Verdict.UNSEEN, f"{', '.join(seen.pairs)} could not be entered, trades were open"
        span = f"{seen.first_close:%H:%M} to {seen.ended:%H:%M}"
        return Verdict.PASS, f"none from {span}, {len(flat)} of {len(seen.pairs)} pairs were free"
    return (Verdict.PASS, when) if found else (Verdict.FAIL, "entries stopped")


def one_reason(seen: Observation) -> Told | None:
    """G3: who looks for the reason finds one: a lock, a refused order, or a line of the log."""
    gated = seen.scenario.effect is Effect.GATED
    by_pair = {pair: _reasons_for(seen, pair) for pair in seen.pairs}
    several = {pair: found for pair, found in by_pair.items() if len(found) > 1}
    told = sorted(set().union(*by_pair.values()))
    if several:
        pair, found = next(iter(several.items()))
        return Verdict.FAIL, f"{pair} has {len(found)} reasons: {', '.join(sorted(found))}"
    if not gated:
        return (Verdict.FAIL, f"refused for {told[0]}") if told else None
    free = _flat(seen, seen.first_close, seen.ended)
    silent = [pair for pair, found in by_pair.items() if not found and pair in free]
    if silent:
        return Verdict.FAIL, f"no reason is shown for {', '.join(silent)}"
    return Verdict.PASS, ", ".join(told)


def others_trade(seen: Observation) -> Told | None:
    """G3: pairs that nothing befell are entered at the same candle."""
    if not seen.healthy:
        return None
    found = seen.entries(seen.healthy, seen.first_close, seen.ended)
    if not found:
        return Verdict.FAIL, f"no entry of {', '.join(seen.healthy)}"
    return Verdict.PASS, f"{len(found)} entries of {', '.join(sorted({t.pair for t in found}))}"


def exits_managed(seen: Observation) -> Told:
    """G4: what was open is closed while the fault lasts, by price or by a person's order."""
    closed = seen.exits(seen.pairs)
    numbers = {trade.id for trade in closed}
    left = [number for number in seen.exits_asked if number not in numbers]
    by = Counter(trade.exit_reason for trade in closed)
    evidence = ", ".join(f"{count} by {reason}" for reason, count in by.most_common())
    if left:
        ordered = ", ".join(map(str, left))
        return Verdict.FAIL, f"ordered exits of trade {ordered} did not happen ({evidence or '-'})"
    return (Verdict.PASS, evidence) if closed else (Verdict.UNSEEN, "no trade was open")


def recovery(seen: Observation) -> Told | None:
    """G5: the pairs are entered again within a candle and the hysteresis, without help."""
    if not seen.scenario.required:
        return _feeds_back(seen)
    if seen.scenario.effect is Effect.UNHARMED:
        return None  # it never stopped
    limit = _next_close(seen.ended) + HYSTERESIS * CANDLE + ENTRY_LATENESS
    again = {t.pair: t.opened for t in seen.entries(seen.pairs, seen.ended, limit)[::-1]}
    free = _flat(seen, seen.ended, _next_close(seen.ended))
    missing = [pair for pair in free if pair not in again]
    if not free:
        return Verdict.UNSEEN, "a trade was open in every pair"
    if missing:
        return Verdict.FAIL, f"no entry of {', '.join(missing)} until {limit:%H:%M}"
    last = max(again[pair] for pair in free)
    return Verdict.PASS, f"entered at {last:%H:%M}, fault over at {seen.ended:%H:%M}"


def nothing_lost(seen: Observation) -> Told:
    """G6: the database is whole, and trades that were closed before read as they did."""
    if seen.integrity != "ok":
        return Verdict.FAIL, f"the database says {seen.integrity}"
    now = {trade.id: trade for trade in seen.trades}
    changed = [trade.id for trade in seen.before if now.get(trade.id) != trade]
    if changed:
        return Verdict.FAIL, f"closed trades changed: {changed}"
    return Verdict.PASS, f"{len(seen.before)} closed trades unchanged, database ok"


def few_lines(seen: Observation) -> Told:
    """G7: our own words are bounded by changes, not by rounds; Freqtrade's are counted only."""
    window = [line for line in seen.lines if seen.began <= line.at < seen.watched_until]
    told = [line for line in window if line.ours and _about(seen, line)]
    alike = Counter(re.sub(r"[\d.,:+-]+", "#", line.words) for line in told)
    feeds = len(seen.pairs) * len(seen.scenario.datasets)
    limit = LINES_PER_PAIR * len(seen.pairs) + LINES_PER_FEED * feeds + LINES_OTHERWISE
    others = sum(not line.ours for line in window)
    evidence = f"{len(told)} of ours, at most {limit}; Freqtrade {others} in the whole act"
    most = alike.most_common(1)
    if most and most[0][1] > MOST_ALIKE:
        return Verdict.FAIL, f"{most[0][1]} times: {most[0][0][:100]}"
    return (Verdict.PASS if len(told) <= limit else Verdict.FAIL), evidence


def quiet(seen: Observation) -> Told | None:
    """Rows 1 to 3: who is told to wait waits."""
    wait = timedelta(seconds=seen.scenario.quiet_seconds)
    if not wait:
        return None
    before = [count for at, count in seen.asked if at <= seen.began]
    after = [count for at, count in seen.asked if at <= seen.ended]
    if not before or not after:
        return Verdict.UNSEEN, "requests were not counted"
    asked, allowed = after[-1] - before[-1], 1 + (seen.ended - seen.began) // wait
    evidence = f"{asked} requests in {_minutes(seen.ended - seen.began)}, at most {allowed}"
    if not asked:
        return Verdict.UNSEEN, "nothing was asked while it lasted"
    return (Verdict.PASS if asked <= allowed else Verdict.FAIL), evidence


_CHECKS: dict[Criterion, Callable[[Observation], Told | None]] = {
    Criterion.ALIVE: loop_alive,
    Criterion.ENTRIES: entries,
    Criterion.REASON: one_reason,
    Criterion.OTHERS: others_trade,
    Criterion.EXITS: exits_managed,
    Criterion.RECOVERY: recovery,
    Criterion.KEPT: nothing_lost,
    Criterion.LOG: few_lines,
    Criterion.QUIET: quiet,
}


def _reasons_for(seen: Observation, pair: str) -> set[str]:
    """Return the causes that are shown for `pair`; from the log only where nothing else tells."""
    told = {
        _SAME.get(reason.words, reason.words)
        for reason in seen.reasons
        if reason.pair in (pair, "*")
        and seen.began <= reason.at < seen.ended
        and reason.words not in _NOT_ABOUT_FAULTS
    }
    if told or seen.scenario.effect is Effect.UNHARMED:
        return told
    return {
        f"log: {dataset}"
        for dataset in seen.scenario.datasets
        for line in seen.lines
        if line.ours
        and seen.began <= line.at < seen.ended
        and line.words.startswith(f"{dataset} {pair}: ")
    }


def _flat(seen: Observation, since: datetime, until: datetime) -> list[str]:
    """Return the pairs that could have been entered: no trade was open from `since` to `until`."""
    busy = {
        trade.pair
        for trade in seen.trades
        if trade.opened < since and (trade.closed is None or trade.closed >= until)
    }
    return [pair for pair in seen.pairs if pair not in busy]


def _about(seen: Observation, line: Line) -> bool:
    """Tell whether a line is about this scenario, not about another one of its act."""
    for dataset in seen.scenario.datasets:
        if line.words.startswith(f"{dataset} "):
            return any(pair in line.words for pair in seen.pairs)
    of_feed = re.match(r"\w+ \S+: [A-Z]+ -> [A-Z]+", line.words)
    return not of_feed and any(pair in line.words for pair in seen.pairs)


def _feeds_back(seen: Observation) -> Told | None:
    """Tell whether every feed that the fault took from OK is OK again."""
    states: dict[str, str] = {}
    for line in seen.lines:
        found = re.match(r"(\w+) (\S+): [A-Z]+ -> ([A-Z]+)", line.words)
        if found and found[1] in seen.scenario.datasets and seen.began <= line.at:
            states[f"{found[1]} {found[2]}"] = found[3]
    if not states:
        return Verdict.UNSEEN, "no feed noticed"
    down = [name for name, state in states.items() if state != "OK"]
    if down:
        return Verdict.FAIL, f"not back: {', '.join(down)}"
    return Verdict.PASS, f"{len(states)} feeds went and are back"


def _next_close(moment: datetime) -> datetime:
    seconds = moment.timestamp()
    whole = CANDLE.total_seconds()
    return datetime.fromtimestamp(seconds - seconds % whole + whole, moment.tzinfo)


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.1f} min"

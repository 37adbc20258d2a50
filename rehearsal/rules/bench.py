"""What all rules share: the findings, what was found so far, and which trades differed before.

A difference of trades may have consequences for later ones; `Bench.change_before` looks for it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from rehearsal.causes import UNEXPLAINED, Cause, Facts, Verdict
from rehearsal.evidence import Prices, decimals_of
from rehearsal.findings import MISSING, Finding, Kind, candle_of

SAMPLE = 2000  # minutes that tell how a pair's prices are rounded
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Change:
    """A difference of trades, from when on it may have consequences."""

    moment: datetime
    pair: str
    text: str
    number: int = -1  # of the finding; -1 for a trade from before the window


class Bench:
    """Where the rules of every kind of finding look things up, and what they write down.

    Attributes
    ----------
    found : dict of Verdict
        By number of the finding: what has been judged already.
    prices : dict of Prices
        By pair; none where its minutes are not known.
    ticks : dict of float
        By pair: what its prices are rounded to.
    decisions : dict of int
        By candle and pair: the number of the finding about that decision.
    changes : list of Change
        Differences of trades, by time.
    """

    def __init__(self, findings: list[Finding], facts: Facts) -> None:
        self.findings = findings
        self.facts = facts
        self.found: dict[int, Verdict] = {}
        self.prices = {
            pair: Prices(frame, facts.tolerances.detail) for pair, frame in facts.minutes.items()
        }
        self.ticks = {
            pair: 10.0 ** -decimals_of([*frame["low"].tail(SAMPLE), *frame["high"].tail(SAMPLE)])
            for pair, frame in facts.minutes.items()
        }
        self.decisions = {
            (finding.at, finding.pair): number
            for number, finding in enumerate(findings)
            if finding.kind is Kind.SIGNAL
        }
        self.changes = sorted(self._changes(), key=lambda change: change.moment)

    def absent(self, begin: datetime, end: datetime) -> Verdict | None:
        """Return why the bot could not act from `begin` until `end`: it had to be away so long."""
        starts = self.facts.live.starts
        if starts and starts[0] >= end:
            return Verdict(Cause.STARTUP, f"the bot was first started at {clock(starts[0])}")
        slow = self.facts.tolerances.notice + self.facts.tolerances.throttle
        for interval in self.facts.down:
            if interval.begin <= min(begin + slow, end) and interval.end > max(begin, end - slow):
                return Verdict(Cause.DOWN, f"the bot could not act from {interval}")
        return None

    def followed(self, finding: Finding, columns: set[str]) -> Verdict | None:
        """Return that the decision differs as well; UNEXPLAINED when nobody knows why."""
        number = self.decisions.get((finding.at - self.facts.step, finding.pair))
        if number is None:
            return None
        decision, verdict = self.findings[number], self.found[number]
        if decision.what != MISSING and not columns & set(decision.columns):
            return None
        if verdict.cause is Cause.UNEXPLAINED:
            return Verdict(Cause.UNEXPLAINED, "so is the decision it follows")
        return Verdict(
            Cause.SIGNAL,
            f"the decision of {clock(decision.at)} differs: {verdict.code}, {verdict.evidence}",
        )

    def tick(self, trade: Mapping[str, Any]) -> float:
        """Return what a pair's prices are rounded to; of few prices it would come out too large."""
        told = 10.0 ** -decimals_of([trade["open_rate"], trade["initial_stop"]])
        return min(self.ticks.get(trade["pair"], told), told)

    def _changes(self) -> Iterator[Change]:
        start = self.facts.window.start
        for record, name in ((self.facts.live, "bot"), (self.facts.backtest, "backtest")):
            for trade in record.trades.to_dict("records"):
                if candle_of(trade["opened_at"], self.facts.step) < start:
                    yield Change(
                        trade["opened_at"],
                        trade["pair"],
                        f"the {name} had {trade['pair']} from before the window",
                    )
        for number, finding in enumerate(self.findings):
            if finding.kind is Kind.ENTRY and finding.what == MISSING:
                who = "backtest" if finding.live_row is None else "bot"
                text = f"only the {who} entered {finding.pair} at {clock(finding.at)}"
                yield Change(finding.at, finding.pair, text, number)
            elif finding.kind is Kind.EXIT:
                ends = [
                    row["closed_at"]
                    for row in (finding.live_row, finding.backtest_row)
                    if row is not None and not pd.isna(row["closed_at"])
                ]
                text = f"{finding.pair} of {clock(finding.at)} ended differently ({finding.what})"
                yield Change(min(ends), finding.pair, text, number)
            elif finding.kind is Kind.SIZE or finding.what == "price":
                text = f"{finding.pair} of {clock(finding.at)} had another {finding.what}"
                yield Change(finding.at, finding.pair, text, number)

    def change_before(
        self,
        number: int,
        back: timedelta,
        pair: str | None,
        *,
        same_candle: bool = False,
        of: frozenset[Kind] | None = None,
    ) -> Change | None:
        """Return the latest difference of trades that may have reached a finding, None if none.

        `of` are the kinds of differences that it can follow from, by default all.
        """
        at = self.findings[number].at
        late = at + self.facts.tolerances.late
        for change in reversed(self.changes):
            if change.number == number or (pair is not None and change.pair != pair):
                continue
            if back < DAY * 365 and change.moment < at - back - self.facts.step:
                continue
            other = self.findings[change.number] if change.number >= 0 else None
            missing = other is None or other.what == MISSING
            if of is not None and not missing and other is not None and other.kind not in of:
                continue
            if other is not None and other.kind is Kind.ENTRY and other.at == at:
                # Two entries of one candle must not be each other's excuse.
                rooted = self.found.get(change.number, UNEXPLAINED).cause is not Cause.KNOCK_ON
                if not (same_candle and rooted and other.what == MISSING):
                    continue
            elif change.moment >= (late if other is not None and other.kind is Kind.EXIT else at):
                continue
            return change
        return None


def after(cause: Cause, told: str, change: Change | None) -> Verdict | None:
    """Return a cause that needs an earlier difference of trades, None without one."""
    return None if change is None else Verdict(cause, f"{told}; earlier, {change.text}")


def apart(one: float, other: float) -> float:
    """Return how far two numbers are apart as a fraction; infinite when one is not known."""
    if math.isnan(one) or math.isnan(other):
        return math.inf
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def clock(moment: datetime) -> str:
    """Return a moment without its year, and without seconds where it has none."""
    return f"{moment:%m-%d %H:%M:%S}".removesuffix(":00")

"""Why two records differ: each cause with the evidence it needs, and none by default.

A difference that no rule can prove the origin of is `Cause.UNEXPLAINED`. A rule never concludes
from something that is merely absent: it asks for a row, a figure or an interval that says so.
"""

import bisect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from providers.coverage import Period
from regimekit.schema import Availability, Gate, Side
from regimekit.settings import Settings
from rehearsal.budget import Budget, budget
from rehearsal.evidence import Prices, decimals_of, touched
from rehearsal.findings import MISSING, Finding, Interval, Kind, Tolerances, candle_of, close
from rehearsal.records import Record


class Cause(StrEnum):
    """Why something differs; `EVIDENCE` tells what each needs."""

    UNEXPLAINED = "unexplained"
    AVERAGES = "averages"
    INPUT_LATE = "input late"
    INPUT_EXTRA = "input extra"
    STARTUP = "startup"
    DOWN = "down"
    LATE_ANALYSIS = "late analysis"
    SIGNAL = "signal"
    ORDER_TIME_FILTER = "order-time filter"
    GATE = "gate"
    KNOCK_ON = "knock-on"
    LOCKED = "locked"
    UNFILLED = "unfilled"
    FILL_PRICE = "fill price"
    STAKE_OF_PRICE = "stake of price"
    STAKE_OF_EQUITY = "stake of equity"
    THROTTLE = "throttle"
    STOP_IN_CANDLE = "stop in candle"
    STOP_ON_EXCHANGE = "stop on exchange"
    STOP_LEVEL = "stop level"
    WINDOW_END = "window end"


EVIDENCE: dict[Cause, str] = {
    Cause.UNEXPLAINED: "no rule could prove another cause",
    Cause.AVERAGES: "only ATR, stop distance or confidence differ, by less than the tolerance",
    Cause.INPUT_LATE: "an input's state was worse or its age higher in the journal than in the "
    "files, only columns differ that this input has a say in, and the entry is not turned round",
    Cause.INPUT_EXTRA: "likewise, but the bot had what the files have not",
    Cause.STARTUP: "the journal's first start lies after the moment",
    Cause.DOWN: "the bot could not act in an interval that holds all of the time in which it would "
    "have done so",
    Cause.LATE_ANALYSIS: "the journal dates the analysis of all pairs, or the database the order "
    "of a pair before it, so late that its turn came when entries were no longer allowed",
    Cause.SIGNAL: "the decision it follows differs too, for a cause that is known",
    Cause.ORDER_TIME_FILTER: "a ledger says that order book or news refused the order",
    Cause.GATE: "a ledger says that a gate refused the order which needs no past trades; where it "
    "is the reward, at another price",
    Cause.KNOCK_ON: "a gate, place or position that depends on trades, and an earlier difference "
    "within its reach of what it depends on",
    Cause.LOCKED: "a pair lock of the bot covers the moment",
    Cause.UNFILLED: "the bot's log says that the entry was not filled",
    Cause.FILL_PRICE: "each price was traded within the minutes of its own order; of an exit, time "
    "and reason are explained or the same",
    Cause.STAKE_OF_PRICE: "the risk budget gives each side's stake from its own price",
    Cause.STAKE_OF_EQUITY: "the risk budget gives each side's stake from its own equity, which "
    "earlier trades made differ",
    Cause.THROTTLE: "the backtest's minute had not ended when the bot looked last before it "
    "noticed the exit; its log tells when loops ended, without it a close gives time to analyze",
    Cause.STOP_IN_CANDLE: "both stops are the same but for the fills, and each price was traded "
    "within the minutes of its own exit",
    Cause.STOP_ON_EXCHANGE: "the same stop under another name: the bot's order rested on the "
    "exchange, and the two stops are as far apart as the fills",
    Cause.STOP_LEVEL: "fills or best prices differ, account for how far the stops are apart, "
    "each stop was reached in the minutes of its own exit, and the later one not before",
    Cause.WINDOW_END: "the backtest ended and closed what was open, or could not enter there",
}

FORCED = "force_exit"
MOST_LEVERAGE = 150  # of any exchange, with room
ON_EXCHANGE = "stoploss_on_exchange"
MOVING = ("stop_loss", "trailing_stop_loss")
STOPS = (*MOVING, ON_EXCHANGE)
SAMPLE = 2000  # minutes that tell how a pair's prices are rounded
CHOSEN = {"entry", "enter_tag"}  # the columns that make an entry
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_DECIDED = {"entry", "enter_tag", "confidence_long", "confidence_short"} | {
    "refused_long",
    "refused_short",
}
# What each input has a say in, by the beginning of the names of its columns.
_REACH = {
    "state_1h": _DECIDED,
    "state_4h": _DECIDED | {"regime", "min_confidence", "stop_distance"},
    "funding_": _DECIDED | {"squeeze_risk", "squeeze_state"},
    "oi_": _DECIDED | {"squeeze_risk", "squeeze_state"},
    "flow_": _DECIDED | {"squeeze_risk", "squeeze_state"},
    "spot_flow_": _DECIDED | {"squeeze_risk", "squeeze_state"},
}
_CONTINUOUS = {"atr", "stop_distance", "confidence_long", "confidence_short"}
_BY_THEMSELVES = {
    Gate.REWARD,
    *(gate for gate in Gate if gate.name in {"INSTANCE", "CLOCK_SKEW", "DISK"}),
}
_AT_ORDER_TIME = {Gate.ORDER_BOOK, Gate.NEWS}
# How far back, and on which pairs, a gate looks at trades.
_LOOKS_BACK = {
    Gate.EXIT_CANDLE: (DAY, True),
    Gate.COOLDOWN: (timedelta(days=14), True),
    Gate.CANDLE: (timedelta(0), False),
    Gate.HOUR: (HOUR, False),
    Gate.DAY: (DAY, False),
    Gate.SAME_DIRECTION: (timedelta.max, False),
    Gate.DAILY_LOSS: (DAY, False),
    Gate.DRAWDOWN: (timedelta.max, False),
    Gate.TOTAL_RISK: (timedelta.max, False),
    Gate.ADAPTIVE: (timedelta.max, False),
}
# Differences of trades that both sides made which a gate can follow from; others ask for all. What
# one side did not trade at all counts for each gate.
_DEPENDS_ON: dict[Gate, frozenset[Kind]] = {
    Gate.CANDLE: frozenset(),
    Gate.HOUR: frozenset(),
    Gate.DAY: frozenset(),
    Gate.EXIT_CANDLE: frozenset({Kind.EXIT}),
    Gate.COOLDOWN: frozenset({Kind.EXIT}),
    Gate.SAME_DIRECTION: frozenset({Kind.EXIT}),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look for evidence in.

    Attributes
    ----------
    span : Period
        What was backtested: its first candle gets no entry, nor does its last.
    down : tuple of Interval
        When the bot could not act.
    minutes : mapping of DataFrame
        By pair: candles of `Tolerances.detail`; without them no price can be explained.
    most_open : float
        Places for open trades; infinite where there is no limit.
    """

    live: Record
    backtest: Record
    window: Period
    span: Period
    step: timedelta
    tolerances: Tolerances
    down: tuple[Interval, ...]
    minutes: Mapping[str, pd.DataFrame]
    settings: Settings
    most_open: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause of one difference, what proves it, and for `Cause.GATE` which gate."""

    cause: Cause
    evidence: str = ""
    gate: str = ""

    @property
    def code(self) -> str:
        """Return the cause as one word: ``FILL_PRICE``, ``GATE_REWARD``."""
        return f"{self.cause.name}_{self.gate.upper()}" if self.gate else self.cause.name


UNEXPLAINED = Verdict(Cause.UNEXPLAINED)


@dataclass(frozen=True, slots=True)
class _Change:
    """A difference of trades, from when on it may have consequences."""

    moment: datetime
    pair: str
    text: str
    number: int = -1  # of the finding; -1 for a trade from before the window


def explain(findings: list[Finding], facts: Facts) -> list[Verdict]:
    """Return the cause of each finding."""
    return _Judge(findings, facts).verdicts()


class _Judge:
    """Asks the rules of a finding's kind, decisions first, because trades follow them."""

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

    def verdicts(self) -> list[Verdict]:
        rules: dict[Kind, Callable[[int, Finding], Verdict | None]] = {
            Kind.SIGNAL: self._signal,
            Kind.ENTRY: self._entry,
            Kind.SIZE: self._size,
            Kind.PLAN: self._plan,
            Kind.EXIT: self._exit,
        }
        for kind, rule in rules.items():
            for number, finding in enumerate(self.findings):
                if finding.kind is kind:
                    self.found[number] = rule(number, finding) or UNEXPLAINED
        # What refused an entry may be another entry of the same candle, judged only by now.
        for number, finding in enumerate(self.findings):
            missing = finding.kind is Kind.ENTRY and finding.what == MISSING
            open_ = missing and self.found[number] is UNEXPLAINED
            if open_ and not self._unasked(finding) and self._followed(finding, CHOSEN) is None:
                self.found[number] = self._refused(number, finding, same_candle=True) or UNEXPLAINED
        return [self.found[number] for number in range(len(self.findings))]

    # Decisions

    def _signal(self, _: int, finding: Finding) -> Verdict | None:
        closes = finding.at + self.facts.step
        if finding.what == MISSING:
            if finding.live_row is not None:
                return None
            return self._absent(closes, closes + self.facts.step)
        live, files = finding.live_row or {}, finding.backtest_row or {}
        if self._impossible(live, files):
            return None
        near = self.facts.tolerances.averages
        left = {
            name
            for name in finding.columns
            if not (name in _CONTINUOUS and close(live[name], files[name], near))
        }
        if not left:
            worst = max(_apart(live[name], files[name]) for name in finding.columns)
            return Verdict(Cause.AVERAGES, f"at most {worst:.1e} apart, as averages are that began "
                           "elsewhere")  # fmt: skip
        for prefix, reach in _REACH.items():
            own = {name for name in left if name.startswith(prefix)}
            if own and left <= own | reach | _other_inputs(left):
                return _input(min(own, key=_state_first), live, files)
        return None

    def _impossible(self, live: Mapping[str, Any], files: Mapping[str, Any]) -> bool:
        """Tell whether no input gives these two entries: opposite ones, or one without its inputs.

        An input that is missing stops an entry, and never turns it round.
        """
        if live.get("entry", 0) * files.get("entry", 0) < 0:
            return True
        settings, required = self.facts.settings, ["state_1h", "state_4h"]
        if settings.filters.funding and settings.filters.funding_outage == "block":
            required.append("funding_state")
        if settings.squeeze.enabled and settings.squeeze.outage == "block":
            required.append("oi_state")
        return any(
            abs(row.get("entry", 0)) > 0
            and any(row.get(name, Availability.OK) != Availability.OK for name in required)
            for row in (live, files)
        )

    def _absent(self, begin: datetime, end: datetime) -> Verdict | None:
        """Return why the bot could not act from `begin` until `end`: it had to be away so long."""
        starts = self.facts.live.starts
        if starts and starts[0] >= end:
            return Verdict(Cause.STARTUP, f"the bot was first started at {_clock(starts[0])}")
        slow = self.facts.tolerances.notice + self.facts.tolerances.throttle
        for interval in self.facts.down:
            if interval.begin <= min(begin + slow, end) and interval.end > max(begin, end - slow):
                return Verdict(Cause.DOWN, f"the bot could not act from {interval}")
        return None

    # Entries

    def _entry(self, number: int, finding: Finding) -> Verdict | None:
        if finding.what == MISSING:
            return self._missing(number, finding)
        followed = self._followed(finding, {"entry", "enter_tag", "regime"})
        if finding.what == "tag":
            return followed
        row, other = finding.live_row or {}, finding.backtest_row or {}
        if finding.what == "time":
            return None  # Freqtrade sends no entry so late, whatever kept the bot
        tolerances = self.facts.tolerances
        prices = self.prices.get(finding.pair)
        if prices is None:
            return None
        ours = prices.range(self._ordering(finding, row), row["opened_at"])
        theirs = prices.range(other["opened_at"], other["opened_at"])
        if not (
            ours.contains(row["open_rate"], tolerances.spread)
            and theirs.contains(other["open_rate"], tolerances.spread)
        ):
            return None
        delay = (row["opened_at"] - other["opened_at"]).total_seconds()
        return Verdict(
            Cause.FILL_PRICE,
            f"{ours} was traded around the order, {delay:.0f} s after the backtest's",
        )

    def _ordering(self, finding: Finding, trade: Mapping[str, Any]) -> datetime:
        """Return since when the bot may have looked at the price that it ordered at."""
        orders, tolerances = self.facts.live.orders, self.facts.tolerances
        opened: datetime = trade["opened_at"]
        own = orders["trade_id"].eq(trade["trade_id"]) & orders["ordered_at"].between(
            finding.at, opened
        )
        ordered = orders.loc[own, "ordered_at"].min() if own.any() else opened
        return max(finding.at, ordered - tolerances.order - tolerances.throttle)

    def _missing(self, number: int, finding: Finding) -> Verdict | None:
        entered = finding.live_row is not None
        if self._unasked(finding):
            return None
        followed = self._followed(finding, CHOSEN)
        if followed is not None:
            return followed if followed.cause is not Cause.UNEXPLAINED else None
        if not entered:
            late = self.facts.tolerances.late
            absent = self._away(finding.at, finding.at + late, finding) or self._late(finding)
            if absent:
                return absent
        return (
            self._refused(number, finding)
            or (None if entered else self._not_filled(finding))
            or self._edge(finding)
        )

    def _unasked(self, finding: Finding) -> bool:
        """Tell whether the side that entered had decided otherwise: nothing excuses that."""
        wanted = -1 if finding.side == Side.SHORT else 1
        record = self.facts.backtest if finding.live_row is None else self.facts.live
        signals = record.signals
        own = signals["pair"].eq(finding.pair) & signals["candle"].eq(finding.at - self.facts.step)
        said = signals.loc[own, "entry"]
        return not said.empty and said.iloc[0] != wanted

    def _away(self, begin: datetime, end: datetime, finding: Finding) -> Verdict | None:
        """Return why the bot could not enter in [begin, end): it was down when its turn came.

        A decision that it wrote down before it went is one that it had the time to act on.
        """
        signals, tolerances = self.facts.live.signals, self.facts.tolerances
        own = signals["pair"].eq(finding.pair) & signals["candle"].eq(finding.at - self.facts.step)
        absent = self._absent(begin, end)
        if not own.any() or (absent is not None and absent.cause is Cause.STARTUP):
            return absent
        analyzed = signals.loc[own, "at"].iloc[0]
        acted = analyzed + tolerances.throttle + tolerances.order * max(1, len(self.facts.minutes))
        for interval in self.facts.down:
            if analyzed <= interval.begin < min(acted, end) or (
                interval.overlaps(begin, end) and interval.begin <= analyzed < interval.end
            ):
                return Verdict(Cause.DOWN, f"the bot could not act from {interval}")
        return None

    def _followed(self, finding: Finding, columns: set[str]) -> Verdict | None:
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
            f"the decision of {_clock(decision.at)} differs: {verdict.code}, {verdict.evidence}",
        )

    def _late(self, finding: Finding) -> Verdict | None:
        """Return that the bot came to the pair too late.

        It orders nothing before it has analyzed every pair, and then one pair after the other.
        """
        signals, trades = self.facts.live.signals, self.facts.live.trades
        own = signals["candle"].eq(finding.at - self.facts.step)
        if not (own & signals["pair"].eq(finding.pair)).any():
            return None
        late = self.facts.tolerances.late
        others = trades["opened_at"].between(
            finding.at, finding.at + self.facts.step, inclusive="left"
        ) & trades["pair"].ne(finding.pair)
        seen = signals.loc[own & signals["pair"].eq(finding.pair), "at"].iloc[0]
        analyzed = signals.loc[own, "at"].max() - finding.at
        # Whoever ordered after our pair was analyzed did so in its loop or in a later one.
        ordered = trades.loc[others & (trades["opened_at"] >= seen), "opened_at"]
        if not ordered.empty:
            analyzed = min(analyzed, ordered.min() - finding.at)
        allowed = f"entries are allowed for {late.total_seconds():.0f} s"
        if analyzed > late:
            return Verdict(
                Cause.LATE_ANALYSIS,
                f"all pairs were analyzed {analyzed.total_seconds():.0f} s after the close, "
                f"{allowed}",
            )
        before = signals.loc[own & (signals["at"] <= seen), "pair"]  # pairs keep their order
        turns = trades.loc[others & trades["pair"].isin(before), "opened_at"]
        if turns.empty or turns.min() - finding.at < seen - finding.at:
            return None
        last = turns.max() - finding.at
        if last + self.facts.tolerances.order <= late:
            return None
        return Verdict(
            Cause.LATE_ANALYSIS,
            f"its turn came after another pair's order {last.total_seconds():.0f} s after the "
            f"close, {allowed}",
        )

    def _refused(
        self, number: int, finding: Finding, *, same_candle: bool = False
    ) -> Verdict | None:
        """Return what the side that did not enter says about it."""
        record = self.facts.live if finding.live_row is None else self.facts.backtest
        where = "bot's" if finding.live_row is None else "backtest's"
        rows = record.refusals
        if len(rows):
            own = rows["pair"].eq(finding.pair) & rows["side"].eq(finding.side)
            rows = rows[own & rows["at"].eq(finding.at)]
        for row in rows.to_dict("records"):
            gate = _gate(row["gate"])
            said = f"the {where} ledger says {row['gate']}: {row['reason']}"
            if gate in _AT_ORDER_TIME:
                return Verdict(Cause.ORDER_TIME_FILTER, said)
            if gate is Gate.REWARD and not _other_price(row, finding):
                continue
            if gate in _BY_THEMSELVES:
                return Verdict(Cause.GATE, said, str(row["gate"]))
            if gate in _LOOKS_BACK:
                back, same_pair = _LOOKS_BACK[gate]
                pair = finding.pair if same_pair else None
                if gate is Gate.SAME_DIRECTION and not self._standing_differ(finding):
                    continue
                if change := self._change_before(
                    number, back, pair, same_candle=same_candle, of=_DEPENDS_ON.get(gate)
                ):
                    return Verdict(Cause.KNOCK_ON, f"{said}; earlier, {change.text}")
        return self._no_place(number, finding, record, same_candle=same_candle)

    def _standing_differ(self, finding: Finding) -> bool:
        """Tell whether the two sides held other trades around an entry that one of them refused."""
        until = finding.at + self.facts.tolerances.late
        sides = []
        for record in (self.facts.live, self.facts.backtest):
            trades = record.trades
            standing = trades[
                (trades["opened_at"] < until)
                & (trades["closed_at"].isna() | (trades["closed_at"] > finding.at))
                & trades["pair"].ne(finding.pair)
            ]
            sides.append(sorted(zip(standing["pair"], standing["side"], strict=True)))
        return sides[0] != sides[1]

    def _no_place(
        self, number: int, finding: Finding, record: Record, *, same_candle: bool
    ) -> Verdict | None:
        until = finding.at + self.facts.tolerances.late
        trades = record.trades
        standing = trades[
            (trades["opened_at"] < (until if same_candle else finding.at))
            & (trades["closed_at"].isna() | (trades["closed_at"] > finding.at))
        ]
        own = standing[standing["pair"].eq(finding.pair)]
        if not own.empty:
            return _after(
                Cause.KNOCK_ON, f"{finding.pair} was held already", self._of_holding(own, finding)
            )
        if len(standing) < self.facts.most_open:
            return None
        change = self._change_before(
            number, timedelta.max, None, same_candle=same_candle, of=frozenset({Kind.EXIT})
        )
        return _after(Cause.KNOCK_ON, f"{len(standing)} trades stood", change)

    def _of_holding(self, held: pd.DataFrame, finding: Finding) -> _Change | None:
        """Return why only one side held a pair: it alone had entered, or has not exited yet.

        A trade of the same candle is no reason: it would be this very entry, made differently.
        """
        entered = self.facts.backtest if finding.live_row is None else self.facts.live
        trades = entered.trades[
            entered.trades["pair"].eq(finding.pair) & (entered.trades["opened_at"] < finding.at)
        ]
        if (trades["closed_at"].isna() | (trades["closed_at"] > self._until(finding))).any():
            return None  # it held the pair as well, and yet entered
        opened = {candle_of(moment, self.facts.step) for moment in held["opened_at"]} - {finding.at}
        for change in reversed(self.changes):
            other = self.findings[change.number] if change.number >= 0 else None
            began = candle_of(change.moment, self.facts.step) if other is None else other.at
            stands = other is None or other.what == MISSING or other.kind is Kind.EXIT
            if change.pair == finding.pair and began in opened and stands:
                return change
        return None

    def _until(self, finding: Finding) -> datetime:
        """Return until when the side that entered may have entered."""
        trade = finding.live_row if finding.live_row is not None else finding.backtest_row
        return finding.at if trade is None else max(finding.at, trade["opened_at"])

    def _not_filled(self, finding: Finding) -> Verdict | None:
        end = finding.at + self.facts.step
        canceled, locks = self.facts.live.canceled, self.facts.live.locks
        own = canceled["pair"].eq(finding.pair) & canceled["at"].between(
            finding.at, end, inclusive="left"
        )
        for text in canceled.loc[own, "text"]:
            return Verdict(Cause.UNFILLED, f"the log says: {text}")
        until = finding.at + self.facts.tolerances.late
        covering = (
            locks["pair"].isin([finding.pair, "*"])
            & locks["side"].isin([finding.side, "*"])
            & (locks["since"] <= finding.at)
            & (locks["until"] > until)
            & locks["active"].astype(bool)
        )
        for row in locks[covering].to_dict("records"):
            return Verdict(
                Cause.LOCKED,
                f"locked from {_clock(row['since'])} to {_clock(row['until'])}: {row['reason']}",
            )
        return None

    def _edge(self, finding: Finding) -> Verdict | None:
        """Return that the backtest cannot enter in its first candle, nor in its last."""
        span, step = self.facts.span, self.facts.step
        if finding.live_row is not None and not span.start < finding.at < span.end - step:
            return Verdict(
                Cause.WINDOW_END,
                f"the backtest enters after {_clock(span.start)} and before "
                f"{_clock(span.end - step)}",
            )
        return None

    # Trades that depend on trades

    def _changes(self) -> Iterator[_Change]:
        start = self.facts.window.start
        for record, name in ((self.facts.live, "bot"), (self.facts.backtest, "backtest")):
            for trade in record.trades.to_dict("records"):
                if candle_of(trade["opened_at"], self.facts.step) < start:
                    yield _Change(
                        trade["opened_at"],
                        trade["pair"],
                        f"the {name} had {trade['pair']} from before the window",
                    )
        for number, finding in enumerate(self.findings):
            if finding.kind is Kind.ENTRY and finding.what == MISSING:
                who = "backtest" if finding.live_row is None else "bot"
                text = f"only the {who} entered {finding.pair} at {_clock(finding.at)}"
                yield _Change(finding.at, finding.pair, text, number)
            elif finding.kind is Kind.EXIT:
                ends = [
                    row["closed_at"]
                    for row in (finding.live_row, finding.backtest_row)
                    if row is not None and not pd.isna(row["closed_at"])
                ]
                text = f"{finding.pair} of {_clock(finding.at)} ended differently ({finding.what})"
                yield _Change(min(ends), finding.pair, text, number)
            elif finding.kind is Kind.SIZE or finding.what == "price":
                text = f"{finding.pair} of {_clock(finding.at)} had another {finding.what}"
                yield _Change(finding.at, finding.pair, text, number)

    def _change_before(
        self,
        number: int,
        back: timedelta,
        pair: str | None,
        *,
        same_candle: bool = False,
        of: frozenset[Kind] | None = None,
    ) -> _Change | None:
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

    # Stakes and plans

    def _size(self, number: int, finding: Finding) -> Verdict | None:
        sides = self._budgets(finding)
        if sides is None:
            return None
        ours, theirs = sides
        told = _same_bound(sides) if finding.what == "leverage" else _same_budget(sides)
        if not told:
            return None
        earlier = self._change_before(number, timedelta.max, None)
        if ours.adaptation != theirs.adaptation:
            return _after(Cause.KNOCK_ON, f"recent results differ; {told}", earlier)
        if finding.what == "stake" and not close(ours.equity, theirs.equity):
            return _after(Cause.STAKE_OF_EQUITY, told, earlier)
        moved = not close(ours.trade["open_rate"], theirs.trade["open_rate"])
        return Verdict(Cause.STAKE_OF_PRICE, told) if moved else None

    def _budgets(self, finding: Finding) -> "tuple[Budget, Budget] | None":
        """Return what both sides' stake and leverage follow from, None where it is not known."""
        facts = self.facts
        ours, theirs = (
            budget(row or {}, record, facts.settings, facts.step, facts.tolerances.spread)
            for row, record in (
                (finding.live_row, facts.live),
                (finding.backtest_row, facts.backtest),
            )
        )
        return None if ours is None or theirs is None else (ours, theirs)

    def _plan(self, number: int, finding: Finding) -> Verdict | None:
        live, other = finding.live_row or {}, finding.backtest_row or {}
        wanted = {
            "confidence": {f"confidence_{finding.side}"},
            "atr": {"atr"},
            "regime": {"regime"},
            "sub strategy": {"regime"},
        }
        columns = wanted.get(finding.what, {"stop_distance", "regime", "atr"})
        if isinstance(finding.live, str):
            return _unless_unknown(self._followed(finding, columns))
        if math.isnan(finding.live) or math.isnan(finding.backtest):
            return None
        if finding.what == "initial stop":
            return self._of_ticks(finding, live, other)
        return self._planned(number, finding) or _unless_unknown(self._followed(finding, columns))

    def _of_ticks(
        self, finding: Finding, live: Mapping[str, Any], other: Mapping[str, Any]
    ) -> Verdict | None:
        """Return that Freqtrade's first stop moved with the entry, rounded to another tick."""
        ticks = sum(self._tick(row) / row["open_rate"] * row["leverage"] for row in (live, other))
        moved = not close(live["open_rate"], other["open_rate"])
        if not moved or abs(finding.live - finding.backtest) > ticks:
            return None
        return Verdict(
            Cause.FILL_PRICE, f"it moved with the entry's price, rounded to ticks ({ticks:.1e})"
        )

    def _tick(self, trade: Mapping[str, Any]) -> float:
        """Return what a pair's prices are rounded to; of few prices it would come out too large."""
        told = 10.0 ** -decimals_of([trade["open_rate"], trade["initial_stop"]])
        return min(self.ticks.get(trade["pair"], told), told)

    def _planned(self, number: int, finding: Finding) -> Verdict | None:
        """Return why a distance of the plan differs, apart from the decision behind it."""
        live, other = finding.live_row or {}, finding.backtest_row or {}
        apart = _apart(finding.live, finding.backtest)
        if apart <= self.facts.tolerances.averages:
            return Verdict(Cause.AVERAGES, f"{apart:.1e} apart")
        if finding.what in ("risk", "reward"):
            if _of_price(live, other):
                return Verdict(
                    Cause.FILL_PRICE, "the stop lies a fixed share of the entry's price away"
                )
            return self._adapted(number, finding)
        return None

    def _adapted(self, number: int, finding: Finding) -> Verdict | None:
        """Return that recent results, which differ, ask for another stop or target."""
        sides = self._budgets(finding)
        if sides is None or sides[0].adaptation == sides[1].adaptation:
            return None
        exits, near = self.facts.settings.exits, self.facts.tolerances.averages
        shares = [
            side.trade["plan_reward"] / side.trade["plan_risk"] / side.adaptation.reward
            for side in sides
        ]
        stops = all(
            close(side.trade["plan_risk"], side.stop_distance(exits), near) for side in sides
        )
        if not (stops and close(shares[0], shares[1], near)):
            return None
        told = "recent results ask for factors of " + " and ".join(
            f"{side.adaptation.stop:.3g} (stop), {side.adaptation.reward:.3g} (target)"
            for side in sides
        )
        return _after(Cause.KNOCK_ON, told, self._change_before(number, timedelta.max, None))

    # Exits

    def _exit(self, _: int, finding: Finding) -> Verdict | None:
        live, other = finding.live_row or {}, finding.backtest_row or {}
        if ended := self._ended(live, other):
            return ended
        if finding.what == "state":
            return None
        if finding.what == "time":
            return self._noticed(live, other) or self._other_stop(finding, live, other)
        if finding.what == "reason":
            return self._renamed(live, other) or self._other_stop(finding, live, other)
        return self._exit_price(finding, live, other)

    def _ended(self, live: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict | None:
        """Return that the backtest closed a trade only because it ended."""
        if other["exit_reason"] != FORCED or pd.isna(other["closed_at"]):
            return None
        if other["closed_at"] < self.facts.span.end - self.facts.step:
            return None
        earlier = not pd.isna(live["closed_at"]) and live["closed_at"] < other["closed_at"]
        if earlier:
            return None
        return Verdict(
            Cause.WINDOW_END, f"the backtest ended and closed it at {_clock(other['closed_at'])}"
        )

    def _noticed(self, live: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict | None:
        tolerances = self.facts.tolerances
        delay = live["closed_at"] - other["closed_at"]
        looked, why = self._looked(live["closed_at"])
        if delay >= timedelta(0) and other["closed_at"] + tolerances.detail >= looked:
            return Verdict(
                Cause.THROTTLE,
                f"noticed {delay.total_seconds():.0f} s after its minute began; {why}",
            )
        for interval in self.facts.down:
            inside = interval.begin <= other["closed_at"] + tolerances.detail < interval.end
            back = interval.end + tolerances.throttle + tolerances.order
            late = back + tolerances.analysis  # a start analyzes the newest candle
            if inside and interval.end <= live["closed_at"] <= late:
                return Verdict(Cause.DOWN, f"the bot could not act from {interval}")
        return None

    def _looked(self, noticed: datetime) -> tuple[datetime, str]:
        """Return when the bot looked at prices last before it noticed something, and how we know.

        Freqtrade logs the end of a loop about once a minute; the loop that noticed it began after
        the last of these, and the one before looked a pause and an order earlier. Without a log a
        loop with a new candle in it may take an analysis more.
        """
        tolerances, beats = self.facts.tolerances, self.facts.live.beats
        pause = tolerances.throttle + tolerances.order
        earliest = noticed - tolerances.notice - tolerances.order
        number = bisect.bisect_right(beats, noticed)
        if number and number < len(beats):
            since = max(beats[number - 1] - pause, earliest)
            return since, f"its log tells of loops at {_clock(beats[number - 1])} and " + _clock(
                beats[number]
            )
        closed = candle_of(noticed, self.facts.step)
        if noticed - closed <= tolerances.notice + tolerances.order:
            return earliest, f"a candle closed at {_clock(closed)} and was analyzed"
        return noticed - pause, f"a loop takes up to {pause.total_seconds():.0f} s"

    def _exit_price(
        self, finding: Finding, live: Mapping[str, Any], other: Mapping[str, Any]
    ) -> Verdict | None:
        if self._unexplained_exit(finding) or not self._own_prices(finding.pair, live, other):
            return None
        prices = self.prices[finding.pair]
        noticed, _ = self._looked(live["closed_at"])
        told = (
            f"the backtest's minute had {prices.range(other['closed_at'], other['closed_at'])}, "
            f"the bot's {prices.range(noticed, live['closed_at'])}"
        )
        if other["exit_reason"] not in STOPS or live["exit_reason"] not in STOPS:
            return Verdict(Cause.FILL_PRICE, told)
        if self._same_stop(live, other):
            return Verdict(Cause.STOP_IN_CANDLE, told)
        return self._other_stop(finding, live, other)

    def _unexplained_exit(self, finding: Finding) -> bool:
        """Tell whether nobody knows why this exit happened then, or for that reason."""
        return any(
            verdict.cause is Cause.UNEXPLAINED
            and self.findings[number].kind is Kind.EXIT
            and self.findings[number].live_row is finding.live_row
            for number, verdict in self.found.items()
        )

    def _same_stop(self, live: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Tell whether both stops are one, as far apart as the fills at most; not if unknown."""
        apart = abs(live["stop"] - other["stop"])
        return bool(apart <= _fills_apart(live, other) + self._tick(live) + self._tick(other))

    def _own_prices(self, pair: str, live: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Tell whether each side's exit price was traded in the minutes of its own exit."""
        prices, tolerances = self.prices.get(pair), self.facts.tolerances
        if prices is None:
            return False
        ours = prices.range(self._looked(live["closed_at"])[0], live["closed_at"])
        theirs = prices.range(other["closed_at"], other["closed_at"])
        return ours.contains(live["close_rate"], tolerances.spread) and theirs.contains(
            other["close_rate"], tolerances.spread
        )

    def _renamed(self, live: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict | None:
        """Return that the bot's stop was an order, for which Freqtrade has a name of its own."""
        if live["exit_reason"] != ON_EXCHANGE or other["exit_reason"] not in MOVING:
            return None
        if not self._same_stop(live, other):
            return None
        return Verdict(
            Cause.STOP_ON_EXCHANGE,
            f"both ended at their stop, {live['stop']:.10g} and {other['stop']:.10g}",
        )

    def _other_stop(
        self, finding: Finding, live: Mapping[str, Any], other: Mapping[str, Any]
    ) -> Verdict | None:
        """Return that a stop follows the fill and the best price, and that these differ."""
        if live["exit_reason"] not in STOPS or other["exit_reason"] not in STOPS:
            return None
        filled, seen = _fills_apart(live, other), sorted((live["best"], other["best"]))
        same = close(*seen) and not filled
        if same or not self._own_prices(finding.pair, live, other):
            return None
        prices = self.prices[finding.pair]
        ticks = self._tick(live) + self._tick(other)
        accounted, apart = filled + seen[1] - seen[0], abs(live["stop"] - other["stop"])
        levels = [
            level
            for level in _levels(other, self.facts.settings)
            if seen[0] - ticks <= level <= seen[1] + ticks
        ]
        levels = levels if self._moved(live, other, ticks) else []
        if not (apart <= accounted + ticks or levels) or self._ignored(prices, live, other, ticks):
            return None
        noticed, _ = self._looked(live["closed_at"])
        reached = touched(prices, live, noticed, ticks)
        if not (reached and touched(prices, other, other["closed_at"], ticks)):
            return None
        crossed = f", {levels[0]:.10g} lies between them" if levels else ""
        return Verdict(
            Cause.STOP_LEVEL,
            f"filled at {live['open_rate']:.10g} and {other['open_rate']:.10g}, best prices seen "
            f"{live['best']:.10g} and {other['best']:.10g}{crossed}; the stops were "
            f"{live['stop']:.10g} and {other['stop']:.10g}, and each was reached",
        )

    def _moved(self, live: Mapping[str, Any], other: Mapping[str, Any], slack: float) -> bool:
        """Tell whether each stop lies where its plan allows: from the first one to the best price.

        The side that saw the lesser price may have come to break-even, and no further.
        """
        lesser, greater = sorted((live, other), key=lambda trade: _gain(trade, trade["best"]))
        fees = 4 * self.facts.settings.exits.taker_fee * lesser["open_rate"]
        bounds = ((lesser, fees), (greater, _gain(greater, greater["best"])))
        return all(
            -trade["plan_risk"] - slack <= _gain(trade, trade["stop"]) <= most + slack
            for trade, most in bounds
        )

    def _ignored(
        self, prices: Prices, live: Mapping[str, Any], other: Mapping[str, Any], slack: float
    ) -> bool:
        """Tell whether the later exit passed over its own stop long before.

        A stop that has moved since may have been further away then, but not further than the first.
        """
        later = max((live, other), key=lambda trade: trade["closed_at"])
        earlier = min((live, other), key=lambda trade: trade["closed_at"])
        until = later["closed_at"] if later is other else self._looked(later["closed_at"])[0]
        until -= self.facts.tolerances.detail
        if until < earlier["closed_at"]:
            return False
        first = -later["plan_risk"]
        still = not abs(_gain(later, later["stop"]) - first) > slack  # or no plan is known
        still = still or self._same_stop(live, other)  # it stood there when the other one ended
        bound = _gain(later, later["stop"]) if still else first
        seen = prices.range(earlier["closed_at"], until)
        worst = seen.high if later["side"] == Side.SHORT else seen.low
        return bool(_gain(later, worst) < bound - slack)


def _same_bound(sides: tuple[Budget, Budget]) -> str:
    """Return that one tier gives both leverages, nothing where none does."""
    for maximum in range(1, MOST_LEVERAGE + 1):
        if all(side.leverage(maximum) == side.trade["leverage"] for side in sides):
            return "the same bound by the liquidation price gives both, each from its own stop"
    return ""


def _same_budget(sides: tuple[Budget, Budget]) -> str:
    """Return that the risk budget gives both stakes, nothing where it does not."""
    if not all(side.fits for side in sides):
        return ""
    return f"the risk budget gives {sides[0]} and {sides[1]}, less what is no whole lot"


def _after(cause: Cause, told: str, change: _Change | None) -> Verdict | None:
    """Return a cause that needs an earlier difference of trades, None without one."""
    return None if change is None else Verdict(cause, f"{told}; earlier, {change.text}")


def _fills_apart(live: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return float(abs(live["open_rate"] - other["open_rate"]))


def _gain(trade: Mapping[str, Any], price: float) -> float:
    """Return how far a price lies on the winning side of a trade's entry, price units."""
    sign = -1 if trade["side"] == Side.SHORT else 1
    return float(sign * (price - trade["open_rate"]))


def _other_price(refusal: Mapping[Any, Any], finding: Finding) -> bool:
    """Tell whether an order was refused at another price than the other side entered at."""
    trade = (finding.live_row if finding.live_row is not None else finding.backtest_row) or {}
    rate = refusal.get("rate")
    return rate is not None and not math.isnan(rate) and not close(rate, trade["open_rate"])


def _levels(trade: Mapping[str, Any], settings: Settings) -> Iterable[float]:
    """Return the prices at which a trade's stop begins to move."""
    sign = -1 if trade["side"] == "short" else 1
    yield trade["open_rate"] + sign * trade["plan_reward"]
    yield trade["open_rate"] + sign * settings.exits.break_even_r * trade["plan_risk"]


def _of_price(live: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two plans at different prices are alike as shares of the price."""
    return not close(live["open_rate"], other["open_rate"]) and all(
        close(live[name] / live["open_rate"], other[name] / other["open_rate"])
        for name in ("plan_risk", "plan_reward")
    )


def _input(name: str, live: Mapping[str, Any], files: Mapping[str, Any]) -> Verdict:
    """Return which way an input differs: a state is better the higher, an age the lower."""
    ours, theirs = live[name], files[name]
    lacks = math.isnan(ours) and not math.isnan(theirs)
    worse = lacks or (ours > theirs if name.endswith("_age_hours") else ours < theirs)
    said = f"{name} was {ours:g} in the journal and is {theirs:g} in the files"
    return Verdict(Cause.INPUT_LATE if worse else Cause.INPUT_EXTRA, said)


def _other_inputs(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith(tuple(_REACH))}


def _state_first(name: str) -> tuple[bool, str]:
    return name.endswith("_age_hours"), name


def _unless_unknown(verdict: Verdict | None) -> Verdict | None:
    return None if verdict is None or verdict.cause is Cause.UNEXPLAINED else verdict


def _apart(one: float, other: float) -> float:
    """Return how far two numbers are apart as a fraction; infinite when one is not known."""
    if math.isnan(one) or math.isnan(other):
        return math.inf
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def _gate(label: str) -> Gate | None:
    return next((gate for gate in Gate if gate.label == label), None)


def _clock(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}".removesuffix(":00")

"""Why only one side entered, or not at the same price: who decided, was away, or refused."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from regimekit.schema import Gate, Side
from rehearsal.causes import Cause, Verdict
from rehearsal.findings import MISSING, Finding, Kind, candle_of, close
from rehearsal.records import Record
from rehearsal.rules.bench import DAY, HOUR, Bench, Change, after, clock

CHOSEN = {"entry", "enter_tag"}  # the columns that make an entry

_BY_THEMSELVES = {Gate.REWARD, Gate.INSTANCE, Gate.CLOCK_SKEW, Gate.DISK}
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


class EntryRules(Bench):
    """Rules for `Kind.ENTRY`."""

    def entry(self, number: int, finding: Finding) -> Verdict | None:
        """Return why an entry is missing, or has another tag or price."""
        if finding.what == MISSING:
            return self._missing(number, finding)
        followed = self.followed(finding, {"entry", "enter_tag", "regime"})
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
        if self.unasked(finding):
            return None
        followed = self.followed(finding, CHOSEN)
        if followed is not None:
            return followed if followed.cause is not Cause.UNEXPLAINED else None
        if not entered:
            late = self.facts.tolerances.late
            absent = self._away(finding.at, finding.at + late, finding) or self._late(finding)
            if absent:
                return absent
        return (
            self.refused(number, finding)
            or (None if entered else self._not_filled(finding))
            or self._edge(finding)
        )

    def unasked(self, finding: Finding) -> bool:
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
        absent = self.absent(begin, end)
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

    def refused(
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
                if change := self.change_before(
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
            return after(
                Cause.KNOCK_ON, f"{finding.pair} was held already", self._of_holding(own, finding)
            )
        if len(standing) < self.facts.most_open:
            return None
        change = self.change_before(
            number, timedelta.max, None, same_candle=same_candle, of=frozenset({Kind.EXIT})
        )
        return after(Cause.KNOCK_ON, f"{len(standing)} trades stood", change)

    def _of_holding(self, held: pd.DataFrame, finding: Finding) -> Change | None:
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
                f"locked from {clock(row['since'])} to {clock(row['until'])}: {row['reason']}",
            )
        return None

    def _edge(self, finding: Finding) -> Verdict | None:
        """Return that the backtest cannot enter in its first candle, nor in its last."""
        span, step = self.facts.span, self.facts.step
        if finding.live_row is not None and not span.start < finding.at < span.end - step:
            return Verdict(
                Cause.WINDOW_END,
                f"the backtest enters after {clock(span.start)} and before "
                f"{clock(span.end - step)}",
            )
        return None


def _other_price(refusal: Mapping[Any, Any], finding: Finding) -> bool:
    """Tell whether an order was refused at another price than the other side entered at."""
    trade = (finding.live_row if finding.live_row is not None else finding.backtest_row) or {}
    rate = refusal.get("rate")
    return rate is not None and not math.isnan(rate) and not close(rate, trade["open_rate"])


def _gate(label: str) -> Gate | None:
    return next((gate for gate in Gate if gate.label == label), None)

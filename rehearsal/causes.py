"""Why two records differ: each cause with the evidence it needs, and none by default.

A difference that no rule can prove the origin of is `Cause.UNEXPLAINED`. A rule never concludes
from something that is merely absent: it asks for a row, a figure or an interval that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import pandas as pd

from providers.coverage import Period
from regimekit.settings import Settings
from rehearsal.findings import Interval, Tolerances
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

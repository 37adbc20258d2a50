"""Does a bot do live what the backtest says? Two records in, every difference and its cause out.

Nothing here reads a file; `rehearsal.examine` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from providers.coverage import Period
from regimekit.settings import Settings
from rehearsal.causes import Cause, Facts, Verdict
from rehearsal.findings import Finding, Interval, Kind, Tolerances, find
from rehearsal.records import Record
from rehearsal.rules.judge import explain

__all__ = ["Difference", "Interval", "Kind", "Parity", "Tolerances", "Total", "compare"]

FOREVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, both sides of it, and why."""

    finding: Finding
    verdict: Verdict

    @property
    def explained(self) -> bool:
        """Whether a cause could be proved."""
        return self.verdict.cause is not Cause.UNEXPLAINED

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        finding = self.finding
        return {
            "kind": finding.kind.value,
            "pair": finding.pair,
            "side": finding.side,
            "at": finding.at.isoformat(),
            "what": finding.what,
            "live": shown(finding.live),
            "backtest": shown(finding.backtest),
            "cause": self.verdict.code,
            "evidence": self.verdict.evidence,
        }


@dataclass(frozen=True, slots=True)
class Total:
    """How much of one kind was compared and came out how."""

    compared: int = 0
    equal: int = 0
    explained: int = 0
    unexplained: int = 0


@dataclass(frozen=True, slots=True)
class Parity:
    """The result of a comparison.

    Attributes
    ----------
    differences : tuple of Difference
        By kind, then by time.
    totals : mapping of Total
        By kind. Of a trade that both sides made each value counts.
    live, backtest : Record
        What was compared.
    down : tuple of Interval
        When the bot could not act.
    simulated : bool
        Whether the prices were invented.
    """

    strategy: str
    window: Period
    step: timedelta
    tolerances: Tolerances
    differences: tuple[Difference, ...]
    totals: Mapping[Kind, Total]
    live: Record
    backtest: Record
    down: tuple[Interval, ...]
    minutes: Mapping[str, pd.DataFrame]
    simulated: bool = False

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """Return the differences without a proved cause."""
        return tuple(one for one in self.differences if not one.explained)

    @property
    def compared(self) -> int:
        """Return how many values were compared."""
        return sum(total.compared for total in self.totals.values())

    @property
    def ok(self) -> bool:
        """Whether something was compared and nothing is unexplained."""
        return self.totals[Kind.SIGNAL].compared > 0 and not self.unexplained

    @property
    def causes(self) -> dict[str, int]:
        """Return how many differences each cause has, the most frequent first."""
        codes = pd.Series([one.verdict.code for one in self.differences], dtype="object")
        return {str(code): int(number) for code, number in codes.value_counts().items()}

    @property
    def sentence(self) -> str:
        """Return the result in words."""
        signals, entries = self.totals[Kind.SIGNAL], self.totals[Kind.ENTRY]
        if not signals.compared:
            return (
                "Nothing was compared: the bot's journal has no decision in the window. Name the "
                "right user_data folder, and see that regimekit.journal.enabled is true."
            )
        trades = f"{self._both:,} trades were made by both, {self._lone:,} by one side only."
        if not (self._both or self._lone):
            trades = "Neither side traded."
        differing = len(self.differences)
        result = (
            "All agree to the last digit."
            if not differing
            else f"Of {self.compared:,} values {differing:,} differ: "
            f"{differing - len(self.unexplained):,} for a proved cause, "
            f"{len(self.unexplained):,} unexplained."
        )
        rows = f"{signals.compared:,} decisions were compared, {signals.equal:,} are equal."
        return f"{rows} {trades} {result}" if entries else rows

    @property
    def _lone(self) -> int:
        return sum(
            one.finding.kind is Kind.ENTRY and one.finding.what == "missing"
            for one in self.differences
        )

    @property
    def _both(self) -> int:
        return self.totals[Kind.SIZE].compared // 2

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the records, as JSON can hold it."""
        tolerances = self.tolerances
        return {
            "strategy": self.strategy,
            "start": self.window.start.isoformat(),
            "end": self.window.end.isoformat(),
            "simulated": self.simulated,
            "ok": self.ok,
            "sentence": self.sentence,
            "tolerances": {
                "speed": tolerances.speed,
                "spread": tolerances.spread,
                "averages": tolerances.averages,
                **{
                    f"{name}_seconds": getattr(tolerances, name).total_seconds()
                    for name in ("throttle", "analysis", "order", "hold", "late", "detail")
                },
            },
            "down": [
                [span.begin.isoformat(), span.end.isoformat(), span.why] for span in self.down
            ],
            "totals": {
                kind.value: {
                    name: getattr(total, name)
                    for name in ("compared", "equal", "explained", "unexplained")
                }
                for kind, total in self.totals.items()
            },
            "causes": self.causes,
            "differences": [one.to_dict() for one in self.differences],
        }


def compare(
    live: Record,
    backtest: Record,
    *,
    window: Period,
    step: timedelta,
    settings: Settings,
    minutes: Mapping[str, pd.DataFrame],
    span: Period | None = None,
    down: Sequence[Interval] | None = None,
    tolerances: Tolerances | None = None,
    most_open: float = float("inf"),
    strategy: str = "",
    simulated: bool = False,
) -> Parity:
    """Compare what a bot did with what a backtest says.

    Parameters
    ----------
    window : Period
        Decisions and entries count whose candle opened in it.
    step : timedelta
        Length of a candle.
    settings : Settings
        Those that both ran under.
    minutes : mapping of DataFrame
        By pair: candles of ``tolerances.detail``; without them prices stay unexplained.
    span : Period, optional
        What was backtested; by default more than `window` on both sides.
    down : sequence of Interval, optional
        When the bot could not act; by default from the last trace before each further start in the
        journal to that start.
    most_open : float
        ``max_open_trades``.

    Returns
    -------
    Parity
        With one `Difference` for each value that is not the same on both sides.
    """
    tolerances = tolerances or Tolerances()
    intervals = tuple(pauses(live) if down is None else down)
    found = find(live, backtest, window, step, tolerances)
    verdicts = explain(
        found.findings,
        Facts(
            live=live,
            backtest=backtest,
            window=window,
            span=span or Period(window.start - FOREVER, window.end + FOREVER),
            step=step,
            tolerances=tolerances,
            down=intervals,
            minutes=minutes,
            settings=settings,
            most_open=most_open,
        ),
    )
    order = list(Kind)
    differences = sorted(
        map(Difference, found.findings, verdicts),
        key=lambda one: (order.index(one.finding.kind), one.finding.at, one.finding.pair),
    )
    return Parity(
        strategy=strategy,
        window=window,
        step=step,
        tolerances=tolerances,
        differences=tuple(differences),
        totals=_totals(found.compared, differences),
        live=live,
        backtest=backtest,
        down=intervals,
        minutes=minutes,
        simulated=simulated,
    )


def pauses(live: Record) -> list[Interval]:
    """Return from when to when a bot was not running, as far as its own traces tell.

    The last trace before a start may be older than its end: what fell in between was missed or not,
    and the comparison takes it for missed only where a difference needs it.
    """
    traces = sorted(
        [
            *live.signals["at"],
            *live.trades["opened_at"],
            *live.trades["closed_at"].dropna(),
            *live.beats,
        ]
    )
    found = []
    for start in live.starts[1:]:
        before = [moment for moment in traces if moment < start]
        if before:
            last: datetime = pd.Timestamp(before[-1]).to_pydatetime()
            found.append(Interval(last, start, "no trace until it was started again"))
    return found


def shown(value: Any) -> str:
    """Return one side of a difference as a person reads it."""
    if value is None or (isinstance(value, float) and pd.isna(value)) or value is pd.NaT:
        return "\u2013"
    if isinstance(value, datetime):
        return f"{value:%m-%d %H:%M:%S}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _totals(compared: Mapping[Kind, int], differences: Sequence[Difference]) -> dict[Kind, Total]:
    totals = {}
    for kind in Kind:
        own = [one for one in differences if one.finding.kind is kind]
        explained = sum(one.explained for one in own)
        totals[kind] = Total(
            compared[kind], compared[kind] - len(own), explained, len(own) - explained
        )
    return totals

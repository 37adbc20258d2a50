"""Why a trade ended differently: when it was noticed, at which price, and by which stop."""

import bisect
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from regimekit.schema import Side
from regimekit.settings import Settings
from rehearsal.causes import Cause, Verdict
from rehearsal.evidence import Prices, touched
from rehearsal.findings import Finding, Kind, candle_of, close
from rehearsal.rules.bench import Bench, clock

FORCED = "force_exit"
ON_EXCHANGE = "stoploss_on_exchange"
MOVING = ("stop_loss", "trailing_stop_loss")
STOPS = (*MOVING, ON_EXCHANGE)


class ExitRules(Bench):
    """Rules for `Kind.EXIT`."""

    def exit(self, _: int, finding: Finding) -> Verdict | None:
        """Return why a trade ended at another time, price or stop, or for another reason."""
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
            Cause.WINDOW_END, f"the backtest ended and closed it at {clock(other['closed_at'])}"
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
            return since, f"its log tells of loops at {clock(beats[number - 1])} and " + clock(
                beats[number]
            )
        closed = candle_of(noticed, self.facts.step)
        if noticed - closed <= tolerances.notice + tolerances.order:
            return earliest, f"a candle closed at {clock(closed)} and was analyzed"
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
        return bool(apart <= _fills_apart(live, other) + self.tick(live) + self.tick(other))

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
        ticks = self.tick(live) + self.tick(other)
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


def _fills_apart(live: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return float(abs(live["open_rate"] - other["open_rate"]))


def _gain(trade: Mapping[str, Any], price: float) -> float:
    """Return how far a price lies on the winning side of a trade's entry, price units."""
    sign = -1 if trade["side"] == Side.SHORT else 1
    return float(sign * (price - trade["open_rate"]))


def _levels(trade: Mapping[str, Any], settings: Settings) -> Iterable[float]:
    """Return the prices at which a trade's stop begins to move."""
    sign = -1 if trade["side"] == "short" else 1
    yield trade["open_rate"] + sign * trade["plan_reward"]
    yield trade["open_rate"] + sign * settings.exits.break_even_r * trade["plan_risk"]

"""Why stake, leverage or plan differ: by the price, by the equity, or by recent results."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rehearsal.budget import Budget, budget
from rehearsal.causes import Cause, Verdict
from rehearsal.findings import Finding, close
from rehearsal.rules.bench import Bench, after, apart

MOST_LEVERAGE = 150  # of any exchange, with room


class SizeRules(Bench):
    """Rules for `Kind.SIZE` and `Kind.PLAN`: stakes and plans."""

    def size(self, number: int, finding: Finding) -> Verdict | None:
        """Return why stake or leverage differ."""
        sides = self._budgets(finding)
        if sides is None:
            return None
        ours, theirs = sides
        told = _same_bound(sides) if finding.what == "leverage" else _same_budget(sides)
        if not told:
            return None
        earlier = self.change_before(number, timedelta.max, None)
        if ours.adaptation != theirs.adaptation:
            return after(Cause.KNOCK_ON, f"recent results differ; {told}", earlier)
        if finding.what == "stake" and not close(ours.equity, theirs.equity):
            return after(Cause.STAKE_OF_EQUITY, told, earlier)
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

    def plan(self, number: int, finding: Finding) -> Verdict | None:
        """Return why the initial stop or the exit plan differ."""
        live, other = finding.live_row or {}, finding.backtest_row or {}
        wanted = {
            "confidence": {f"confidence_{finding.side}"},
            "atr": {"atr"},
            "regime": {"regime"},
            "sub strategy": {"regime"},
        }
        columns = wanted.get(finding.what, {"stop_distance", "regime", "atr"})
        if isinstance(finding.live, str):
            return _unless_unknown(self.followed(finding, columns))
        if math.isnan(finding.live) or math.isnan(finding.backtest):
            return None
        if finding.what == "initial stop":
            return self._of_ticks(finding, live, other)
        return self._planned(number, finding) or _unless_unknown(self.followed(finding, columns))

    def _of_ticks(
        self, finding: Finding, live: Mapping[str, Any], other: Mapping[str, Any]
    ) -> Verdict | None:
        """Return that Freqtrade's first stop moved with the entry, rounded to another tick."""
        ticks = sum(self.tick(row) / row["open_rate"] * row["leverage"] for row in (live, other))
        moved = not close(live["open_rate"], other["open_rate"])
        if not moved or abs(finding.live - finding.backtest) > ticks:
            return None
        return Verdict(
            Cause.FILL_PRICE, f"it moved with the entry's price, rounded to ticks ({ticks:.1e})"
        )

    def _planned(self, number: int, finding: Finding) -> Verdict | None:
        """Return why a distance of the plan differs, apart from the decision behind it."""
        live, other = finding.live_row or {}, finding.backtest_row or {}
        share = apart(finding.live, finding.backtest)
        if share <= self.facts.tolerances.averages:
            return Verdict(Cause.AVERAGES, f"{share:.1e} apart")
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
        return after(Cause.KNOCK_ON, told, self.change_before(number, timedelta.max, None))


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


def _of_price(live: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two plans at different prices are alike as shares of the price."""
    return not close(live["open_rate"], other["open_rate"]) and all(
        close(live[name] / live["open_rate"], other[name] / other["open_rate"])
        for name in ("plan_risk", "plan_reward")
    )


def _unless_unknown(verdict: Verdict | None) -> Verdict | None:
    return None if verdict is None or verdict.cause is Cause.UNEXPLAINED else verdict

"""Why a candle's decision differs: by its inputs, or because the bot was away."""

import math
from collections.abc import Mapping
from typing import Any

from regimekit.schema import Availability
from rehearsal.causes import Cause, Verdict
from rehearsal.findings import MISSING, Finding, close
from rehearsal.rules.bench import Bench, apart

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


class DecisionRules(Bench):
    """Rules for `Kind.SIGNAL`."""

    def signal(self, _: int, finding: Finding) -> Verdict | None:
        """Return why a candle's decision differs."""
        closes = finding.at + self.facts.step
        if finding.what == MISSING:
            if finding.live_row is not None:
                return None
            return self.absent(closes, closes + self.facts.step)
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
            worst = max(apart(live[name], files[name]) for name in finding.columns)
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

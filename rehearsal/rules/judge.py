"""The cause of each finding: every kind of difference by its own rules, and trades last."""

from collections.abc import Callable

from rehearsal.causes import UNEXPLAINED, Facts, Verdict
from rehearsal.findings import MISSING, Finding, Kind
from rehearsal.rules.decisions import DecisionRules
from rehearsal.rules.entries import CHOSEN, EntryRules
from rehearsal.rules.exits import ExitRules
from rehearsal.rules.sizes import SizeRules


def explain(findings: list[Finding], facts: Facts) -> list[Verdict]:
    """Return the cause of each finding."""
    return Judge(findings, facts).verdicts()


class Judge(DecisionRules, EntryRules, SizeRules, ExitRules):
    """Asks the rules of a finding's kind, decisions first, because trades follow them."""

    def verdicts(self) -> list[Verdict]:
        """Return the cause of each finding, in their order."""
        rules: dict[Kind, Callable[[int, Finding], Verdict | None]] = {
            Kind.SIGNAL: self.signal,
            Kind.ENTRY: self.entry,
            Kind.SIZE: self.size,
            Kind.PLAN: self.plan,
            Kind.EXIT: self.exit,
        }
        for kind, rule in rules.items():
            for number, finding in enumerate(self.findings):
                if finding.kind is kind:
                    self.found[number] = rule(number, finding) or UNEXPLAINED
        # What refused an entry may be another entry of the same candle, judged only by now.
        for number, finding in enumerate(self.findings):
            missing = finding.kind is Kind.ENTRY and finding.what == MISSING
            open_ = missing and self.found[number] is UNEXPLAINED
            if open_ and not self.unasked(finding) and self.followed(finding, CHOSEN) is None:
                self.found[number] = self.refused(number, finding, same_candle=True) or UNEXPLAINED
        return [self.found[number] for number in range(len(self.findings))]

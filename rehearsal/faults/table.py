"""The findings as a table for the terminal, and as rows for a file."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from rehearsal.faults.criteria import Finding, Verdict
from rehearsal.faults.scenarios import Scenario

Findings = Mapping[str, tuple[Scenario, Sequence[Finding]]]
_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.KNOWN: "yellow",
    Verdict.UNSEEN: "magenta",
}


def fault_table(found: Findings, *, title: str = "Faults while trading") -> Table:
    """Return a row per criterion: matrix row, fault, criterion, verdict, evidence."""
    table = Table(title=title, show_lines=False)
    for name in ("row", "fault", "criterion", "verdict", "evidence"):
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for scenario, findings in found.values():
        for number, finding in enumerate(findings):
            table.add_row(
                str(scenario.row) if not number else "",
                scenario.fault if not number else "",
                finding.criterion.value,
                Text(finding.verdict.value, style=_STYLES[finding.verdict]),
                Text(finding.evidence),
                end_section=number == len(findings) - 1,
            )
    return table


def conclusion(found: Findings) -> str:
    """Return how many scenarios and criteria came out how."""
    counts = Counter(finding.verdict for _, each in found.values() for finding in each)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    rows = len({scenario.row for scenario, _ in found.values()})
    return f"{len(found)} scenarios of {rows} rows: {told}"


def as_json(found: Findings) -> list[dict[str, object]]:
    """Return the table as plain rows."""
    return [
        {
            "row": scenario.row,
            "scenario": scenario.name,
            "fault": scenario.fault,
            "criterion": finding.criterion.value,
            "verdict": finding.verdict.value,
            "evidence": finding.evidence,
        }
        for scenario, findings in found.values()
        for finding in findings
    ]

"""Whose money this is, until when, and whether somebody said so."""

from collections.abc import Callable
from datetime import timedelta

from doctor.findings import Report
from doctor.patient import Patient
from regimekit.live import (
    OVERLAY,
    VARIABLE,
    AcknowledgementError,
    check_acknowledgement,
)

# A bot that runs is not stopped when its sentence ends, but one that has to restart then stays out.
SOON = timedelta(days=3)


def overlay(patient: Patient, report: Report) -> None:
    """Look whether config/live.json is among the files."""
    if not patient.live:
        report.ok("a dry run needs none")
    elif patient.settings is None:
        report.unchecked("the pack's settings are wrong")
    elif patient.settings.live.overlay != OVERLAY:
        report.error("the settings of live trading are missing", "", f"add `-c {OVERLAY}`")
    else:
        report.ok("the settings of live trading are loaded", OVERLAY)


def sentence(patient: Patient, report: Report) -> None:
    """Look whether the acknowledgement would let the bot start today."""
    if not patient.live:
        report.ok("a dry run needs none")
        return
    if patient.settings is None:
        report.unchecked("the pack's settings are wrong")
        return
    if not hasattr(patient.strategy, "settings"):
        report.warning(
            "only strategies of the pack ask for it",
            type(patient.strategy).__name__,
            "let it descend from regimekit.hooks.base.PackStrategy",
        )
    today = patient.now.date()
    try:
        accepted = check_acknowledgement(
            patient.environment.get(VARIABLE), patient.settings.live, today
        )
    except AcknowledgementError as error:
        report.error("the bot refuses to start", str(error), "docs/operations.md, Acknowledgement")
        return
    if accepted.until - today <= SOON:
        report.warning(
            "it ends soon, and a restart after that is refused while positions may be open",
            f"until {accepted.until}",
            f"renew {VARIABLE}",
        )
    else:
        report.ok(f"the loss of {accepted.account} is accepted", f"until {accepted.until}")


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "live.overlay": overlay,
    "live.acknowledgement": sentence,
}

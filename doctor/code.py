"""The known sins of strategies: looking ahead, guessing, waiting for a network."""

from collections.abc import Callable

from doctor.findings import Report
from doctor.patient import Patient
from doctor.sins import SINS, Sin, confess

Look = Callable[[Patient, Report], None]


def _look_for(name: str, words: tuple[str, str]) -> Look:
    what, way = words

    def look(patient: Patient, report: Report) -> None:
        if patient.strategy_file is None:
            report.unchecked("the strategy does not load, so its file is not known")
            return
        sins, read = confess(patient.strategy_file, patient.root)
        for sin in sins:
            if sin.name == name:
                _tell(sin, what, way, report, patient.live)
        if not report.found:
            report.ok("none found", f"{len(read)} files read")

    look.__doc__ = f"Look for it: {what}."
    return look


def _tell(sin: Sin, what: str, way: str, report: Report, live: bool) -> None:
    where = f"{sin.file}:{sin.line}"
    if sin.reason:
        report.info(f"{where} is allowed", sin.code, sin.reason)
        return
    # A zero for what is missing is often harmless, and a person has to look to know.
    report.worse(live or sin.name != "neutral", what, sin.code, way, where)


CHECKS: dict[str, Look] = {f"code.{name}": _look_for(name, words) for name, words in SINS.items()}

"""Every check with its concern and what it is about; a check is a function of a `Patient`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from doctor.acknowledgement import CHECKS as LIVE
from doctor.code import CHECKS as CODE
from doctor.data import CHECKS as DATA
from doctor.errors import DoctorError
from doctor.findings import Finding, Report, Severity
from doctor.liquidation import CHECKS as LIQUIDATION
from doctor.machine import CHECKS as MACHINE
from doctor.patient import Patient
from doctor.secrets import CHECKS as SECRETS
from doctor.settings import CHECKS as CONFIG
from doctor.startup import CHECKS as STARTUP

Look = Callable[[Patient, Report], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    name : str
        ``concern.topic``.
    look : callable
        Reports what it finds.
    slow : bool
        Worth telling that it is at work.
    """

    name: str
    look: Look
    slow: bool = False

    @property
    def concern(self) -> str:
        """Return the group that it is shown in."""
        return self.name.partition(".")[0]


_GROUPS = (CONFIG, SECRETS, LIVE, LIQUIDATION, DATA, STARTUP, MACHINE, CODE)
SLOW = {"startup.recursive", "machine.clock", "data.freshness"}
CHECKS: dict[str, Check] = {
    name: Check(name, look, name in SLOW) for group in _GROUPS for name, look in group.items()
}


def chosen(only: Sequence[str], skip: Sequence[str]) -> list[Check]:
    """Return the checks that were asked for, by name, concern or pattern.

    Raises
    ------
    DoctorError
        A pattern means no check, and so would silently leave one out.
    """
    for pattern in (*only, *skip):
        if not any(_means(pattern, name) for name in CHECKS):
            concerns = sorted({check.concern for check in CHECKS.values()})
            raise DoctorError(
                f"{pattern!r} is no check; concerns are {', '.join(concerns)}, and --list names all"
            )
    return [
        check
        for name, check in CHECKS.items()
        if (not only or any(_means(pattern, name) for pattern in only))
        and not any(_means(pattern, name) for pattern in skip)
    ]


def examine(
    patient: Patient,
    checks: Iterable[Check],
    *,
    on_start: Callable[[Check], None] = lambda _: None,
) -> list[Finding]:
    """Return what the checks find; one that fails says so instead of passing for good."""
    found: list[Finding] = []
    secrets_of = patient.secrets()
    for check in checks:
        on_start(check)
        report = Report(check.name)
        try:
            check.look(patient, report)
        except Exception as error:  # noqa: BLE001 - a check that fails must not hide the others
            report.unchecked("the check itself failed", f"{type(error).__name__}: {error}")
        if not report.found:
            report.unchecked("nothing to look at")
        found += [finding.hide(secrets_of) for finding in report.found]
    return found


def exit_code(found: Iterable[Finding]) -> int:
    """Return 1 when a finding is an error, 0 otherwise."""
    return int(any(finding.severity is Severity.ERROR for finding in found))


def _means(pattern: str, name: str) -> bool:
    return name == pattern or name.partition(".")[0] == pattern or fnmatchcase(name, pattern)

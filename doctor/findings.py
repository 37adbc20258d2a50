"""What a check says."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from providers.transport.redaction import redacted


class Severity(StrEnum):
    """How much a finding matters; UNCHECKED is not OK, it says that nobody looked."""

    OK = "ok"
    INFO = "info"
    UNCHECKED = "unchecked"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found, or that it found nothing.

    Attributes
    ----------
    check : str
        Name of the check, as ``--only`` and docs/operations.md spell it.
    what : str
        In words, without any secret.
    value : str
        What was found; secrets never stand here.
    way_out : str
        What to do; empty where nothing is to be done.
    where : str
        File and line, for code.
    """

    check: str
    severity: Severity
    what: str
    value: str = ""
    way_out: str = ""
    where: str = ""

    def hide(self, secrets: Iterable[str]) -> "Finding":
        """Return it with every one of `secrets` blanked, whatever text a library put in."""
        hidden = tuple(secrets)
        return replace(
            self,
            what=redacted(self.what, hidden),
            value=redacted(self.value, hidden),
            way_out=redacted(self.way_out, hidden),
        )

    def as_json(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "what": self.what,
            "value": self.value,
            "way_out": self.way_out,
            "where": self.where,
        }


class Report:
    """Collects the findings of one check, so that it names itself once."""

    def __init__(self, check: str) -> None:
        self.check = check
        self.found: list[Finding] = []

    def ok(self, what: str, value: object = "") -> None:
        """Say that something was looked at and is as it should be."""
        self._add(Severity.OK, what, value, "", "")

    def info(self, what: str, value: object = "", way_out: str = "") -> None:
        """Say something worth knowing."""
        self._add(Severity.INFO, what, value, way_out, "")

    def unchecked(self, what: str, value: object = "", way_out: str = "") -> None:
        """Say that something could not be looked at."""
        self._add(Severity.UNCHECKED, what, value, way_out, "")

    def warning(self, what: str, value: object = "", way_out: str = "", where: str = "") -> None:
        """Say that something should be otherwise."""
        self._add(Severity.WARNING, what, value, way_out, where)

    def error(self, what: str, value: object = "", way_out: str = "", where: str = "") -> None:
        """Say that nothing may trade like this."""
        self._add(Severity.ERROR, what, value, way_out, where)

    def worse(
        self, live: bool, what: str, value: object = "", way_out: str = "", where: str = ""
    ) -> None:
        """Say something that is an error where real money trades and a warning elsewhere."""
        self._add(Severity.ERROR if live else Severity.WARNING, what, value, way_out, where)

    def _add(self, severity: Severity, what: str, value: object, way_out: str, where: str) -> None:
        self.found.append(Finding(self.check, severity, what, str(value), way_out, where))

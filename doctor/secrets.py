"""Keys and passwords: strong, in the right place, and what they seem to be."""

import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from doctor.findings import Report
from doctor.patient import Patient, secret_values

LEAST_PASSWORD, LEAST_JWT, LEAST_WS_TOKEN = 24, 48, 32  # characters
# Those that Freqtrade's own documentation, schema and templates print.
_PLACEHOLDERS = re.compile(
    r"(?i)super-?secret|something-?random|change-?(me|it|this)|"
    r"your[-_ ]?\w*[-_ ]?(key|secret|token)|place-?holder|"
    r"example|password|freqtrade(r)?$|^x+$|^\*+$|<.*>|^todo"
)
_TEXT_KEYS = ("key", "secret", "username", "jwt_secret_key", "ws_token", "token")
_ASSIGNED = re.compile(
    r"""(?ix) ["']?
    (?P<name>[\w]*(?:secret|password|token|api_?key|jwt_secret_key|(?<![a-z])key))["']?
    \s*[:=]\s* (?P<quote>["']?)(?P<value>[^\s"',}$<{]{8,})(?P=quote)"""
)
_GIT_SECONDS = 20


def api_password(patient: Patient, report: Report) -> None:
    """Look for a password that can be guessed: Freqtrade counts no attempts."""
    server = patient.config.get("api_server", {})
    if not server.get("enabled"):
        report.ok("the REST API is off")
        return
    _weak(report, "api_server.password", server.get("password"), LEAST_PASSWORD)


def jwt(patient: Patient, report: Report) -> None:
    """Look for keys that anybody can sign a login with."""
    server = patient.config.get("api_server", {})
    if not server.get("enabled"):
        report.ok("the REST API is off")
        return
    _weak(report, "api_server.jwt_secret_key", server.get("jwt_secret_key"), LEAST_JWT)


def ws_token(patient: Patient, report: Report) -> None:
    """Look for message tokens that can be guessed."""
    server = patient.config.get("api_server", {})
    given = server.get("ws_token")
    if not server.get("enabled") or not given:
        report.ok("no message token is set")
        return
    for token in given if isinstance(given, list) else [given]:
        _weak(report, "api_server.ws_token", token, LEAST_WS_TOKEN)


def exchange_keys(patient: Patient, report: Report) -> None:
    """Look for keys that are missing where they are needed, or lie about where they are not."""
    exchange = patient.config.get("exchange", {})
    given = {name: exchange.get(name) for name in ("key", "secret")}
    if patient.dry_run and not patient.live:
        if any(given.values()):
            report.warning(
                "a dry run needs no keys of the exchange",
                "exchange.key is set",
                "unset FREQTRADE__EXCHANGE__KEY and FREQTRADE__EXCHANGE__SECRET",
            )
        else:
            report.ok("a dry run has no keys of the exchange")
        return
    for name, value in given.items():
        if not value:
            report.error(
                "live trading needs it",
                f"exchange.{name} is empty",
                f"export FREQTRADE__EXCHANGE__{name.upper()}=...",
            )
        elif _PLACEHOLDERS.search(str(value)):
            report.error(
                "it is a placeholder",
                f"exchange.{name}",
                f"export FREQTRADE__EXCHANGE__{name.upper()} with the real one",
            )
    if not report.found:
        report.info(
            "the keys are set; what they may do cannot be seen from here",
            "",
            "allow futures only, no withdrawal, this address only, one bot per key",
        )


def in_files(patient: Patient, report: Report) -> None:
    """Look for secrets in configuration files, and for those that other users can read."""
    from freqtrade.configuration.load_config import load_config_file  # noqa: PLC0415 - slow

    tracked = _tracked(patient.root)
    for path in patient.files:
        names = [name for name, _ in secret_values(load_config_file(str(path)))]
        if not names:
            continue
        value = f"{_short(path, patient.root)}: {', '.join(names)}"
        if tracked is not None and path.resolve() in tracked:
            report.error(
                "secrets stand in a file under version control",
                value,
                "move them to the environment and renew them: history remembers",
            )
        elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            report.worse(
                patient.live,
                "other users of this computer can read the secrets",
                value,
                f"chmod 600 {_short(path, patient.root)}",
            )
        else:
            report.info("secrets stand in a file", value, "the environment is the better place")
    if not report.found:
        report.ok("no configuration file holds a secret", len(patient.files))


def environment_types(patient: Patient, report: Report) -> None:  # noqa: ARG001 - Freqtrade reads it
    """Look for texts in the environment that Freqtrade takes for numbers or truths."""
    from freqtrade.configuration.environment_vars import (  # noqa: PLC0415 - slow
        environment_vars_to_dict,
    )

    merged: dict[str, Any] = environment_vars_to_dict()
    found = 0
    for section in ("exchange", "api_server", "telegram"):
        given = merged.get(section, {})
        for name in _TEXT_KEYS if isinstance(given, dict) else ():
            value = given.get(name)
            values = value if isinstance(value, list) else [value]
            for item in values:
                if item is not None and not isinstance(item, str):
                    report.error(
                        f"Freqtrade reads it as {type(item).__name__}, not as a text",
                        f"FREQTRADE__{section}__{name}".upper(),
                        "let it begin with a letter other than t and f alone",
                    )
            found += value is not None
    if not report.found:
        report.ok("texts in the environment stay texts", found)


def tracked_files(patient: Patient, report: Report) -> None:
    """Look for keys in any file under version control."""
    tracked = _tracked(patient.root)
    if tracked is None:
        report.unchecked("the checkout has no history to look at", "", "")
        return
    for path in sorted(tracked):
        if path.suffix not in {".json", ".yml", ".yaml", ".env", ".ini", ".toml", ".sh"} and (
            not path.name.startswith(".env")
        ):
            continue
        if path.name.endswith((".example", ".lock")) or "tests" in path.parts:
            continue
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue  # deleted, not yet committed
        for number, line in enumerate(text.splitlines(), 1):
            for name in _assigned(line):
                report.error(
                    "a secret stands in a file under version control",
                    name,
                    "move it to the environment and renew it: history remembers",
                    f"{_short(path, patient.root)}:{number}",
                )
    if not report.found:
        report.ok("no file under version control holds a secret")


def _assigned(line: str) -> Iterator[str]:
    for match in _ASSIGNED.finditer(line.partition("//")[0]):
        value = match["value"]
        # A secret is long and mixes kinds of characters; a word or a path is none.
        mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
        if mixed and len(value) >= 16 and "/" not in value and "(" not in value:
            yield match["name"]


def _weak(report: Report, name: str, value: Any, least: int) -> None:
    text = "" if value is None else str(value)
    way = (
        f"set FREQTRADE__{name.replace('.', '__').upper()} to "
        f"`python -c \"import secrets; print('k' + secrets.token_urlsafe({least}))\"`"
    )
    if not text:
        report.error("it is empty", name, way)
    elif _PLACEHOLDERS.search(text) or len(set(text)) < 8:
        report.error("it is a placeholder or a plain word", name, way)
    elif len(text) < least:
        report.error(f"it has {len(text)} characters, {least} are needed", name, way)
    else:
        report.ok("it is long enough", name)


def _tracked(root: Path) -> set[Path] | None:
    """Return the files under version control, None where that cannot be known."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return {(root / name).resolve() for name in listed.split("\0") if name}


def _short(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(root)) if resolved.is_relative_to(root) else path.name


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "secrets.api_password": api_password,
    "secrets.jwt": jwt,
    "secrets.ws_token": ws_token,
    "secrets.exchange_keys": exchange_keys,
    "secrets.in_files": in_files,
    "secrets.environment_types": environment_types,
    "secrets.tracked_files": tracked_files,
}

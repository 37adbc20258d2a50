"""A healthy patient: the shipped configuration with RegimeRouter, and files that make it ill."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration.load_config import load_config_file

from doctor.checks import CHECKS
from doctor.findings import Finding, Report
from doctor.patient import Patient, admit
from regimekit.live import OVERLAY, VARIABLE
from regimekit.settings import settings_from

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
SENTENCE = "I accept the loss of sub-1 until 2026-02-10"
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "user_data" / "config.json"
# Long, mixed and in no other text.
GOOD_PASSWORD, GOOD_KEY = "p7Qm-uvZ3_wkR9dLx2TsB4yHcE", "k" + "4Zt9Wq-Lm2Xr8_Vb" * 4


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """The shipped configuration, its strategy, and empty folders."""
    home = tmp_path_factory.mktemp("doctor") / "user_data"
    (home / "data" / "binance").mkdir(parents=True)
    return admit(
        [SHIPPED],
        "RegimeRouter",
        root=ROOT,
        strategy_path=ROOT / "user_data" / "strategies",
        user_data=home,
        online=False,
        environment={},
        now=NOW,
    )


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def with_config(patient: Patient, changes: dict[str, Any], **attributes: Any) -> Patient:
    """Return the patient with other settings; a value of `...` takes one away."""
    config, resolved = merged(patient.config, changes), merged(patient.resolved, changes)
    for each in (config, resolved):
        for name in [name for name, value in each.items() if value is ...]:
            del each[name]
    settings = settings_from(config.get("regimekit", {}))
    return replace(patient, config=config, resolved=resolved, settings=settings, **attributes)


def live(patient: Patient, changes: dict[str, Any] | None = None, **attributes: Any) -> Patient:
    """Return the patient as config/live.json, keys and an acknowledgement make it."""
    settings = merged(
        load_config_file(str(ROOT / OVERLAY)),
        {
            "exchange": {"key": "q8ZkV2mN4xR7", "secret": "w3LpT9cY6dF1"},
            "regimekit": {"live": {"account": "sub-1"}},
        },
    )
    given = {
        "live": True,
        "environment": {VARIABLE: SENTENCE},
        "extra": {**patient.extra, "asked_live": True},
        **attributes,
    }
    return with_config(with_config(patient, settings), changes or {}, **given)


@pytest.fixture
def said() -> Callable[..., list[Finding]]:
    """Return what one check says of a patient."""

    def look(name: str, patient: Patient) -> list[Finding]:
        report = Report(name)
        CHECKS[name].look(patient, report)
        return report.found

    return look


def write_config(folder: Path, name: str, settings: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(settings))
    path.chmod(0o600)
    return path

"""Every number of a walk-forward as JSON, unrounded; what is not known is null."""

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd

from tuning.model import Walk
from tuning.plans import document as plan_document
from tuning.report.facts import facts
from tuning.weighing.evidence import Evidence
from tuning.weighing.stitch import Path
from tuning.weighing.verdict import Verdict


def document(walk: Walk, evidence: Evidence, verdict: Verdict) -> str:
    """Return verdict, evidence, plan and origin as JSON text."""
    content = {
        "verdict": verdict,
        "trials": _trials(walk),
        "evidence": _evidence(evidence),
        "plan": plan_document(walk.plan),
        "failures": walk.failures,
        "simulated": walk.simulated,
        "source": walk.source,
        "data": walk.data,
        "facts": facts(walk),
    }
    return json.dumps(plain(content), indent=1, allow_nan=False)


@singledispatch
def plain(value: Any) -> Any:
    """Return `value` as what JSON knows; numbers that are not finite become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {it.name: plain(getattr(value, it.name)) for it in dataclasses.fields(value)}
    return value


@plain.register(float)
@plain.register(np.floating)
def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@plain.register(np.integer)
def _whole(value: Any) -> int:
    return int(value)


@plain.register(Enum)
def _member(value: Enum) -> Any:
    return value.value


@plain.register(datetime)
def _instant(value: datetime) -> str:
    return value.isoformat()


@plain.register(Mapping)
def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): plain(part) for name, part in value.items()}


@plain.register(list)
@plain.register(tuple)
@plain.register(np.ndarray)
def _listed(value: Any) -> list[Any]:
    return [plain(part) for part in value]


@plain.register(pd.Series)
def _series(value: pd.Series) -> dict[str, Any]:
    return _mapping(value.to_dict())


@plain.register(pd.DataFrame)
def _frame(value: pd.DataFrame) -> dict[str, Any]:
    return {str(name): _series(row) for name, row in value.iterrows()}


def _trials(walk: Walk) -> dict[str, Any]:
    if walk.trials is None:
        return {"total": None, "why": walk.trials_unknown}
    return {"total": walk.trials.total, **dataclasses.asdict(walk.trials)}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    """Return all fields; of a path its days and folds, not the trades behind them."""
    fields = {it.name: getattr(evidence, it.name) for it in dataclasses.fields(evidence)}
    fields["paths"] = [_path(path) for path in evidence.paths]
    fields["path"] = evidence.paths.index(evidence.path)
    return fields


def _path(path: Path) -> dict[str, Any]:
    return {
        "folds": [leg.number for leg in path.legs],
        "days": [f"{day:%Y-%m-%d}" for day in path.tuned.index],
        "tuned": path.tuned.tolist(),
        "untuned": path.untuned.tolist(),
        "missing": path.missing,
        "marked": path.marked,
    }

"""A plan as plain JSON, so that a report can be made again and a digest names the walk."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.coverage import Period
from tuning.model import Mode, Plan, TuningError

SPANS = ("train", "test", "purge", "embargo")
LISTS = ("spaces", "pairs", "configs")


def document(plan: Plan) -> dict[str, Any]:
    """Return `plan` as plain values; lengths of time in days, instants as ISO 8601."""
    plain = asdict(plan)
    plain["mode"] = plan.mode.value
    plain["span"] = [plan.span.start.isoformat(), plan.span.end.isoformat()]
    return plain | {name: getattr(plan, name) // timedelta(days=1) for name in SPANS}


def from_document(plain: Mapping[str, Any]) -> Plan:
    """Read what `document` returned.

    Raises
    ------
    TuningError
        It is not that.
    """
    try:
        start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in plain["span"])
        values = {**plain, "mode": Mode(plain["mode"]), "span": Period(start, end)}
        values |= {name: timedelta(days=plain[name]) for name in SPANS}
        return Plan(**values | {name: tuple(plain[name]) for name in LISTS})
    except (KeyError, TypeError, ValueError) as error:
        raise TuningError(f"not the plan of a walk-forward: {error!r}") from None


def digest(plan: Plan, source: str, data: str) -> str:
    """Return a short name for a walk: equal for equal plans, source and data."""
    text = json.dumps([document(plan), source, data], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

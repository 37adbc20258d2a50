"""What a user may set of the losses: the configuration's top-level section ``loss``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import pandas as pd

from regimekit.evaluation.returns import Span
from regimekit.settings.section import Section, SettingsError, reject_unknown, setting


@dataclass(frozen=True, slots=True)
class LossSettings(Section):
    """Settings of all losses; each uses those that it has a use for."""

    key: ClassVar[str] = "loss"
    parent: ClassVar[str] = ""  # the losses serve strategies that have no section `regimekit`

    least_trades_a_month: float = setting(
        5.0, 0, 10_000, about="trades in 30 days below which a result counts for less; 0 is off"
    )
    folds: int = setting(
        5, 1, 50, about="parts of the training whose Sharpe ratios RobustSharpe compares"
    )
    spread_weight: float = setting(
        0.75, 0, 1, about="0 is the mean of the folds, 1 the worst fold alone"
    )
    max_drawdown: float = setting(
        0.15, 0.01, 1, about="realized drawdown beyond which DrawdownExpectancy punishes; 1 is off"
    )
    earlier_trials: int = setting(
        0, 0, 1e9, about="epochs tried before this search, which DeflatedSharpe adds to its own"
    )


@dataclass(frozen=True, slots=True)
class LossConfig:
    """The settings, and the spans of the training that nothing may be learned from."""

    settings: LossSettings = LossSettings()
    closed: tuple[Span, ...] = ()


def loss_config_from(document: Any) -> LossConfig:
    """Read the configuration's section ``loss``.

    Parameters
    ----------
    document : mapping
        Keys are the fields of `LossSettings`, and ``closed``: pairs of instants, ISO 8601; one
        without a time zone is UTC.

    Raises
    ------
    SettingsError
        Unknown key, wrong type, or value out of range; one line.
    """
    if not isinstance(document, Mapping):
        raise SettingsError(f"loss is {document!r}, expected an object with settings")
    reject_unknown("loss", document, {item.name for item in fields(LossSettings)} | {"closed"})
    values = {name: value for name, value in document.items() if name != "closed"}
    return LossConfig(LossSettings(**values), _spans_from(document.get("closed", [])))


def _spans_from(document: Any) -> tuple[Span, ...]:
    if not _is_list(document):
        raise SettingsError(f"loss.closed is {document!r}, expected a list of spans")
    return tuple(_span_from(f"loss.closed[{place}]", span) for place, span in enumerate(document))


def _span_from(name: str, document: Any) -> Span:
    if not _is_list(document) or len(document) != 2:
        raise SettingsError(f"{name} is {document!r}, expected its first and its last instant")
    first, last = (_instant_from(name, text) for text in document)
    if first >= last:
        raise SettingsError(f"{name} ends at {last}, which is not after its start at {first}")
    return first, last


def _instant_from(name: str, text: Any) -> pd.Timestamp:
    try:
        instant = pd.Timestamp(text) if isinstance(text, str) else pd.NaT
    except ValueError:
        instant = pd.NaT
    if pd.isna(instant):
        raise SettingsError(
            f"{name} has {text!r}, expected an instant as 2026-01-31T00:00:00+00:00"
        )
    return instant.tz_localize("UTC") if instant.tzinfo is None else instant.tz_convert("UTC")


def _is_list(document: Any) -> bool:
    return isinstance(document, Sequence) and not isinstance(document, str)

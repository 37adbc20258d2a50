"""The changes that an ablation tries, one at a time, and what it leaves out, with the reason.

A switch that is on by default is turned off, one that is off is turned on; a limit is lifted to
the value at which it no longer binds.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from regimekit.schema import Gate
from regimekit.settings import SECTIONS, Settings, settings_from

STRATEGY = "RegimeRouter"

# By section, then by setting; a value or `FLIP`.
Changes = Mapping[str, Mapping[str, Any]]


class _Marker(Enum):
    FLIP = "the opposite of what it is"


FLIP: Final = _Marker.FLIP


class Group(StrEnum):
    """What kind of part a variant changes."""

    DEFAULT = "default"
    SUB_STRATEGY = "sub-strategy"
    FILTER = "filter"
    GATE = "gate"
    EXIT = "exit"
    ADAPTIVE = "adaptive"
    BASELINE = "baseline"  # another strategy, for comparison
    BIAS = "bias"  # fills that no exchange would give: a warning, never a choice


@dataclass(frozen=True, slots=True)
class Variant:
    """One change from the default.

    Attributes
    ----------
    name : str
        Unique; the setting's path where one setting changes.
    changes : mapping
        Values by section and setting; `FLIP` inverts a switch.
    """

    name: str
    group: Group
    changes: Changes = dataclasses.field(default_factory=dict)
    strategy: str = STRATEGY

    def settings(self, base: Settings) -> Settings:
        """Return `base` with this change; SettingsError when the two contradict each other."""
        sections = {
            key: dataclasses.replace(
                getattr(base, key),
                **{name: _value(getattr(base, key), name, value) for name, value in given.items()},
            )
            for key, given in self.changes.items()
        }
        return dataclasses.replace(base, **sections)

    def label(self, base: Settings) -> str:
        """Return what a reader sees: the name, and what it becomes where that says more."""
        if len(self.changes) != 1:
            return self.name
        ((key, given),) = self.changes.items()
        if len(given) != 1:
            return self.name
        ((name, value),) = given.items()
        if f"{key}.{name}" != self.name.partition("=")[0]:
            return self.name
        value = _value(getattr(base, key), name, value)
        if isinstance(value, bool):
            return f"{key}.{name} {'on' if value else 'off'}"
        return f"{key}.{name} = {value}"


def _value(section: Any, name: str, value: Any) -> Any:
    return not getattr(section, name) if value is FLIP else value


def _switch(group: Group, *paths: str) -> tuple[Variant, ...]:
    variants = []
    for path in paths:
        section, name = path.split(".")
        variants.append(Variant(path, group, {section: {name: FLIP}}))
    return tuple(variants)


def _set(group: Group, path: str, *values: Any) -> tuple[Variant, ...]:
    section, name = path.split(".")
    several = len(values) > 1
    return tuple(
        Variant(f"{path}={value}" if several else path, group, {section: {name: value}})
        for value in values
    )


def _alone(kept: str) -> Variant:
    others = {"momentum", "mean_reversion", "breakout"} - {kept}
    return Variant(
        f"{kept} alone",
        Group.SUB_STRATEGY,
        {name: {"enabled": False} for name in sorted(others)},
    )


DEFAULT = Variant("default", Group.DEFAULT)

VARIANTS: tuple[Variant, ...] = (
    DEFAULT,
    *_switch(Group.SUB_STRATEGY, "momentum.enabled", "mean_reversion.enabled", "breakout.enabled"),
    *(_alone(name) for name in ("momentum", "mean_reversion", "breakout")),
    *_switch(Group.FILTER, "regime.confirm"),
    *_set(Group.FILTER, "filters.direction", "off", "not_opposed", "slow_agrees", "both_agree"),
    *_set(Group.FILTER, "filters.alignment_bonus", 0.0),
    *_switch(Group.FILTER, "filters.funding", "squeeze.enabled", "squeeze.tighten"),
    *_set(Group.FILTER, "filters.funding_outage", "block", "abstain"),
    *_set(Group.FILTER, "squeeze.outage", "block", "abstain"),
    *_set(Group.GATE, "gates.cooldown_loss_bars", 0),
    *_set(Group.GATE, "gates.losses_to_double", 0),
    *_set(Group.GATE, "gates.cooldown_profit_bars", 0),
    *_set(Group.GATE, "gates.entries_per_candle", 0),
    *_set(Group.GATE, "gates.entries_per_hour", 0),
    *_set(Group.GATE, "gates.entries_per_day", 0),
    *_set(Group.GATE, "gates.same_direction", 0),
    *_set(Group.GATE, "gates.regime_wait_bars", 0),
    *_set(Group.GATE, "gates.reward_share", 0.0),
    *_set(Group.GATE, "gates.daily_loss", 1.0),
    *_set(Group.GATE, "gates.drawdown_stop", 1.0),
    *_set(Group.GATE, "gates.total_at_risk", 1.0),
    *_set(Group.GATE, "exits.max_stop", 0.4),
    *_switch(Group.EXIT, "exits.break_even", "exits.hybrid_trail"),
    *_switch(Group.EXIT, "exits.volatility_trail", "exits.momentum_decay"),
    *_switch(Group.ADAPTIVE, "adaptive.enabled"),
    Variant("ATRBreakout", Group.BASELINE, strategy="ATRBreakout"),
    Variant("Supertrend", Group.BASELINE, strategy="Supertrend"),
    *_switch(Group.BIAS, "gates.exit_candle"),
)

# Switches, choices and gates that are no variant, by path, with the reason.
EXCLUDED: Mapping[str, str] = {
    "filters.order_book": "recorded candles come without order books: it abstains either way",
    "filters.book_outage": "recorded candles come without order books: it would refuse every order",
    "filters.news": "only live: it abstains in every backtest",
    "filters.news_outage": "only live: it would refuse every order of a backtest",
    "inputs.open_interest": "a source, not a rule; squeeze.enabled switches the rule that reads it",
    "inputs.taker_flow": "a source that is only shown; no rule reads it",
    "inputs.feed": "where a live bot reads from; backtests read the store",
    "gates.drawdown_since": "a date by which a person resumes, not a rule",
    "vetoes.ledger": "writes a file and decides nothing; off in all runs",
    "journal.enabled": "writes a file and decides nothing; backtests write none",
}

# What shows the worth of each `Gate`: the variant that lifts it, or why there is none.
GATES: Mapping[Gate, str] = {
    Gate.INPUTS: "filters.funding_outage=abstain",
    Gate.DIRECTION: "filters.direction=off",
    Gate.FUNDING: "filters.funding",
    Gate.SQUEEZE: "squeeze.enabled",
    Gate.REGIME_WAIT: "gates.regime_wait_bars",
    Gate.STOP: "exits.max_stop",
    Gate.EXIT_CANDLE: "gates.exit_candle",
    Gate.COOLDOWN: "gates.cooldown_loss_bars",
    Gate.CANDLE: "gates.entries_per_candle",
    Gate.HOUR: "gates.entries_per_hour",
    Gate.DAY: "gates.entries_per_day",
    Gate.SAME_DIRECTION: "gates.same_direction",
    Gate.DAILY_LOSS: "gates.daily_loss",
    Gate.DRAWDOWN: "gates.drawdown_stop",
    Gate.TOTAL_RISK: "gates.total_at_risk",
    Gate.REWARD: "gates.reward_share",
    Gate.ADAPTIVE: "adaptive.enabled",
}
EXCLUDED_GATES: Mapping[Gate, str] = {
    Gate.NONE: "refuses nothing",
    Gate.CONFIDENCE: "a threshold, not a switch; without it every candle would be an entry",
    Gate.INSTANCE: "guards against a second bot on the database, and a backtest has none",
    Gate.CLOCK_SKEW: "guards against a wrong clock, and a backtest asks no clock",
    Gate.DISK: "guards a bot's database against a full disk; a backtest writes no trades to it",
    Gate.ANALYSIS: "guards against candles that were not analyzed, which a backtest never has",
    Gate.SIGNAL: "guards against orders without a signal, which a backtest never sends",
    Gate.ORDER_BOOK: EXCLUDED["filters.order_book"],
    Gate.NEWS: EXCLUDED["filters.news"],
}


def base_settings(overlay: Mapping[str, Any]) -> Settings:
    """Return the defaults with `overlay`, settings by section; SettingsError names a wrong one."""
    return settings_from(overlay)


def differs(variant: Variant, base: Settings) -> bool:
    """Tell whether `variant` is anything but the default itself."""
    return variant.strategy != STRATEGY or variant.settings(base) != base


def choose(patterns: Sequence[str], base: Settings) -> tuple[Variant, ...]:
    """Return the default and the variants that `patterns` name, in the order of the list.

    Parameters
    ----------
    patterns : sequence of str
        A group, a name, or ``group/name``, with ``*`` as a wildcard; none names all.

    Raises
    ------
    ValueError
        A pattern names nothing.
    """
    for pattern in patterns:
        if not any(_matches(variant, pattern) for variant in VARIANTS):
            groups = ", ".join(dict.fromkeys(variant.group.value for variant in VARIANTS))
            raise ValueError(
                f"--only {pattern} names no variant; name a group ({groups}) or list all with "
                "--dry-run"
            )
    named = [
        variant
        for variant in VARIANTS
        if not patterns or any(_matches(variant, pattern) for pattern in patterns)
    ]
    return (DEFAULT, *(it for it in named if it is not DEFAULT and differs(it, base)))


def _matches(variant: Variant, pattern: str) -> bool:
    names = (variant.group.value, variant.name, f"{variant.group.value}/{variant.name}")
    return any(fnmatchcase(name, pattern) for name in names)


def settings_document(settings: Settings) -> dict[str, Any]:
    """Return every setting as a config section, so that no profile or default can change a run.

    The ledger of refused orders is off: it decides nothing, and parallel runs would crowd it.
    """
    document = dataclasses.asdict(settings)
    document["vetoes"]["ledger"] = False
    return document


def switches() -> Iterable[str]:
    """Yield the path of every setting that is a switch or a choice, and of every gate."""
    for key, section in SECTIONS.items():
        for item in dataclasses.fields(section):  # type: ignore[arg-type]
            if isinstance(item.default, bool) or item.metadata["choices"] or key == "gates":
                yield f"{key}.{item.name}"

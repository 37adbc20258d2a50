"""Every number of the pack, with unit, default, range and meaning in one place.

The defaults are the `conservative` profile. ``config/profiles/*.json`` overlay them under the
config key ``regimekit``; a hyperopted strategy parameter of the same name overrides both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from regimekit.settings.adaptive import AdaptiveSettings
from regimekit.settings.exits import ExitSettings
from regimekit.settings.filters import FilterSettings
from regimekit.settings.gates import GateSettings, VetoSettings
from regimekit.settings.journal import JournalSettings
from regimekit.settings.live import LiveSettings
from regimekit.settings.market import IndicatorSettings, InputSettings, RegimeSettings
from regimekit.settings.risk import RiskSettings
from regimekit.settings.section import Section, SettingsError, reject_unknown
from regimekit.settings.signals import BreakoutSettings, MeanReversionSettings, MomentumSettings
from regimekit.settings.squeeze import SqueezeSettings
from regimekit.settings.watch import WatchSettings

__all__ = [
    "PROFILES",
    "SECTIONS",
    "AdaptiveSettings",
    "BreakoutSettings",
    "ExitSettings",
    "FilterSettings",
    "GateSettings",
    "IndicatorSettings",
    "InputSettings",
    "JournalSettings",
    "LiveSettings",
    "MeanReversionSettings",
    "MomentumSettings",
    "RegimeSettings",
    "RiskSettings",
    "Section",
    "Settings",
    "SettingsError",
    "SqueezeSettings",
    "VetoSettings",
    "WatchSettings",
    "settings_from",
]

PROFILES = ("conservative", "classic")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a strategy; build it with `settings_from`."""

    profile: str = "conservative"
    # False makes decisions independent of past trades, as lookahead-analysis needs.
    trade_history: bool = True
    indicators: IndicatorSettings = field(default_factory=IndicatorSettings)
    regime: RegimeSettings = field(default_factory=RegimeSettings)
    momentum: MomentumSettings = field(default_factory=MomentumSettings)
    mean_reversion: MeanReversionSettings = field(default_factory=MeanReversionSettings)
    breakout: BreakoutSettings = field(default_factory=BreakoutSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    squeeze: SqueezeSettings = field(default_factory=SqueezeSettings)
    gates: GateSettings = field(default_factory=GateSettings)
    vetoes: VetoSettings = field(default_factory=VetoSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    adaptive: AdaptiveSettings = field(default_factory=AdaptiveSettings)
    exits: ExitSettings = field(default_factory=ExitSettings)
    live: LiveSettings = field(default_factory=LiveSettings)


SECTIONS: dict[str, type[Section]] = {
    "indicators": IndicatorSettings,
    "regime": RegimeSettings,
    "momentum": MomentumSettings,
    "mean_reversion": MeanReversionSettings,
    "breakout": BreakoutSettings,
    "filters": FilterSettings,
    "inputs": InputSettings,
    "squeeze": SqueezeSettings,
    "gates": GateSettings,
    "vetoes": VetoSettings,
    "watch": WatchSettings,
    "journal": JournalSettings,
    "risk": RiskSettings,
    "adaptive": AdaptiveSettings,
    "exits": ExitSettings,
    "live": LiveSettings,
}


def settings_from(config: Mapping[str, Any]) -> Settings:
    """Build settings from the config section ``regimekit``.

    Raises
    ------
    SettingsError
        Unknown key or profile, wrong type, or value out of range; one line.
    """
    if not isinstance(config, Mapping):
        raise SettingsError(f"regimekit is {config!r}, expected an object with settings")
    reject_unknown("regimekit", config, {"profile", "trade_history", *SECTIONS})
    profile = config.get("profile", "conservative")
    if profile not in PROFILES:
        raise SettingsError(
            f"regimekit.profile is {profile!r}, expected one of {', '.join(PROFILES)}; "
            "add -c config/profiles/<name>.json to the command instead of setting it by hand"
        )
    trade_history = config.get("trade_history", True)
    if not isinstance(trade_history, bool):
        raise SettingsError(f"regimekit.trade_history is {trade_history!r}, expected true or false")
    sections: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        values = config.get(name, {})
        if not isinstance(values, Mapping):
            raise SettingsError(f"regimekit.{name} is {values!r}, expected an object with settings")
        reject_unknown(f"regimekit.{name}", values, {item.name for item in fields(section)})  # type: ignore[arg-type]
        sections[name] = section(**values)
    return Settings(profile=profile, trade_history=trade_history, **sections)

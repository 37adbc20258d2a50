"""The system with the numbers it was first described with, however the shipped defaults change.

Cases computed by hand and backtests that need many trades use these; a test whose subject is a
shipped default asks `Settings` itself.
"""

from typing import Any

from regimekit.settings import Settings, settings_from

# Laid over the configuration's section ``regimekit``.
DESCRIBED: dict[str, dict[str, Any]] = {
    "regime": {"confirm_adx_4h": 22.0},
    "momentum": {"momentum_min_confidence": 0.78},
    "mean_reversion": {"mean_reversion_min_confidence": 0.72},
    "breakout": {"breakout_min_confidence": 0.70},
    "filters": {"direction": "not_opposed"},
    "squeeze": {"tight_trail_atr": 1.0},
    "adaptive": {"enabled": True},
    "exits": {
        "stop_atr_momentum": 1.5,
        "stop_atr_mean_reversion": 1.2,
        "stop_atr_breakout": 1.5,
        "min_stop": 0.02,
        "target_rr_momentum": 2.0,
        "target_rr_mean_reversion": 1.2,
        "target_rr_breakout": 2.0,
        "break_even_r": 1.8,
        "trail_atr": 2.5,
        "momentum_decay": True,
    },
}


def overlay(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return `DESCRIBED` with further layers of ``regimekit`` laid over it, as Freqtrade does."""
    merged: dict[str, Any] = {section: dict(values) for section, values in DESCRIBED.items()}
    for layer in layers:
        for key, value in layer.items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def described(**sections: Any) -> Settings:
    """Return the described settings with some sections changed: ``exits={"trail_atr": 3.0}``."""
    return settings_from(overlay(sections))

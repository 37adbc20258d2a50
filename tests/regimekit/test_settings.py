"""Settings are checked where they enter, and the shipped profiles say what the code says."""

import ast
import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
import rapidjson

from regimekit.settings import PROFILES, SECTIONS, Settings, SettingsError, settings_from
from regimekit.settings.overlay import conservative_overlay
from tests.described import DESCRIBED


def overlay(repository: Path, profile: str) -> dict[str, Any]:
    """Read a profile as Freqtrade reads its config files."""
    text = (repository / "config" / "profiles" / f"{profile}.json").read_text()
    modes = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
    return rapidjson.loads(text, parse_mode=modes)["regimekit"]


def test_the_defaults_are_the_conservative_profile(repository):
    assert overlay(repository, "conservative") == asdict(Settings())


def test_the_shipped_file_is_what_the_settings_declare(repository):
    shipped = (repository / "config" / "profiles" / "conservative.json").read_text()
    assert shipped == conservative_overlay(), "run `make profiles`"


def test_no_settings_are_the_defaults():
    assert settings_from({}) == Settings()


def test_every_profile_is_accepted(repository):
    for profile in PROFILES:
        assert settings_from(overlay(repository, profile)).profile == profile


def test_classic_only_overrides_what_it_changes(repository):
    classic, defaults = overlay(repository, "classic"), asdict(Settings())
    for section, values in classic.items():
        if section == "profile":
            continue
        for name, value in values.items():
            assert value != defaults[section][name], f"{section}.{name} repeats the default"


def test_classic_is_what_was_first_measured(repository):
    classic = settings_from(overlay(repository, "classic"))
    assert classic.risk.target_leverage == 25
    assert classic.risk.base_fraction == 0.15
    assert classic.exits.break_even_r == 1.0
    assert classic.exits.trail_atr == 1.5
    for name, values in DESCRIBED.items():
        for setting in values.keys() - {"min_stop", "break_even_r", "trail_atr"}:
            measured = getattr(getattr(classic, name), setting)
            assert measured == values[setting], f"{name}.{setting}"


WRONG = {
    "an unknown section": ({"risks": {}}, "regimekit.risks", "'risk'"),
    "an unknown key": (
        {"risk": {"equity_risk": 1}},
        "regimekit.risk.equity_risk",
        "equity_at_risk",
    ),
    "a key like no other": ({"risk": {"zzz": 1}}, "regimekit.risk.zzz", "known: base_fraction"),
    "a section that is none": ({"risk": 3}, "regimekit.risk is 3", "expected an object"),
    "too much": ({"risk": {"equity_at_risk": 5}}, "equity_at_risk is 5", "0.0001 to 0.05"),
    "too little": ({"exits": {"min_stop": 0}}, "regimekit.exits.min_stop is 0", "0.001 to 0.2"),
    "NaN": ({"exits": {"min_stop": math.nan}}, "min_stop is nan", "0.001 to 0.2"),
    "infinite": ({"exits": {"trail_atr": math.inf}}, "trail_atr is inf", "0.8 to 40"),
    "NaN for a whole number": (
        {"momentum": {"cross_bars": math.nan}},
        "cross_bars is nan",
        "number",
    ),
    "infinite whole number": (
        {"momentum": {"cross_bars": math.inf}},
        "cross_bars is inf",
        "number",
    ),
    "half a bar": ({"momentum": {"cross_bars": 1.5}}, "cross_bars is 1.5", "a whole number"),
    "text": ({"exits": {"min_stop": "2%"}}, "min_stop is '2%'", "expected a number"),
    "nothing": ({"exits": {"min_stop": None}}, "min_stop is None", "expected a number"),
    "a number for a switch": ({"exits": {"hybrid_trail": 1}}, "hybrid_trail is 1", "true or false"),
    "a switch for a number": ({"exits": {"min_stop": True}}, "min_stop is True", "a number"),
    "an unknown choice": ({"filters": {"funding_outage": "ok"}}, "'ok'", "block, abstain"),
    "an unknown profile": ({"profile": "brave"}, "'brave'", "conservative, classic"),
    "a profile that is a list": ({"profile": ["classic"]}, "['classic']", "conservative, classic"),
    "trade_history": ({"trade_history": "no"}, "trade_history is 'no'", "true or false"),
    "ADX order": ({"regime": {"adx_leave": 30}}, "adx_leave is 30, above adx_enter", "lower"),
    "ATR order": ({"regime": {"volatile_leave": 2}}, "volatile_leave is 2, above", "raise"),
    "drawdown order": ({"risk": {"drawdown_start": 0.3}}, "drawdown_start is 0.3, above", "lower"),
    "a day that is none": (
        {"gates": {"drawdown_since": "yesterday"}},
        "drawdown_since is 'yesterday'",
        "YYYY-MM-DD",
    ),
    "a number for a day": ({"gates": {"drawdown_since": 2026}}, "is 2026", "expected a text"),
    "squeeze order": ({"squeeze": {"leave_z": 3}}, "leave_z is 3, above extreme_z", "lower"),
    "adaptive order": ({"adaptive": {"window": 5}}, "least_trades is 8, above window", "raise"),
    "stop order": ({"exits": {"min_stop": 0.2}}, "min_stop is 0.2, above max_stop", "raise"),
}


@pytest.mark.parametrize(("config", "thing", "way_out"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_refused_in_one_line_with_the_way_out(config, thing, way_out):
    with pytest.raises(SettingsError) as refusal:
        settings_from(config)
    message = str(refusal.value)
    assert thing in message
    assert way_out in message
    assert "\n" not in message


@pytest.mark.parametrize("config", [None, "classic", 3, []])
def test_a_config_section_that_is_no_object_is_refused(config):
    with pytest.raises(SettingsError, match=r"regimekit is .*, expected an object"):
        settings_from(config)


def test_every_default_lies_in_its_range_and_every_range_is_one():
    for name, section in SECTIONS.items():
        for item in fields(section):
            if item.metadata["choices"]:
                assert item.default in item.metadata["choices"]
            elif not isinstance(item.default, str):
                low, high = item.metadata["low"], item.metadata["high"]
                assert low <= item.default <= high, f"{name}.{item.name}"
                assert low < high


@pytest.mark.parametrize("edge", ["low", "high"])
def test_the_edges_of_a_range_belong_to_it(edge):
    for name, section in SECTIONS.items():
        for item in fields(section):
            value = item.metadata[edge]
            if math.isfinite(value) and item.name not in ORDERED:
                settings_from({name: {item.name: type(item.default)(value)}})


ORDERED = {
    *("adx_enter", "adx_leave", "volatile_enter", "volatile_leave"),
    *("drawdown_start", "drawdown_full", "min_stop", "max_stop"),
    *("ema_fast", "ema_mid", "ema_slow", "macd_fast", "macd_slow"),
    *("trend_ema_fast", "trend_ema_slow"),
    *("leave_z", "extreme_z", "least_trades", "window"),
}


def strategy_parameters(repository: Path) -> Iterator[tuple[str, float, float, float]]:
    """Name, lowest, highest and default of each hyperoptable parameter, without importing it."""
    source = (repository / "user_data" / "strategies" / "RegimeRouter.py").read_text()
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        call = node.value
        if isinstance(call.func, ast.Name) and call.func.id.endswith("Parameter"):
            low, high = (ast.literal_eval(argument) for argument in call.args)
            default = next(word.value for word in call.keywords if word.arg == "default")
            assert isinstance(node.targets[0], ast.Name)
            yield node.targets[0].id, low, high, ast.literal_eval(default)


def test_every_strategy_parameter_is_one_setting_with_its_default_and_within_its_range(repository):
    parameters = list(strategy_parameters(repository))
    assert len(parameters) > 10
    for name, low, high, default in parameters:
        found = [item for section in SECTIONS.values() for item in fields(section)]
        (item,) = [item for item in found if item.name == name]
        assert default == item.default, name
        assert item.metadata["low"] <= low < default < high <= item.metadata["high"], name


def test_no_parameter_value_breaks_the_order_of_two_thresholds(repository):
    lowest = {name: low for name, low, _, _ in strategy_parameters(repository)}
    defaults = Settings().regime
    assert lowest["adx_enter"] >= defaults.adx_leave
    assert lowest["volatile_enter"] >= defaults.volatile_leave

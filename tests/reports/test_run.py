"""Reading the export: settings as the strategy applied them, damage in one line."""

import pytest

from regimekit.reports.run import Run, RunError, changed_settings, tuned
from regimekit.settings import Settings, SettingsError
from tests.reports.builders import record, statistics


def test_a_parameter_file_overrides_the_profile():
    config = {"regimekit": {"profile": "classic", "exits": {"trail_atr": 1.5, "break_even_r": 1.0}}}
    parameters = {
        "params": {"sell": {"trail_atr": 3.0}, "roi": {"0": 0.1}, "stoploss": {"stoploss": -0.3}}
    }
    run = Run.from_export("RegimeRouter", statistics([record()]), config, parameters)
    assert (run.settings.profile, run.parameters) == ("classic", True)
    assert (run.settings.exits.trail_atr, run.settings.exits.break_even_r) == (3.0, 1.0)


def test_changed_settings_are_named_with_value_and_default():
    settings = tuned(Settings(), {"params": {"buy": {"adx_enter": 30}}})
    assert changed_settings(settings) == [("regime.adx_enter", 30, 25.0)]


def test_a_checkouts_place_is_not_told():
    files = ["/home/someone/bot/user_data/../config/profiles/classic.json", "config.json"]
    run = Run.from_export("RegimeRouter", statistics([]), {"config_files": files})
    assert run.config_files == ("profiles/classic.json", "config.json")


@pytest.mark.parametrize(
    ("change", "words"), [({"starting_balance": None}, "damaged"), ({"trades": 3}, "damaged")]
)
def test_damage_is_one_line(change, words):
    with pytest.raises(RunError, match=words):
        Run.from_export("RegimeRouter", statistics([]) | change, {})


def test_a_missing_statistic_is_named():
    stats = statistics([])
    del stats["pairlist"]
    with pytest.raises(RunError, match="has no 'pairlist'"):
        Run.from_export("RegimeRouter", stats, {})


def test_a_parameter_out_of_range_is_refused():
    with pytest.raises(SettingsError, match="trail_atr is 99"):
        tuned(Settings(), {"params": {"sell": {"trail_atr": 99}}})

"""Profiles set where parameters start, and settings are refused at start-up."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, OperationalException
from freqtrade.strategy import DecimalParameter, IntParameter

from regimekit.hooks.fingerprint import source_fingerprint
from regimekit.settings import Settings
from tests.regimekit.hooks.fakes import Silent


class Tunable(Silent):
    adx_enter = IntParameter(20, 35, default=25, space="buy")
    break_even_r = DecimalParameter(0.5, 3.0, default=1.8, decimals=1, space="sell")


def test_a_strategy_starts_from_its_profile():
    bot = Tunable({"regimekit": {"exits": {"break_even_r": 1.0}}})
    assert bot.break_even_r.value == 1.0
    assert bot.tuned_settings().exits.break_even_r == 1.0


def test_the_next_strategy_does_not_inherit_the_profile_of_the_one_before():
    Tunable({"regimekit": {"exits": {"break_even_r": 1.0}}})
    assert asdict(Tunable({}).tuned_settings()) == asdict(Settings())


def test_a_hyperopted_value_outranks_the_profile():
    bot = Tunable({"regimekit": {"regime": {"adx_enter": 30}}})
    bot.adx_enter.value = 22
    assert bot.tuned_settings().regime.adx_enter == 22
    assert bot.settings.regime.adx_enter == 30


def test_what_is_kept_of_tuned_settings_follows_every_change():
    bot = Tunable({})
    assert bot.tuned(bot.settings.exits) is bot.tuned(bot.settings.exits)
    for epoch in (2.0, 0.7, 2.0):
        bot.break_even_r.value = epoch
        assert bot.tuned(bot.settings.exits).break_even_r == epoch
    other = replace(bot.settings.exits, min_stop=0.07)
    assert bot.tuned(other).min_stop == 0.07
    assert bot.tuned(bot.settings.exits).min_stop != 0.07


def test_a_wrong_setting_stops_the_start_in_one_line():
    with pytest.raises(OperationalException) as refusal:
        Tunable({"regimekit": {"risk": {"equity_at_risk": 5}}})
    assert str(refusal.value).startswith("regimekit.risk.equity_at_risk is 5, expected 0.0001")
    assert "\n" not in str(refusal.value)
    # Freqtrade answers its child ConfigurationError with exit code 0.
    assert not isinstance(refusal.value, ConfigurationError)


def test_a_profile_keeps_its_fractions():
    bot = Tunable({"regimekit": {"regime": {"adx_enter": 27.9}}})
    assert bot.tuned_settings().regime.adx_enter == 27.9


def test_hyperopt_is_refused_where_a_range_contradicts_a_setting():
    """Trying an adx_enter of 20 with an adx_leave of 24 would end the run in the middle."""
    settings = {"regimekit": {"regime": {"adx_leave": 24}}}
    assert Tunable(dict(settings)).settings.regime.adx_leave == 24
    with pytest.raises(OperationalException, match="adx_leave is 24, above adx_enter with 20"):
        Tunable({**settings, "runmode": RunMode.HYPEROPT})
    Tunable({"runmode": RunMode.HYPEROPT})


def test_the_source_is_part_of_the_config_for_the_backtest_cache():
    config: dict[str, str] = {}
    Tunable(config)
    assert config["regimekit_source"] == source_fingerprint()


@pytest.mark.parametrize(
    ("moment", "opened"), [("08:00:00", "08:00"), ("08:14:59", "08:00"), ("08:15:00", "08:15")]
)
def test_the_candle_of_a_moment(moment, opened):
    def at(clock):
        return datetime.fromisoformat(f"2026-01-05T{clock}").replace(tzinfo=UTC)

    assert Tunable({}).candle_open(at(moment)) == at(opened)

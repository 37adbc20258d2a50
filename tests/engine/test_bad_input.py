"""Bad input gets one line with the thing, the value and the way out, and no exit code 0."""

import pytest

from tests.engine.bot import CONFIG

pytestmark = pytest.mark.freqtrade


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PROFILE", "brave", "regimekit.profile is 'brave', expected one of conservative, classic"),
        (
            "RISK__EQUITY_AT_RISK",
            "5",
            "regimekit.risk.equity_at_risk is 5, expected 0.0001 to 0.05",
        ),
        ("EXITS__TRAIL_ATR", "nan", "regimekit.exits.trail_atr is nan, expected 0.8 to 40"),
        (
            "RISK__TARGET_LEVERGE",
            "3",
            "target_leverge is not a setting; did you mean 'target_lever",
        ),
    ],
)
def test_bad_settings_stop_freqtrade_before_it_trades(bot, variable, value, message):
    run = bot.run(
        "backtesting",
        "--strategy=RegimeRouter",
        f"--config={CONFIG}",
        f"--datadir={bot.datadir}",
        "--timerange=20260101-20260103",
        environment={f"FREQTRADE__REGIMEKIT__{variable}": value},
        typed=variable == "PROFILE",
    )
    assert run.returncode != 0
    assert message in run.log.replace("\n", " ")
    assert "Traceback" not in run.log

"""The adaptive layer in the real engine: alive, repeatable, and blind to any other run's trades."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from regimekit.settings import SECTIONS, AdaptiveSettings
from tests.described import overlay
from tests.engine.bot import SPEC, Bot
from tests.engine.test_commands import own_userdir

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("adaptive")]

# Many trades in little time, so that there are results to adapt to.
EAGER: dict[str, Any] = overlay(
    {
        "momentum": {"momentum_min_confidence": 0.3},
        "mean_reversion": {"mean_reversion_min_confidence": 0.3},
        "breakout": {"breakout_min_confidence": 0.3},
        "exits": {"min_stop": 0.005},
    }
)
# Everything else that looks at past trades, switched off or out of reach.
FORGETFUL: dict[str, Any] = {
    "gates": {
        "exit_candle": False,
        **dict.fromkeys(("cooldown_loss_bars", "cooldown_profit_bars", "losses_to_double"), 0),
        **dict.fromkeys(("entries_per_hour", "entries_per_day", "entries_per_candle"), 0),
        "same_direction": 0,
        **dict.fromkeys(("daily_loss", "drawdown_stop", "total_at_risk"), 1),
    },
    "risk": {"drawdown_floor": 1},
}
TIMERANGE = "20260101-20260116"
OFF: dict[str, Any] = {"adaptive": {"enabled": False}}
EPOCHS = 3


def trades_of(bot: Bot, *, typed: bool = False, **settings: Any) -> list[dict[str, Any]]:
    """Return the trades of a backtest of `EAGER` and further settings."""
    overlaid = {"max_open_trades": 4, "regimekit": overlay(EAGER, settings)}
    run, result = bot.backtest(settings=overlaid, timerange=TIMERANGE, typed=typed)
    assert run.ok, run.explain()
    return list(result["trades"])


@pytest.fixture(scope="module")
def own_bot(exchange, simulated, tmp_path_factory):
    return Bot(exchange, simulated, tmp_path_factory.mktemp("adaptive"))


@pytest.fixture(scope="module")
def adaptive(own_bot):
    return trades_of(own_bot)


@pytest.fixture(scope="module")
def steady(own_bot):
    return trades_of(own_bot, **OFF)


def test_the_same_backtest_gives_the_same_trades(own_bot, adaptive):
    """In an interpreter of its own, whose sets have another order."""
    assert trades_of(own_bot, typed=True) == adaptive


def test_results_change_leverage_and_stake(adaptive, steady):
    assert {trade["leverage"] for trade in steady} == {3.0}
    assert {trade["leverage"] for trade in adaptive} > {3.0}
    largest = max(trade["stake_amount"] for trade in steady)
    assert any(trade["stake_amount"] < 0.8 * largest for trade in adaptive)


def test_nothing_changes_before_a_sub_strategy_has_enough_results(adaptive, steady):
    """Trade by trade the same, up to the candle in which the first could have changed."""
    tags = {trade["enter_tag"] for trade in steady}
    least = AdaptiveSettings().least_trades
    closed = {
        tag: sorted(trade["close_timestamp"] for trade in steady if trade["enter_tag"] == tag)
        for tag in tags
    }
    first = min(moments[least - 1] for moments in closed.values() if len(moments) >= least)

    def opened(trades):
        keys = ("pair", "open_timestamp", "open_rate", "is_short", "leverage", "stake_amount")
        return [
            tuple(trade[key] for key in keys)
            for trade in sorted(trades, key=lambda trade: (trade["open_timestamp"], trade["pair"]))
            if trade["open_timestamp"] <= first
        ]

    assert len(opened(steady)) >= least
    assert opened(adaptive) == opened(steady)


@pytest.mark.verify
def test_switched_off_it_knows_as_little_as_without_trade_history(own_bot):
    """Where nothing else looks at past trades, both switches do the same."""
    off = trades_of(own_bot, **FORGETFUL, **OFF)
    assert len(off) > 20
    assert off == trades_of(own_bot, **FORGETFUL, trade_history=False)


def hyperopt(bot: Bot, folder: Path, workers: int) -> list[dict[str, Any]]:
    """Return the epochs as Freqtrade wrote them down."""
    folder.mkdir()
    run = bot.run(
        "hyperopt",
        "--strategy=RegimeRouter",
        "--hyperopt-loss=SharpeHyperOptLossDaily",
        "--spaces=sell",
        f"--epochs={EPOCHS}",
        f"--job-workers={workers}",
        "--random-state=5",
        "--disable-param-export",
        *own_userdir(folder),
        f"--datadir={bot.datadir}",
        f"--timerange={TIMERANGE}",
        "--pairs",
        *SPEC.pairs,
        settings={"max_open_trades": 4, "regimekit": EAGER},
    )
    assert run.ok, run.explain()
    (written,) = (folder / "hyperopt_results").glob("*.fthypt")
    return [json.loads(line) for line in written.read_text().splitlines()]


def by_parameters(epochs):
    """Map parameter values to what the epoch came to."""
    return {
        json.dumps(epoch["params_dict"], sort_keys=True): came_to(epoch["results_metrics"])
        for epoch in epochs
    }


def came_to(result):
    """What two runs of the same trades agree on, to the last cent."""
    keys = ("total_trades", "profit_total_abs", "wins", "losses", "profit_factor", "total_volume")
    return {key: result[key] for key in keys} | {
        "by_tag": [
            (row["key"], row["trades"], row["profit_total_abs"])
            for row in sorted(result["results_per_enter_tag"], key=lambda row: str(row["key"]))
        ]
    }


def as_settings(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of a hyperopt epoch as sections of the configuration."""
    homes = {
        item.name: name for name, kind in SECTIONS.items() for item in dataclasses.fields(kind)
    }
    sections = {name: dict(values) for name, values in EAGER.items()}
    for parameter, value in parameters.items():
        sections.setdefault(homes[parameter], {})[parameter] = value
    return sections


def test_an_epoch_never_sees_the_trades_of_another(own_bot, tmp_path):
    """One after the other in a process, and alone, they come to the same."""
    one = by_parameters(hyperopt(own_bot, tmp_path / "one", workers=1))
    assert len(one) == EPOCHS
    last = list(one)[-1]
    settings = {"max_open_trades": 4, "regimekit": as_settings(json.loads(last))}
    run, alone = own_bot.backtest(settings=settings, timerange=TIMERANGE)
    assert run.ok, run.explain()
    assert came_to(alone) == one[last]


@pytest.mark.verify
def test_two_workers_come_to_what_one_does(own_bot, tmp_path):
    one = by_parameters(hyperopt(own_bot, tmp_path / "one", workers=1))
    assert one == by_parameters(hyperopt(own_bot, tmp_path / "two", workers=2))

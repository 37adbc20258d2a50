"""Every command that a Freqtrade user types, from the repository's root."""

import json
import re
import sys

import pytest
from freqtrade.strategy import DecimalParameter

from regimekit.hooks.plots import decision_plots
from tests.described import DESCRIBED
from tests.engine.bot import CONFIG, ROOT, SPEC, TIMERANGE

pytestmark = pytest.mark.freqtrade


def own_userdir(folder):
    """Options that keep results out of the user's own folder."""
    return [f"--userdir={folder}", f"--config={CONFIG}", "--strategy-path=user_data/strategies"]


@pytest.mark.parametrize("flags", [[], ["--recursive-strategy-search"]])
def test_every_strategy_is_listed_ok(bot, flags):
    run = bot.run("list-strategies", "--no-color", *flags, typed=not flags)
    rows = re.findall(r"│\s+(\w+) │\s+(\w+\.py) │\s+(\w+)", run.output)
    files = {path.name for path in (ROOT / "user_data" / "strategies").glob("[!_]*.py")}
    assert run.returncode == 0
    assert {file for _, file, _ in rows} >= files
    assert {status for _, _, status in rows} == {"OK"}


@pytest.mark.parametrize("profile", ["conservative", "classic"])
def test_profiles_are_overlays(bot, profile):
    run = bot.run("show-config", "--config", CONFIG, "--config", f"config/profiles/{profile}.json")
    assert run.returncode == 0, run.explain()
    shown = json.loads(run.output[run.output.index("{") :])
    assert shown["regimekit"]["profile"] == profile
    assert shown["dry_run"] is True


EPOCHS = 8


@pytest.fixture
def parameters(monkeypatch):
    """The parameters that the shipped strategy declares, by name."""
    monkeypatch.syspath_prepend(ROOT / "user_data" / "strategies")
    monkeypatch.delitem(sys.modules, "RegimeRouter", raising=False)
    from RegimeRouter import RegimeRouter  # noqa: PLC0415 - found through the path above

    declared = {
        name: value
        for name, value in vars(RegimeRouter).items()
        if isinstance(value, DecimalParameter)
    }
    assert {value.space for value in declared.values()} == {"buy", "sell"}
    return declared


def test_hyperopt_runs_in_parallel_and_each_epoch_obeys_the_laws(bot, tmp_path, parameters):
    run = bot.run(
        "hyperopt",
        "--strategy=RegimeRouter",
        "--hyperopt-loss=SharpeHyperOptLossDaily",
        "--spaces",
        "buy",
        "sell",
        "-e",
        str(EPOCHS),
        "-j",
        "2",
        "--random-state=1",
        "--disable-param-export",
        *own_userdir(tmp_path),
        f"--datadir={bot.datadir}",
        "--timerange=20260101-20260115",
        "--pairs",
        *SPEC.pairs[:2],
    )
    assert run.ok, run.explain()
    assert "adx_enter" in run.output
    assert "trail_atr" in run.output
    assert not (ROOT / "user_data" / "strategies" / "RegimeRouter.json").exists()
    (written,) = (tmp_path / "hyperopt_results").glob("*.fthypt")
    epochs = [json.loads(line) for line in written.read_text().splitlines()]
    assert len(epochs) == EPOCHS
    for epoch in epochs:
        tried = epoch["params_dict"]
        assert tried.keys() == parameters.keys()
        for name, value in tried.items():
            assert parameters[name].low - 1e-9 <= value <= parameters[name].high + 1e-9, name
        # Nothing that ends a trade lies within what a candle moves anyway.
        for name in tried:
            if name.startswith(("stop_atr_", "trail_atr", "tight_trail_atr")):
                assert tried[name] >= 0.8, name
    for name in parameters:
        assert len({epoch["params_dict"][name] for epoch in epochs}) > 1, f"{name} never moved"
    results = {
        (metrics["total_trades"], metrics["profit_total_abs"])
        for metrics in (epoch["results_metrics"] for epoch in epochs)
    }
    assert len(results) > EPOCHS // 2


def lookahead_row(bot, pairs, timerange, *, typed=False):
    """Return what it says of the described settings, which give it enough signals to look at."""
    run = bot.run(
        "lookahead-analysis",
        "--config",
        CONFIG,
        "--config",
        "config/analysis.json",
        "--strategy=RegimeRouter",
        f"--datadir={bot.datadir}",
        f"--timerange={timerange}",
        "--minimum-trade-amount=5",
        "--targeted-trade-amount=10",
        "--pairs",
        *pairs,
        settings={"regimekit": DESCRIBED},
        typed=typed,
    )
    assert run.returncode == 0, run.explain()
    row = re.search(r"│ RegimeRouter │ +(\w+) │ +(\d+) │ +(\d+) │ +(\d+) │ +(\S*) +│", run.output)
    assert row, run.output
    return row.groups()


def test_lookahead_analysis_finds_nothing(bot):
    found = lookahead_row(bot, SPEC.pairs[:2], TIMERANGE, typed=True)
    bias, signals, entries, exits, indicators = found
    assert int(signals) >= 10
    assert (bias, entries, exits, indicators) == ("No", "0", "0", "")


@pytest.mark.verify
@pytest.mark.realdata
def test_lookahead_analysis_finds_nothing_on_real_candles(bot_on, shared_data):
    bot = bot_on(shared_data / "binance")
    pairs = ("BTC/USDT:USDT", "ETH/USDT:USDT")
    bias, signals, entries, exits, indicators = lookahead_row(bot, pairs, "20251205-20260105")
    assert int(signals) >= 10
    assert (bias, entries, exits, indicators) == ("No", "0", "0", "")


def recursive_shares(bot, timerange, *, typed=False):
    """Return the deviations that recursive-analysis shows at our own startup_candle_count."""
    run = bot.run(
        "recursive-analysis",
        "--strategy=RegimeRouter",
        f"--datadir={bot.datadir}",
        f"--timerange={timerange}",
        "--startup-candle",
        "400",
        "--pairs",
        "BTC/USDT:USDT",
        typed=typed,
    )
    assert run.returncode == 0, run.explain()
    assert "No lookahead bias on indicators found." in run.log
    return [abs(float(share)) for share in re.findall(r"(-?[\d.]+)%", run.output)]


def test_recursive_analysis_finds_nothing(bot):
    assert max(recursive_shares(bot, "20260110-20260120", typed=True), default=0.0) == 0.0


@pytest.mark.realdata
def test_recursive_analysis_finds_nothing_on_real_candles(bot_on, shared_data):
    # The folder's own history limits 4h candles before the start, so begin late enough.
    bot = bot_on(shared_data / "binance")
    assert max(recursive_shares(bot, "20260210-20260220"), default=0.0) == 0.0


def test_plot_dataframe_draws_the_decisions(bot, tmp_path):
    run = bot.run(
        "plot-dataframe",
        "--strategy=RegimeRouter",
        f"--datadir={bot.datadir}",
        "--timerange=20260110-20260112",
        "--no-trades",
        *own_userdir(tmp_path),
        "--pairs",
        "BTC/USDT:USDT",
        typed=True,
    )
    assert run.ok, run.explain()
    page = (tmp_path / "plot" / "freqtrade-plot-BTC_USDT_USDT-15m.html").read_text()
    plots = decision_plots()
    for panel in (plots["main_plot"], *plots["subplots"].values()):
        for column in panel:
            assert f'"name":"{column}"' in page, column

"""The losses in the real hyperopt, against its own records of what the epochs traded."""

import json
import math

import pandas as pd
import pytest
from scipy.stats import kurtosis, norm, skew

from providers.storage.store import native_path
from tests.engine.bot import CONFIG, SPEC

pytestmark = pytest.mark.freqtrade

BALANCE = 10_000.0
DAYS = pd.date_range("2026-01-01", "2026-01-14", tz="UTC")
LEAST = 5.0 * len(DAYS) / 30
SHIPPED = "user_data/strategies"


def search(
    bot,
    folder,
    loss,
    *,
    settings=None,
    strategy="RegimeRouter",
    spaces=("buy", "sell"),
    path=SHIPPED,
):
    """Run hyperopt with a loss that is found by its name alone; return the run and its epochs."""
    run = bot.run(
        "hyperopt",
        f"--strategy={strategy}",
        f"--hyperopt-loss={loss}",
        "--spaces",
        *spaces,
        "--epochs=6",
        "--job-workers=2",
        "--random-state=1",
        "--disable-param-export",
        f"--userdir={folder}",
        f"--config={CONFIG}",
        f"--strategy-path={path}",
        f"--datadir={bot.datadir}",
        "--timerange=20260101-20260115",
        "--pairs",
        *SPEC.pairs[:2],
        settings=settings,
    )
    written = [*(folder / "hyperopt_results").glob("*.fthypt")]
    return run, [json.loads(line) for path in written for line in path.read_text().splitlines()]


def trades_of(epoch):
    """The records of an epoch, as Freqtrade wrote them."""
    trades = pd.DataFrame(epoch["results_metrics"]["trades"])
    for column in ("open_date", "close_date"):
        trades[column] = pd.to_datetime(trades[column], utc=True)
    return trades


def returns_of(trades):
    """Walk the days one by one: profit of each over the wallet before it."""
    wallet, returns = BALANCE, []
    for day in DAYS:
        # The last candle opens at midnight after the last day; what it closes belongs to that day.
        until = day + pd.Timedelta(days=1, minutes=15 if day == DAYS[-1] else 0)
        inside = (trades["close_date"] >= day) & (trades["close_date"] < until)
        made = trades.loc[inside, "profit_abs"].sum()
        returns.append(made / wallet)
        wallet += made
    return pd.Series(returns)


def loss_by_hand(score, trades, idle):
    share = min(1.0, len(trades) / LEAST)
    return -score * (share if score > 0 else 1.0) + idle * (1 - share) ** 2


def yearly(returns):
    return returns.mean() / returns.std() * math.sqrt(365) if returns.std() > 0 else 0.0


def check(epochs, expected):
    """Compare the recorded losses with `expected`, which gets an epoch and its trades."""
    traded = [epoch for epoch in epochs if epoch["results_metrics"]["total_trades"]]
    assert len({epoch["loss"] for epoch in traded}) > len(epochs) // 2
    for epoch in traded:
        assert epoch["loss"] == pytest.approx(expected(epoch, trades_of(epoch)), abs=1e-9)


@pytest.mark.verify
def test_robust_sharpe_is_what_the_recorded_trades_give(bot, tmp_path):
    run, epochs = search(bot, tmp_path, "RobustSharpe")
    assert run.ok, run.explain()

    def expected(epoch, trades):
        returns = returns_of(trades)
        first, second = yearly(returns[:7]), yearly(returns[7:])
        mean = (first + second) / 2
        return loss_by_hand(mean - 0.75 * (mean - min(first, second)), trades, 3.0)

    check(epochs, expected)


@pytest.mark.verify
def test_deflated_sharpe_counts_all_epochs_that_were_ever_tried(bot, tmp_path):
    run, epochs = search(bot, tmp_path, "DeflatedSharpe", settings={"loss": {"earlier_trials": 94}})
    assert run.ok, run.explain()

    def expected(epoch, trades):
        returns = returns_of(trades)
        gamma, tail = 0.5772156649015329, 1 / 100
        luck = (1 - gamma) * norm.ppf(1 - tail) + gamma * norm.ppf(1 - tail / math.e)
        ratio, length = returns.mean() / returns.std(), len(returns) - 1
        error = 1 - skew(returns) * ratio + kurtosis(returns, fisher=False) / 4 * ratio**2
        error -= ratio**2 / 4
        z = (ratio - luck / math.sqrt(length)) * math.sqrt(length / error)
        return loss_by_hand(z, trades, 3.0)

    check(epochs, expected)


def drawdown_beyond(epoch, limit):
    """What Freqtrade's own drawdown, of closed trades alone, costs beyond the limit."""
    return max(0.0, epoch["results_metrics"]["max_drawdown_account"] - limit) / limit


def test_drawdown_expectancy_knows_the_stops_of_each_epoch(bot, tmp_path):
    """The tuned share decides the distance, so stops of another epoch would give another R."""
    limit = 0.01
    run, epochs = search(
        bot,
        tmp_path,
        "DrawdownExpectancy",
        strategy="TellsRisk",
        spaces=["buy"],
        path="tests/engine/strategies",
        settings={"loss": {"max_drawdown": limit}, "stake_amount": 2_000},
    )
    assert run.ok, run.explain()
    closes = {
        pair: pd.read_feather(native_path(bot.datadir, pair, "15m")).set_index("date")["close"]
        for pair in SPEC.pairs[:2]
    }

    def expected(epoch, trades):
        share = epoch["params_dict"]["stop_share"]
        signaled = trades["open_date"] - pd.Timedelta(minutes=15)
        distance = share * pd.Series(
            [closes[pair][date] for pair, date in zip(trades["pair"], signaled, strict=True)]
        )
        mean = (trades["profit_abs"] / (distance * trades["amount"])).mean()
        return loss_by_hand(mean, trades, 1.0) + drawdown_beyond(epoch, limit)

    assert len(epochs) == 6
    assert any(drawdown_beyond(epoch, limit) for epoch in epochs)
    check(epochs, expected)
    best = min(epoch["loss"] for epoch in epochs)
    assert f"Objective: {best:.5f}" in run.output


@pytest.mark.verify
def test_drawdown_expectancy_takes_the_first_stop_of_strategies_that_tell_none(bot, tmp_path):
    run, epochs = search(
        bot,
        tmp_path,
        "DrawdownExpectancy",
        strategy="ATRBreakout",
        spaces=["stoploss"],
        path="experiments/strategies",
    )
    assert run.ok, run.explain()

    def expected(epoch, trades):
        distance = (trades["open_rate"] - trades["initial_stop_loss_abs"]).abs()
        mean = (trades["profit_abs"] / (distance * trades["amount"])).mean()
        return loss_by_hand(mean, trades, 1.0) + drawdown_beyond(epoch, 0.15)

    check(epochs, expected)


@pytest.mark.verify
def test_closed_days_do_not_count(bot, tmp_path):
    closed = [["2026-01-04T00:00:00+00:00", "2026-01-11T00:00:00+00:00"]]
    run, epochs = search(bot, tmp_path, "RobustSharpe", settings={"loss": {"closed": closed}})
    assert run.ok, run.explain()

    def expected(epoch, trades):
        before = trades["close_date"] < DAYS[3]
        own = trades[before | (trades["open_date"] > DAYS[10])]
        score = yearly(returns_of(own)[[0, 1, 2, 10, 11, 12, 13]])
        share = min(1.0, len(own) / (5.0 * 7 / 30))
        return -score * (share if score > 0 else 1.0) + 3.0 * (1 - share) ** 2

    check(epochs, expected)


@pytest.mark.verify
def test_a_wrong_setting_ends_the_search_with_one_line(bot, tmp_path):
    run, epochs = search(bot, tmp_path, "RobustSharpe", settings={"loss": {"fold": 3}})
    told = [line for line in run.log.splitlines() if " - ERROR - " in line]
    assert run.returncode == 2
    assert epochs == []
    assert "Traceback" not in run.log
    assert len(told) == 1
    assert told[0].endswith("loss.fold is not a setting; did you mean 'folds'?")

"""Jobs of the real Freqtrade on a small simulated market: a search, and what it chose."""

import gzip
import json
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.identity import data_fingerprint
from experiments.outcome import measure
from providers.coverage import parse_timerange
from providers.results import read_result
from providers.storage.store import native_path, read_frame
from replay.runner import run_freqtrade
from tests.described import DESCRIBED
from tests.engine.bot import SPEC
from tuning.execution.execute import execute
from tuning.execution.places import fingerprint_of, pack_source, unpack_source
from tuning.execution.shelf import RAW_EPOCHS, RESULT, Shelf, best_of
from tuning.jobs import Backtest, Common, Search

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("execute")]

PERIOD = parse_timerange("20260101-20260111")
CLOSED = pd.Timestamp("2026-01-02", tz="UTC"), pd.Timestamp("2026-01-03", tz="UTC")
CLOSED_DAY = 1  # of the ten
PACKAGES, IMPORTED = ("regimekit", "replay"), "imported"
CANDLE = pd.Timedelta("15min")


@pytest.fixture(scope="module")
def place(packed, tmp_path_factory):
    """A source whose packages tell that they were imported; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("execute")
    origin = unpack_source(packed, folder / "origin")
    for package in PACKAGES:
        with (origin / package / "__init__.py").open("a") as file:
            file.write(f"import pathlib; pathlib.Path(__file__).with_name('{IMPORTED}').touch()")
    tree = unpack_source(pack_source(origin), folder / "cache")
    before = files_in(tree)
    yield tree
    assert unpack_source(pack_source(origin), folder / "cache") == tree
    new = {it for it in files_in(tree) - before if it.suffix != ".pyc"}
    assert new <= {tree / package / IMPORTED for package in PACKAGES}
    assert [it.name for it in (folder / "work").iterdir()] == [".lock"]


def files_in(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def do(place, simulated, shelf):
    """Return a function that does a job, keeps it, and returns its key."""

    def do(job, on_epochs=None):
        work = place.parents[1] / "work"
        if not shelf.has(job.key):
            files = execute(job, tree=place, datadir=simulated, work=work, on_epochs=on_epochs)
            shelf.keep(job.key, files)
        return job.key

    return do


@pytest.fixture(scope="module")
def search(packed, simulated):
    common = Common(
        strategy="RegimeRouter",
        strategy_folder="user_data/strategies",
        timerange=PERIOD.timerange,
        pairs=SPEC.pairs[:2],
        fee=0.0004,
        configs=("user_data/config.json",),
        settings={"regimekit": DESCRIBED, "loss": {"folds": 2}},
        source=fingerprint_of(packed),
        data=data_fingerprint(simulated),
    )
    closed = ((CLOSED[0].isoformat(), CLOSED[1].isoformat()),)
    return Search(common, "RobustSharpe", ("buy", "sell"), epochs=3, seed=5, closed=closed)


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def searched(do, search, shelf, heard):
    """The epochs of the search, and the lines that Freqtrade wrote of them."""
    key = do(search, heard.append)
    lines = gzip.decompress((shelf.folder / key / RAW_EPOCHS).read_bytes()).splitlines()
    return shelf.epochs(key), [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def traded(do, search, searched, shelf):
    """What the choice of the search comes to on the same days."""
    job = Backtest(search.common, best_of(searched[0]).parameters)
    return do(job), shelf.tested(job.key, PERIOD)


def test_every_epoch_that_freqtrade_wrote_is_kept(search, searched, heard):
    epochs, lines = searched
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert heard == sorted(heard)
    for epoch, line in zip(epochs, lines, strict=True):
        assert (epoch.loss, epoch.parameters) == (line["loss"], line["params_details"])
        assert epoch.parameters.keys() == set(search.spaces)
    tried = [json.dumps(epoch.parameters, sort_keys=True) for epoch in epochs]
    assert len(set(tried)) == 3


def test_returns_are_those_of_trades_that_count(searched):
    for epoch, line in zip(*searched, strict=True):
        trades = line["results_metrics"]["trades"]
        profit, wallet, number = np.zeros(10), 10_000.0, 0
        for trade in trades:
            opened, ended = (pd.Timestamp(trade[it]) for it in ("open_date", "close_date"))
            if ended >= CLOSED[0] and opened <= CLOSED[1]:
                continue
            number += 1
            profit[min((ended - pd.Timestamp(PERIOD.start)).days, 9)] += trade["profit_abs"]
        before = wallet + np.concatenate([[0.0], np.cumsum(profit)[:-1]])
        assert epoch.trades == number
        assert epoch.returns == pytest.approx(np.delete(profit / before, CLOSED_DAY))
    assert sum(epoch.trades for epoch in searched[0]) > 0


def test_the_choice_trades_again_as_it_did_when_it_was_found(searched, traded):
    # The same strategy, parameters, candles, fee and settings, by two of Freqtrade's commands
    epochs, lines = searched
    found = lines[best_of(epochs).number - 1]["results_metrics"]["trades"]
    trades = traded[1].trades
    found = sorted(found, key=lambda trade: trade["close_timestamp"])
    assert len(found) > 0
    assert [len(trades)] * 2 == [len(found), traded[1].outcome.trades]
    for name in ("open_rate", "close_rate", "amount", "profit_abs", "funding_fees", "fee_open"):
        assert sorted(trades[name]) == pytest.approx(sorted(it[name] for it in found)), name
    assert set(trades["fee_close"]) == {0.0004}
    assert traded[1].balance == 10_000.0


def test_other_parameters_would_have_traded_otherwise(searched):
    results = [line["results_metrics"]["profit_total_abs"] for line in searched[1]]
    assert len(set(results)) > 1


def test_a_backtest_is_measured_as_an_ablation_measures_it(traded, shelf, simulated):
    key, tested = traded
    result = read_result(shelf.folder / key / RESULT)
    assert tested.outcome == measure(result, simulated)
    assert result.parameters is not None
    assert tested.outcome.wallet[-1] == pytest.approx(10_000 + tested.trades["profit_abs"].sum())


def test_the_price_a_candle_later_is_the_open_of_the_next_one(traded, simulated):
    trades = traded[1].trades
    for trade in trades.itertuples():
        opens = read_frame(native_path(simulated, trade.pair, "15m")).set_index("date")["open"]
        assert trade.open_rate == opens[trade.opened_at]
        assert trade.delayed_open_rate == opens[trade.opened_at + CANDLE]
        assert trade.delayed_close_rate == opens[trade.closed_at + CANDLE]


def test_what_ran_is_the_tree_and_not_what_is_installed(place, traded):
    for package in PACKAGES:
        assert (place / package / IMPORTED).exists(), package


@pytest.mark.verify
def test_a_kept_search_can_be_read_by_freqtrade(do, search, searched, shelf, tmp_path):
    folder = tmp_path / "hyperopt_results"
    folder.mkdir()
    lines = gzip.decompress((shelf.folder / search.key / RAW_EPOCHS).read_bytes())
    (folder / "kept.fthypt").write_bytes(lines)
    options = [f"--userdir={tmp_path}", "--hyperopt-filename=kept.fthypt", "--no-color"]
    run = run_freqtrade(["hyperopt-list", *options, "--config=user_data/config.json"])
    assert run.ok, run.explain()
    assert "Hyperopt results" in run.output


@pytest.mark.verify
def test_a_backtest_without_any_trade_is_a_result(do, search, shelf):
    settings = {"dry_run_wallet": 1}  # less than any order needs
    common = replace(search.common, timerange="20260101-20260102", settings=settings)
    key = do(Backtest(common, None))
    tested = shelf.tested(key, parse_timerange(common.timerange))
    assert tested.outcome.trades == len(tested.trades) == 0
    assert set(tested.outcome.wallet) == {tested.balance}
    assert read_result(shelf.folder / key / RESULT).parameters is None


EVERY_SPACE = """
    from datetime import timedelta
    from freqtrade.strategy import BooleanParameter, IntParameter, IStrategy

    class EverySpace(IStrategy):
        timeframe = "15m"
        can_short = True
        minimal_roi = {"0": 0.5}
        stoploss = -0.5
        every = IntParameter(2, 9, default=5, space="buy")
        leaves = IntParameter(3, 9, default=5, space="sell")
        cooldown = IntParameter(1, 40, default=1, space="protection")

        @property
        def protections(self):
            return [{"method": "CooldownPeriod", "stop_duration_candles": self.cooldown.value}]

        def populate_indicators(self, dataframe, metadata):
            return dataframe

        def populate_entry_trend(self, dataframe, metadata):
            hour = dataframe["date"].dt.hour + dataframe["date"].dt.minute / 60
            dataframe.loc[hour % self.every.value == 0, "enter_long"] = 1
            dataframe.loc[hour % self.every.value == 1, "enter_short"] = 1
            return dataframe

        def populate_exit_trend(self, dataframe, metadata):
            hour = dataframe["date"].dt.hour + dataframe["date"].dt.minute / 60
            dataframe.loc[hour % self.leaves.value == 2, ["exit_long", "exit_short"]] = 1
            return dataframe
"""
SPACES = ("buy", "sell", "roi", "stoploss", "trailing", "protection", "trades")
# Configuration that would win over a file of parameters.
STUBBORN = {
    "stoploss": -0.3,
    "minimal_roi": {"0": 9.0},
    "trailing_stop": False,
    "max_open_trades": 2,
    "use_exit_signal": False,
    "stake_amount": 100,
}


@pytest.mark.verify
@pytest.mark.parametrize("seed", [1, 2])
def test_a_choice_from_every_space_trades_again_as_it_did(tree, simulated, search, tmp_path, seed):
    file = tree / "user_data" / "strategies" / "EverySpace.py"
    file.write_text(textwrap.dedent(EVERY_SPACE))
    common = replace(
        search.common, strategy="EverySpace", settings=STUBBORN, timerange="20260101-20260105"
    )
    job = replace(search, common=common, spaces=SPACES, closed=(), seed=seed, epochs=4)
    shelf = Shelf(tmp_path / "shelf")
    shelf.keep(job.key, execute(job, tree=tree, datadir=simulated, work=tmp_path / "work"))
    lines = gzip.decompress((shelf.folder / job.key / RAW_EPOCHS).read_bytes()).splitlines()
    chosen = best_of(shelf.epochs(job.key))
    found = json.loads(lines[chosen.number - 1])["results_metrics"]["trades"]
    again = Backtest(common, chosen.parameters)
    shelf.keep(again.key, execute(again, tree=tree, datadir=simulated, work=tmp_path / "work"))
    trades = shelf.tested(again.key, PERIOD).trades
    assert len(found) > 3
    assert sorted(trades["profit_abs"]) == pytest.approx(sorted(it["profit_abs"] for it in found))
    assert sorted(trades["exit_reason"]) == sorted(it["exit_reason"] for it in found)

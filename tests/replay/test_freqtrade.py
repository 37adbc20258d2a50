"""The real Freqtrade, unpatched: processes of its own and nothing but their output.

Freqtrade's own clock is the computer's, so whatever it derives from "now" is given as a time
range, and the exchange's clock stands inside the data.
"""

import json
import re
import zipfile
from collections.abc import Callable

import pandas as pd
import pytest

from providers.storage.store import native_path, read_frame
from replay.client import running
from replay.runner import run_freqtrade
from tests.engine.warm import run_warm
from tests.replay.market import BTC, ETH, NOW, START

pytestmark = pytest.mark.freqtrade

CONFIG = {
    "trading_mode": "futures",
    "margin_mode": "isolated",
    "dry_run": True,
    "dry_run_wallet": 10_000,
    "stake_currency": "USDT",
    "stake_amount": 500,
    "max_open_trades": 2,
    "exchange": {"name": "binance", "pair_whitelist": [BTC, ETH]},
    "entry_pricing": {"price_side": "other", "use_order_book": True},
    "exit_pricing": {"price_side": "other", "use_order_book": True},
    "pairlists": [{"method": "StaticPairList"}],
}
PAIR_LISTS = {
    "pairlists": [
        {"method": "VolumePairList", "number_assets": 1, "refresh_period": 1800},
        {"method": "DelistFilter"},
        {"method": "SpreadFilter"},
        {"method": "PriceFilter", "low_price_ratio": 0.01},
    ],
}
STRATEGY = """
from freqtrade.strategy import IStrategy

class Alternate(IStrategy):
    timeframe = "15m"
    can_short = True
    stoploss = -0.5

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        hour = dataframe["date"].dt.hour
        dataframe.loc[hour == 3, "enter_long"] = 1
        dataframe.loc[hour == 15, "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        hour = dataframe["date"].dt.hour
        dataframe.loc[hour == 9, "exit_long"] = 1
        dataframe.loc[hour == 21, "exit_short"] = 1
        return dataframe
"""

# Run as they are typed; the others are forked from a process that has imported Freqtrade.
TYPED = ("list-markets", "download-data")

Freqtrade = Callable[..., str]


@pytest.fixture(scope="module")
def freqtrade(datadir, tmp_path_factory) -> Freqtrade:
    """Run a freqtrade command against the exchange at `NOW`; return what it printed."""
    folder = tmp_path_factory.mktemp("freqtrade")
    strategies = folder / "user_data" / "strategies"
    strategies.mkdir(parents=True)
    (strategies / "Alternate.py").write_text(STRATEGY)
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    with running(datadir, at=NOW, freeze=True) as url:

        def run(command: str, *arguments: object) -> str:
            fixed = ["--config", config, "--userdir", folder / "user_data"]
            start = run_freqtrade if command in TYPED else run_warm
            line = [command, *map(str, [*fixed, *arguments])]
            result = start(line, url=url, cwd=folder, environment={}, timeout=180)
            output = result.output + result.log
            assert result.returncode == 0, output
            assert not re.search(r" - (WARNING|ERROR) - |Traceback", output), output
            return output

        yield run


@pytest.mark.parametrize("command", ["list-markets", "list-pairs"])
def test_markets_are_listed(freqtrade, command):
    listed = json.loads(freqtrade(command, "--print-json").splitlines()[0])
    assert listed == [BTC, ETH]


def test_pair_lists_see_volume_and_book(freqtrade, tmp_path):
    """BTC has the turnover; its price is thirty times as high for the same volume."""
    config = tmp_path / "pairlists.json"
    config.write_text(json.dumps(PAIR_LISTS))
    assert f"Whitelist with 1 pairs: ['{BTC}']" in freqtrade("test-pairlist", "--config", config)


def test_downloaded_data_equal_the_served(freqtrade, datadir, tmp_path):
    kinds = ["futures", "mark", "funding_rate", "open_interest"]
    days = f"{START:%Y%m%d}-{NOW:%Y%m%d}"
    freqtrade(
        *("download-data", "--datadir", tmp_path, "--pairs", BTC, "--timerange", days),
        *("--timeframes", "1h", "--candle-types", *kinds),
    )
    for kind in kinds:
        downloaded = read_frame(native_path(tmp_path, BTC, "1h", kind))
        timeframe = "5m" if kind == "open_interest" else "1h"
        served = read_frame(native_path(datadir, BTC, timeframe, kind))
        served = served[served["date"].dt.minute == 0].reset_index(drop=True)
        assert downloaded["date"].iloc[-1] >= pd.Timestamp(f"{NOW:%Y-%m-%d}", tz="UTC")
        assert downloaded["date"].iloc[-1] <= NOW
        downloaded["date"] = downloaded["date"].dt.as_unit("ms")
        pd.testing.assert_frame_equal(downloaded, served.head(len(downloaded)))


def test_a_backtest_trades_on_the_served_markets(freqtrade, datadir, tmp_path):
    """One long and one short a day; both are open at a settlement and pay or earn funding."""
    freqtrade(
        *("backtesting", "--strategy", "Alternate", "--datadir", datadir, "--cache", "none"),
        *("--pairs", BTC, "--timerange", f"{START:%Y%m%d}-20260114", "--export", "trades"),
        *("--backtest-directory", tmp_path),
    )
    [archive] = tmp_path.glob("*.zip")
    with zipfile.ZipFile(archive) as results:
        content = json.loads(results.read(f"{archive.stem}.json"))
    trades = content["strategy"]["Alternate"]["trades"]
    assert [trade["is_short"] for trade in trades] == [False, True] * 9
    assert all(trade["funding_fees"] for trade in trades)

"""The series that Freqtrade is asked for, and what happens when it has none."""

import pandas as pd

from providers.storage.store import store_path, write_frame
from regimekit.hooks.inputs import MarketInputs
from regimekit.pipeline import analyze
from regimekit.schema import Availability
from tests.derivatives import open_interest_rows, taker_flow_rows
from tests.markets import Market, market
from tests.regimekit.hooks.fakes import PAIR, Silent

STATES = ["state_1h", "state_4h", "funding_state", "oi_state", "flow_state", "spot_flow_state"]


class Inputs(Silent, MarketInputs):
    """Joins market inputs and decides nothing."""


class FakeDataProvider:
    """Freqtrade's data provider over one market, or over none."""

    def __init__(self, shown: Market | None):
        self._shown = shown
        self.asked: list[str] = []

    def current_whitelist(self) -> list[str]:
        return [PAIR]

    def get_funding_rate_timeframe(self) -> str:
        return "1h"

    def get_pair_dataframe(self, pair, timeframe, candle_type=""):
        self.asked.append(candle_type)
        if self._shown is None:
            return pd.DataFrame()
        if candle_type == "open_interest":
            return open_interest_rows(self._shown)
        return self._shown.funding if candle_type else self._shown.higher[timeframe]


class Recorded:
    """Datasets in memory."""

    def __init__(self, **frames: pd.DataFrame):
        self._frames = frames

    def rows(self, dataset: str, pair: str) -> pd.DataFrame:
        return self._frames.get(dataset, pd.DataFrame())


def inputs(shown: Market | None, **settings: object) -> Inputs:
    bot = Inputs({"regimekit": {"inputs": settings}})
    bot.dp = FakeDataProvider(shown)
    if shown is not None:
        bot.datasets = Recorded(
            taker_flow=taker_flow_rows(shown), spot_taker_flow=taker_flow_rows(shown, seed=2)
        )
    return bot


def test_every_pair_needs_both_higher_timeframes_its_funding_and_its_open_interest():
    assert inputs(None).informative_pairs() == [
        (PAIR, "1h"),
        (PAIR, "4h"),
        (PAIR, "1h", "funding_rate"),
        (PAIR, "15m", "open_interest"),
    ]


def test_an_exchange_without_open_interest_is_not_asked_for_it():
    bot = inputs(market(5, seed=1), open_interest=False)
    assert all("open_interest" not in asked for asked in bot.informative_pairs())
    joined = bot.with_market_inputs(market(5, seed=1).candles, PAIR)
    assert "open_interest" not in bot.dp.asked
    assert (joined["oi_state"] == Availability.OUTAGE).all()


def test_taker_flow_that_is_switched_off_is_an_outage():
    shown = market(40, seed=1)
    joined = inputs(shown, taker_flow=False).with_market_inputs(shown.candles, PAIR)
    assert (joined[["flow_state", "spot_flow_state"]] == Availability.OUTAGE).all(axis=None)


def test_known_series_are_joined_to_the_candles():
    shown = market(130, seed=1)
    bot = inputs(shown, funding_z_days=10)
    joined = bot.with_market_inputs(shown.candles, PAIR).iloc[-10:]
    assert (joined[STATES] == Availability.OK).all(axis=None)
    names = ["trend_1h", "adx_4h", "funding_rate_8h", "funding_z"]
    names += ["oi_z", "oi_change", "price_oi_quadrant", "cvd", "spot_cvd", "cvd_divergence"]
    assert joined[names].notna().all(axis=None)


def test_a_strategy_sees_what_the_reports_see():
    shown = market(130, seed=1)
    bot = inputs(shown)
    joined = bot.with_market_inputs(shown.candles, PAIR)
    analyzed = analyze(
        shown.candles,
        shown.higher,
        shown.funding,
        bot.settings,
        timeframe=pd.Timedelta("15min").to_pytimedelta(),
        open_interest=open_interest_rows(shown),
        taker_flow=taker_flow_rows(shown),
        spot_taker_flow=taker_flow_rows(shown, seed=2),
    )
    pd.testing.assert_frame_equal(analyzed[joined.columns], joined)


def test_missing_series_are_outages_and_no_errors():
    shown = market(40, seed=1)
    joined = inputs(None).with_market_inputs(shown.candles, PAIR)
    assert (joined[STATES] == Availability.OUTAGE).all(axis=None)
    values = joined.columns.drop([*shown.candles.columns, *STATES])
    assert joined[values].isna().all(axis=None)
    assert len(joined) == len(shown.candles)


def test_the_strategy_reads_the_store_of_its_data_folder(tmp_path):
    shown = market(60, seed=1)
    path = store_path(tmp_path, "taker_flow", PAIR, "15m")
    write_frame(taker_flow_rows(shown), path, checksum=True)
    bot = Inputs({"datadir": tmp_path})
    bot.dp = FakeDataProvider(shown)
    joined = bot.with_market_inputs(shown.candles, PAIR)
    assert (joined["flow_state"].iloc[-10:] == Availability.OK).all()
    assert (joined["spot_flow_state"] == Availability.OUTAGE).all()

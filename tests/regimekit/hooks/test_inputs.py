"""The series that Freqtrade is asked for, and what happens when it has none."""

import pandas as pd

from regimekit.hooks.inputs import MarketInputs
from regimekit.schema import Availability
from tests.markets import Market, market
from tests.regimekit.hooks.fakes import PAIR, Silent


class Inputs(Silent, MarketInputs):
    """Joins market inputs and decides nothing."""


class FakeDataProvider:
    """Freqtrade's data provider over one market, or over none."""

    def __init__(self, shown: Market | None):
        self._shown = shown

    def current_whitelist(self) -> list[str]:
        return [PAIR]

    def get_funding_rate_timeframe(self) -> str:
        return "1h"

    def get_pair_dataframe(self, pair, timeframe, candle_type=""):
        if self._shown is None:
            return pd.DataFrame()
        return self._shown.funding if candle_type else self._shown.higher[timeframe]


def inputs(shown: Market | None) -> Inputs:
    bot = Inputs({})
    bot.dp = FakeDataProvider(shown)
    return bot


def test_every_pair_needs_both_higher_timeframes_and_its_funding():
    assert inputs(None).informative_pairs() == [
        (PAIR, "1h"),
        (PAIR, "4h"),
        (PAIR, "1h", "funding_rate"),
    ]


def test_known_series_are_joined_to_the_candles():
    shown = market(40, seed=1)
    joined = inputs(shown).with_market_inputs(shown.candles, PAIR)
    for state in ("state_1h", "state_4h", "funding_state"):
        assert (joined[state] == Availability.OK).all()
    assert joined[["trend_1h", "adx_4h", "funding_rate_8h"]].notna().all(axis=None)


def test_missing_series_are_outages_and_no_errors():
    shown = market(40, seed=1)
    joined = inputs(None).with_market_inputs(shown.candles, PAIR)
    for state in ("state_1h", "state_4h", "funding_state"):
        assert (joined[state] == Availability.OUTAGE).all()
    assert joined[["trend_1h", "adx_4h", "funding_rate_8h"]].isna().all(axis=None)
    assert len(joined) == len(shown.candles)

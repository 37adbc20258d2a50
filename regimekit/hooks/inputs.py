"""Higher timeframes and funding, asked from Freqtrade's data provider."""

from datetime import timedelta
from typing import Any

import pandas as pd

from regimekit.frames import with_columns
from regimekit.hooks.base import PackStrategy
from regimekit.inputs import HIGHER_TIMEFRAMES, funding_columns, higher_timeframe_columns

FUNDING_CANDLES = "funding_rate"


class MarketInputs(PackStrategy):
    """Joins the pair's 1h and 4h trend and its funding to the candles of the strategy.

    A missing series is an outage in its ``state`` column; it neither raises nor stops the analysis
    of the pair. Freqtrade fetches what `informative_pairs` names before it analyzes, so nothing
    here waits for a network.
    """

    def informative_pairs(self) -> list[tuple[Any, ...]]:
        """Ask Freqtrade to keep 1h, 4h and funding candles of every pair."""
        pairs = self.dp.current_whitelist()
        wanted: list[tuple[Any, ...]] = [
            (pair, timeframe) for pair in pairs for timeframe in HIGHER_TIMEFRAMES
        ]
        settlements = self.dp.get_funding_rate_timeframe()
        return wanted + [(pair, settlements, FUNDING_CANDLES) for pair in pairs]

    def with_market_inputs(self, dataframe: pd.DataFrame, pair: str) -> pd.DataFrame:
        """Return `dataframe` with the columns of `regimekit.inputs`."""
        closes_at = dataframe["date"] + timedelta(seconds=self.timeframe_seconds)
        joined = [
            higher_timeframe_columns(
                closes_at,
                self.dp.get_pair_dataframe(pair, timeframe),
                timeframe,
                self.settings.indicators,
            )
            for timeframe in HIGHER_TIMEFRAMES
        ]
        settlements = self.dp.get_pair_dataframe(
            pair, self.dp.get_funding_rate_timeframe(), candle_type=FUNDING_CANDLES
        )
        joined.append(funding_columns(closes_at, settlements, self.settings.filters))
        return with_columns(dataframe, pd.concat(joined, axis=1))

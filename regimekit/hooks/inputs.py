"""Higher timeframes, funding and open interest from Freqtrade; taker flow from our store."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from regimekit.frames import with_columns
from regimekit.hooks.base import PackStrategy
from regimekit.hooks.rows import RowSource, StoreRows
from regimekit.inputs import (
    HIGHER_TIMEFRAMES,
    flow_columns,
    funding_columns,
    higher_timeframe_columns,
    open_interest_columns,
)

FUNDING_CANDLES = "funding_rate"
OPEN_INTEREST_CANDLES = "open_interest"
# What the windows of `regimekit.derivatives` count in, and live history reaches far enough for.
STEP = "15m"


class MarketInputs(PackStrategy):
    """Joins trend, funding, open interest and taker flow to the candles of the strategy.

    A missing series is an outage in its ``state`` column; it neither raises nor stops the analysis
    of the pair. Freqtrade fetches what `informative_pairs` names before it analyzes, so nothing
    here waits for a network. Taker flow comes from `datasets`: the store, unless a live feed takes
    its place in ``bot_start``.
    """

    datasets: RowSource

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        datadir = config.get("datadir")
        self.datasets = StoreRows(None if datadir is None else Path(datadir), STEP)

    def informative_pairs(self) -> list[tuple[Any, ...]]:
        """Ask Freqtrade to keep 1h, 4h, funding and, if so set, open interest of every pair."""
        pairs = self.dp.current_whitelist()
        wanted: list[tuple[Any, ...]] = [
            (pair, timeframe) for pair in pairs for timeframe in HIGHER_TIMEFRAMES
        ]
        settlements = self.dp.get_funding_rate_timeframe()
        wanted += [(pair, settlements, FUNDING_CANDLES) for pair in pairs]
        if self.settings.inputs.open_interest:
            wanted += [(pair, STEP, OPEN_INTEREST_CANDLES) for pair in pairs]
        return wanted

    def with_market_inputs(self, dataframe: pd.DataFrame, pair: str) -> pd.DataFrame:
        """Return `dataframe` with the columns of `regimekit.inputs`."""
        inputs = self.settings.inputs
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
        joined.append(funding_columns(closes_at, settlements, self.settings.filters, inputs))
        snapshots = (
            self.dp.get_pair_dataframe(pair, STEP, candle_type=OPEN_INTEREST_CANDLES)
            if inputs.open_interest
            else None
        )
        joined.append(open_interest_columns(closes_at, dataframe["close"], snapshots, inputs))
        flow, spot_flow = (
            self.datasets.rows(name, pair) if inputs.taker_flow else None
            for name in ("taker_flow", "spot_taker_flow")
        )
        joined.append(flow_columns(closes_at, flow, spot_flow, inputs))
        return with_columns(dataframe, pd.concat(joined, axis=1))

"""Higher timeframes, funding and open interest from Freqtrade; taker flow from our store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from regimekit.frames import with_columns
from regimekit.hooks.ahead import FutureRows
from regimekit.hooks.base import LIVE, PackStrategy
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


def clock() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


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
        self._future_rows = FutureRows()

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
        step = timedelta(seconds=self.timeframe_seconds)
        closes_at = dataframe["date"] + step
        # A candle ahead of the clock would be traded when its time has come.
        own = self._told_in_time(f"{pair} {self.timeframe}", dataframe, step, step)
        joined = []
        for timeframe, duration in HIGHER_TIMEFRAMES.items():
            candles = self.dp.get_pair_dataframe(pair, timeframe)
            known = self._told_in_time(f"{pair} {timeframe}", candles, duration, duration)
            candles = known if len(own) else known.iloc[:0]
            joined.append(
                higher_timeframe_columns(closes_at, candles, timeframe, self.settings.indicators)
            )
        settlements = self.dp.get_pair_dataframe(
            pair, self.dp.get_funding_rate_timeframe(), candle_type=FUNDING_CANDLES
        )
        settlements = self._told_in_time(f"{pair} funding", settlements, timedelta(hours=1))
        joined.append(funding_columns(closes_at, settlements, self.settings.filters, inputs))
        snapshots = (
            self.dp.get_pair_dataframe(pair, STEP, candle_type=OPEN_INTEREST_CANDLES)
            if inputs.open_interest
            else None
        )
        if snapshots is not None:
            snapshots = self._told_in_time(f"{pair} open interest", snapshots, step)
        joined.append(open_interest_columns(closes_at, dataframe["close"], snapshots, inputs))
        flow, spot_flow = (
            self.datasets.rows(name, pair) if inputs.taker_flow else None
            for name in ("taker_flow", "spot_taker_flow")
        )
        joined.append(flow_columns(closes_at, flow, spot_flow, inputs))
        return with_columns(dataframe, pd.concat(joined, axis=1))

    def _told_in_time(
        self, name: str, rows: pd.DataFrame, step: timedelta, lasting: timedelta = timedelta(0)
    ) -> pd.DataFrame:
        """Return `rows`, none of them where the exchange told a live bot of the future.

        A row is known when it has lasted for `lasting`: candles at their close.
        """
        if rows.empty or self.config.get("runmode") not in LIVE:
            return rows
        in_time = self._future_rows.usable(name, rows["date"], step, clock(), lasting)
        return rows if in_time else rows.iloc[:0]

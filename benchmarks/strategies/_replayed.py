"""Makes recorded trades once more, without deciding anything."""

# ruff: noqa: ARG002 - Freqtrade names the arguments

import os
from datetime import timedelta
from typing import Any

import pandas as pd
from _loop_timer import LoopTimer
from _regime_router import RegimeRouter


class ReplayedTrades(LoopTimer):
    """Opens and closes by signal on the candles on which RegimeRouter's recorded trades did.

    The feather file named by ``BENCH_TRADES`` has ``pair``, ``side``, ``opened_at`` and
    ``closed_at``: the opens of the candles in which the engine acted.
    """

    INTERFACE_VERSION = 3
    timeframe = RegimeRouter.timeframe
    can_short = RegimeRouter.can_short
    process_only_new_candles = RegimeRouter.process_only_new_candles
    startup_candle_count = RegimeRouter.startup_candle_count
    order_types = RegimeRouter.order_types
    minimal_roi = RegimeRouter.minimal_roi
    stoploss = -0.99  # out of reach: only a signal ends a trade

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._recorded = pd.read_feather(os.environ["BENCH_TRADES"])

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return self._signals(dataframe, metadata["pair"], "enter", "opened_at")

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return self._signals(dataframe, metadata["pair"], "exit", "closed_at")

    def _signals(self, dataframe: pd.DataFrame, pair: str, what: str, moment: str) -> pd.DataFrame:
        acts_at = dataframe["date"] + timedelta(minutes=15)  # one candle after its signal
        trades = self._recorded[self._recorded["pair"] == pair]
        for side in ("long", "short"):
            moments = trades.loc[trades["side"] == side, moment]
            dataframe[f"{what}_{side}"] = acts_at.isin(moments).astype(int)
        return dataframe

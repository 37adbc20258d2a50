"""Enters every few hours and says on each candle how far a stop would be: a tuned share of it."""

from typing import Any

import pandas as pd
from freqtrade.strategy import DecimalParameter, IStrategy


class TellsRisk(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "15m"
    stoploss = -0.05
    minimal_roi = {"180": -1}  # noqa: RUF012 - as Freqtrade declares it
    startup_candle_count = 1

    stop_share = DecimalParameter(0.01, 0.09, default=0.05, decimals=3, space="buy")

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe["stop_distance"] = self.stop_share.value * dataframe["close"]
        dataframe.loc[dataframe["date"].dt.hour % 6 == 0, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return dataframe

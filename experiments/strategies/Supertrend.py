"""A plain Supertrend, to compare with; nothing in it was tuned."""

from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.strategy import IStrategy
from technical.indicators import supertrend


class Supertrend(IStrategy):
    """Always be on the side of Supertrend(10, 3); its line is the trailing stop.

    Entry   1h Supertrend points that way
    Exit    1h Supertrend points the other way
    Size    5 % of equity at 3x
    """

    INTERFACE_VERSION = 3
    timeframe = "1h"
    can_short = True
    process_only_new_candles = True
    startup_candle_count = 100  # its line forgets its start with the first turn
    stoploss = -0.6  # of the stake: a fifth of the price, a net below the exits
    minimal_roi: dict[str, float] = {}
    use_exit_signal = True

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        _, dataframe["direction"] = supertrend(dataframe, period=10, multiplier=3)
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe.loc[dataframe["direction"] == "up", ["enter_long", "enter_tag"]] = (1, "up")
        dataframe.loc[dataframe["direction"] == "down", ["enter_short", "enter_tag"]] = (1, "down")
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe.loc[dataframe["direction"] == "down", "exit_long"] = 1
        dataframe.loc[dataframe["direction"] == "up", "exit_short"] = 1
        return dataframe

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return 5 % of equity, as the conservative profile stakes at most."""
        return float(min(0.05 * self.wallets.get_total_stake_amount(), max_stake))

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return 3, as the conservative profile trades at most."""
        return min(3.0, max_leverage)

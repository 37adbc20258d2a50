"""A plain volatility breakout, to compare with; nothing in it was tuned."""

from datetime import datetime
from typing import Any

import pandas as pd
import talib.abstract as ta
from freqtrade.strategy import IStrategy


class ATRBreakout(IStrategy):
    """Follow a close that leaves its average by two ATR, until a chandelier stop is crossed.

    Entry   1h close beyond EMA(20) by 2 ATR(20), both sides: Keltner's channel, as commonly set
    Exit    close beyond the extreme of 22 bars by 3 ATR(22): LeBeau's chandelier exit
    Size    5 % of equity at 3x
    """

    INTERFACE_VERSION = 3
    timeframe = "1h"
    can_short = True
    process_only_new_candles = True
    startup_candle_count = 100  # Wilder's average of 22 forgets its start to 1 %
    stoploss = -0.6  # of the stake: a fifth of the price, a net below the exits
    minimal_roi: dict[str, float] = {}
    use_exit_signal = True

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        middle = ta.EMA(dataframe, timeperiod=20)
        width = 2.0 * ta.ATR(dataframe, timeperiod=20)
        dataframe["upper"], dataframe["lower"] = middle + width, middle - width
        reach = 3.0 * ta.ATR(dataframe, timeperiod=22)
        dataframe["long_stop"] = dataframe["high"].rolling(22).max() - reach
        dataframe["short_stop"] = dataframe["low"].rolling(22).min() + reach
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        close, before = dataframe["close"], dataframe.shift(1)
        rises = (close > dataframe["upper"]) & (before["close"] <= before["upper"])
        falls = (close < dataframe["lower"]) & (before["close"] >= before["lower"])
        dataframe.loc[rises, ["enter_long", "enter_tag"]] = (1, "breakout")
        dataframe.loc[falls, ["enter_short", "enter_tag"]] = (1, "breakout")
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe.loc[dataframe["close"] < dataframe["long_stop"], "exit_long"] = 1
        dataframe.loc[dataframe["close"] > dataframe["short_stop"], "exit_short"] = 1
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

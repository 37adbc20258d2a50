"""Trades only on candles at which open interest, funding and taker flow are all known."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.strategy import informative

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "user_data" / "strategies"))
from RegimeRouter import RegimeRouter

from regimekit.schema import Availability

OK = int(Availability.OK)


class ReadsDerivatives(RegimeRouter):
    @informative("1h", candle_type="open_interest", fmt="{column}_{timeframe}")
    def populate_indicators_1h(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        states = dataframe[["oi_state", "flow_state", "spot_flow_state", "funding_state"]]
        known = (states == OK).all(axis=1) & dataframe["open_interest_amount_1h"].gt(0)
        told = dataframe[["oi_change", "cvd", "spot_cvd"]].notna().all(axis=1)
        usable = known & told
        dataframe.loc[~usable, ["enter_long", "enter_short"]] = 0
        return dataframe

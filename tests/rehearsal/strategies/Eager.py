"""AlwaysIn with stops so near that most trades end within their candle.

So every candle shows whether a pair may be entered, and every candle has exits to manage.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engine" / "strategies"))
from AlwaysIn import AlwaysIn

from regimekit.hooks.table import DecisionTable

STOP = 0.002  # of price; a quarter of an hour usually moves more


class Eager(AlwaysIn):
    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["stop_distance"] = STOP * dataframe["close"]
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

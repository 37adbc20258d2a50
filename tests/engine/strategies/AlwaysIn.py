"""RegimeRouter with a long signal on every candle, so that a dry run trades at once."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "user_data" / "strategies"))
from RegimeRouter import RegimeRouter

from regimekit.hooks.table import DecisionTable


class AlwaysIn(RegimeRouter):
    ignore_buying_expired_candle_after = 0  # the test does not wait for the next candle

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["entry"] = 1
        dataframe["enter_long"], dataframe["enter_short"] = 1, 0
        dataframe["confidence_long"] = 1.0
        dataframe["enter_tag"] = "trending:momentum"
        dataframe["squeeze_risk"] = 0.0  # the market of the day may have one, which moves stops
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

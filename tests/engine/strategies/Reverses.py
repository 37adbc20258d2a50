"""RegimeRouter with a signal on every candle, on the side of the candle's own move.

A trade that is stopped by a move against it therefore meets a signal for the opposite side.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "user_data" / "strategies"))
from RegimeRouter import RegimeRouter

from regimekit.hooks.table import DecisionTable


class Reverses(RegimeRouter):
    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        side = np.where(dataframe["close"] < dataframe["open"], -1, 1)
        dataframe["entry"] = side
        dataframe["enter_long"], dataframe["enter_short"] = side == 1, side == -1
        dataframe["confidence_long"] = dataframe["confidence_short"] = 1.0
        dataframe["stop_distance"] = 0.003 * dataframe["close"]
        dataframe["inputs_ok"] = True
        dataframe["enter_tag"] = "trending:momentum"
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

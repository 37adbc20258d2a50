"""RegimeRouter with a long signal wherever inputs are known, and all else as the market has it."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "user_data" / "strategies"))
from RegimeRouter import RegimeRouter

from regimekit.hooks.table import DecisionTable


class Signals(RegimeRouter):
    ignore_buying_expired_candle_after = 0  # the test does not wait for the next candle

    def entry_refusal(self, *args: Any, **kwargs: Any) -> None:
        """Let every order pass; the gates have tests of their own."""

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["entry"] = dataframe["inputs_ok"].astype("int8")
        dataframe["enter_long"], dataframe["enter_short"] = dataframe["entry"], 0
        dataframe["confidence_long"] = 1.0
        dataframe["enter_tag"] = "trending:mean_reversion"  # the tag with an underscore
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

"""AlwaysIn in a market whose shorts became crowded five hours ago."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from AlwaysIn import AlwaysIn

from regimekit.hooks.table import DecisionTable

BARS = 20


class Crowded(AlwaysIn):
    def entry_refusal(self, *args: Any, **kwargs: Any) -> None:
        """Let every order pass; the gates have tests of their own."""

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["squeeze_risk"] = 0.0
        dataframe.loc[dataframe.index[-BARS:], "squeeze_risk"] = -1.0
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

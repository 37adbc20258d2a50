"""AlwaysIn that writes down what its gates and its adaptive layer answer.

Bitcoin gets a stop so near that its trades end soon, which gives the gates a past; the others keep
theirs, which gives a restart open trades.
"""

import json
import os
import sys
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.persistence import Trade

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engine" / "strategies"))
from AlwaysIn import AlwaysIn

from regimekit.hooks.gates import EntryGates
from regimekit.hooks.table import DecisionTable
from regimekit.schema import Side, SubStrategy

NEAR = 0.001  # of price; a few minutes usually move more
CANDLES = 8  # of which the answers are told


class Telling(AlwaysIn):
    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        if metadata["pair"].startswith("BTC/"):
            dataframe["stop_distance"] = NEAR * dataframe["close"]
            self.decisions[metadata["pair"]] = DecisionTable.from_frame(
                dataframe, self.timeframe_seconds
            )
        self._tell(datetime.now(UTC))
        return dataframe

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        super().bot_loop_start(current_time, **kwargs)
        self._tell(current_time)

    def _tell(self, now: datetime) -> None:
        """Write one line, once every pair was analyzed; asked like an order that risks nothing."""
        pairs = self.dp.current_whitelist()
        if any(pair not in self.decisions for pair in pairs):
            return
        step = timedelta(seconds=self.timeframe_seconds)
        answers, factors = {}, {}
        for moment in (self.candle_open(now) - back * step for back in range(CANDLES)):
            for sub_strategy in SubStrategy:
                told = astuple(self.adaptation(sub_strategy, moment))
                factors[f"{sub_strategy} {moment.isoformat()}"] = told
            for pair in pairs:
                decision = self.decisions[pair].at(moment)
                if decision is None:
                    continue
                refusal = EntryGates.entry_refusal(
                    self, pair, Side.LONG, moment, amount=0.0, rate=decision.close
                )
                answers[f"{pair} {moment.isoformat()}"] = refusal and list(refusal)
        trades = {
            trade.id: [trade.is_open, trade.close_profit] for trade in Trade.get_trades_proxy()
        }
        line = {
            "pid": os.getpid(), "at": now.isoformat(), "trades": trades,
            "answers": answers, "factors": factors,
        }  # fmt: skip
        with (Path(self.config["user_data_dir"]) / "answers.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

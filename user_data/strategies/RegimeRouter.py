"""RegimeRouter: momentum, mean reversion or breakout, whichever the market's regime calls for."""

from typing import Any

import _regimekit_path  # noqa: F401 - finds regimekit in a checkout that is not installed
import pandas as pd
from freqtrade.strategy import DecimalParameter

from regimekit.decisions import decision_columns, entry_tags
from regimekit.frames import with_columns
from regimekit.hooks.annotations import ChartAnnotations
from regimekit.hooks.exits import PlannedExits
from regimekit.hooks.feed import LiveFeed
from regimekit.hooks.gates import EntryGates
from regimekit.hooks.inputs import MarketInputs
from regimekit.hooks.journal import DecisionJournal
from regimekit.hooks.outages import OutageLocks
from regimekit.hooks.plots import decision_plots
from regimekit.hooks.sizing import RiskSizing
from regimekit.hooks.squeeze import SqueezeMessages
from regimekit.hooks.table import DecisionTable
from regimekit.hooks.watch import Watchdog
from regimekit.indicators.frame import indicator_columns


class RegimeRouter(
    Watchdog,
    LiveFeed,
    MarketInputs,
    SqueezeMessages,
    ChartAnnotations,
    EntryGates,
    DecisionJournal,
    OutageLocks,
    RiskSizing,
    PlannedExits,
):
    """Route each bar to the sub-strategy of its regime.

    Data    15m, 1h and 4h candles, funding, open interest, taker flow; order book, news live
    Regime  VOLATILE -> breakout, TRENDING -> momentum, RANGING -> mean reversion; 4h confirms
    Entry   confidence of the selected sub-strategy after direction and funding filters
    Veto    the side that may be squeezed; stale inputs; cooldowns, frequency, losses, total risk
    Size    a share of equity, at most a fixed loss at the stop; leverage within liquidation
    Exit    ATR stop, break-even with fees, target that arms a trail, tighter under squeeze risk
    Adapts  confidence, size, stop and target to the sub-strategy's own recent trades
    """

    timeframe = "15m"
    can_short = True
    process_only_new_candles = True
    # A backtest enters at the candle's open; minutes later it is another trade.
    ignore_buying_expired_candle_after = 225
    # 400 bars: Wilder's averages of 14 forget their start to 1e-13, the 50-bar EMA of 4h to 1e-7.
    startup_candle_count = 400

    adx_enter = DecimalParameter(20, 35, default=25, decimals=0, space="buy")
    volatile_enter = DecimalParameter(1.3, 2.0, default=1.5, decimals=2, space="buy")
    confirm_adx_4h = DecimalParameter(15, 35, default=25, decimals=0, space="buy")
    momentum_min_confidence = DecimalParameter(0.6, 0.95, default=0.85, decimals=2, space="buy")
    mean_reversion_min_confidence = DecimalParameter(
        0.5, 0.9, default=0.60, decimals=2, space="buy"
    )
    breakout_min_confidence = DecimalParameter(0.5, 0.9, default=0.70, decimals=2, space="buy")
    extreme_z = DecimalParameter(1.5, 3.5, default=2.0, decimals=1, space="buy")
    compression_rank = DecimalParameter(0.1, 0.5, default=0.25, decimals=2, space="buy")

    # No stop, break-even or trail inside what a 15m candle moves anyway.
    stop_atr_momentum = DecimalParameter(1.5, 16.0, default=12.0, decimals=1, space="sell")
    stop_atr_mean_reversion = DecimalParameter(1.2, 16.0, default=6.0, decimals=1, space="sell")
    stop_atr_breakout = DecimalParameter(1.5, 16.0, default=12.0, decimals=1, space="sell")
    target_rr_momentum = DecimalParameter(0.8, 4.0, default=1.0, decimals=1, space="sell")
    target_rr_mean_reversion = DecimalParameter(0.8, 3.0, default=1.0, decimals=1, space="sell")
    target_rr_breakout = DecimalParameter(0.8, 4.0, default=1.0, decimals=1, space="sell")
    break_even_r = DecimalParameter(0.5, 3.0, default=1.8, decimals=1, space="sell")
    trail_atr = DecimalParameter(1.5, 24.0, default=16.0, decimals=1, space="sell")
    tight_trail_atr = DecimalParameter(0.8, 12.0, default=6.0, decimals=1, space="sell")
    decay_min_r = DecimalParameter(0.2, 2.0, default=0.5, decimals=1, space="sell")

    plot_config = decision_plots()

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        indicators = indicator_columns(dataframe, self.settings.indicators)
        dataframe = with_columns(dataframe, indicators)
        return self.with_market_inputs(dataframe, metadata["pair"])

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        dataframe = with_columns(dataframe, decision_columns(dataframe, self.tuned_settings()))
        dataframe["enter_long"] = (dataframe["entry"] == 1).astype(int)
        dataframe["enter_short"] = (dataframe["entry"] == -1).astype(int)
        dataframe["enter_tag"] = entry_tags(dataframe["regime"], dataframe["entry"])
        self.decisions[metadata["pair"]] = DecisionTable.from_frame(
            dataframe, self.timeframe_seconds
        )
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        return dataframe  # exits follow the plan of each trade

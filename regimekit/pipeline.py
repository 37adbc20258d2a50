"""The whole way from candles to decisions, for reports and tests that run without Freqtrade.

A strategy takes the same steps in Freqtrade's hooks: `indicator_columns` and the inputs in
``populate_indicators``, `decision_columns` in ``populate_entry_trend``.
"""

from collections.abc import Mapping
from datetime import timedelta

import pandas as pd

from regimekit.decisions import decision_columns
from regimekit.frames import with_columns
from regimekit.indicators.frame import indicator_columns
from regimekit.inputs import (
    HIGHER_TIMEFRAMES,
    flow_columns,
    funding_columns,
    higher_timeframe_columns,
    open_interest_columns,
)
from regimekit.settings import Settings


def analyze(
    candles: pd.DataFrame,
    higher: Mapping[str, pd.DataFrame],
    funding: pd.DataFrame,
    settings: Settings,
    *,
    timeframe: timedelta,
    open_interest: pd.DataFrame | None = None,
    taker_flow: pd.DataFrame | None = None,
    spot_taker_flow: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return `candles` with every indicator, input and decision column.

    Parameters
    ----------
    candles : DataFrame
        ``date`` (open time, datetime64[UTC]), OHLC in price units, ``volume`` in base units.
    higher : mapping of DataFrame
        Candles of each of `HIGHER_TIMEFRAMES`; an empty frame is an outage.
    funding : DataFrame
        Freqtrade's funding rows, ``date`` and ``funding_rate``; empty is an outage.
    timeframe : timedelta
        Length of one candle of `candles`.
    open_interest : DataFrame, optional
        Freqtrade's 15m snapshots, ``date`` and ``open_interest_amount``; without them an outage.
    taker_flow, spot_taker_flow : DataFrame, optional
        15m rows as in our store; without them an outage.
    """
    closes_at = candles["date"] + timeframe
    frame = with_columns(candles, indicator_columns(candles, settings.indicators))
    for name in HIGHER_TIMEFRAMES:
        trends = higher_timeframe_columns(closes_at, higher[name], name, settings.indicators)
        frame = with_columns(frame, trends)
    for columns in (
        funding_columns(closes_at, funding, settings.filters, settings.inputs),
        open_interest_columns(closes_at, candles["close"], open_interest, settings.inputs),
        flow_columns(closes_at, taker_flow, spot_taker_flow, settings.inputs),
    ):
        frame = with_columns(frame, columns)
    return with_columns(frame, decision_columns(frame, settings))

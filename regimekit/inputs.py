"""Bring higher timeframes and funding onto the candles of the trading timeframe."""

from datetime import timedelta

import pandas as pd

from regimekit.alignment import candle_events, join_known
from regimekit.filters.funding import funding_events
from regimekit.indicators.frame import DEFAULTS, trend_columns
from regimekit.settings import FilterSettings, IndicatorSettings

HIGHER_TIMEFRAMES: dict[str, timedelta] = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}


def higher_timeframe_columns(
    closes_at: pd.Series,
    candles: pd.DataFrame,
    timeframe: str,
    periods: IndicatorSettings = DEFAULTS,
) -> pd.DataFrame:
    """Return ``trend_<tf>``, ``adx_<tf>`` and ``state_<tf>`` as known at each close.

    A candle counts from its close on and until its successor should have closed, then it is
    STALE and its values are NaN. An empty frame is an outage, not an error.
    """
    duration = HIGHER_TIMEFRAMES[timeframe]
    names = ["trend", "adx"]
    if candles.empty:
        events = pd.DataFrame(columns=["known_at", *names])
    else:
        trends = trend_columns(candles, periods)
        events = pd.concat([candle_events(candles[["date"]], duration), trends], axis=1)
    # A full duration after its close the successor is due; the old candle does not stand in for it.
    joined = join_known(
        closes_at, events, values=names, max_age=duration - timedelta(microseconds=1)
    )
    return pd.DataFrame(
        {
            f"trend_{timeframe}": joined["trend"],
            f"adx_{timeframe}": joined["adx"],
            f"state_{timeframe}": joined["state"],
        }
    )


def funding_columns(
    closes_at: pd.Series, funding: pd.DataFrame, settings: FilterSettings
) -> pd.DataFrame:
    """Return ``funding_rate_8h`` (fraction), ``funding_age_hours`` and ``funding_state``."""
    joined = join_known(
        closes_at,
        funding_events(funding, timedelta(minutes=settings.funding_delay_minutes)),
        values=["funding_rate_8h"],
        max_age=timedelta(hours=settings.funding_max_age_hours),
    )
    return joined.rename(columns={"age_hours": "funding_age_hours", "state": "funding_state"})

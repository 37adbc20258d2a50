"""Bring higher timeframes, funding, open interest and taker flow onto the trading candles.

Whatever is missing is an OUTAGE in its state column and NaN in the others; nothing here raises.
"""

from datetime import timedelta

import pandas as pd

from regimekit.alignment import candle_events, join_known
from regimekit.derivatives.flow import divergence_events, flow_events
from regimekit.derivatives.funding import funding_z
from regimekit.derivatives.open_interest import open_interest_events
from regimekit.filters.funding import funding_events
from regimekit.indicators.frame import DEFAULTS, trend_columns
from regimekit.settings import FilterSettings, IndicatorSettings, InputSettings

INPUTS = InputSettings()
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
    closes_at: pd.Series,
    funding: pd.DataFrame,
    settings: FilterSettings,
    inputs: InputSettings = INPUTS,
) -> pd.DataFrame:
    """Return ``funding_rate_8h`` (fraction), ``funding_z``, and the rate's age and state.

    The score needs days of settlements; that it is missing does not make the rate an outage.
    """
    events = funding_events(funding, timedelta(minutes=settings.funding_delay_minutes))
    events["funding_z"] = funding_z(events, timedelta(days=inputs.funding_z_days))
    joined = join_known(
        closes_at,
        events,
        values=["funding_rate_8h"],
        optional=["funding_z"],
        max_age=timedelta(hours=settings.funding_max_age_hours),
    )
    return joined.rename(columns={"age_hours": "funding_age_hours", "state": "funding_state"})


def open_interest_columns(
    closes_at: pd.Series,
    close: pd.Series,
    open_interest: pd.DataFrame | None,
    inputs: InputSettings = INPUTS,
) -> pd.DataFrame:
    """Return the columns of `open_interest_events`, ``oi_age_hours`` and ``oi_state``.

    Parameters
    ----------
    close : Series of float, indexed like `closes_at`
        Price at the close.
    open_interest : DataFrame or None
        Freqtrade's 15m snapshots; None or empty is an outage.
    """
    if open_interest is None or open_interest.empty:
        open_interest = pd.DataFrame(
            {"date": closes_at.iloc[:0], "open_interest_amount": close.iloc[:0]}
        )
    events = open_interest_events(
        open_interest,
        close.set_axis(pd.DatetimeIndex(closes_at)),
        z_bars=inputs.open_interest_z_bars,
        change_bars=inputs.open_interest_change_bars,
        delay=timedelta(minutes=inputs.open_interest_delay_minutes),
    )
    joined = join_known(
        closes_at,
        events,
        values=["open_interest_amount"],
        optional=["oi_z", "oi_change", "price_oi_quadrant"],
        max_age=timedelta(hours=inputs.open_interest_max_age_hours),
    )
    return joined.rename(columns={"age_hours": "oi_age_hours", "state": "oi_state"})


def flow_columns(
    closes_at: pd.Series,
    taker_flow: pd.DataFrame | None,
    spot_taker_flow: pd.DataFrame | None,
    inputs: InputSettings = INPUTS,
) -> pd.DataFrame:
    """Return net taker buying of the perpetual and of spot, and how far they differ.

    Parameters
    ----------
    taker_flow, spot_taker_flow : DataFrame or None
        15m rows as in our store; None or empty is an outage.

    Returns
    -------
    DataFrame, indexed like `closes_at`
        ``cvd`` and ``spot_cvd``, -1 to 1; ``cvd_divergence``, spot minus perpetual, -2 to 2;
        ``flow_age_hours``, ``flow_state``, ``spot_flow_age_hours`` and ``spot_flow_state``.
    """
    max_age = timedelta(hours=inputs.flow_max_age_hours)
    perpetual, spot = (
        _flow_events(closes_at, flow, inputs) for flow in (taker_flow, spot_taker_flow)
    )
    own = join_known(closes_at, perpetual, values=["cvd"], max_age=max_age)
    other = join_known(closes_at, spot, values=["cvd"], max_age=max_age)
    apart = join_known(
        closes_at, divergence_events(perpetual, spot), values=["cvd_divergence"], max_age=max_age
    )
    return pd.DataFrame(
        {
            "cvd": own["cvd"],
            "spot_cvd": other["cvd"],
            "cvd_divergence": apart["cvd_divergence"],
            "flow_age_hours": own["age_hours"],
            "flow_state": own["state"],
            "spot_flow_age_hours": other["age_hours"],
            "spot_flow_state": other["state"],
        }
    )


def _flow_events(
    closes_at: pd.Series, flow: pd.DataFrame | None, inputs: InputSettings
) -> pd.DataFrame:
    if flow is None or flow.empty:
        none, nothing = closes_at.iloc[:0], pd.Series(dtype=float)
        flow = pd.DataFrame(
            {"date": none, "known_at": none, "volume": nothing, "taker_buy_volume": nothing}
        )
    delay = timedelta(minutes=inputs.flow_delay_minutes)
    return flow_events(flow, bars=inputs.cvd_bars, delay=delay)

"""Funding shows which side is crowded: that side pays, and is the one that gets squeezed."""

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.filters.verdict import Verdict
from regimekit.schema import Availability, Side
from regimekit.settings import FilterSettings

EIGHT_HOURS = timedelta(hours=8)


def funding_events(funding: pd.DataFrame, delay: timedelta) -> pd.DataFrame:
    """Turn Freqtrade's funding rows into rates per eight hours with the instant they were known.

    Parameters
    ----------
    funding : DataFrame
        ``date`` (settlement, datetime64[UTC]) and ``funding_rate`` (fraction of notional per
        interval). The interval differs per pair and changes over time, so it is read from the
        distance to the settlement before; the first row has none and stays NaN.

    delay : timedelta
        A settlement is published seconds after it happened, so not yet at a candle closing on it.

    Returns
    -------
    DataFrame
        ``known_at`` and ``funding_rate_8h``, ascending.
    """
    if funding.empty:
        return pd.DataFrame({"known_at": pd.to_datetime([], utc=True), "funding_rate_8h": []})
    rows = funding[["date", "funding_rate"]].sort_values("date", kind="stable")
    # Exchanges stamp a settlement some milliseconds off.
    settled_at = pd.to_datetime(rows["date"], utc=True).dt.round("min")
    rows = rows.assign(date=settled_at).drop_duplicates("date", keep="last")
    interval = rows["date"].diff()
    # A gap in the records is not a long interval.
    regular = interval.where(interval <= EIGHT_HOURS)
    return pd.DataFrame(
        {
            "known_at": rows["date"] + delay,
            "funding_rate_8h": rows["funding_rate"] * (EIGHT_HOURS / regular),
        }
    )


def funding(
    rate_8h: NDArray[np.float64],
    state: NDArray[np.int8],
    side: Side,
    settings: FilterSettings,
) -> Verdict:
    """Take confidence from the crowded side and give some to the other.

    Parameters
    ----------
    rate_8h : array of float
        Funding as a fraction per eight hours; positive when longs pay. NaN when unusable.
    state : array of int8
        `Availability` of the rate. Anything but OK refuses under the ``block`` policy and leaves
        the confidence alone under ``abstain``.
    """
    longs_crowded = rate_8h > settings.funding_crowded_long
    shorts_crowded = rate_8h < settings.funding_crowded_short
    crowded, other = (
        (longs_crowded, shorts_crowded) if side is Side.LONG else (shorts_crowded, longs_crowded)
    )
    bonus = settings.funding_bonus * other - settings.funding_penalty * crowded
    usable = state == int(Availability.OK)
    allows = usable | (settings.funding_outage == "abstain")
    return Verdict(allows=allows, bonus=np.where(usable, bonus, 0.0))

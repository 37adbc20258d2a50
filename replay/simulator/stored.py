"""Frames as our store keeps them: values as float64, and when each row could first be used."""

import pandas as pd

MINUTE = pd.Timedelta(minutes=1)
# The first instant at which a live bot could have used a row, counted from its label.
KNOWN_AFTER = {
    "funding_rate": MINUTE,
    "open_interest": 5 * MINUTE,
    "long_short_ratio": 5 * MINUTE,
    "basis": 5 * MINUTE,
    "taker_flow": 15 * MINUTE,
    "spot_taker_flow": 15 * MINUTE,
    "premium_index": 60 * MINUTE,
    "fear_greed": 60 * MINUTE,
    "senticrypt": 25 * 60 * MINUTE,
}


def settlements(funding_rate: pd.DataFrame) -> pd.DataFrame:
    """Return settlements with the hours since the one before; the first has those of the second."""
    hours = funding_rate["date"].diff().bfill().dt.total_seconds() / 3600
    return funding_rate.assign(funding_interval_hours=hours)


def stored(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return `frame` with ``known_at`` and ``quality``, which is 0: nothing is wrong with it."""
    values = {name: frame[name].astype("float64") for name in frame.columns if name != "date"}
    known_at = (frame["date"] + KNOWN_AFTER[dataset]).dt.as_unit("ms")
    return frame.assign(**values, known_at=known_at, quality=0)

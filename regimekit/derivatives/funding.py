"""How unusual funding is for a pair."""

from datetime import timedelta

import numpy as np
import pandas as pd

from regimekit.alignment import utc_nanoseconds
from regimekit.derivatives.windows import last_span, zscore


def funding_z(events: pd.DataFrame, window: timedelta) -> pd.Series:
    """Score each settlement against those of the last `window`, the settlement itself included.

    Each rate weighs as much as the time it covers. A pair that begins to settle every hour would
    otherwise be compared with its last days alone, and scored differently for the same payments.

    Parameters
    ----------
    events : DataFrame
        ``known_at`` and ``funding_rate_8h``, ascending and unique, as `funding_events` returns
        them.
    window : timedelta
        Multiples of eight hours fit every interval.

    Returns
    -------
    Series of float, indexed like `events`
        Standard deviations above the mean; positive when longs pay more than usual. NaN until the
        records reach back a whole window, for a window after a gap in them, and while funding does
        not vary.
    """
    if events.empty:
        return pd.Series(np.empty(0), index=events.index, dtype=float)
    rate = events["funding_rate_8h"].to_numpy(dtype=float, na_value=np.nan)
    hours = np.diff(utc_nanoseconds(events["known_at"])) / 3.6e12
    covered = np.concatenate([[np.nan], hours])
    windows = last_span(events["known_at"], window)
    return pd.Series(zscore(rate, windows, covered), index=events.index)

"""What a funding settlement is, wherever it comes from.

The clock, the bounds and the gaps are the same for REST and archive; what the intervals are is
never assumed, because they change from 8h to 4h or 1h, and settlements may come in between.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Quality
from providers.rows.quality import vouch

RATE, INTERVAL = "funding_rate", "funding_interval_hours"
FIRST = pd.Timestamp("2019-09-01", tz="UTC")  # Binance's first perpetual; 0 would mean "recent"

PUBLISHED_AFTER = timedelta(minutes=1)
JITTER = timedelta(seconds=1)  # exchanges stamp a settlement some milliseconds late
LONGEST = timedelta(hours=8, minutes=5)  # between settlements that follow one another

DATASET = Dataset(
    name="funding_rate",
    # Binance caps a rate at 3 % and has settled 3.75 % before it did: 10 % is no rate
    values={RATE: Bounds(-0.1, 0.1), INTERVAL: Bounds(1.0, 24.0)},
    step=None,
    max_age=timedelta(hours=8, minutes=10),
    longest=LONGEST,
    summary="settled funding rate, fraction of notional per interval, and that interval in hours "
    "where the source says it; label: the settlement, known 1 min later",
)


def settlements(stamps: "pd.Series[pd.Timestamp]", **values: np.ndarray) -> pd.DataFrame:
    """Return a row per settlement, dated by the minute; ``quality`` tells a stamp far from one."""
    date = stamps.dt.round("min").dt.as_unit("ms")
    known_at = (date + PUBLISHED_AFTER).dt.as_unit("ms")
    quality = np.where((stamps - date).abs() > JITTER, Quality.OFF_GRID, Quality.OK)
    return pd.DataFrame({"date": date, **values, "known_at": known_at, "quality": quality})


def vouch_settlements(frame: pd.DataFrame, page: Page) -> Checked:
    """Apply the general rules to the values that came, and tell where settlements are missing."""
    came = {name: bounds for name, bounds in DATASET.values.items() if name in frame}
    checked = vouch(frame, replace(DATASET, values=came), page)
    rows = checked.frame
    silent = rows["date"].diff() > LONGEST
    quality = rows["quality"].mask(silent, rows["quality"] | int(Quality.AFTER_GAP))
    rows = rows.assign(**{INTERVAL: rows.get(INTERVAL, np.nan), "quality": quality})
    found = checked.found + Counter(gaps=int(silent.sum()))
    return Checked(rows[["date", *DATASET.values, "known_at", "quality"]], found)

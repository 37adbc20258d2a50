"""When somebody listened to a stream: without it, silence and absence look the same.

A row says that the connection named by ``stream`` stood at ``date``. The recorder writes one every
few seconds while it does; a stretch without rows is a stretch about which nothing is known.
"""

from datetime import timedelta

import pandas as pd

from providers.contract import Bounds, Dataset, Quality, Scope
from providers.sources import Entry

DATASET = Dataset(
    name="recorder_uptime",
    values={"connected": Bounds(1.0, 1.0)},
    texts=("stream",),
    keys=("stream",),
    step=None,
    max_age=timedelta(minutes=1),
    scope=Scope.MARKET,
    summary="instants at which the recorder's connection to a stream stood; 1 each",
)


def uptime_row(stream: str, at: pd.Timestamp) -> pd.DataFrame:
    """Return one row: `stream` was connected at `at`."""
    stamps = pd.Series([at]).dt.as_unit("ms")
    return pd.DataFrame(
        {
            "date": stamps,
            "connected": [1.0],
            "stream": [stream],
            "known_at": stamps,
            "quality": pd.Series([int(Quality.OK)], dtype="uint8"),
        }
    )


ENTRY = Entry(DATASET, providers=lambda _: (), recorded=True)

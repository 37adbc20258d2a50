"""Rows that are still growing are not data yet.

A source lists the running candle, bucket or day like any other row, and its numbers change until
it is over. Such a row is known to be unfinished because its ``known_at`` lies after the answer.
"""

from datetime import timedelta

import pandas as pd

from providers.contract import Checked, Dataset, Page
from providers.rows.quality import vouch

_CLOCKS_DIFFER = timedelta(seconds=1)


def vouch_finished(frame: pd.DataFrame, dataset: Dataset, page: Page) -> Checked:
    """Vouch for the rows that were final when the page came; count the others as ``unfinished``.

    A row labeled after the answer is not unfinished but impossible, and left to `vouch`.
    """
    begun = frame["date"] <= page.fetched_at + _CLOCKS_DIFFER
    unfinished = begun & (frame["known_at"] > page.fetched_at)
    checked = vouch(frame.loc[~unfinished].reset_index(drop=True), dataset, page)
    if unfinished.any():
        checked.found["unfinished"] += int(unfinished.sum())
        checked.found["rows"] += int(unfinished.sum())
    return checked

"""The order book at order time: whose orders stand nearer to the price.

A book that leans to the order's side gives it confidence, one that leans against it takes some. It
is gone within seconds, so a snapshot counts for a short while only. Nobody keeps a history of it:
a backtest knows what a recorder stored.
"""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.filters.order_time import OrderTimeVerdict, Weights, instants, milliseconds, weigh
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings


def imbalance(
    bid_volume: NDArray[np.float64], ask_volume: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far books lean to the bids: -1 (asks only) to 1 (bids only).

    Parameters
    ----------
    bid_volume, ask_volume : array of float
        Of the best levels of each side, base coin. NaN where a side has too few, and the book then
        says nothing.

    Examples
    --------
    >>> imbalance(np.array([30.0, np.nan]), np.array([10.0, 10.0])).tolist()
    [0.5, nan]
    """
    usable = (bid_volume >= 0) & (ask_volume >= 0) & np.isfinite(bid_volume + ask_volume)
    bids, asks = (np.where(usable, volume, np.nan) for volume in (bid_volume, ask_volume))
    total = bids + asks
    return (bids - asks) / np.where(total > 0, total, np.nan)


class Books:
    """Snapshots of one pair's book, ready to be looked up by the moment of an order.

    `rows` are those of an ``order_book`` dataset, in any order; of none, or of another shape,
    nothing is known.
    """

    NEEDS = ("known_at", "bid_volume_10", "ask_volume_10")

    def __init__(self, rows: pd.DataFrame) -> None:
        if not set(self.NEEDS) <= set(rows.columns):
            self._known_at, self._lean = np.empty(0, dtype=np.int64), np.empty(0)
            return
        rows = rows.sort_values("known_at", kind="stable")
        bids, asks = (rows[name].to_numpy(float) for name in self.NEEDS[1:])
        self._known_at, self._lean = instants(rows["known_at"]), imbalance(bids, asks)

    def imbalance_at(self, moment: datetime, max_age: timedelta) -> float:
        """Return the imbalance that was known last at `moment`.

        NaN when no snapshot was known then, or the last one was older than `max_age` or had too few
        levels: an older one that had enough says nothing about the book that came after it.
        """
        now = milliseconds(moment)
        row = int(self._known_at.searchsorted(now, side="right")) - 1
        if row < 0 or now - int(self._known_at[row]) > max_age / timedelta(milliseconds=1):
            return float("nan")
        return float(self._lean[row])


def order_book(lean: float, side: Side, settings: FilterSettings) -> OrderTimeVerdict:
    """Judge an order by the imbalance of the book, NaN where it is not known."""
    weights = Weights(
        least=settings.book_imbalance,
        bonus=settings.book_bonus,
        penalty=settings.book_penalty,
        outage=settings.book_outage,
    )
    return weigh(Gate.ORDER_BOOK, "order book imbalance", lean, side, weights)

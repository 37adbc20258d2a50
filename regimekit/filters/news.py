"""News at order time: what readers make of recent headlines about a coin.

Readers vote a headline good or bad for the price. Their other votes (liked, important, saved)
praise the article, which may well be bad news, so they are not counted. Every vote weighs the same:
a headline that moved many readers counts for more than one that nobody read.
"""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from regimekit.filters.order_time import OrderTimeVerdict, Weights, instants, milliseconds, weigh
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings


def sentiment(positive: float, negative: float, least_votes: float) -> float:
    """Return the balance of votes, -1 (all negative) to 1; NaN below `least_votes` in all.

    Examples
    --------
    >>> sentiment(15, 5, least_votes=10), sentiment(3, 0, least_votes=10)
    (0.5, nan)
    """
    votes = positive + negative
    return (positive - negative) / votes if votes >= max(least_votes, 1) else float("nan")


class Headlines:
    """Posts about one coin, ready to be looked up by the moment of an order.

    Votes change while a post is read, so a post may come several times, each version with the
    moment from which it was known. `rows` are those of a ``news`` dataset, in any order; of none,
    or of another shape, nothing is known. Votes that a source leaves out are NaN, and such a row
    tells nothing.
    """

    NEEDS = ("date", "url", "known_at", "votes_positive", "votes_negative")

    def __init__(self, rows: pd.DataFrame) -> None:
        if not set(self.NEEDS) <= set(rows.columns):
            self._known_at = self._published = self._post = np.empty(0, dtype=np.int64)
            self._positive = self._negative = np.empty(0)
            return
        votes = list(self.NEEDS[-2:])
        rows = rows[np.isfinite(rows[votes].to_numpy(float)).all(axis=1)]
        rows = rows.sort_values("known_at", kind="stable")
        self._known_at, self._published = instants(rows["known_at"]), instants(rows["date"])
        post = rows.groupby(["date", "url"], dropna=False).ngroup()
        self._post = np.asarray(post, dtype=np.int64)
        self._positive, self._negative = (rows[name].to_numpy(float) for name in votes)

    def sentiment_at(self, moment: datetime, max_age: timedelta, least_votes: int) -> float:
        """Return the sentiment of the headlines that were published and known by `moment`.

        Each counts in the version that was known last. NaN when none is younger than `max_age`, or
        fewer than `least_votes` readers voted: too little to tell, which is not the same as calm.
        """
        now = milliseconds(moment)
        oldest = now - max_age // timedelta(milliseconds=1)
        # What was published within `max_age` cannot have been known before
        first = int(self._known_at.searchsorted(oldest, side="left"))
        last = int(self._known_at.searchsorted(now, side="right"))
        rows = np.arange(first, last)
        rows = rows[self._published[first:last] >= oldest]
        _, newest_first = np.unique(self._post[rows][::-1], return_index=True)
        rows = rows[::-1][newest_first]
        return sentiment(self._positive[rows].sum(), self._negative[rows].sum(), least_votes)


def news(lean: float, side: Side, settings: FilterSettings) -> OrderTimeVerdict:
    """Judge an order by the sentiment of recent headlines, NaN where it is not known."""
    weights = Weights(
        least=settings.news_sentiment,
        bonus=settings.news_bonus,
        penalty=settings.news_penalty,
        outage=settings.news_outage,
    )
    return weigh(Gate.NEWS, "sentiment of the news", lean, side, weights)

"""Filters that are asked just before an order: the order book and the news.

One path for a bot and a backtest: the rows of `datasets` that were known at the moment of the
order. A bot's come from its live feed, a backtest's from what a recorder stored.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pandas as pd

from regimekit.filters.news import Headlines, news
from regimekit.filters.order_book import Books, order_book
from regimekit.filters.order_time import OrderTimeVerdict
from regimekit.hooks.base import PackStrategy
from regimekit.hooks.rows import RowSource
from regimekit.schema import Gate, Side
from regimekit.settings import FilterSettings

logger = logging.getLogger(__name__)

ORDER_BOOK, NEWS = "order_book", "news"  # the datasets
Prepared = TypeVar("Prepared")


class OrderTimeFilters(PackStrategy):
    """Asks the order book and the news about an order; what is switched off says nothing.

    Nothing here waits for a network, and a lookup costs a search in what was read before.
    """

    datasets: RowSource

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        # Of each dataset and pair the rows that were read last, and what was made of them.
        self._prepared: dict[tuple[str, str], tuple[pd.DataFrame, Any]] = {}
        self._told: set[Gate] = set()

    def order_time_verdicts(
        self, pair: str, side: Side, moment: datetime
    ) -> tuple[OrderTimeVerdict, ...]:
        """Return what each filter says about an order of `pair` at `moment`, in the order asked.

        A verdict that is not `available` had no data that was known and recent: it abstains or
        refuses, as ``filters.book_outage`` and ``filters.news_outage`` say.
        """
        settings = self.tuned(self.settings.filters)
        verdicts = []
        if settings.order_book:
            lean = self._imbalance(pair, moment, settings)
            verdicts.append(order_book(lean, side, settings))
        if settings.news:
            lean = self._sentiment(pair, moment, settings)
            verdicts.append(news(lean, side, settings))
        for verdict in verdicts:
            if not verdict.available:
                self._tell(verdict, pair, moment)
        return tuple(verdicts)

    def _imbalance(self, pair: str, moment: datetime, settings: FilterSettings) -> float:
        max_age = timedelta(seconds=settings.book_max_age_seconds)
        return self._latest(ORDER_BOOK, pair, Books).imbalance_at(moment, max_age)

    def _sentiment(self, pair: str, moment: datetime, settings: FilterSettings) -> float:
        headlines = self._latest(NEWS, pair, Headlines)
        max_age = timedelta(hours=settings.news_max_age_hours)
        return headlines.sentiment_at(moment, max_age, settings.news_least_votes)

    def _latest(
        self, dataset: str, pair: str, prepare: Callable[[pd.DataFrame], Prepared]
    ) -> Prepared:
        """Return the rows of a dataset, prepared again only when there are others."""
        rows = self.datasets.rows(dataset, pair)
        held = self._prepared.get((dataset, pair))
        if held is None or held[0] is not rows:
            held = self._prepared[dataset, pair] = (rows, prepare(rows))
        prepared: Prepared = held[1]
        return prepared

    def _tell(self, verdict: OrderTimeVerdict, pair: str, moment: datetime) -> None:
        """Log the first time that a filter had nothing to judge by."""
        if verdict.gate in self._told:
            return
        self._told.add(verdict.gate)
        logger.info(
            "%s of %s at %s: the %s filter %s; this is told once",
            *(verdict.reason, pair, moment, verdict.gate.label),
            "abstains" if verdict.allows else "refuses the order",
        )

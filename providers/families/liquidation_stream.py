"""What streams of forced closings have in common; each venue spells its messages differently.

A row is dated by the trade and known when it was received. ``side`` is +1 when a long was
liquidated and -1 when a short was. ``price`` is in quote currency, ``amount`` in base coin, and
``value`` is their product.

Several rows may share an instant. Two are the same liquidation when instant, side, price and
amount all agree: venues number none of them, and a reconnect may deliver one twice.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from providers.contract import MARKET, Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError
from providers.rows.parsing import instants, json_of, numbers
from providers.rows.quality import vouch
from providers.sources import Sources
from providers.streams import Subscription
from providers.symbols import binance_symbol

VALUES = {
    "side": Bounds(-1.0, 1.0, zero_is_missing=True),
    "price": Bounds(0.0, zero_is_missing=True),
    "amount": Bounds(0.0, zero_is_missing=True),
    "value": Bounds(0.0, zero_is_missing=True),
}
KEYS = ("side", "price", "amount")
_ANY_TIME = pd.Timestamp(0, tz="UTC")  # of a message whose rows nobody asked for yet


class Spelling(NamedTuple):
    """The names of a venue's fields, and which ``side`` its words mean."""

    symbol: str
    date: str
    side: str
    price: str
    amount: str
    meaning: dict[str, float]


@dataclass(frozen=True, slots=True)
class LiquidationStream(ABC):
    """Forced closings as one venue pushes them."""

    sources: Sources

    @property
    @abstractmethod
    def dataset(self) -> Dataset:
        """Return what the rows mean."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Return the name of the source."""

    @property
    @abstractmethod
    def spelling(self) -> Spelling:
        """Return how the venue names things."""

    @abstractmethod
    def subscription(self, pairs: tuple[str, ...]) -> Subscription:
        """Return how to connect."""

    @abstractmethod
    def events(self, message: dict[str, Any], name: str) -> list[Any] | None:
        """Return the liquidations in a message, None when it carries no data."""

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:  # noqa: ARG002
        """Return None: there is no history."""
        return None

    def pages(self, pair: str, span: Span) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: pages are pushed."""
        return iter(())

    def pair_of(self, message: bytes, pairs: tuple[str, ...]) -> str | None:
        """Return the pair that a message is about, None when it is about none of `pairs`."""
        page = Page(message, f"a message of {self.source}", MARKET, _ANY_TIME)
        symbols = {event[self.spelling.symbol] for event in self._events(page)}
        if len(symbols) > 1:
            raise BadAnswerError(f"{page.name} is about several symbols: {sorted(symbols)}")
        return next((pair for pair in pairs if binance_symbol(pair) in symbols), None)

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per liquidation in the page's message or messages."""
        names, events = self.spelling, self._events(page)
        symbol = binance_symbol(page.pair)
        for event in events:
            if event[names.symbol] != symbol:
                raise BadAnswerError(
                    f"{page.name} is about {event[names.symbol]}, expected {symbol}"
                )
        sides = [names.meaning.get(str(event[names.side]), np.nan) for event in events]
        frame = pd.DataFrame(
            {
                "date": instants([event[names.date] for event in events], "ms", page),
                "side": np.array(sides, dtype=float),
                "price": numbers(events, names.price, page),
                "amount": numbers(events, names.amount, page),
            }
        )
        received = pd.Series(page.fetched_at, index=frame.index).astype(frame["date"].dtype)
        # The venue's clock may be ahead by some milliseconds
        known_at = received.where(received >= frame["date"], frame["date"])
        return frame.assign(value=frame["price"] * frame["amount"], known_at=known_at)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules."""
        return vouch(frame, self.dataset, page)

    def _events(self, page: Page) -> list[dict[str, Any]]:
        content = json_of(page)
        found: list[dict[str, Any]] = []
        for message in content if isinstance(content, list) else [content]:
            if not isinstance(message, dict):
                raise BadAnswerError(f"{page.name} holds {message!r:.80}, expected a message")
            found += self._complete(self.events(message, page.name) or [], page)
        return found

    def _complete(self, events: list[Any], page: Page) -> list[dict[str, Any]]:
        """Return `events`; raise when one lacks a field."""
        for event in events:
            missing = (
                [key for key in self.spelling[:5] if key not in event]
                if isinstance(event, dict)
                else list(self.spelling[:5])
            )
            if missing:
                raise BadAnswerError(f"{page.name} has a liquidation without {', '.join(missing)}")
            symbol = event[self.spelling.symbol]
            if not isinstance(symbol, str):
                raise BadAnswerError(f"{page.name} has {symbol!r:.40} where a symbol should be")
        return events

"""Forced closings of perpetual positions on Binance, as its stream tells them: a sample.

The stream shows the latest liquidation per symbol and second, no more, so sums are lower bounds.
Nobody keeps a history: rows exist from the day a recorder runs. The side is that of the order, and
an order to sell closes a long. ``price`` is the average fill.

Source: Binance ``<symbol>@forceOrder``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from providers.contract import Dataset
from providers.errors import BadAnswerError
from providers.families.liquidation_stream import KEYS, VALUES, LiquidationStream, Spelling
from providers.sources import Entry
from providers.streams import Subscription
from providers.symbols import binance_symbol

DATASET = Dataset(
    name="liquidations",
    values=VALUES,
    keys=KEYS,
    step=None,
    max_age=timedelta(hours=1),
    summary="sample of forced closings on Binance: side +1 long, -1 short liquidated; amount in "
    "base coin, value in quote currency; known when received; recorded only",
)
SPELLING = Spelling("s", "T", "S", "ap", "z", {"SELL": 1.0, "BUY": -1.0})


@dataclass(frozen=True, slots=True)
class BinanceLiquidations(LiquidationStream):
    """At most one liquidation per symbol and second."""

    dataset: Dataset = DATASET
    source: str = "binance-stream"
    spelling: Spelling = SPELLING

    def subscription(self, pairs: tuple[str, ...]) -> Subscription:
        """Return the combined stream of `pairs`; Binance sends the pings."""
        if not pairs:
            raise ValueError("no pairs to subscribe to")
        streams = "/".join(f"{binance_symbol(pair).lower()}@forceOrder" for pair in pairs)
        root = self.sources.endpoints.binance_stream
        return Subscription(f"{root}/market/stream?streams={streams}")

    def events(self, message: dict[str, Any], name: str) -> list[Any] | None:
        """Return the order of a message, which a combined stream wraps once more."""
        message = message.get("data", message)
        if not isinstance(message, dict) or "error" in message:
            raise BadAnswerError(f"{name} is {message!r:.80}, expected a forceOrder")
        if "result" in message:  # the answer to a request
            return None
        if message.get("e") != "forceOrder":
            raise BadAnswerError(f"{name} is a {message.get('e')!r}, expected a forceOrder")
        return [message.get("o")]


ENTRY = Entry(DATASET, lambda sources: (BinanceLiquidations(sources),), recorded=True)

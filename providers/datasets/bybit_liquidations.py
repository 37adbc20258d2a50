"""Forced closings of perpetual positions on Bybit, every one of them.

Nobody keeps a history: rows exist from the day a recorder runs. The side is that of the position:
``Buy`` means that a long was liquidated, the opposite of Binance's. ``price`` is the bankruptcy
price and not the fill, so ``value`` is an estimate.

Source: Bybit ``allLiquidation.<symbol>``, pushed every half second.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from providers.contract import Dataset
from providers.errors import BadAnswerError
from providers.families.liquidation_stream import KEYS, VALUES, LiquidationStream, Spelling
from providers.sources import Entry
from providers.streams import Subscription, SubscriptionRefusedError
from providers.symbols import binance_symbol

DATASET = Dataset(
    name="bybit_liquidations",
    values=VALUES,
    keys=KEYS,
    step=None,
    max_age=timedelta(hours=1),
    summary="every forced closing on Bybit: side +1 long, -1 short liquidated; amount in base "
    "coin, value in quote currency; known when received; recorded only",
)
SPELLING = Spelling("s", "T", "S", "p", "v", {"Buy": 1.0, "Sell": -1.0})


@dataclass(frozen=True, slots=True)
class BybitLiquidations(LiquidationStream):
    """Every liquidation."""

    dataset: Dataset = DATASET
    source: str = "bybit-stream"
    spelling: Spelling = SPELLING

    def subscription(self, pairs: tuple[str, ...]) -> Subscription:
        """Return the stream of linear contracts, and what to send: topics, and pings."""
        if not pairs:
            raise ValueError("no pairs to subscribe to")
        topics = [f"allLiquidation.{binance_symbol(pair)}" for pair in pairs]
        return Subscription(
            url=f"{self.sources.endpoints.bybit_stream}/v5/public/linear",
            messages=(json.dumps({"op": "subscribe", "args": topics}),),
            ping=json.dumps({"op": "ping"}),
            ping_every=timedelta(seconds=20),
        )

    def events(self, message: dict[str, Any], name: str) -> list[Any] | None:
        """Return what a topic delivered; an acknowledgement delivers nothing."""
        if "op" in message:
            if message.get("success") is False:
                raise SubscriptionRefusedError(f"{name} refuses: {message.get('ret_msg')!r:.200}")
            return None
        topic, events = message.get("topic"), message.get("data")
        if not str(topic).startswith("allLiquidation.") or not isinstance(events, list):
            raise BadAnswerError(f"{name} has topic {topic!r:.80}, expected allLiquidation events")
        return events


ENTRY = Entry(DATASET, lambda sources: (BybitLiquidations(sources),), recorded=True)

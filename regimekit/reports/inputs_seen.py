"""Which inputs a run had, and which filters therefore were silent."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimekit.schema import Availability
from regimekit.settings import Settings

# State column, what a reader calls it, and what it feeds.
INPUTS = (
    ("state_1h", "1h trend", "direction filter"),
    ("state_4h", "4h trend", "direction filter, confirmation of trends"),
    ("funding_state", "funding rate", "funding filter"),
    ("oi_state", "open interest", "squeeze risk"),
    ("flow_state", "perpetual taker flow", "confirmation of squeeze risk"),
    ("spot_flow_state", "spot taker flow", "confirmation of squeeze risk"),
)
ORDER_TIME = (("order_book", "book", "order book"), ("news", "news", "news"))


@dataclass(frozen=True, slots=True)
class InputSeen:
    """How often an input was usable.

    Attributes
    ----------
    share : float
        Of all candles of all pairs; NaN where nothing tells.
    policy : str
        What its absence does to entries: ``block``, ``abstain``, ``shown only`` or ``off``.
    order_time : bool
        Whether it is asked only when an order is sent, so that no column knows it.
    """

    name: str
    feeds: str
    share: float
    policy: str
    order_time: bool = False


def inputs_seen(frames: Mapping[str, pd.DataFrame], settings: Settings) -> tuple[InputSeen, ...]:
    """Return every input of the run's decisions with how often it was there."""
    filters, risk, inputs = settings.filters, settings.squeeze, settings.inputs
    flow = "shown only" if inputs.taker_flow else "off"
    policies = {
        "state_1h": "block",
        "state_4h": "block",
        "funding_state": filters.funding_outage if filters.funding else "off",
        "oi_state": risk.outage if risk.enabled and inputs.open_interest else "off",
        "flow_state": flow,
        "spot_flow_state": flow,
    }
    found = [
        InputSeen(name, feeds, _share_ok(frames, column), policies[column])
        for column, name, feeds in INPUTS
    ]
    for key, short, name in ORDER_TIME:
        policy = getattr(settings.filters, f"{short}_outage")
        policy = policy if getattr(settings.filters, key) else "off"
        found.append(InputSeen(name, f"{name} filter", float("nan"), policy, order_time=True))
    return tuple(found)


def silent(seen: tuple[InputSeen, ...]) -> list[str]:
    """Return the names of the inputs that were never there, though they were asked for."""
    return [item.name for item in seen if item.share == 0.0 and item.policy != "off"]


def _share_ok(frames: Mapping[str, pd.DataFrame], column: str) -> float:
    states = [frame[column].to_numpy() for frame in frames.values() if column in frame]
    known = np.concatenate(states) if states else np.empty(0)
    return float((known == int(Availability.OK)).mean()) if len(known) else float("nan")

"""Feeds that a venue pushes over a websocket, and how to subscribe to one.

A stream has no history. Whoever holds the connection asks `Stream.subscription` where to connect
and what to send, and hands every message on as a page: its bytes, or a JSON array of several.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from providers.contract import Provider
from providers.errors import BadAnswerError


class SubscriptionRefusedError(BadAnswerError):
    """The venue will not send what was asked for; the connection is of no use."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A connection that delivers messages about some pairs.

    Attributes
    ----------
    url : str
        Where to connect.
    messages : tuple of str
        What to send once connected, in this order; empty where the address says it all.
    ping : str or None
        What to send every `ping_every`; None where the venue sends the pings.
    ping_every : timedelta or None
        How often.
    """

    url: str
    messages: tuple[str, ...] = ()
    ping: str | None = None
    ping_every: timedelta | None = None


@runtime_checkable
class Stream(Provider, Protocol):
    """A provider whose pages are pushed; its `pages` yields nothing and `covers` is None."""

    def subscription(self, pairs: tuple[str, ...]) -> Subscription:
        """Return how to connect; ValueError without pairs."""
        ...

    def pair_of(self, message: bytes, pairs: tuple[str, ...]) -> str | None:
        """Return the pair that a message is about.

        None for messages without data (acknowledgements, pongs) and about pairs not in `pairs`.

        Raises
        ------
        BadAnswerError
            The message is no JSON object, or the venue refused the subscription.
        """
        ...

"""Believable but invented USDT-M perpetual markets, so that nobody has to download to begin.

Seeded and vectorized: the same `MarketSpec` gives the same bytes. What the markets imitate are the
stylized facts of returns (Cont 2001) and the habits of leveraged traders; what they do not contain
is information. A profit made in them says that the machinery runs and nothing about a strategy.

`simulate` makes a market in memory, `write_market` puts it on disk as Freqtrade expects it, and
``python -m replay simulate`` does both.
"""

from replay.simulator.market import Market, PairMarket, simulate
from replay.simulator.spec import DEFAULT_PAIRS, MarketSpec
from replay.simulator.write import NOTE, is_current, write_market

__all__ = [
    "DEFAULT_PAIRS",
    "NOTE",
    "Market",
    "MarketSpec",
    "PairMarket",
    "is_current",
    "simulate",
    "write_market",
]

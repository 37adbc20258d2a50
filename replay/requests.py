"""What the endpoints of Binance have in common: how they read symbols, bounds and limits."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query

from replay.asof import AsOf
from replay.candles import Window
from replay.data import Pair
from replay.errors import invalid_symbol, start_after_end

Text = Annotated[str, Query(min_length=1)]
OneOrAll = Annotated[str | None, Query(min_length=1)]


def window(default: int, most: int) -> Callable[..., Window]:
    """Return a dependency that reads bounds and limit of a history."""

    def read(
        start: Annotated[int | None, Query(alias="startTime")] = None,
        end: Annotated[int | None, Query(alias="endTime")] = None,
        limit: Annotated[int, Query(ge=1, le=most)] = default,
    ) -> Window:
        if start is not None and end is not None and start > end:
            raise start_after_end()
        return Window(start, end, limit)

    return read


def pair_of(market: AsOf, symbol: str) -> Pair:
    """Return the perpetual that Binance calls `symbol`; an error of the exchange for none."""
    return _named(market.pairs(), symbol)


def pairs_of(market: AsOf, symbol: str | None) -> list[Pair]:
    """Return one perpetual, or all of them where no symbol is given."""
    return market.pairs() if symbol is None else [pair_of(market, symbol)]


def spot_pair_of(market: AsOf, symbol: str) -> Pair:
    """Return the spot market that Binance calls `symbol`; an error of the exchange for none."""
    return _named(market.spot_pairs(), symbol)


def _named(pairs: list[Pair], symbol: str) -> Pair:
    for pair in pairs:
        if pair.symbol == symbol:
            return pair
    raise invalid_symbol()

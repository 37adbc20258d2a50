"""An order book to trade against, made of a price: a stand-in, since candles have no book.

The best bid is the last known price and the best ask one tick above. Every level lies a tick from
the next and offers the same quantity, a share of the day's volume. The same instant gives the
same book. Its symmetry is deliberate: it says nothing about the order flow.
"""

from dataclasses import dataclass

from replay.filters import ContractRules

SHARE_OF_DAY_PER_LEVEL = 5e-5  # 5 BTC of 100,000 BTC a day
LEAST_STEPS_PER_LEVEL = 1000  # in a market that stands still

Level = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Book:
    """A book of `rules` around `price`, for a contract that traded `day_volume` in 24 hours."""

    price: float
    day_volume: float
    rules: ContractRules

    def bids(self, levels: int) -> list[Level]:
        """Return price and quantity of the buy orders, best first."""
        best = self._best_bid()
        return [self._level(ticks) for ticks in range(best, max(best - levels, 0), -1)]

    def asks(self, levels: int) -> list[Level]:
        """Return price and quantity of the sell orders, best first."""
        best = self._best_bid() + 1
        return [self._level(ticks) for ticks in range(best, best + levels)]

    def _best_bid(self) -> int:
        return max(round(self.price / self.rules.tick), 1)

    def _level(self, ticks: int) -> Level:
        step = self.rules.step
        steps = max(round(SHARE_OF_DAY_PER_LEVEL * self.day_volume / step), LEAST_STEPS_PER_LEVEL)
        return (
            f"{ticks * self.rules.tick:.{self.rules.price_decimals}f}",
            f"{steps * step:.{self.rules.quantity_decimals}f}",
        )

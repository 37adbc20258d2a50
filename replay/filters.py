"""What an order must satisfy, read off the candles because candle files do not say it.

The price tick is 10**-d with the fewest decimals `d` that write every sampled price, and the same
for the quantity step and the sampled volumes. Floating-point noise cannot make either absurd: a
price keeps at most seven significant digits and a quantity three decimals, which is as fine as
any Binance USDT-M contract is. The minimum notional cannot be seen in candles; it is the published
one of the two majors and of everything else.
"""

from dataclasses import dataclass

import numpy as np

PRICE_DIGITS = 7
MOST_PRICE_DECIMALS = 8
MOST_QUANTITY_DECIMALS = 3
MIN_NOTIONAL = {"BTC": 100, "ETH": 20}
MIN_NOTIONAL_OF_OTHERS = 5
NOISE = 1e-12  # of a number, relative: far above the rounding of sums, far below any tick


@dataclass(frozen=True, slots=True)
class ContractRules:
    """Decimals of price and quantity, and the least value of an order in quote currency."""

    price_decimals: int
    quantity_decimals: int
    min_notional: int

    @property
    def tick(self) -> float:
        """Return the smallest difference between two prices."""
        return float(10.0**-self.price_decimals)

    @property
    def step(self) -> float:
        """Return the smallest difference between two quantities."""
        return float(10.0**-self.quantity_decimals)


def contract_rules(base: str, prices: np.ndarray, volumes: np.ndarray) -> ContractRules:
    """Return the rules that fit sampled `prices` and `volumes` of a contract on `base`."""
    prices, volumes = prices[np.isfinite(prices)], volumes[np.isfinite(volumes)]
    return ContractRules(
        price_decimals=fewest_decimals(prices, _finest_price_decimals(prices)),
        quantity_decimals=fewest_decimals(volumes, MOST_QUANTITY_DECIMALS),
        min_notional=MIN_NOTIONAL.get(base, MIN_NOTIONAL_OF_OTHERS),
    )


def fewest_decimals(numbers: np.ndarray, most: int) -> int:
    """Return how many decimals write all `numbers`, at most `most`; `most` too without numbers.

    >>> fewest_decimals(np.array([0.1 + 0.2, 12.0]), most=8)
    1
    """
    if not len(numbers):
        return most
    for decimals in range(most):
        scaled = numbers * 10.0**decimals
        if (np.abs(scaled - np.rint(scaled)) <= NOISE * np.abs(scaled)).all():
            return decimals
    return most


def _finest_price_decimals(prices: np.ndarray) -> int:
    positive = prices[prices > 0]
    if not len(positive):
        return MOST_PRICE_DECIMALS
    digits_before_point = int(np.floor(np.log10(np.median(positive)))) + 1
    return int(np.clip(PRICE_DIGITS - digits_before_point, 0, MOST_PRICE_DECIMALS))

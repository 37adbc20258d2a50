"""The contracts that can be simulated: how large, how lively and how finely priced each one is.

Orders of magnitude of the real contracts in 2025, rounded. All of them have leverage tiers in
Freqtrade's bundled ``binance_leverage_tiers.json``, without which it cannot trade them.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contract:
    """What distinguishes one perpetual and its spot market from the next.

    Parameters
    ----------
    price : float
        First price, quote currency.
    tick, step : float
        Smallest price and volume increment, powers of ten.
    beta : float
        Exposure to the market factor.
    own_volatility : float
        Standard deviation of the 15m log return that is the pair's own.
    daily_volume, open_interest : float
        Typical turnover of the perpetual and positions held in it, quote currency.
    trade_size : float
        Mean size of one trade, quote currency.
    spot_share : float
        Spot turnover as a fraction of the perpetual's.
    funding_hours : tuple of int
        Hours between settlements; of several, each holds for an equal part of the history.
    """

    price: float
    tick: float
    step: float
    beta: float
    own_volatility: float
    daily_volume: float
    open_interest: float
    trade_size: float
    spot_share: float
    funding_hours: tuple[int, ...] = (8,)

    @property
    def price_decimals(self) -> int:
        """Return the decimals of a price on the tick."""
        return _decimals(self.tick)

    @property
    def volume_decimals(self) -> int:
        """Return the decimals of a volume on the step."""
        return _decimals(self.step)


def _decimals(increment: float) -> int:
    return max(0, -round(math.log10(increment)))


# The first ten are the default pairs; real funding intervals differ and change, so do these.
CONTRACTS: dict[str, Contract] = {
    "BTC/USDT:USDT": Contract(95e3, 0.1, 0.001, 1.00, 11e-4, 13e9, 8e9, 4500, 0.13),
    "ETH/USDT:USDT": Contract(3300, 0.01, 0.001, 1.30, 16e-4, 11e9, 5e9, 2000, 0.11),
    "SOL/USDT:USDT": Contract(185, 0.01, 0.01, 1.45, 23e-4, 3.5e9, 1.3e9, 900, 0.14),
    "XRP/USDT:USDT": Contract(2.3, 1e-4, 0.1, 1.30, 24e-4, 1.6e9, 7e8, 800, 0.20),
    "DOGE/USDT:USDT": Contract(0.32, 1e-5, 1, 1.50, 25e-4, 1.2e9, 5e8, 600, 0.17),
    "ADA/USDT:USDT": Contract(0.95, 1e-4, 1, 1.40, 25e-4, 4e8, 2e8, 500, 0.19),
    "AVAX/USDT:USDT": Contract(36, 0.001, 1, 1.45, 25e-4, 3e8, 1.5e8, 450, 0.15, (4,)),
    "LINK/USDT:USDT": Contract(20, 0.001, 0.01, 1.40, 25e-4, 4e8, 2e8, 500, 0.16, (8, 4)),
    "BNB/USDT:USDT": Contract(690, 0.01, 0.01, 0.80, 12e-4, 6e8, 4e8, 900, 0.30),
    "LTC/USDT:USDT": Contract(105, 0.01, 0.001, 1.10, 24e-4, 4e8, 1.8e8, 500, 0.15),
    "DOT/USDT:USDT": Contract(6.6, 0.001, 0.1, 1.35, 24e-4, 2e8, 1.1e8, 400, 0.14),
    "TRX/USDT:USDT": Contract(0.25, 1e-5, 1, 0.60, 14e-4, 1.5e8, 1e8, 450, 0.35),
    "BCH/USDT:USDT": Contract(440, 0.01, 0.001, 1.15, 25e-4, 2.5e8, 1.4e8, 500, 0.13),
    "UNI/USDT:USDT": Contract(13, 0.001, 1, 1.45, 27e-4, 2e8, 1e8, 400, 0.14, (4,)),
    "NEAR/USDT:USDT": Contract(5.1, 0.001, 1, 1.50, 27e-4, 2e8, 1e8, 400, 0.14),
    "SUI/USDT:USDT": Contract(4.2, 1e-4, 0.1, 1.60, 30e-4, 8e8, 3.5e8, 500, 0.16, (8, 4)),
}

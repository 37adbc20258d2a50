"""How much is traded, and who is the aggressor.

Volume follows volatility and the size of the move. Taker imbalance (buys minus sells, as a share
of volume) goes with the return of its bar and, a little, with the next one: so little that returns
keep almost no autocorrelation. On the perpetual the crowd and its liquidations show; on spot they
show less.

References
----------
Karpoff, J. M. (1987). The relation between price changes and trading volume: a survey. *Journal of
Financial and Quantitative Analysis* 22(1).
Cont, R., Kukanov, A. and Stoikov, S. (2014). The price impact of order book events. *Journal of
Financial Econometrics* 12(1).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from replay.simulator.clock import BARS_PER_DAY, Clock
from replay.simulator.contracts import Contract
from replay.simulator.noise import Floats, wander
from replay.simulator.positioning import Positioning

# Log volume wanders by itself: memory in bars, standard deviation.
VOLUME_NOISE = ((3, 0.35), (BARS_PER_DAY, 0.22), (15 * BARS_PER_DAY, 0.25))
VOLUME_PER_VOLATILITY = 0.85  # exponent
LIQUIDATION_VOLUME = 25.0  # times usual volume, per unit of log open interest flushed
SPOT_NOISE = 0.25  # standard deviation of the log of spot's share of the turnover

IMBALANCE = 0.11  # standard deviation of the perpetual's imbalance
WITH_RETURN, LEADING_RETURN = 0.62, 0.05  # correlation with the return of this bar and of the next
SHARED_NOISE = 0.6  # of the rest, the part (as a correlation) that spot and perpetual share
CROWD_IMBALANCE = 0.01  # per unit of crowding: chasing traders cross the spread
LIQUIDATION_IMBALANCE = 2.5  # per unit of log open interest flushed; liquidations are market orders
SPOT_SHARE_OF_LIQUIDATION = 0.35


@dataclass(frozen=True, slots=True)
class Tape:
    """Turnover and taker imbalance of one market, each of shape (bars,).

    Parameters
    ----------
    turnover : array
        Quote currency.
    imbalance : array
        (Taker buys - taker sells) / volume, between -1 and 1.
    """

    turnover: Floats
    imbalance: Floats


def tapes(
    rng: np.random.Generator,
    clock: Clock,
    contract: Contract,
    held: Positioning,
    returns: Floats,
    volatility: Floats,
) -> tuple[Tape, Tape]:
    """Draw the tape of the perpetual and of its spot market.

    Parameters
    ----------
    returns, volatility : array, shape (bars,)
        15m log returns of the perpetual, and their current standard deviation.
    """
    surprise = np.clip(returns / volatility, -8.0, 8.0)
    turnover = _turnover(rng, clock, contract, held, np.abs(surprise), volatility)
    spot_turnover = contract.spot_share * turnover
    spot_turnover *= np.exp(wander(rng, clock.bars, memory=8, deviation=SPOT_NOISE))
    pressure, spot_pressure = _pressures(rng, np.clip(surprise, -3.0, 3.0))
    liquidations = np.sign(held.pushed) * LIQUIDATION_IMBALANCE * held.flushed
    crowd = CROWD_IMBALANCE * held.crowding + liquidations
    spot_crowd = SPOT_SHARE_OF_LIQUIDATION * liquidations
    return (
        Tape(turnover, np.tanh(IMBALANCE * pressure + crowd)),
        Tape(spot_turnover, np.tanh(IMBALANCE * spot_pressure + spot_crowd)),
    )


def _turnover(
    rng: np.random.Generator,
    clock: Clock,
    contract: Contract,
    held: Positioning,
    surprise: Floats,
    volatility: Floats,
) -> Floats:
    """Draw the perpetual's turnover per bar, quote currency."""
    logarithm = VOLUME_PER_VOLATILITY * np.log(volatility / np.median(volatility))
    for memory, deviation in VOLUME_NOISE:
        logarithm += wander(rng, clock.bars, memory=memory, deviation=deviation)
    busy = clock.activity() ** 0.5 * (0.55 + 0.45 * surprise + LIQUIDATION_VOLUME * held.flushed)
    usual = contract.daily_volume / BARS_PER_DAY
    return np.asarray(usual * busy * np.exp(logarithm), dtype=np.float64)


def _pressures(rng: np.random.Generator, surprise: Floats) -> tuple[Floats, Floats]:
    """Draw standardized imbalances of perpetual and spot around the returns they go with."""
    coming = np.append(surprise[1:], 0.0)
    with_price = WITH_RETURN * surprise + LEADING_RETURN * coming
    rest = np.sqrt(1.0 - WITH_RETURN**2 - LEADING_RETURN**2)
    shared, own, spot_own = rng.standard_normal((3, len(surprise)))
    alone = np.sqrt(1.0 - SHARED_NOISE**2)
    return (
        with_price + rest * (SHARED_NOISE * shared + alone * own),
        with_price + rest * (SHARED_NOISE * shared + alone * spot_own),
    )


def taker_flow(candles: pd.DataFrame, tape: Tape, contract: Contract) -> pd.DataFrame:
    """Return what the candles do not say: turnover, and how much of it the buyers took.

    Returns
    -------
    DataFrame
        ``date``; ``volume``, the candle's, base coin; ``quote_volume``, quote currency, at the same
        average price as the buyers' part; ``taker_buy_volume``, base coin, at most the volume;
        ``taker_buy_quote_volume``, quote currency; ``trades``, count.
    """
    volume = candles["volume"].to_numpy()
    bought = np.round(volume * (1.0 + tape.imbalance) / 2.0, contract.volume_decimals)
    bought = np.minimum(bought, volume)
    prices = candles[["open", "high", "low", "close"]].to_numpy().mean(axis=1)
    trades = np.maximum(1, np.rint(tape.turnover / contract.trade_size)).astype(np.int64)
    return pd.DataFrame(
        {
            "date": candles["date"],
            "volume": volume,
            "quote_volume": np.round(volume * prices, 2),
            "trades": trades,
            "taker_buy_volume": bought,
            "taker_buy_quote_volume": np.round(bought * prices, 2),
        }
    )

"""What only a perpetual has: a premium over spot, a mark price, funding and open interest.

Rates are fractions of notional per funding interval; a positive rate is paid by longs to shorts at
the settlement instant.

References
----------
Binance, *Introduction to Binance Futures funding rates*: the premium index is averaged over the
interval with later minutes counting more, and the interest rate is 0.03 % a day.
"""

import numpy as np
import pandas as pd

from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY, Clock
from replay.simulator.contracts import Contract
from replay.simulator.noise import Floats, average, decay, wander
from replay.simulator.positioning import Positioning

DAILY_INTEREST = 0.0003
INTEREST_BAND = 0.0005  # how far the interest rate may pull funding away from the premium
FUNDING_CAP = 0.02  # either way, per interval

# The premium is a fraction of the spot price. While nobody is crowded it lies a little below zero,
# as the real one did in 2025; funding then sits near the interest rate and varies mostly downwards.
QUIET_PREMIUM = -4.0e-4
CROWD_PREMIUM = 1.4e-4  # per unit of crowding and, once more, of its square
CROWD_LIMIT = 3.0  # beyond it arbitrage keeps the premium from growing
# Memory in minutes and standard deviation: moods of weeks, of hours, and the book's own noise.
PREMIUM_NOISE = ((10 * 24 * 60, 2.0e-4), (6 * 60, 1.2e-4), (40, 0.6e-4))
DISLOCATION = 0.12  # share of a liquidation's push that spot does not follow at once
DISLOCATION_MINUTES = 45
MARK_MINUTES = 30  # memory of the average premium in the mark price

# Slow variation of open interest that has nothing to do with crowding.
OPEN_INTEREST_DRIFT = (20 * BARS_PER_DAY, 0.10)  # memory in bars, standard deviation of the log


def premium(rng: np.random.Generator, held: Positioning) -> Floats:
    """Draw the premium of the perpetual over spot at the end of each minute, shape (minutes,)."""
    crowding = np.append(held.crowding, held.crowding[-1])
    at = np.arange(1, len(held.crowding) * BAR_MINUTES + 1) / BAR_MINUTES
    crowd = CROWD_LIMIT * np.tanh(np.interp(at, np.arange(len(crowding)), crowding) / CROWD_LIMIT)
    level: Floats = QUIET_PREMIUM + CROWD_PREMIUM * crowd * (1.0 + np.abs(crowd))
    for memory, deviation in PREMIUM_NOISE:
        level += wander(rng, len(at), memory=memory, deviation=deviation)
    pushes = np.repeat(held.pushed / BAR_MINUTES, BAR_MINUTES)
    return level + DISLOCATION * decay(pushes, DISLOCATION_MINUTES)


def mark_path(index: Floats, premiums: Floats) -> Floats:
    """Return the log mark price per minute: the log index and the recent average premium."""
    return index + np.log1p(average(premiums, MARK_MINUTES))


def mark_candles(clock: Clock, path: Floats, contract: Contract, minutes: int = 60) -> pd.DataFrame:
    """Return candles of the mark price, hourly ones by default; volume is 0, as on Binance."""
    after = np.round(np.exp(path), contract.price_decimals + 2).reshape(-1, minutes)
    opens = np.append(after[0, 0], after[:-1, -1])
    columns = {
        "date": pd.date_range(clock.first, periods=len(opens), freq=f"{minutes}min").as_unit("ms"),
        "open": opens,
        "high": np.maximum(opens, after.max(axis=1)),
        "low": np.minimum(opens, after.min(axis=1)),
        "close": after[:, -1],
        "volume": np.zeros(len(opens)),
    }
    return pd.DataFrame(columns)


def funding(clock: Clock, contract: Contract, premiums: Floats) -> pd.DataFrame:
    """Settle funding over the whole period.

    Returns
    -------
    DataFrame
        ``date``, the settlement instant, and ``funding_rate``. The first row settles the first
        complete interval, the last may fall on the end of the last candle.
    """
    days = pd.date_range(clock.first.floor("1D"), clock.end, freq="1D")
    settled: list[pd.Timestamp] = []
    rates: list[float] = []
    for number, day in enumerate(days):
        hours = contract.funding_hours[number * len(contract.funding_hours) // len(days)]
        for hour in range(0, 24, hours):
            begins = day + pd.Timedelta(hours=hour)
            ends = begins + pd.Timedelta(hours=hours)
            if begins >= clock.first and ends <= clock.end:
                minute = (begins - clock.first) // pd.Timedelta(minutes=1)
                rates.append(funding_rate(premiums[minute : minute + 60 * hours]))
                settled.append(ends)
    dates = pd.DatetimeIndex(settled).as_unit("ms")
    return pd.DataFrame({"date": dates, "funding_rate": np.round(rates, 8)})


def funding_rate(premiums: Floats) -> float:
    """Return the rate for one interval of premiums, one per minute.

    The rate is the average premium, pulled toward the interest rate by at most `INTEREST_BAND`.

    Examples
    --------
    >>> round(funding_rate(np.full(480, 0.0002)), 8)  # a small premium pays the interest rate
    0.0001
    >>> round(funding_rate(np.full(480, -0.0010)), 8)
    -0.0005
    """
    hours = len(premiums) / 60
    mean = float(np.average(premiums, weights=np.arange(1, len(premiums) + 1)))
    interest = DAILY_INTEREST / 3  # per 8 hours, as the premium is taken to be
    eight_hourly = mean + min(max(interest - mean, -INTEREST_BAND), INTEREST_BAND)
    return min(max(eight_hourly * hours / 8, -FUNDING_CAP), FUNDING_CAP)


def open_interest(
    rng: np.random.Generator, clock: Clock, contract: Contract, held: Positioning, mark_open: Floats
) -> pd.DataFrame:
    """Return open interest at the instant of each label, before the bar that begins there.

    Returns
    -------
    DataFrame
        ``date``; ``open_interest_amount``, base coin; ``open_interest_value``, quote currency at
        the mark price.
    """
    memory, deviation = OPEN_INTEREST_DRIFT
    drift = wander(rng, clock.bars, memory=memory, deviation=deviation)
    usual = contract.open_interest / contract.price
    amount = np.round(usual * np.exp(drift + held.open_interest), contract.volume_decimals)
    return pd.DataFrame(
        {
            "date": clock.dates,
            "open_interest_amount": amount,
            "open_interest_value": np.round(amount * mark_open, 2),
        }
    )

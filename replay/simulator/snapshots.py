"""What exchanges publish every five minutes about a perpetual, and its premium by the hour.

Every series has random streams of its own, so that none of them changes a price, a fill or a 15m
snapshot that was there before. Accounts follow the crowd as it stood when the 15m bar opened.
"""

import numpy as np
import pandas as pd

from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY, Clock
from replay.simulator.contracts import Contract
from replay.simulator.noise import Floats, wander

STEP_MINUTES = 5
PER_BAR = BAR_MINUTES // STEP_MINUTES
STEPS_PER_DAY = BARS_PER_DAY * PER_BAR
RATIO_DECIMALS = 4  # as Binance publishes them; of the basis rate, too

OPEN_INTEREST_NOISE = 3e-4  # standard deviation of the log between two 15m snapshots
# Log of the ratio while nobody is crowded, and what a unit of crowding adds to it. Small accounts
# lean long and chase most; large ones, and positions more than accounts, lean less.
RATIOS = {
    "global_account_ratio": (0.45, 0.20),
    "top_account_ratio": (0.32, 0.13),
    "top_position_ratio": (0.15, 0.08),
}
# Memory in steps and standard deviation of the log: habits of weeks, and samples of accounts.
RATIO_NOISE = ((15 * STEPS_PER_DAY, 0.12), (36, 0.02), (2, 0.006))


def dates(clock: Clock) -> pd.DatetimeIndex:
    """Return the instants of the snapshots."""
    steps = clock.bars * PER_BAR
    return pd.date_range(clock.first, periods=steps, freq=f"{STEP_MINUTES}min").as_unit("ms")


def at_snapshots(path: Floats) -> Floats:
    """Return the level of a path per minute at the instant of each snapshot."""
    return np.append(path[0], path[STEP_MINUTES - 1 :: STEP_MINUTES][:-1])


def open_interest(
    rng: np.random.Generator, clock: Clock, contract: Contract, quarters: pd.DataFrame, mark: Floats
) -> pd.DataFrame:
    """Return open interest every five minutes; every third row is one of `quarters`, bit by bit.

    Parameters
    ----------
    quarters : DataFrame
        The 15m snapshots: date, open_interest_amount, open_interest_value.
    mark : array
        Mark price at each snapshot.
    """
    known = quarters["open_interest_amount"].to_numpy()
    steps = len(known) * PER_BAR
    level = np.interp(np.arange(steps) / PER_BAR, np.arange(len(known)), np.log(known))
    between = np.exp(level + OPEN_INTEREST_NOISE * rng.standard_normal(steps))
    amount = np.maximum(np.round(between, contract.volume_decimals), contract.step)
    amount[::PER_BAR] = known
    value = np.round(amount * mark, 2)
    value[::PER_BAR] = quarters["open_interest_value"].to_numpy()
    columns = {"open_interest_amount": amount, "open_interest_value": value}
    return pd.DataFrame({"date": dates(clock), **columns})


def long_short_ratio(rng: np.random.Generator, clock: Clock, crowding: Floats) -> pd.DataFrame:
    """Return longs per short: of all accounts, of the top ones, and of the top ones' positions."""
    crowd = np.repeat(crowding, PER_BAR)
    columns: dict[str, Floats] = {}
    for name, (usual, lean) in RATIOS.items():
        logarithm: Floats = usual + lean * crowd
        for memory, deviation in RATIO_NOISE:
            logarithm = logarithm + wander(rng, len(crowd), memory=memory, deviation=deviation)
        ratio: Floats = np.exp(np.clip(logarithm, -2.0, 2.0))
        columns[name] = np.round(ratio, RATIO_DECIMALS)
    return pd.DataFrame({"date": dates(clock), **columns})


def basis(clock: Clock, contract: Contract, index: Floats, premiums: Floats) -> pd.DataFrame:
    """Return index and perpetual price at each snapshot, and how far they lie apart.

    Returns
    -------
    DataFrame
        ``date``; ``index_price``, ``futures_price``, ``basis``, quote currency; ``basis_rate``,
        the basis as a fraction of the index price.
    """
    indexed = np.round(np.exp(at_snapshots(index)), contract.price_decimals + 2)
    traded = np.exp(at_snapshots(index + np.log1p(premiums)))
    traded = np.round(traded, contract.price_decimals)
    apart = np.round(traded - indexed, 8)
    return pd.DataFrame(
        {
            "date": dates(clock),
            "index_price": indexed,
            "futures_price": traded,
            "basis": apart,
            "basis_rate": np.round(apart / indexed, RATIO_DECIMALS),
        }
    )


def premium_index(clock: Clock, premiums: Floats) -> pd.DataFrame:
    """Return hourly candles of the premium, a fraction of the index price."""
    after = np.round(premiums, 8).reshape(-1, 60)
    opens = np.append(after[0, 0], after[:-1, -1])
    return pd.DataFrame(
        {
            "date": clock.dates[:: 60 // BAR_MINUTES],
            "open": opens,
            "high": np.maximum(opens, after.max(axis=1)),
            "low": np.minimum(opens, after.min(axis=1)),
            "close": after[:, -1],
        }
    )

"""What a trade would have done between three barriers: stop, target, time limit.

The measure for entries that were never made, and the same for those that were: no trail, no
break-even, no size, so that nothing but the entry is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class Barrier(IntEnum):
    """What ended a trade; UNDECIDED where the candles end, or a number is missing, before it."""

    UNDECIDED = 0
    STOP = 1
    TARGET = 2
    TIME = 3


@dataclass(frozen=True, slots=True)
class Candles:
    """Prices of one market, evenly spaced and oldest first; arrays of shape (n_bars,)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How entries ended; arrays of shape (n_entries,).

    Attributes
    ----------
    r : array of float
        Result in R, after fees where there are any; NaN while undecided.
    barrier : array of int8
        `Barrier` codes.
    bars : array of float
        Candles in the market, 1 for an exit in the candle of the entry; NaN while undecided.
    """

    r: FloatArray
    barrier: NDArray[np.int8]
    bars: FloatArray


def barrier_outcomes(
    candles: Candles,
    rows: Sequence[int] | NDArray[np.int64],
    sides: ArrayLike,
    stop_distance: ArrayLike,
    target_r: ArrayLike,
    *,
    most_bars: int,
    fee: float = 0.0,
) -> Outcomes:
    """Return how trades would have ended that were decided at the close of `rows`.

    Each enters at the open of the candle after its row. Where one candle holds stop and target,
    the stop is taken to come first. A candle that opens beyond the stop fills it there, at worse
    than -1 R; a target never fills better than it was set. After `most_bars` candles the trade is
    closed at the last one's close.

    An outcome depends on no candle after the one that decides it.

    Parameters
    ----------
    rows : array of int, shape (n_entries,)
        Positions in `candles`; ValueError for one that is not there.
    sides : array of int
        +1 long, -1 short; ValueError for anything else.
    stop_distance : array of float
        One R in price units. Where it is NaN the outcome is undecided; ValueError unless > 0.
    target_r : array of float
        Distance of the target in R, likewise.
    most_bars : int
        Candles after which a trade is closed, at least 1.
    fee : float
        Of one side, fraction of notional, taken from the result at entry and exit.

    References
    ----------
    Lopez de Prado, M. (2018). *Advances in Financial Machine Learning*, section 3.4.
    """
    at = np.asarray(rows, dtype=np.int64)
    sign, distance, target = (
        np.broadcast_to(np.asarray(values, dtype=float), at.shape)
        for values in (sides, stop_distance, target_r)
    )
    _check(at, len(candles.close), sign, distance, target, most_bars, fee)
    last = len(candles.close) - 1
    entry = candles.open[np.minimum(at + 1, last)] if at.size else np.empty(0)
    stop, goal = entry - sign * distance, entry + sign * target * distance
    exit_ = np.full(at.shape, np.nan)
    barrier = np.full(at.shape, int(Barrier.UNDECIDED), dtype=np.int8)
    bars = np.full(at.shape, np.nan)
    running = np.flatnonzero(np.isfinite(stop + goal))
    for held in range(1, most_bars + 1):
        running = running[at[running] + held <= last]
        price, code = _ended(
            candles, at[running] + held, sign[running], stop[running], goal[running],
            closes=held == most_bars,
        )  # fmt: skip
        known = ~np.isnan(price)
        ended = running[known]
        exit_[ended], barrier[ended], bars[ended] = price[known], code[known], held
        # Undecided with a code: a candle without prices, and nobody knows what it held.
        running = running[~known & (code == int(Barrier.UNDECIDED))]
    r = (sign * (exit_ - entry) - fee * (entry + exit_)) / distance
    return Outcomes(r=r, barrier=barrier, bars=bars)


def _ended(
    candles: Candles,
    bar: NDArray[np.int64],
    side: FloatArray,
    stop: FloatArray,
    goal: FloatArray,
    *,
    closes: bool,
) -> tuple[FloatArray, NDArray[np.int8]]:
    """Return price and `Barrier` of trades that end in candle `bar`, NaN of those that go on."""
    opens, close, highs, lows = (
        values[bar] for values in (candles.open, candles.close, candles.high, candles.low)
    )
    worst, best = np.where(side > 0, lows, highs), np.where(side > 0, highs, lows)
    blank = np.isnan(opens + close + highs + lows)
    gapped = side * (opens - stop) < 0
    stopped, reached = side * (worst - stop) <= 0, side * (best - goal) >= 0
    time = np.full(len(bar), closes)
    price = np.select(
        [blank, gapped, stopped, reached, time], [np.nan, opens, stop, goal, close], np.nan
    )
    codes = [int(code) for code in (Barrier.TIME, Barrier.STOP, Barrier.TARGET, Barrier.TIME)]
    code = np.select([blank, stopped, reached, time], codes, int(Barrier.UNDECIDED))
    return price, code.astype(np.int8)


def _check(
    at: NDArray[np.int64],
    length: int,
    sign: FloatArray,
    distance: FloatArray,
    target: FloatArray,
    most_bars: int,
    fee: float,
) -> None:
    if at.size and not (at.min() >= 0 and at.max() < length):
        raise ValueError(f"rows must lie in 0..{length - 1}, were {at.min()} to {at.max()}")
    if not np.isin(sign, (-1.0, 1.0)).all():
        raise ValueError(f"sides must be +1 or -1, were {np.unique(sign)}")
    for name, values in (("stop_distance", distance), ("target_r", target)):
        if (values <= 0).any():
            raise ValueError(f"{name} must be > 0 or NaN, was {np.nanmin(values)}")
    if most_bars < 1:
        raise ValueError(f"most_bars must be at least 1, was {most_bars}")
    if not 0 <= fee < 1:
        raise ValueError(f"fee must be a fraction from 0 to below 1, was {fee}")

"""Minute-by-minute log prices with the stylized facts of returns, and candles made from them.

Volatility is the exponential of independent AR(1) paths with memories of hours, a day and weeks;
their sum imitates the slow, power-law-like decay of the autocorrelation of absolute returns. Fat
tails come from that mixture, Student-t minutes, and jumps that leave aftershocks.

References
----------
Cont, R. (2001). Empirical properties of asset returns: stylized facts and statistical issues.
*Quantitative Finance* 1(2).
LeBaron, B. (2001). Stochastic volatility as a simple generator of apparent financial power laws
and long memory. *Quantitative Finance* 1(6).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY, Clock
from replay.simulator.noise import Floats, decay, wander
from replay.simulator.regimes import Episode

# Memory in bars and standard deviation of the components of log volatility.
VOLATILITY_SCALES = ((6, 0.28), (BARS_PER_DAY, 0.26), (12 * BARS_PER_DAY, 0.30))
JUMPS_PER_DAY = 0.30
JUMP_SIZE = 4.0  # standard deviations of a 15m return, halfway between usual and current
AFTERSHOCK = (0.55, 10)  # log volatility added by a jump, and the bars in which it fades by e
CEILING = 5.0  # volatility, relative to usual: what panic adds to panic is bounded
SESSION_POWER = 0.75  # volatility follows the day less than volume does
TAIL_DEGREES = 5  # of freedom, Student t of one-minute returns
BOUNCE = (3, 0.15)  # passing order imbalance: memory in minutes, share of a bar's volatility
# A level pulls back to where it began within about this many days, so that a simulated year
# neither ruins nor multiplies a coin a thousand times.
PULL_DAYS = 150.0


@dataclass(frozen=True, slots=True)
class Walk:
    """A log price that starts at 0.

    Parameters
    ----------
    path : array, shape (minutes,)
        Level at the end of each minute.
    volatility : array, shape (bars,)
        Current standard deviation of a 15m return.
    """

    path: Floats
    volatility: Floats


class Candles(NamedTuple):
    """Open, high, low and close per bar, unrounded, each of shape (bars,)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def walk(rng: np.random.Generator, clock: Clock, regimes: list[Episode], deviation: float) -> Walk:
    """Draw a log price whose 15m returns have a standard deviation of about `deviation`."""
    jumps = _jumps(rng, clock.bars)
    volatility = deviation * _volatility(rng, clock, regimes, jumps)
    degrees = TAIL_DEGREES
    shocks = rng.standard_t(degrees, (clock.bars, BAR_MINUTES)) * math.sqrt((degrees - 2) / degrees)
    shocks *= (volatility / math.sqrt(BAR_MINUTES))[:, None]
    minute = rng.integers(0, BAR_MINUTES, clock.bars)
    shocks[np.arange(clock.bars), minute] += jumps * JUMP_SIZE * np.sqrt(deviation * volatility)
    memory, share = BOUNCE
    bounce = wander(rng, clock.minutes, memory=memory, deviation=share)
    bounce *= np.repeat(volatility, BAR_MINUTES)
    return Walk(_join(shocks, regimes, deviation) + bounce, volatility)


def _jumps(rng: np.random.Generator, bars: int) -> Floats:
    """Draw signed jump sizes per bar, mostly 0; a jump is half to twice the usual size."""
    happens = rng.random(bars) < JUMPS_PER_DAY / BARS_PER_DAY
    sign = np.where(rng.random(bars) < 0.5, 1.0, -1.0)
    size = 0.5 + np.minimum(rng.exponential(0.5, bars), 1.5)
    return np.where(happens, sign * size, 0.0)


def _volatility(
    rng: np.random.Generator, clock: Clock, regimes: list[Episode], jumps: Floats
) -> Floats:
    """Draw relative volatility per bar, with a mean square of about 1."""
    logarithm = np.zeros(clock.bars)
    for memory, spread in VOLATILITY_SCALES:
        logarithm += wander(rng, clock.bars, memory=memory, deviation=spread)
        logarithm -= spread**2  # E[exp(2x)] = 1
    for episode in regimes:
        logarithm[episode.begin : episode.end] += math.log(episode.temper.volatility)
    size, memory = AFTERSHOCK
    after = decay(np.abs(jumps), memory)
    logarithm[1:] += size * after[:-1]
    hours = clock.activity() ** SESSION_POWER
    hours /= math.sqrt(float(np.mean(hours**2)))
    return np.minimum(np.exp(logarithm) * hours, CEILING)


def _join(shocks: Floats, regimes: list[Episode], deviation: float) -> Floats:
    """Lay the episodes end to end: in each, prices wobble around a line that starts where it does.

    The line slopes in a trend and is flat in a range; the slope also carries the pull home.
    """
    path = np.empty(shocks.shape)
    level = 0.0
    for episode in regimes:
        temper, part = episode.temper, slice(episode.begin, episode.end)
        slope = episode.direction * temper.drift * deviation - level / (PULL_DAYS * BARS_PER_DAY)
        moves = shocks[part].reshape(-1)
        line = slope / BAR_MINUTES * np.arange(1, len(moves) + 1)
        stretch = level + line + decay(moves, temper.reversion * BAR_MINUTES)
        path[part] = stretch.reshape(-1, BAR_MINUTES)
        level = float(stretch[-1])
    return path.reshape(-1)


def candles(rng: np.random.Generator, path: Floats, volatility: Floats) -> Candles:
    """Turn a log price per minute into candles per bar.

    Between two minutes the price is a Brownian bridge, whose extremes have a known distribution;
    without them a candle of 15 points would be a tenth too short. The market never closes, so a
    candle opens where the last one closed.

    Parameters
    ----------
    path : array, shape (minutes,)
        Log price at the end of each minute.
    volatility : array, shape (bars,)
        Standard deviation of a 15m log return.

    References
    ----------
    Glasserman, P. (2003). *Monte Carlo Methods in Financial Engineering*, section 6.4.
    """
    before = np.append(path[:1], path[:-1]).reshape(-1, BAR_MINUTES)
    after = path.reshape(-1, BAR_MINUTES)
    variance = (volatility**2 / BAR_MINUTES)[:, None]
    gap = (after - before) ** 2
    middle = before + after
    up, down = rng.standard_exponential((2, *after.shape))
    high = 0.5 * (middle + np.sqrt(gap + 2.0 * variance * up)).max(axis=1)
    low = 0.5 * (middle - np.sqrt(gap + 2.0 * variance * down)).min(axis=1)
    return Candles(np.exp(before[:, 0]), np.exp(high), np.exp(low), np.exp(after[:, -1]))


def bar_returns(path: Floats) -> Floats:
    """Return the log return of each bar of a path per minute, shape (bars,)."""
    closes = path[BAR_MINUTES - 1 :: BAR_MINUTES]
    return np.diff(closes, prepend=path[0])

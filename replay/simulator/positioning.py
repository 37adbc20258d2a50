"""Leveraged positions: they build with a trend, and are liquidated when it turns on them.

Traders chase returns, so crowding is a fading memory of them. Open interest grows while positions
are one-sided and, because leverage feels cheap then, while the market is calm. A sharp move against
the crowd may start a cascade: liquidation orders push the price further the same way for one to
three bars, open interest collapses, and part of the push is undone over the following hours.

References
----------
Brunnermeier, M. K. and Pedersen, L. H. (2009). Market liquidity and funding liquidity. *Review of
Financial Studies* 22(6), on margin spirals.
"""

import math
from dataclasses import dataclass

import numpy as np

from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY
from replay.simulator.noise import Floats, decay

CROWD_MEMORY = 1.0 * BARS_PER_DAY  # bars in which a return is forgotten
BUILD = 1.1e-3  # growth of log open interest per bar and unit of crowding
CALM_BUILD = 4e-4  # the same per unit of log volatility below normal
OPEN_INTEREST_MEMORY = 5.0 * BARS_PER_DAY  # bars in which a deviation fades by e
OPEN_INTEREST_NOISE = 1.1e-3  # standard deviation per bar
MEAN_CROWDING = 0.8  # E|x| of a standard normal; open interest neither grows nor shrinks there

TRIGGER = 1.3  # adverse return that can start a cascade, in typical 15m standard deviations
FUEL = 1.1  # |crowding|, scaled by open interest, below which nobody has to sell
FUEL_POWER = 3.0  # how much more fuel a unit of log open interest above usual is
HAZARD = 0.11  # probability of a cascade per triggering bar and unit of fuel above `FUEL`
REST = 24  # bars between two cascades of a pair at least
FLUSH_SHARE = {1: (1.0,), 2: (0.65, 0.35), 3: (0.50, 0.32, 0.18)}
IMPACT = 55.0  # push in typical standard deviations per unit of log open interest flushed
REBOUND = (0.35, 5.0)  # share of the push that is undone, and the hours in which it fades by e
TURMOIL = (8, 0.25)  # bars in which the roughness fades by e; volatility added per unit of push


@dataclass(frozen=True, slots=True)
class Positioning:
    """The crowd and its leverage, bar by bar; every array has shape (bars,).

    Parameters
    ----------
    crowding : array
        Net leveraged positioning at the open of the bar, about standard normal; > 0 is long.
    open_interest : array
        Log deviation from its usual level, at the open of the bar.
    flushed : array
        Log open interest liquidated during the bar.
    pushed : array
        Log return that liquidations add to the bar.
    """

    crowding: Floats
    open_interest: Floats
    flushed: Floats
    pushed: Floats


def positioning(
    rng: np.random.Generator, returns: Floats, volatility: Floats, typical: float, luck: Floats
) -> Positioning:
    """Follow the crowd through `returns` and liquidate it where it is caught.

    Parameters
    ----------
    returns, volatility : array, shape (bars,)
        15m log returns without liquidations, and their current standard deviation.
    typical : float
        Usual standard deviation of a 15m return.
    luck : array, shape (bars,)
        Uniform between 0 and 1; low numbers let a cascade start. Pairs that share them are
        liquidated together, as coins that share collateral are.
    """
    bars = len(returns)
    depths = np.clip(np.exp(rng.normal(math.log(0.065), 0.45, bars)), 0.035, 0.22)
    lengths = rng.integers(1, 4, bars)
    growth = rng.normal(0.0, OPEN_INTEREST_NOISE, bars)
    growth -= CALM_BUILD * np.clip(np.log(volatility / typical), -1.5, 1.0)
    # Feedback needs a loop: plain floats are quicker than arrays of one element.
    scaled, build, draw = (returns / typical).tolist(), growth.tolist(), luck.tolist()
    memory, keep = math.exp(-1 / CROWD_MEMORY), math.exp(-1 / OPEN_INTEREST_MEMORY)
    gain = math.sqrt(1 - memory**2)
    crowd, level, side, ready = 0.0, 0.0, 0.0, 0
    pending: list[float] = []  # log open interest still to be flushed by the running cascade
    rows: list[tuple[float, float, float, float]] = []
    for bar, move in enumerate(scaled):
        against = -move if crowd > 0 else move
        fuel = abs(crowd) * math.exp(FUEL_POWER * level)
        if bar >= ready and against > TRIGGER and draw[bar] < HAZARD * (fuel - FUEL):
            side, ready = math.copysign(1.0, crowd), bar + REST
            pending = [depths[bar] * share for share in FLUSH_SHARE[int(lengths[bar])]]
        flushed = float(pending.pop(0)) if pending else 0.0
        pushed = -side * IMPACT * flushed
        rows.append((crowd, level, flushed, pushed * typical))
        crowd = memory * crowd + gain * (move + pushed)
        level = keep * level + build[bar] + BUILD * (abs(crowd) - MEAN_CROWDING) - flushed
    return Positioning(*np.array(rows).T.copy())


def impact(rng: np.random.Generator, held: Positioning) -> Floats:
    """Return the log price that liquidations add, per minute, shape (minutes,).

    A push spreads over its bar. Part of it stays, part fades, and the market is rougher for a
    while: the noise that follows is what keeps the rebound from being a gift.
    """
    share, hours = REBOUND
    pushes = np.repeat(held.pushed / BAR_MINUTES, BAR_MINUTES)
    memory, roughness = TURMOIL
    rough = roughness * decay(np.abs(pushes), memory * BAR_MINUTES) / math.sqrt(BAR_MINUTES)
    noise = rough * rng.standard_normal(len(pushes))
    return np.cumsum((1 - share) * pushes + noise) + share * decay(pushes, 60 * hours)

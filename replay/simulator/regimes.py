"""Semi-Markov market regimes: each lasts a random time, then hands over to another.

Durations are log-normal rather than geometric, because real trends and ranges are neither
memoryless nor over in minutes: most last between a few hours and a few days.

References
----------
Hamilton, J. D. (1989). A new approach to the economic analysis of nonstationary time series and
the business cycle. *Econometrica* 57(2); the semi-Markov variant only changes the durations.
"""

from dataclasses import dataclass

import numpy as np

from regimekit.schema import Regime

BARS_PER_HOUR = 4


@dataclass(frozen=True, slots=True)
class Temper:
    """How prices behave while a regime lasts.

    Parameters
    ----------
    hours, spread : float
        Median duration, and the standard deviation of its logarithm.
    drift : float
        Pull of the regime's direction, in standard deviations of a 15m return per bar.
    reversion : float
        Bars in which a deviation from the regime's line fades by e; pullbacks and range edges.
    volatility : float
        Factor on volatility.
    next : tuple of (Regime, float)
        What follows, with probabilities.
    """

    hours: float
    spread: float
    drift: float
    reversion: float
    volatility: float
    next: tuple[tuple[Regime, float], ...]


TEMPERS: dict[Regime, Temper] = {
    Regime.RANGING: Temper(
        20, 0.7, 0.0, 75, 0.80, ((Regime.TRENDING, 0.6), (Regime.VOLATILE, 0.4))
    ),
    Regime.TRENDING: Temper(
        20, 0.7, 0.14, 150, 1.0, ((Regime.RANGING, 0.75), (Regime.VOLATILE, 0.25))
    ),
    Regime.VOLATILE: Temper(
        2.5, 0.6, 0.10, 1e9, 2.1, ((Regime.RANGING, 0.5), (Regime.TRENDING, 0.5))
    ),
}


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch of one regime: bars ``begin`` to ``end`` (exclusive), direction +1 or -1."""

    regime: Regime
    begin: int
    end: int
    direction: int

    @property
    def temper(self) -> Temper:
        """Return how prices behave in this episode."""
        return TEMPERS[self.regime]


def episodes(rng: np.random.Generator, bars: int) -> list[Episode]:
    """Draw the regimes of `bars` 15m bars, in order and without gaps."""
    drawn: list[Episode] = []
    regime, begin = Regime.RANGING, 0
    while begin < bars:
        temper = TEMPERS[regime]
        hours = temper.hours * np.exp(temper.spread * rng.standard_normal())
        length = round(BARS_PER_HOUR * min(max(hours, 1.0), 144.0))
        direction = 1 if rng.random() < 0.5 else -1
        drawn.append(Episode(regime, begin, min(begin + length, bars), direction))
        followers, chances = zip(*temper.next, strict=True)
        regime, begin = followers[rng.choice(len(followers), p=chances)], begin + length
    return drawn

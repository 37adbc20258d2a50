"""Random streams and the one random process that most of the simulator is made of."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random numbers that belong to `names`, for example a pair and what is drawn.

    Streams are told apart by name, not by order, so that another pair, or another draw for the
    same pair, leaves the rest as it was. The bit generator is spelled out because numpy reserves
    the right to change its default; another numpy version may still draw other numbers.
    """
    key = tuple("|".join(names).encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def decay(values: Floats, memory: float) -> Floats:
    """Return ``y[t] = k y[t-1] + values[t]`` with `k` such that a shock fades by e in `memory`."""
    return np.asarray(lfilter([1.0], [1.0, -math.exp(-1.0 / memory)], values), dtype=np.float64)


def average(values: Floats, memory: float) -> Floats:
    """Return the exponential average of `values` that begins at its first value."""
    keep = math.exp(-1.0 / memory)
    smooth, _ = lfilter([1.0 - keep], [1.0, -keep], values, zi=[keep * values[0]])
    return np.asarray(smooth, dtype=np.float64)


def wander(rng: np.random.Generator, steps: int, *, memory: float, deviation: float) -> Floats:
    """Draw a stationary AR(1) path with mean 0, shape (steps,).

    Parameters
    ----------
    memory : float
        Steps after which the autocorrelation has fallen to 1/e.
    deviation : float
        Standard deviation of the path, not of its increments.
    """
    shocks = rng.standard_normal(steps)
    shocks[1:] *= math.sqrt(1.0 - math.exp(-2.0 / memory))  # the first draw is the stationary one
    return deviation * decay(shocks, memory)

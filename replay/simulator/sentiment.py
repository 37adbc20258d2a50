"""What is said about the market as a whole, day by day: an echo of the days before.

Both series look back only. Fear & Greed is labeled by the day on which it is published, a day of
SentiCrypt by itself; neither knows a pair.
"""

import numpy as np
import pandas as pd

from replay.simulator.clock import BAR_MINUTES, BARS_PER_DAY, Clock
from replay.simulator.noise import Floats, wander
from replay.simulator.prices import Walk

MINUTES_PER_DAY = BARS_PER_DAY * BAR_MINUTES
DAYS = 7  # that fear and greed remember
USUAL, PER_RETURN, PER_VOLATILITY = 50.0, 14.0, 18.0  # points, per standard score and per log
HABIT = (10.0, 9.0)  # memory in days and standard deviation of what has no reason
SAMPLES = 1400.0  # texts a day
TONE, TONE_PER_RETURN, TONE_NOISE = 0.12, 0.06, 0.05
SCORES = (1.3, 0.9, 0.8)  # how the three scores take the tone


def fear_greed(
    rng: np.random.Generator, clock: Clock, factor: Walk, typical: float
) -> pd.DataFrame:
    """Return the index, 0 to 100, labeled by the midnight at which the days before are over.

    Parameters
    ----------
    factor : Walk
        What moves all pairs.
    typical : float
        Usual standard deviation of its 15m return.
    """
    labels = _midnights(clock)
    lately = _returns(clock, factor.path, labels, DAYS) / (typical * np.sqrt(DAYS * BARS_PER_DAY))
    volatility = np.log(_volatility(clock, factor.volatility, labels) / typical)
    memory, deviation = HABIT
    habit = wander(rng, len(labels), memory=memory, deviation=deviation)
    points = USUAL + PER_RETURN * lately - PER_VOLATILITY * volatility + habit
    return pd.DataFrame({"date": labels, "fear_greed": np.clip(np.rint(points), 5.0, 95.0)})


def senticrypt(
    rng: np.random.Generator, clock: Clock, factor: Walk, typical: float
) -> pd.DataFrame:
    """Return the tone of what was written on each complete day, labeled by that day."""
    ends = _midnights(clock)
    ends = ends[ends - pd.Timedelta(days=1) >= clock.first]
    today = _returns(clock, factor.path, ends, 1) / (typical * np.sqrt(BARS_PER_DAY))
    count = np.rint(SAMPLES * np.exp(0.2 * rng.standard_normal(len(ends)) + 0.1 * np.abs(today)))
    tone = TONE + TONE_PER_RETURN * today
    scores = [
        np.round(np.tanh(share * tone + TONE_NOISE * rng.standard_normal(len(ends))), 4)
        for share in SCORES
    ]
    mean = np.round(np.mean(scores, axis=0), 4)
    return pd.DataFrame(
        {
            "date": (ends - pd.Timedelta(days=1)).as_unit("ms"),
            "sentiment_mean": mean,
            "sentiment_sum": np.round(mean * count, 4),
            "sentiment_count": count,
            **{f"sentiment_score_{number}": score for number, score in enumerate(scores, 1)},
        }
    )


def _midnights(clock: Clock) -> pd.DatetimeIndex:
    """Return the midnights with at least some hours of the market before them."""
    days = pd.date_range(clock.first.ceil("1D"), clock.end.floor("1D"), freq="1D").as_unit("ms")
    return days[days > clock.first]


def _minute(clock: Clock, labels: pd.DatetimeIndex) -> np.ndarray:
    minutes: np.ndarray = ((labels - clock.first) // pd.Timedelta(minutes=1)).to_numpy()
    return minutes


def _returns(clock: Clock, path: Floats, labels: pd.DatetimeIndex, days: int) -> Floats:
    """Return the log return over the `days` before each label, or over what there is of them."""
    ends = _minute(clock, labels)
    begins = np.maximum(ends - days * MINUTES_PER_DAY, 1)
    return np.asarray(path[ends - 1] - path[begins - 1], dtype=np.float64)


def _volatility(clock: Clock, volatility: Floats, labels: pd.DatetimeIndex) -> Floats:
    """Return the mean volatility of the bars before each label."""
    ends = _minute(clock, labels) // BAR_MINUTES
    total = np.append(0.0, np.cumsum(volatility))
    begins = np.maximum(ends - DAYS * BARS_PER_DAY, 0)
    return np.asarray((total[ends] - total[begins]) / (ends - begins), dtype=np.float64)

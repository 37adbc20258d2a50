"""How a sub-strategy's recent results change how it trades; a pure function of these results.

Four measures of the last ``window`` results, each from -1 to 1 and 0 where results are average:

========  =====================================================================================
wins      win rate against the rate at which trades with this target break even
profit    (gains - losses) / (gains + losses), which is (PF - 1) / (PF + 1) of the profit factor
trend     where the regression line through the results has got to, in units of their size
streak    how many equal outcomes in a row came last
========  =====================================================================================

None of them looks at the size of results as such, so the results of calm and of wild markets, or
in percent and as fractions, mean the same. None falls when a result gets better. That is why the
trend is not the bare slope: a slope falls when an *old* trade turns out better. The line is read
at the farthest point that still gives no result a negative weight, two thirds into the window.

Their mean counts in standard errors: by luck alone it strays by about 1 / sqrt(n), so it is
multiplied by sqrt(n), and `full_evidence` of these make a score of -1 or 1. Few trades therefore
say little. The score is averaged over what it was after each of the last ``least_trades`` trades, 0
where there were too few: one further trade, however large, moves it by 2 / ``least_trades`` at
most, and what was seen only once is not yet believed.

Each factor then lies between its neutral value and one of its bounds, in proportion to the score.
After bad results everything is smaller: size, leverage, stop, target; and more confidence is
asked for. Whether that helps is for an ablation to say: on results that are pure luck the score
still wanders, with a standard deviation of about 0.3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regimekit.settings import AdaptiveSettings, ExitSettings

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What recent results change; the defaults change nothing.

    Attributes
    ----------
    confidence : float
        Added to the confidence that an entry needs; negative is relief.
    size, leverage, stop, reward : float
        Factors on the stake, the leverage asked for, the stop distance and the target's R:R.
    """

    confidence: float = 0.0
    size: float = 1.0
    leverage: float = 1.0
    stop: float = 1.0
    reward: float = 1.0

    def stop_distance(self, distance: float, price: float, exits: ExitSettings) -> float:
        """Return the distance of the stop that a trade entered at `price` gets, price units.

        A smaller stop keeps the least distance that stops have, a larger one the most.
        """
        closest = min(distance, exits.min_stop * price)
        return min(max(distance * self.stop, closest), exits.max_stop * price)


NEUTRAL = Adaptation()


def results_needed(settings: AdaptiveSettings) -> int:
    """Return how many of the last results `adapt` looks at."""
    return settings.window + settings.least_trades - 1


def adapt(
    results: Sequence[float],
    settings: AdaptiveSettings,
    *,
    target_rr: float = 1.0,
    full_evidence: float = 3.0,
) -> Adaptation:
    """Return what the results of a sub-strategy change; NEUTRAL before it has ``least_trades``.

    Parameters
    ----------
    results : sequence of float
        Of closed trades, oldest first: profit as a fraction of the entry price, after costs. The
        last `results_needed` count. Those that are no finite number are left out, as if the trade
        had not been made.
    target_rr : float
        Target in R of the sub-strategy, above 0; with 2 a third of the trades has to win.
    full_evidence : float
        Standard errors from average at which the bounds are reached, above 0.

    Raises
    ------
    ValueError
        When `target_rr` or `full_evidence` is not above 0.
    """
    if not (target_rr > 0 and full_evidence > 0):
        raise ValueError(
            f"target_rr and full_evidence must be above 0, were {target_rr} and {full_evidence}"
        )
    known = np.array([result for result in results if math.isfinite(result)], dtype=np.float64)
    known = known[-results_needed(settings) :]
    scores = 0.0  # their sum
    for until in range(len(known) - settings.least_trades + 1, len(known) + 1):
        if until >= settings.least_trades:
            latest = known[max(0, until - settings.window) : until]
            evidence = math.sqrt(len(latest)) * _mean_measure(latest, 1.0 / (1.0 + target_rr))
            scores += min(1.0, max(-1.0, evidence / full_evidence))
    return _between_bounds(scores / settings.least_trades, settings)


def _mean_measure(results: FloatArray, fair_rate: float) -> float:
    outcomes = np.sign(results)
    # Scaled to 1 at most, sums of them cannot overflow; all are 0 where the largest is.
    results = results / (float(np.abs(results).max()) or 1.0)
    order = np.arange(len(results), dtype=np.float64)
    measures = (
        win_measure(outcomes, fair_rate),
        profit_measure(results, np.ones_like(order)),
        # A least-squares line has the value sum(i y) / sum(i) at mean(i) + (n + 1) / 6.
        profit_measure(results, order),
        streak_measure(outcomes),
    )
    return sum(measures) / len(measures)


def win_measure(outcomes: FloatArray, fair_rate: float) -> float:
    """Return -1 where all trades lost, 0 at `fair_rate`, 1 where all won; 0 is half a win."""
    rate = float((outcomes + 1).mean()) / 2
    return (rate - fair_rate) / (fair_rate if rate < fair_rate else 1.0 - fair_rate)


def profit_measure(results: FloatArray, weights: FloatArray) -> float:
    """Return weighted gains minus losses over gains plus losses; 0 where there is neither."""
    turnover = float(weights @ np.abs(results))
    return float(weights @ results) / turnover if turnover > 0 else 0.0


def streak_measure(outcomes: FloatArray) -> float:
    """Return the run of equal outcomes that came last, negative for losses.

    k trades beyond the first, which is no run yet, lie sqrt(k) standard errors from an even mix.
    """
    last = float(outcomes[-1])
    others = np.flatnonzero(outcomes[::-1] != last)
    run = int(others[0]) if len(others) else len(outcomes)
    return last * math.sqrt((run - 1) / len(outcomes))


def _between_bounds(score: float, settings: AdaptiveSettings) -> Adaptation:
    good, bad = max(0.0, score), max(0.0, -score)
    return Adaptation(
        confidence=bad * settings.demand - good * settings.relief,
        size=_factor(good, bad, settings.least_size, settings.most_size),
        leverage=_factor(good, bad, settings.least_leverage, 1.0),
        stop=_factor(good, bad, settings.least_stop, settings.most_stop),
        reward=_factor(good, bad, settings.least_reward, settings.most_reward),
    )


def _factor(good: float, bad: float, least: float, most: float) -> float:
    return 1.0 + good * (most - 1.0) - bad * (1.0 - least)

"""How long a trading bot analyzes after a candle closed: forty pairs with 1,000 candles each.

Freqtrade analyzes one pair after the other, so the sum of all is what a signal of the last pair
waits for. The market has ten pairs; each stands in for four.
"""

import statistics
from pathlib import Path

from figures import Figure
from market import SPEC
from measure import Bench, in_fresh_process
from populate import CandlesInMemory, loaded, seconds_of

CANDLES = 1_000  # what Binance gives a live bot
PAIRS = 40
AIM = 10.0  # seconds for all


def measure(bench: Bench) -> list[Figure]:
    """Analyze all pairs a few times."""
    rounds = 3 if bench.quick else 10
    bench.say(f"live analysis, {rounds} rounds")
    sums, each = in_fresh_process(_times, bench.datadir, rounds)
    group = f"Live analysis of {PAIRS} pairs, {CANDLES:,} candles each, CPU time"
    cuts = statistics.quantiles([1e3 * seconds for seconds in each], n=20)
    return [
        Figure.fastest(group, "all pairs", "s", sums, aim=AIM),
        Figure(group, "one pair, median", "ms", cuts[9]),
        Figure(group, "one pair, 95 of 100 take less", "ms", cuts[18]),
    ]


def _times(datadir: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return seconds for all pairs by round, and seconds of each pair; the first round warms up."""
    provider = CandlesInMemory(datadir, SPEC.pairs, CANDLES)
    strategy = loaded("RegimeRouter", datadir, provider)
    sums, each = [], []
    for number in range(rounds + 1):
        times = [
            seconds_of(strategy, provider, SPEC.pairs[index % len(SPEC.pairs)])
            for index in range(PAIRS)
        ]
        if number:
            sums.append(sum(times))
            each += times
    return sums, each

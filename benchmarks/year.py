"""How long a year of ten pairs takes, from the command to the exported result."""

from tempfile import TemporaryDirectory

from figures import Figure
from market import SPEC
from measure import Bench, Cost

SECONDS = 60.0
MEGABYTES = 1200.0


def measure(bench: Bench) -> list[Figure]:
    """Run ``freqtrade backtesting --strategy RegimeRouter`` as a user does."""
    rounds = 1 if bench.quick else 2
    costs: list[Cost] = []
    for number in range(rounds):
        bench.say(f"year, run {number + 1} of {rounds}")
        with TemporaryDirectory(dir=bench.folder) as results:
            costs.append(
                bench.backtest(
                    "RegimeRouter",
                    f"--timerange={SPEC.start:%Y%m%d}-{SPEC.end:%Y%m%d}",
                    f"--backtest-directory={results}",
                )
            )
    group = f"Whole backtest, {len(SPEC.pairs)} pairs, {SPEC.days} days"
    return [
        Figure.fastest(group, "wall time", "s", [cost.wall_seconds for cost in costs], aim=SECONDS),
        Figure.fastest(group, "CPU time", "s", [cost.cpu_seconds for cost in costs]),
        Figure.memory(group, "peak memory", [cost.peak_memory for cost in costs], aim=MEGABYTES),
    ]

"""How much RegimeRouter's callbacks add to Freqtrade's candle loop.

Freqtrade copies the trade for every callback of every open trade on every candle, whatever the
callback does, so the honest yardstick is the same backtest with callbacks that return at once.
Comparable means the same trades: the loop's time follows the number of open trades and candles.

TimedRouter      RegimeRouter with adaptive layer, momentum decay, volatility trail and ledger on.
                 The trades of its first run are recorded.
CallbacksAtOnce  the recorded trades, opened and closed by signal columns on the same candles, and
                 RegimeRouter's callbacks answering with constants: the engine's floor.
NoCallbacks      the recorded trades and no callback at all.

What still differs: a trade that RegimeRouter closes in the candle that opened it is missing from
the others, because Freqtrade takes no entry beside an exit signal; and orders that RegimeRouter
refuses are not tried by them, which counts against it. Trades and open candles of each variant are
counted, and the ratio is given per open candle too. Stakes and prices differ, which takes no time.

The variants run in turns, each in its own process; `strategies/_loop_timer.py` holds the clock.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from figures import Figure
from market import SPEC
from measure import Bench, BenchmarkError

from providers.results import latest_result, read_result
from providers.storage.store import write_frame

STRATEGIES = Path(__file__).resolve().parent / "strategies"
NAMES = {
    "TimedRouter": "RegimeRouter",
    "CallbacksAtOnce": "callbacks at once",
    "NoCallbacks": "no callbacks",
}
CANDLE = timedelta(minutes=15)
AIM = 1.4
STAKE = 500  # above the least order of every pair


@dataclass(frozen=True, slots=True)
class Loop:
    """One timed backtest."""

    seconds: float
    trades: pd.DataFrame
    peak_memory: int

    @property
    def open_candles(self) -> int:
        """Return how often the engine looked after an open trade: the callbacks' workload."""
        held = self.trades["closed_at"] - self.trades["opened_at"]
        return int((held // CANDLE + 1).sum())

    @property
    def seconds_per_open_candle(self) -> float:
        return self.seconds / self.open_candles


def measure(bench: Bench) -> list[Figure]:
    """Run the variants in turns and compare their loops."""
    days, rounds = (40, 2) if bench.quick else (90, 5)
    runs: dict[str, list[Loop]] = {strategy: [] for strategy in NAMES}
    recording = bench.folder / "trades.feather"
    order = list(NAMES)
    for number in range(rounds):
        for strategy in order:
            bench.say(f"loop, round {number + 1} of {rounds}: {NAMES[strategy]}")
            loop = _backtest(bench, strategy, days, recording)
            if not any(runs.values()):
                write_frame(loop.trades, recording)
            runs[strategy].append(loop)
        order = order[1:] + order[:1]  # nobody always runs first, on a cool machine
    return _figures(runs, f"Backtest loop, {len(SPEC.pairs)} pairs, {days} days, CPU time")


def _backtest(bench: Bench, strategy: str, days: int, recording: Path) -> Loop:
    end = SPEC.start + timedelta(days=days)
    stake = [] if strategy == "TimedRouter" else [f"--stake-amount={STAKE}"]
    with TemporaryDirectory(dir=bench.folder) as results:
        report = Path(results) / "loop.json"
        cost = bench.backtest(
            strategy,
            f"--strategy-path={STRATEGIES}",
            f"--timerange={SPEC.start:%Y%m%d}-{end:%Y%m%d}",
            f"--backtest-directory={results}",
            *stake,
            environment={"BENCH_LOOP_TIME": str(report), "BENCH_TRADES": str(recording)},
        )
        exported = read_result(latest_result(Path(results))).stats["trades"]
        if not exported:
            raise BenchmarkError(f"{strategy} made no trade in {days} days; nothing to compare")
        seconds = json.loads(report.read_text())["loop_seconds"]
    return Loop(seconds, _trades(exported), cost.peak_memory)


def _trades(exported: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Return pair, side and the candles of entry and exit of each exported trade."""
    frame = pd.DataFrame(list(exported))
    return pd.DataFrame(
        {
            "pair": frame["pair"],
            "side": frame["is_short"].map({True: "short", False: "long"}),
            "opened_at": pd.to_datetime(frame["open_date"], utc=True),
            "closed_at": pd.to_datetime(frame["close_date"], utc=True),
        }
    )


def _figures(runs: dict[str, list[Loop]], group: str) -> list[Figure]:
    router, floor, bare = runs.values()
    times = [
        Figure.fastest(
            group,
            NAMES[name],
            "s",
            [loop.seconds for loop in loops],
            note=_workload(loops[0], router[0]),
        )
        for name, loops in runs.items()
    ]
    ratios = [
        _ratio(group, "RegimeRouter / callbacks at once", router, floor, aim=AIM),
        Figure.ratio(
            group,
            "the same per open candle",
            [loop.seconds_per_open_candle for loop in router],
            [loop.seconds_per_open_candle for loop in floor],
            aim=AIM,
        ),
        _ratio(group, "RegimeRouter / no callbacks", router, bare),
        _ratio(group, "callbacks at once / no callbacks", floor, bare),
    ]
    memory = [
        Figure.memory(group, f"peak memory, {NAMES[name]}", [loop.peak_memory for loop in loops])
        for name, loops in runs.items()
    ]
    return times + ratios + memory


def _ratio(
    group: str, name: str, mine: list[Loop], its: list[Loop], aim: float | None = None
) -> Figure:
    seconds = [[loop.seconds for loop in loops] for loops in (mine, its)]
    return Figure.ratio(group, name, *seconds, aim=aim)


def _workload(loop: Loop, recorded: Loop) -> str:
    """Say how many trades and open candles the variant had, and how many trades it repeated."""
    text = f"{len(loop.trades)} trades, {loop.open_candles} open candles"
    if loop is recorded:
        return text
    same = len(loop.trades.merge(recorded.trades))
    return f"{text}, {same} in common"

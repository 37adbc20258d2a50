"""What RegimeRouter's columns cost beside those of Freqtrade's own sample strategy.

Both strategies are loaded as Freqtrade's notebooks load them and take turns on the same candles.
The data provider answers from memory, because reading candle files is not the strategy's work.
"""

import gc
import logging
import resource
from pathlib import Path
from time import process_time
from typing import Any

import freqtrade
import pandas as pd
from figures import Figure
from market import SPEC
from measure import ROOT, Bench, in_fresh_process, peak_memory

from providers.storage.store import native_path, read_frame

CANDLES = 10_000
WARMUP = 400  # candles of each higher timeframe that Freqtrade loads in front of the first
AIM = 6.0
STRATEGIES = {
    "RegimeRouter": ROOT / "user_data" / "strategies",
    "SampleStrategy": Path(freqtrade.__file__).parent / "templates",
}


def measure(bench: Bench) -> list[Figure]:
    """Time both strategies and compare them."""
    pairs, rounds = SPEC.pairs[:3], 5 if bench.quick else 20
    bench.say(f"signals, {rounds} rounds")
    times, peak = in_fresh_process(_times, bench.datadir, pairs, rounds)
    group = f"Signals per pair and {CANDLES:,} candles, CPU time"
    router, sample = (
        Figure.fastest(group, name, "ms", [1e3 * seconds for seconds in times[name]])
        for name in STRATEGIES
    )
    ratio = Figure.ratio(group, "RegimeRouter / SampleStrategy", *times.values(), aim=AIM)
    return [router, sample, ratio, Figure.memory(group, "peak memory", [peak])]


class CandlesInMemory:
    """Stands in for Freqtrade's DataProvider."""

    def __init__(self, datadir: Path, pairs: tuple[str, ...], candles_each: int = CANDLES) -> None:
        self._whitelist = list(pairs)
        self._frames: dict[tuple[str, str, str], pd.DataFrame] = {}
        for pair in pairs:
            candles = read_frame(native_path(datadir, pair, "15m")).tail(candles_each)
            self._frames[pair, "15m", ""] = candles.reset_index(drop=True)
            began = candles["date"].iloc[0]
            for timeframe, kind in (
                *(("1h", ""), ("4h", "")),
                *(("1h", "funding_rate"), ("15m", "open_interest")),
            ):
                frame = read_frame(native_path(datadir, pair, timeframe, kind or "futures"))
                wanted = frame["date"] >= began - WARMUP * pd.Timedelta(timeframe)
                self._frames[pair, timeframe, kind] = frame[wanted].reset_index(drop=True)

    def current_whitelist(self) -> list[str]:
        return self._whitelist

    def get_funding_rate_timeframe(self) -> str:
        return "1h"

    def get_pair_dataframe(self, pair: str, timeframe: str, candle_type: str = "") -> pd.DataFrame:
        return self._frames[pair, timeframe, candle_type].copy()


def _times(
    datadir: Path, pairs: tuple[str, ...], rounds: int
) -> tuple[dict[str, list[float]], int]:
    """Return each strategy's seconds per pair, one number a round, and the process's peak memory.

    The first round warms up and does not count.
    """
    provider = CandlesInMemory(datadir, pairs)
    strategies = {name: loaded(name, datadir, provider) for name in STRATEGIES}
    times: dict[str, list[float]] = {name: [] for name in strategies}
    for _ in range(rounds + 1):
        for name, strategy in strategies.items():
            seconds = [seconds_of(strategy, provider, pair) for pair in pairs]
            times[name].append(sum(seconds) / len(pairs))
    return {name: seconds[1:] for name, seconds in times.items()}, peak_memory(resource.RUSAGE_SELF)


def loaded(name: str, datadir: Path, provider: CandlesInMemory) -> Any:
    """Return a strategy of `STRATEGIES` as Freqtrade's notebooks load it, fed by `provider`."""
    # Imported here, or every process of the benchmark would carry the engine
    from freqtrade.configuration import Configuration  # noqa: PLC0415
    from freqtrade.enums import RunMode  # noqa: PLC0415
    from freqtrade.resolvers import StrategyResolver  # noqa: PLC0415

    logging.disable(logging.INFO)
    user_data = ROOT / "user_data"
    options = {"config": [str(user_data / "config.json")], "user_data_dir": str(user_data)}
    config = Configuration(options, RunMode.UTIL_NO_EXCHANGE).get_config()
    config |= {"strategy": name, "strategy_path": str(STRATEGIES[name]), "datadir": datadir}
    strategy = StrategyResolver.load_strategy(config)
    strategy.dp = provider
    return strategy


def seconds_of(strategy: Any, provider: CandlesInMemory, pair: str) -> float:
    """Return the CPU time that the columns of one pair take."""
    candles, about = provider.get_pair_dataframe(pair, "15m"), {"pair": pair}
    gc.collect()
    began = process_time()
    strategy.populate_entry_trend(strategy.populate_indicators(candles, about), about)
    return process_time() - began

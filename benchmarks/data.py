"""What data cost: the point-in-time join, reading archive files, and the memory of a backfill."""

import io
import resource
import subprocess
import sys
from time import process_time

import numpy as np
import pandas as pd
from figures import Figure
from measure import ROOT, Bench, BenchmarkError, in_fresh_process, peak_memory

from providers.contract import Page
from providers.coverage import futures_pairs
from providers.families.metrics import COLUMNS, ArchivedMetrics
from providers.registry import DATASETS
from providers.sources import Sources
from providers.transport.http import HttpClient
from regimekit.alignment import join_known

YEARS, PAIRS = 5, 10
JOIN_AIM, PARSE_AIM, MEMORY_AIM = 2.0, 1.0, 1.25
JOINED = ("open_interest", "long_short_ratio", "funding_rate", "taker_flow", "fear_greed")
SETTLEMENTS = pd.Timedelta(hours=8)
BARS = pd.Timedelta(minutes=15)
FILES = 60
ROWS = 288


def measure(bench: Bench) -> list[Figure]:
    """Time the join and the parser, and compare a backfill of one pair with one of many."""
    rounds = 3 if bench.quick else 9
    bench.say(f"join, {rounds} rounds")
    joins = in_fresh_process(_joins, rounds)
    bench.say(f"archive files, {rounds} rounds")
    parsing = in_fresh_process(_parsing, rounds)
    return [*_of_joins(*joins), *_of_parsing(parsing), *_of_memory(bench)]


def _of_joins(seconds: list[float], halves: list[float], peak: int) -> list[Figure]:
    group = f"Point-in-time join, {YEARS} years x {PAIRS} pairs x {len(JOINED)} datasets, CPU time"
    return [
        Figure.fastest(group, "15m candles", "s", seconds, aim=JOIN_AIM),
        Figure.ratio(group, "the same / half as many years", seconds, halves, aim=2.5),
        Figure.memory(group, "peak memory, one pair at a time", [peak]),
    ]


def _of_parsing(times: dict[str, list[float]]) -> list[Figure]:
    group = f"{FILES} daily metrics files, from text to dated rows, CPU time"
    ours, plain = times["provider"], times["read_csv"]
    return [
        Figure.fastest(group, "provider", "ms", [1e3 * it for it in ours]),
        Figure.fastest(group, "pandas.read_csv", "ms", [1e3 * it for it in plain]),
        Figure.ratio(group, "provider / pandas.read_csv", ours, plain, aim=PARSE_AIM),
    ]


def _of_memory(bench: Bench) -> list[Figure]:
    group = "Backfill over HTTP, peak memory"
    pairs = futures_pairs(bench.datadir)
    peaks = []
    for count in (1, min(5, len(pairs))):
        bench.say(f"backfill of {count} pair(s)")
        peaks.append(in_fresh_process(_backfill, bench.url, str(bench.folder), pairs[:count]))
    one, many = peaks
    return [
        Figure.memory(group, "1 pair", [one]),
        Figure.memory(group, "5 pairs", [many]),
        Figure(group, "5 pairs / 1 pair", "x", many / one, aim=MEMORY_AIM),
    ]


def _joins(rounds: int) -> tuple[list[float], list[float], int]:
    """Return CPU seconds of all joins, of those over half the years, and the peak memory."""
    whole, half = [], []
    for _ in range(rounds):
        half.append(_join_all(YEARS / 2))
        whole.append(_join_all(YEARS))
    return whole, half, peak_memory(resource.RUSAGE_SELF)


def _join_all(years: float) -> float:
    random, spent = np.random.default_rng(7), 0.0
    start = pd.Timestamp("2020-01-01", tz="UTC")
    for _ in range(PAIRS):
        closes_at = pd.Series(_grid(start, years, BARS) + BARS)
        for name in JOINED:
            dataset = DATASETS[name].dataset
            dates = _grid(start, years, dataset.step or SETTLEMENTS)
            values = {column: random.random(len(dates)) for column in dataset.values}
            events = pd.DataFrame({"known_at": dates + pd.Timedelta(minutes=5), **values})
            began = process_time()
            join_known(closes_at, events, values=list(values), max_age=dataset.max_age)
            spent += process_time() - began
    return spent


def _grid(start: pd.Timestamp, years: float, step: pd.Timedelta) -> pd.DatetimeIndex:
    end = start + pd.Timedelta(days=365 * years)
    return pd.date_range(start, end, freq=step, inclusive="left").as_unit("ms")


def _parsing(rounds: int) -> dict[str, list[float]]:
    """Return CPU seconds of reading all files, by reader; both take turns."""
    pages = [_metrics_page(day) for day in range(FILES)]
    (provider,) = (
        it
        for it in DATASETS["open_interest"].providers(Sources(HttpClient()))
        if isinstance(it, ArchivedMetrics)
    )
    times: dict[str, list[float]] = {"provider": [], "read_csv": []}
    for _ in range(rounds + 1):
        began = process_time()
        frames = [provider.parse(page) for page in pages]
        times["provider"].append(process_time() - began)
        began = process_time()
        plain = [pd.read_csv(io.BytesIO(page.content)) for page in pages]
        times["read_csv"].append(process_time() - began)
        if sum(map(len, frames)) != sum(map(len, plain)):
            raise BenchmarkError("the two readers disagree about the number of rows")
    return {name: seconds[1:] for name, seconds in times.items()}


def _metrics_page(day: int) -> Page:
    """Return a day of made-up metrics in the archive's layout."""
    random = np.random.default_rng(day)
    date = pd.Timestamp("2024-03-02", tz="UTC") + pd.Timedelta(days=day)
    lines = [",".join(COLUMNS)]
    for row in range(1, ROWS + 1):
        stamp = date + row * pd.Timedelta(minutes=5)
        amount, ratios = 90_000 + random.normal() * 100, 1 + random.random(4)
        cells = [f"{amount:.14f}", f"{amount * 65_000:.14f}", *(f"{it:.8f}" for it in ratios)]
        lines.append(f"{stamp:%Y-%m-%d %H:%M:%S},BTCUSDT,{','.join(cells)}")
    name = f"BTCUSDT-metrics-{date:%Y-%m-%d}.zip"
    content = "\n".join(lines).encode() + b"\n"
    return Page(content, name, "BTC/USDT:USDT", pd.Timestamp("2025-01-01", tz="UTC"))


def _backfill(url: str, folder: str, pairs: tuple[str, ...]) -> int:
    """Run the backfill command; return the peak memory of the process."""
    command = [sys.executable, str(ROOT / "scripts" / "backfill.py"), f"--base-url={url}"]
    command += [f"--datadir={folder}/backfill-{len(pairs)}", "--since=2025-01-01"]
    command += ["--until=2025-03-01", "--datasets", "open_interest", "taker_flow", "--pairs"]
    ended = subprocess.run([*command, *pairs], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchmarkError(f"the backfill failed: {ended.stderr or ended.stdout}")
    return peak_memory(resource.RUSAGE_CHILDREN)

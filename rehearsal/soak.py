"""Hours of trading with random faults, and whether anything grows that should not.

`schedule` makes the faults from a seed, `Soak` measures the process while it trades, `judge` holds
the measurements against bounds. Growth is the slope of the second half, by Theil and Sen, at the
end of its confidence interval that speaks for the process: noise and the steps of a start are no
leak, and a leak does not hide behind them.
"""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.stats import theilslopes

from rehearsal.bot import Bot
from rehearsal.clock import MovedClock
from rehearsal.errors import RehearsalError
from rehearsal.faults.observed import OURS, read_lines
from rehearsal.faults.scenarios import DEPTH, KLINES, OPEN_INTEREST, SPOT
from rehearsal.faults.script import FaultPlayer, Planned

LOOK_SECONDS = 1.0  # real, between two samples
ANSWER = 10.0  # real seconds that the bot's API is waited for
MEGABYTE = 1 << 20
CONFIDENCE = 0.9  # of the interval of a slope
LEAST_SAMPLES = 20
QUIET_END = timedelta(hours=1)  # without faults, so that the end shows what remains of them
BETWEEN, LASTING = timedelta(minutes=40), timedelta(minutes=12)  # on average
LEAST_LASTING, MOST_LASTING = timedelta(minutes=2), timedelta(minutes=45)

# Whom it may befall: a path, and whether single symbols are chosen. `/fapi/v1/time` may be wrong
# too, but the gate that this closes has a scenario of its own.
_TARGETS = ((OPEN_INTEREST, True), (KLINES, True), (DEPTH, True), (SPOT, True), ("/fapi/", False))
# What a bot gets over by itself. Rows with other stamps stay in Freqtrade's memory until a restart
# and are left to `rehearsal.faults.scenarios`.
_KINDS: tuple[Mapping[str, object], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": 60},
    {"kind": "status", "status": 418, "retry_after": 300},
    {"kind": "status", "status": 451},
    {"kind": "hang", "seconds": 90.0},  # of market, per request
    {"kind": "cut"},
    {"kind": "html"},
    {"kind": "empty_list"},
    {"kind": "missing_key"},
)


def schedule(seed: int, begin: datetime, end: datetime, symbols: Sequence[str]) -> list[Planned]:
    """Return random faults between `begin` and `end`, the same ones for the same seed.

    The last hour is left alone.
    """
    chance = random.Random(seed)
    planned: list[Planned] = []
    moment, last = begin, end - QUIET_END
    while True:
        moment += chance.expovariate(1.0) * BETWEEN
        lasting = min(max(chance.expovariate(1.0) * LASTING, LEAST_LASTING), MOST_LASTING)
        path, single = chance.choice(_TARGETS)
        rule: dict[str, object] = {"path": path, **chance.choice(_KINDS)}
        if single and chance.random() < 0.7:
            rule["symbol"] = chance.choice(list(symbols))
        if moment + lasting > last:
            return planned
        planned.append(Planned(moment, moment + lasting, rule))


def as_script(planned: Planned) -> dict[str, object]:
    """Return a fault of a schedule as an entry of a fault script."""
    entry: dict[str, object] = {"at": planned.begins.isoformat()}
    if planned.ends is not None:
        entry["for"] = f"{(planned.ends - planned.begins).total_seconds():.0f}s"
    return entry | dict(planned.rule)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process.

    Attributes
    ----------
    hours : float
        Market time since the first sample.
    rss, database, wal, folder : float
        Megabytes: resident memory, the trades' file, its write-ahead log, all other files of the
        bot but its log.
    handles, threads, files : int
        Open file descriptors, threads, files in the bot's folder.
    lines, own_lines : int
        Log lines so far, and those of the pack.
    latency : float
        Real seconds until ``/health`` answered; NaN when it did not.
    loop_age : float
        Market minutes since the last round of the loop; NaN when unknown.
    trades : int
        Trades so far.
    faults : int
        Faults in force.
    """

    hours: float
    rss: float
    database: float
    wal: float
    folder: float
    handles: int
    threads: int
    files: int
    lines: int
    own_lines: int
    latency: float
    loop_age: float
    trades: int
    faults: int


COLUMNS = tuple(item.name for item in fields(Sample))


@dataclass(frozen=True, slots=True)
class Bound:
    """What a measurement may be.

    Attributes
    ----------
    column : str
        Of `Sample`.
    most : float
        The largest value allowed, in the unit of the column.
    growth : float
        The largest growth per 24 hours of market that the second half may show; infinite where it
        grows by design.
    why : str
        Where the numbers come from.
    share : float
        Quantile of the values that `most` is held against; 1 is the maximum.
    """

    column: str
    most: float
    growth: float
    why: str
    share: float = 1.0


BOUNDS: tuple[Bound, ...] = (
    Bound("rss", 1500.0, 60.0, "a host of 2 GB runs it; 60 MB a day would last it a week"),
    Bound("handles", 256, 12, "a quarter of the usual limit of 1024; a leak takes one per request"),
    Bound("threads", 64, 4, "a feed per source, uvicorn and its pool; none per fault"),
    Bound("files", 100, 4, "a ledger per run, not per candle"),
    Bound("folder", 50.0, 10.0, "trades and ledgers; about 1 kB per trade and refusal"),
    Bound("wal", 16.0, math.inf, "SQLite folds it back every 4 MB; until then it grows"),
    Bound("latency", 5.0, math.inf, "a person waits no longer, and analysis holds the lock", 0.95),
    Bound("loop_age", 45.0, math.inf, "three candles, on a clock that makes seconds minutes", 0.95),
)
OWN_LINES_PER_HOUR = 30.0  # a summary every 15 minutes and refusals, once per gate and pair
OWN_LINES_PER_FAULT = 80.0  # two transitions and a refusal each, of up to ten pairs and four feeds


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the table: a measurement against its bound."""

    name: str
    start: float
    end: float
    worst: float
    growth: float
    bound: str
    ok: bool
    why: str


def judge(
    samples: Sequence[Sample], *, faults: int, died: Sequence[str] = (), alive: bool = True
) -> list[Outcome]:
    """Return an outcome per bound; ValueError for fewer than `LEAST_SAMPLES` samples.

    Parameters
    ----------
    faults : int
        How many began.
    died : sequence of str
        What the log says about threads that died.
    alive : bool
        The process lived at the end.
    """
    if len(samples) < LEAST_SAMPLES:
        raise ValueError(f"{len(samples)} samples are too few, expected {LEAST_SAMPLES} or more")
    hours = column(samples, "hours")
    found = [_held(bound, hours, column(samples, bound.column)) for bound in BOUNDS]
    span = max(float(hours[-1]), 1e-9)
    own = samples[-1].own_lines - samples[0].own_lines
    allowed = OWN_LINES_PER_HOUR * span + OWN_LINES_PER_FAULT * faults
    found.append(
        Outcome(
            *("own log lines", samples[0].own_lines, samples[-1].own_lines, own / span, own / span),
            bound=f"{allowed:.0f} in {span:.1f} h",
            ok=own <= allowed,
            why="bounded by changes, not by rounds; worst and growth are lines per hour",
        )
    )
    found.append(
        Outcome(
            *("threads that died", 0, len(died), len(died), 0.0),
            bound="0",
            ok=not died,
            why=died[0] if died else "a feed that dies is started again, and says so",
        )
    )
    found.append(
        Outcome(
            *("process", 1, float(alive), float(alive), 0.0),
            bound="alive",
            ok=alive,
            why="nothing that the exchange does may end it",
        )
    )
    return found


def growth_per_day(hours: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the growth per 24 hours of the second half that is certain, 0 when none is.

    The slope of Theil and Sen is not moved by a few outliers; of its confidence interval the end
    nearer to zero is taken.
    """
    usable = np.isfinite(values) & (hours >= (hours[0] + hours[-1]) / 2)
    at, seen = hours[usable], values[usable]
    if len(at) < LEAST_SAMPLES // 2 or np.ptp(at) == 0 or np.ptp(seen) == 0:
        return 0.0
    _, _, low, high = theilslopes(seen, at, CONFIDENCE)
    certain = low if low > 0 else high if high < 0 else 0.0
    return float(certain) * 24


def column(samples: Sequence[Sample], name: str) -> NDArray[np.float64]:
    """Return one measurement over all samples."""
    return np.array([getattr(sample, name) for sample in samples], dtype=np.float64)


def _held(bound: Bound, hours: NDArray[np.float64], values: NDArray[np.float64]) -> Outcome:
    known = values[np.isfinite(values)]
    if not len(known):
        return Outcome(bound.column, *(math.nan,) * 4, f"{bound.most:g}", False, "never measured")
    worst = float(np.quantile(known, bound.share))
    growth = growth_per_day(hours, values)
    said = f"{bound.most:g}" + (f" ({bound.share:.0%})" if bound.share < 1 else "")
    if math.isfinite(bound.growth):
        said += f", +{bound.growth:g} a day"
    return Outcome(
        *(bound.column, float(known[0]), float(known[-1]), worst, growth),
        bound=said,
        ok=worst <= bound.most and growth <= bound.growth,
        why=bound.why,
    )


@dataclass
class Soak:
    """Measures a bot while it trades; `run` until an instant, then read `samples`."""

    bot: Bot
    clock: MovedClock
    player: FaultPlayer
    show: Callable[[Sample, list[str]], None] = field(default=lambda *_: None)
    samples: list[Sample] = field(default_factory=list)
    _begun: datetime | None = None
    _lines: int = 0
    _own: int = 0
    died: list[str] = field(default_factory=list)

    def run(self, until: datetime) -> None:
        """Sample until the market's clock shows `until`, or the process ends."""
        if self.bot.process is None:
            raise RehearsalError("the bot was never started")
        process = psutil.Process(self.bot.process.pid)
        with self.bot.api() as api:
            while (now := self.clock.now()) < until and self.bot.running:
                said = self.player.tick(now)
                try:
                    self.samples.append(self._sample(process, api, now))
                except psutil.NoSuchProcess:
                    break
                self.show(self.samples[-1], said)
                time.sleep(LOOK_SECONDS)

    def _sample(self, process: psutil.Process, api: httpx.Client, now: datetime) -> Sample:
        self._begun = self._begun or now
        self._read_log()
        latency, loop_age = _asked(api, now)
        with process.oneshot():
            memory, threads = process.memory_info().rss, process.num_threads()
        sizes = [_size(path) for path in self.bot.folder.rglob("*") if path.is_file()]
        database = self.bot.database
        wal = _size(database.with_name(database.name + "-wal"))
        return Sample(
            hours=(now - self._begun) / timedelta(hours=1),
            rss=memory / MEGABYTE,
            database=_size(database) / MEGABYTE,
            wal=wal / MEGABYTE,
            folder=(sum(sizes) - _size(self.bot.log) - wal) / MEGABYTE,
            handles=process.num_fds(),
            threads=threads,
            files=len(sizes),
            lines=self._lines,
            own_lines=self._own,
            latency=latency,
            loop_age=loop_age,
            trades=_count(api),
            faults=len(self.player.going_on),
        )

    def _read_log(self) -> None:
        said = self.bot.news()
        self._lines += len(said)
        for line in read_lines(said):
            self._own += line.logger.split(".")[0] in OURS
            if "had died" in line.words:
                self.died.append(line.words)


def _asked(api: httpx.Client, now: datetime) -> tuple[float, float]:
    """Return how long the bot took to answer, and how old its last round is."""
    before = time.perf_counter()
    try:
        told = api.get("/health", timeout=ANSWER).json()["last_process_ts"]
    except (httpx.HTTPError, KeyError, ValueError):
        return math.nan, math.nan
    latency = time.perf_counter() - before
    return latency, math.nan if told is None else (now.timestamp() - told) / 60


def _count(api: httpx.Client) -> int:
    try:
        told = api.get("/trades", params={"limit": 1}, timeout=ANSWER).json()
        return int(told["total_trades"])
    except (httpx.HTTPError, KeyError, ValueError):
        return -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a file that was replaced meanwhile
        return 0


def as_csv(samples: Sequence[Sample]) -> str:
    """Return the samples as a table with a header."""
    lines = [",".join(COLUMNS)]
    lines += [",".join(f"{value:g}" for value in asdict(sample).values()) for sample in samples]
    return "\n".join(lines) + "\n"

"""Small synthetic markets, the same for the same seed.

Prices are multiples of 1/64 below 1024, and volumes whole numbers: sums and differences are exact
in binary, so a market reflected at a price has exactly the mirrored candles, and a test may ask
for equality where the code only adds and compares.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from hypothesis import strategies as st

TICK = 1 / 64
MIDDLE = 512.0
START = pd.Timestamp("2026-01-05", tz="UTC")
CANDLE = pd.Timedelta(minutes=15)
WARMUP = 1008  # 15m candles before a market begins: 63 candles of 4h
OHLC = ["open", "high", "low", "close"]


@dataclass(frozen=True)
class Market:
    """One pair: candles of 15m, of the higher timeframes, and funding rows."""

    candles: pd.DataFrame
    higher: dict[str, pd.DataFrame]
    funding: pd.DataFrame

    @property
    def closes_at(self) -> pd.Series:
        return self.candles["date"] + CANDLE

    def mirrored(self) -> "Market":
        """The market in which every rise is a fall; the other side pays funding."""
        return Market(
            reflected(self.candles),
            {name: reflected(frame) for name, frame in self.higher.items()},
            self.funding.assign(funding_rate=-self.funding["funding_rate"]),
        )

    def until(self, bars: int) -> "Market":
        """What a bot had at the close of candle number `bars`."""
        closed = self.closes_at.iloc[bars - 1]
        return Market(
            self.candles.iloc[:bars],
            {name: frame[known_by(frame, name, closed)] for name, frame in self.higher.items()},
            self.funding[self.funding["date"] < closed],
        )

    def with_higher(self, name: str, frame: pd.DataFrame) -> "Market":
        return replace(self, higher={**self.higher, name: frame})


def candle_frame(bars: int, seed: int, *, start: pd.Timestamp = START) -> pd.DataFrame:
    """Candles of 15m that trend, range and break out, in stretches of 40 to 120."""
    rng = np.random.default_rng(seed)
    drift, spread = np.empty(bars), np.empty(bars)
    filled = 0
    while filled < bars:
        stretch = slice(filled, filled + int(rng.integers(40, 121)))
        drift[stretch] = rng.choice([-6, 0, 0, 6])
        spread[stretch] = rng.choice([8, 20, 60])
        filled = stretch.stop
    pull, tick = 0.002, MIDDLE / TICK
    ticks = np.empty(bars + 1)
    ticks[0] = tick
    steps = drift + spread * rng.standard_normal(bars)
    for bar in range(bars):  # a gentle pull keeps prices far from 0 and from 1024
        ticks[bar + 1] = round(ticks[bar] + steps[bar] - pull * (ticks[bar] - tick))
    opens, closes = ticks[:-1], ticks[1:]
    reach = np.abs(spread * rng.standard_normal((2, bars)) / 2).round()
    volume = np.ceil(1000 * rng.lognormal(0.0, 0.5, bars) * (1 + np.abs(closes - opens) / 50))
    return pd.DataFrame(
        {
            "date": pd.date_range(start, periods=bars, freq=CANDLE).as_unit("ms"),
            "open": opens * TICK,
            "high": (np.maximum(opens, closes) + reach[0]) * TICK,
            "low": (np.minimum(opens, closes) - reach[1]) * TICK,
            "close": closes * TICK,
            "volume": volume,
        }
    )


def resampled(candles: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """The same market in candles of `timeframe`, complete ones only."""
    groups = candles.resample(timeframe, on="date")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    whole = groups["close"].count() == pd.Timedelta(timeframe) // CANDLE
    return groups.agg(how)[whole].reset_index()


def funding_rows(start: pd.Timestamp, end: pd.Timestamp, seed: int) -> pd.DataFrame:
    """Settlements every eight hours, some of them beyond the usual thresholds."""
    dates = pd.date_range(start, end, freq="8h").as_unit("ms")
    rates = np.random.default_rng(seed).normal(0, 0.0008, len(dates)).round(6)
    return pd.DataFrame({"date": dates, "funding_rate": rates})


def market(bars: int, seed: int) -> Market:
    """A market of `bars` candles whose higher timeframes have already warmed up."""
    whole = candle_frame(WARMUP + bars, seed)
    return Market(
        whole.iloc[WARMUP:].reset_index(drop=True),
        {name: resampled(whole, name) for name in ("1h", "4h")},
        funding_rows(whole["date"].iloc[0], whole["date"].iloc[-1], seed),
    )


def reflected(candles: pd.DataFrame, at: float = 2 * MIDDLE) -> pd.DataFrame:
    """The candles upside down: each price p becomes `at` - p, highs become lows."""
    turned = at - candles[OHLC]
    return candles.assign(
        open=turned["open"], high=turned["low"], low=turned["high"], close=turned["close"]
    )


def known_by(candles: pd.DataFrame, timeframe: str, moment: pd.Timestamp) -> pd.Series:
    """Which candles of `timeframe` are complete at `moment`."""
    return candles["date"] + pd.Timedelta(timeframe) <= moment


def poisoned(frame: pd.DataFrame, rows: pd.Series, poison: str) -> pd.DataFrame:
    """`frame` with the numbers in `rows` made absurd: ``huge``, ``nan`` or ``shuffled``."""
    numbers = frame.columns.drop("date")
    bad = frame.copy()
    if poison == "shuffled":
        values = bad.loc[rows, numbers].to_numpy()
        bad.loc[rows, numbers] = np.random.default_rng(0).permutation(values)
    else:
        bad.loc[rows, numbers] = bad.loc[rows, numbers] * (1000.0 if poison == "huge" else np.nan)
    return bad


SEEDS = st.integers(0, 2**32 - 1)
POISONS = st.sampled_from(["huge", "nan", "shuffled"])


def candle_frames(bars: int) -> st.SearchStrategy[pd.DataFrame]:
    """Draw candles of one market of `bars` candles."""
    return SEEDS.map(lambda seed: candle_frame(bars, seed))


def markets(bars: int) -> st.SearchStrategy[Market]:
    """Draw markets of `bars` candles."""
    return SEEDS.map(lambda seed: market(bars, seed))

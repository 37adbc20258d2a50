"""The market as it was known at one instant: the only way from the files to an answer.

Nothing here depends on a row before the row is known:

- a candle opens with its open; the rest of it is known when it closes;
- a funding rate is known when it is settled;
- a snapshot (open interest, ratios, basis) is known `oi_delay` after its time;
- a day's sentiment is known some minutes after the midnight at which it is published.

Whether a pair or a file exists is part of that: both appear with their first row. A pair whose
data end stays listed, as history is what backtests ask for; its market just stands still.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from replay.candles import (
    CLOSE,
    DAY,
    FIELDS,
    HIGH,
    HOUR,
    LOW,
    OPEN,
    TRADES,
    VOLUME,
    Candles,
    Stamps,
    Window,
)
from replay.clock import Clock
from replay.data import COLUMNS, WHOLE_MARKET, Datadir, Events, File, Pair
from replay.filters import ContractRules, contract_rules

SAMPLE = 1500  # candles that tell the tick and step of a pair
DEFAULT_FUNDING_INTERVAL = 8 * HOUR


@dataclass(frozen=True, slots=True)
class DaySummary:
    """The last 24 hours of a pair; volumes in base coin and, estimated, in quote currency."""

    opens_at: int
    open: float
    high: float
    low: float
    last: float
    volume: float
    quote_volume: float
    trades: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """A data folder, a clock, and the age in ms at which snapshots are published."""

    datadir: Datadir
    clock: Clock
    oi_delay: int = 0

    def now(self) -> "AsOf":
        """Return the market as it is known at this moment of the clock."""
        return AsOf(self.datadir, self.clock(), self.oi_delay)


@dataclass(frozen=True, slots=True)
class AsOf:
    """What is known of the markets in `datadir` at the instant `now`."""

    datadir: Datadir
    now: int
    oi_delay: int = 0

    def pairs(self) -> list[Pair]:
        """Return the pairs that are listed by now, in alphabetical order."""
        return [pair for pair in self.datadir.pairs if self._files(pair, "futures")]

    def onboarded_at(self, pair: Pair) -> int:
        """Return when the pair's first candle opened."""
        return min(file.first for file in self._files(pair, "futures"))

    def rules(self, pair: Pair) -> ContractRules:
        """Return tick, step and minimum of the pair, from its latest known prices and volumes."""
        slowest = self._files(pair, "futures")[-1]  # the same prices in the fewest bytes
        candles = self.datadir.candles(slowest, slowest.interval)
        sample = candles.closed(self.now)[-SAMPLE:]
        prices = sample.table[:, OPEN:VOLUME].ravel()
        if latest := candles.latest_price(self.now):
            prices = np.append(prices, latest[1])
        return contract_rules(pair.base, prices, sample.table[:, VOLUME])

    def candles(self, pair: Pair, kind: str, interval: int, window: Window) -> Candles:
        """Return the candles in `window`, the last one still forming if it is open now."""
        closed, forming = self._closed(pair, kind, interval), self._forming(pair, kind, interval)
        rows = closed[window.of(closed.opens_at)].followed_by(forming)
        return rows[window.of(rows.opens_at)].complete()

    def opens(self, pair: Pair, kind: str) -> Stamps:
        """Return when the closed candles of any file opened, in order."""
        stamps = [
            self.datadir.candles(file, file.interval).closed(self.now).opens_at
            for file in self._files(pair, kind)
        ]
        return np.unique(np.concatenate([np.empty(0, np.int64), *stamps]))

    def price(self, pair: Pair, kind: str = "futures") -> float | None:
        """Return the latest known price: the open of the current candle of the fastest file."""
        latest = self._latest(pair, kind)
        return None if latest is None else latest[1]

    def mark_price_at(self, pair: Pair, instants: np.ndarray) -> np.ndarray:
        """Return the mark price at `instants`, NaN where no known mark candle opened just then."""
        prices = np.full(len(instants), np.nan)
        for file in self._files(pair, "mark"):
            candles = self.datadir.candles(file, file.interval)
            _, target, source = np.intersect1d(instants, candles.opens_at, return_indices=True)
            prices[target] = candles.table[source, OPEN]
        return np.where(instants <= self.now, prices, np.nan)

    def funding(self, pair: Pair) -> Events:
        """Return the settled funding rates."""
        files = self._files(pair, "funding_rate")
        return self.datadir.events(files[0]).until(self.now) if files else _no_events(1)

    def funding_interval(self, pair: Pair) -> int:
        """Return the time between the last two settlements, 8 hours while there are not two."""
        stamps = self.funding(pair).stamps[-2:]
        return int(stamps[1] - stamps[0]) if len(stamps) == 2 else DEFAULT_FUNDING_INTERVAL

    def snapshots(self, pair: Pair, kind: str, period: int) -> Events:
        """Return the published snapshots on the grid of `period`, from the file that goes furthest.

        Of two that go as far it is the slower one: the same rows in fewer bytes.
        """
        published = self.now - self.oi_delay
        found = _no_events(len(COLUMNS[kind]))
        for file in reversed(self._files(pair, kind, published)):
            if period % file.interval == 0:
                rows = self.datadir.events(file).until(published)
                rows = rows[rows.stamps % period == 0]
                if len(rows.stamps) and (
                    not len(found.stamps) or rows.stamps[-1] > found.stamps[-1]
                ):
                    found = rows
        return found

    def every_snapshot(self, pair: Pair, kind: str, grid: int) -> Events:
        """Return the published snapshots of all files on `grid`.

        Where several files have a row it is the fastest file's; a time that only a slow file
        covers has the rows of that.
        """
        published = self.now - self.oi_delay
        found = _no_events(len(COLUMNS[kind]))
        for file in self._files(pair, kind, published):
            rows = self.datadir.events(file).until(published)
            rows = rows[(rows.stamps % grid == 0) & ~np.isin(rows.stamps, found.stamps)]
            found = found.merged(rows)
        return found

    def sentiment(self, kind: str, delay: int) -> Events:
        """Return the daily rows that are published `delay` after their label."""
        files = self._files(WHOLE_MARKET, kind, self.now - delay)
        if not files:
            return _no_events(len(COLUMNS[kind]))
        return self.datadir.events(files[0]).until(self.now - delay)

    def spot_pairs(self) -> list[Pair]:
        """Return the spot markets that have begun by now, in alphabetical order."""
        return [pair for pair in self.datadir.spot_pairs if self._files(pair, "spot")]

    def latest_open_interest(self, pair: Pair) -> tuple[int, float] | None:
        """Return time and amount of the latest published snapshot of any period."""
        known = [
            self.datadir.events(file).until(self.now - self.oi_delay)
            for file in self._files(pair, "open_interest", self.now - self.oi_delay)
        ]
        latest = [
            (int(rows.stamps[-1]), float(rows.table[-1, 0])) for rows in known if len(rows.stamps)
        ]
        return max(latest, key=lambda row: row[0], default=None)

    def day(self, pair: Pair) -> DaySummary:
        """Return the last 24 hours, from the file that knows the latest price."""
        latest = self._latest(pair, "futures")
        price, file = (np.nan, None) if latest is None else latest[1:]
        begins = self.now - DAY
        if file is None:
            return DaySummary(begins, price, price, price, price, 0.0, 0.0, 0.0)
        closed = self.datadir.candles(file, file.interval).closed(self.now)
        day = closed[Window(start=begins, limit=len(closed)).of(closed.opens_at)].complete()
        prices = np.append(day.table[:, [OPEN, HIGH, LOW]].ravel(), price)
        return DaySummary(
            opens_at=int(day.opens_at[0]) if len(day) else begins,
            open=float(prices[0]),
            high=float(prices.max()),
            low=float(prices.min()),
            last=price,
            volume=float(day.table[:, VOLUME].sum()),
            quote_volume=float(quote_volume(day).sum()),
            trades=float(np.nansum(day.table[:, TRADES])),
        )

    def _files(self, pair: Pair, kind: str, known_until: int | None = None) -> Sequence[File]:
        """Return the files that have begun by now, fastest interval first."""
        until = self.now if known_until is None else known_until
        return [file for file in self.datadir.files(pair, kind) if file.first <= until]

    def _closed(self, pair: Pair, kind: str, interval: int) -> Candles:
        closed = [
            self.datadir.candles(file, interval).closed(self.now)
            for file in reversed(self._files(pair, kind))
            if interval % file.interval == 0
        ]
        if closed:  # a file that was not kept up to date does not hide one that was
            return max(closed, key=lambda rows: rows.opens_at[-1] if len(rows) else -1)
        return Candles(interval, np.empty(0, np.int64), np.empty((0, len(FIELDS))))

    def _forming(self, pair: Pair, kind: str, interval: int) -> Candles:
        """Return the open candle from the fastest file that covers it: 0 or 1 row."""
        for file in self._files(pair, kind):
            if interval % file.interval == 0:
                candles = self.datadir.candles(file, file.interval)
                forming = candles.forming(interval, self.now)
                if len(forming):
                    return forming
        return Candles(interval, np.empty(0, np.int64), np.empty((0, len(FIELDS))))

    def _latest(self, pair: Pair, kind: str) -> tuple[int, float, File] | None:
        def known() -> Iterator[tuple[int, float, File]]:
            for file in self._files(pair, kind):
                latest = self.datadir.candles(file, file.interval).latest_price(self.now)
                if latest is not None:
                    yield (*latest, file)

        return max(known(), key=lambda row: row[0], default=None)


def quote_volume(candles: Candles) -> np.ndarray:
    """Estimate turnover as volume times typical price, like Freqtrade's volume pair list.

    Candle files do not store it, only our taker flow does. The truth is volume times the average
    traded price, which lies between low and high as the typical price does, so the error is less
    than the candle's range.
    """
    typical: np.ndarray = candles.table[:, [HIGH, LOW, CLOSE]].mean(axis=1)
    return typical * candles.table[:, VOLUME]


def _no_events(columns: int) -> Events:
    return Events(np.empty(0, np.int64), np.empty((0, columns)))

"""Binance's public archive: a zip per day or month, made from the files of the folder when asked.

A file appears when Binance publishes it, a day's at 02:00 of the next and a month's on the 2nd of
the next, and never changes: it is made from what was known at that instant. Zips carry fixed
stamps, so that a checksum repeats. Defects of the real archive are a matter of `replay.faults`.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from replay import archive_rows
from replay.asof import AsOf, Exchange
from replay.candles import DAY, HOUR, INTERVALS
from replay.data import Datadir, Pair
from replay.sabotage import no_such_key

PUBLISHED_AT = 2 * HOUR
FILES_IN_MEMORY = 1024  # a day of metrics is 10 kB
_STAMP = (1980, 1, 1, 0, 0, 0)  # of every file in every zip


@dataclass(frozen=True, slots=True)
class Series:
    """A folder of the archive: files of one kind about one symbol."""

    market: str
    cadence: str
    kind: str
    pair: Pair
    interval: str | None = None

    @property
    def folder(self) -> str:
        """Return the path of the folder, with a slash at the end."""
        parts = ["data", self.market, self.cadence, self.kind, self.pair.symbol, self.interval]
        return "/".join(part for part in parts if part) + "/"

    def key(self, day: date) -> str:
        """Return the path of the zip of a day, or of the month that `day` begins."""
        label = f"{day:%Y-%m-%d}" if self.cadence == "daily" else f"{day:%Y-%m}"
        return f"{self.folder}{self.pair.symbol}-{self.interval or self.kind}-{label}.zip"

    def published_at(self, day: date) -> int:
        """Return when the file appears."""
        end = milliseconds(self.end(day))
        return end + PUBLISHED_AT + (DAY if self.cadence == "monthly" else 0)

    def end(self, day: date) -> date:
        """Return the first day behind the file."""
        if self.cadence == "daily":
            return day + timedelta(days=1)
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def milliseconds(day: date) -> int:
    """Return the midnight at which `day` begins."""
    return (day - date(1970, 1, 1)) // timedelta(milliseconds=1)


class Archive:
    """The archive of an exchange; what it holds depends on the clock, what is inside does not."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._series = {series.folder: series for series in _series(exchange.datadir)}
        self.content = lru_cache(FILES_IN_MEMORY)(self._content)

    def series(self, prefix: str) -> list[Series]:
        """Return the folders below `prefix`, and the one that it lies in, in order."""
        return [
            self._series[folder]
            for folder in sorted(self._series)
            if folder.startswith(prefix) or prefix.startswith(folder)
        ]

    def days(self, series: Series) -> Iterator[date]:
        """Yield the days, or first days of months, whose file is published by now."""
        now, delay = self._exchange.clock(), self._exchange.oi_delay
        stamps = archive_rows.days_with_rows(
            AsOf(self._exchange.datadir, now, delay), series.kind, series.market, series.pair
        )
        days = [datetime.fromtimestamp(stamp / 1000, UTC).date() for stamp in stamps]
        if series.cadence == "monthly":
            days = sorted({day.replace(day=1) for day in days})
        for day in days:
            if series.published_at(day) + delay <= now and self.content(series, day) is not None:
                yield day

    def find(self, key: str) -> bytes | None:
        """Return the zip that lies at `key`, None where there is none (yet)."""
        folder, _, name = key.rpartition("/")
        series = self._series.get(f"{folder}/")
        day = None if series is None else _day(name, series)
        if series is None or day is None:
            return None
        if series.published_at(day) + self._exchange.oi_delay > self._exchange.clock():
            return None
        return self.content(series, day)

    def _content(self, series: Series, day: date) -> bytes | None:
        """Return the zip of a file, None where it would be empty."""
        delay = self._exchange.oi_delay
        market = AsOf(self._exchange.datadir, series.published_at(day) + delay, delay)
        text = archive_rows.text(market, series.kind, series.market, series.pair, series.interval)(
            milliseconds(day), milliseconds(series.end(day))
        )
        if not text:
            return None
        name = series.key(day).rpartition("/")[2].replace(".zip", ".csv")
        return zipped(name, text)


def zipped(name: str, text: str) -> bytes:
    """Return a zip with one file in it; the same bytes for the same text."""
    entry = zipfile.ZipInfo(name, _STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(entry, text)
    return sink.getvalue()


def checksum(key: str, content: bytes) -> str:
    """Return what the CHECKSUM beside a zip says."""
    return f"{hashlib.sha256(content).hexdigest()}  {key.rpartition('/')[2]}\n"


def add(app: FastAPI, archive: Archive) -> None:
    """Add the files of the archive to `app`."""

    @app.get("/data/{path:path}")
    def file(request: Request) -> Response:
        key = request.url.path.lstrip("/")
        content = archive.find(key.removesuffix(".CHECKSUM"))
        if content is None:
            return no_such_key(key)
        if key.endswith(".CHECKSUM"):
            return PlainTextResponse(checksum(key.removesuffix(".CHECKSUM"), content))
        return Response(content, media_type="application/zip")


def _series(datadir: Datadir) -> Iterator[Series]:
    """Yield every folder that the files could fill."""
    for pair in datadir.pairs:
        if datadir.files(pair, "open_interest"):
            yield Series("futures/um", "daily", "metrics", pair)
        if datadir.files(pair, "funding_rate"):
            yield Series("futures/um", "monthly", "fundingRate", pair)
        for kind, candle_type in archive_rows.CANDLE_TYPES.items():
            yield from _candle_series(datadir, "futures/um", kind, pair, candle_type)
    for pair in datadir.spot_pairs:
        yield from _candle_series(datadir, "spot", "klines", pair, "spot")


def _candle_series(
    datadir: Datadir, market: str, kind: str, pair: Pair, candle_type: str
) -> Iterator[Series]:
    for name, interval in INTERVALS.items():
        known = any(interval % file.interval == 0 for file in datadir.files(pair, candle_type))
        if known and interval <= DAY:
            for cadence in ("daily", "monthly"):
                yield Series(market, cadence, kind, pair, name)


def _day(name: str, series: Series) -> date | None:
    """Return the day that a file is named after, None when it is no file of the series."""
    start = f"{series.pair.symbol}-{series.interval or series.kind}-"
    label = name.removeprefix(start).removesuffix(".zip")
    label = label if series.cadence == "daily" else f"{label}-01"
    try:
        day = date.fromisoformat(label)
    except ValueError:
        return None
    return day if series.key(day).endswith(f"/{name}") else None

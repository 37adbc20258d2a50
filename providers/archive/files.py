"""Binance's public archive: a zip per day or month, each with its SHA-256 beside it.

Files come in the order in which they are asked for, several at a time. What was fetched stays in
a cache, so an interrupted download goes on where it stopped. Binance replaces files now and then:
a young one is compared with its published checksum each time. A file that contradicts its
checksum is fetched once more and then reported as damaged.

Addresses: ``<base>/data/<market>/<daily or monthly>/<kind>/<symbol>/[<interval>/]<file>.zip``
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Literal
from urllib.parse import quote

import pandas as pd

from providers.archive.cache import ArchiveCache, digest
from providers.archive.listing import listed_keys
from providers.archive.zipped import only_member
from providers.contract import Client, Page, Span
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BlockedError,
    CorruptDataError,
    NotFoundError,
    UnavailableError,
)
from providers.sources import Sources

BUCKET = "archive"
WORKERS = 8
LOOK_AHEAD = 2 * WORKERS  # files under way or waiting, so that memory stays small

REPUBLISHED_WITHIN = timedelta(days=45)  # a younger file may still be replaced
PUBLISHED_FROM = timedelta(hours=1, minutes=45)  # of the next day; some come as late as 09:20

_NO_LISTING = (NotFoundError, UnavailableError, BlockedError, BadRequestError, BadAnswerError)
_DIGEST = re.compile(rb"\s*([0-9a-fA-F]{64})\b")


@dataclass(frozen=True, slots=True)
class FileName:
    """A file of the archive and the days that it is about."""

    path: str
    span: Span


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What was inside the zip; it agrees with its checksum."""

    name: FileName
    content: bytes
    fetched_at: pd.Timestamp


@dataclass(frozen=True, slots=True)
class Missing:
    """Binance has no such file (yet)."""

    name: FileName


@dataclass(frozen=True, slots=True)
class Damaged:
    """The file as published cannot be trusted; `reason` says why."""

    name: FileName
    reason: str
    fetched_at: pd.Timestamp


def page_of(file: ArchiveFile | Damaged, pair: str, context: bytes | None = None) -> Page:
    """Return the page about a file.

    That of a damaged one is empty and named after the damage: whoever parses it is told, and the
    day does not pass for answered.
    """
    if isinstance(file, Damaged):
        return Page(b"", file.reason, pair, file.fetched_at)
    return Page(file.content, file.name.path, pair, file.fetched_at, context)


@dataclass(frozen=True, slots=True)
class Series:
    """A folder of the archive: files of one kind about one symbol."""

    kind: str
    symbol: str
    cadence: Literal["daily", "monthly"] = "daily"
    interval: str | None = None
    market: str = "futures/um"

    @property
    def folder(self) -> str:
        """Return the path of the folder, with a slash at the end."""
        parts = ["data", self.market, self.cadence, self.kind, self.symbol, self.interval]
        return "/".join(part for part in parts if part) + "/"

    def file(self, day: pd.Timestamp) -> FileName:
        """Return the file that holds `day`."""
        start = day.floor("D")
        end = start + timedelta(days=1)
        label = f"{start:%Y-%m-%d}"
        if self.cadence == "monthly":
            start = start.replace(day=1)
            end, label = start + pd.DateOffset(months=1), f"{start:%Y-%m}"
        name = f"{self.symbol}-{self.interval or self.kind}-{label}.zip"
        return FileName(f"{self.folder}{name}", Span(start, end))

    def files(self, span: Span) -> list[FileName]:
        """Return the files that hold `span`, oldest first."""
        names, day = [], span.start
        while day < span.end:
            names.append(self.file(day))
            day = names[-1].span.end
        return names

    def published(self, now: pd.Timestamp) -> pd.Timestamp:
        """Return the end of the newest file that can be there at `now`."""
        day = (now - PUBLISHED_FROM).floor("D")
        return day if self.cadence == "daily" else day.replace(day=1)


@dataclass(frozen=True, slots=True)
class Archive:
    """Asks the archive, within the limits of the bucket ``archive``."""

    client: Client
    base: str
    listing: str
    cache: ArchiveCache = field(default_factory=ArchiveCache)

    @classmethod
    def of(cls, sources: Sources) -> "Archive":
        """Return the archive that `sources` name."""
        ends, cache = sources.endpoints, ArchiveCache(sources.archive_cache)
        return cls(sources.client, ends.binance_archive, ends.binance_listing, cache)

    def first(self, series: Series) -> pd.Timestamp | None:
        """Return where the oldest file begins, None where the listing does not tell.

        It saves asking for thousands of days before a coin was listed. A listing may lag behind,
        so it does not say which file is the newest.
        """
        try:
            for key in listed_keys(self.client, self.listing, series.folder):
                if start := _label(key):
                    return start
        except _NO_LISTING:
            return None  # every day is asked for instead
        return None

    def files(self, names: Iterable[FileName]) -> Iterator[ArchiveFile | Missing | Damaged]:
        """Yield an answer for each name, in order.

        Raises
        ------
        SourceError
            The archive gave no answer; what was yielded before stands, and what was under way is
            in the cache.
        """
        waiting = iter(names)
        pool, wait = ThreadPoolExecutor(WORKERS, thread_name_prefix="archive"), True
        try:
            under_way: deque[Future[ArchiveFile | Missing | Damaged]] = deque(
                pool.submit(self.file, name) for name in islice(waiting, LOOK_AHEAD)
            )
            while under_way:
                yield under_way.popleft().result()
                under_way.extend(pool.submit(self.file, name) for name in islice(waiting, 1))
        except (KeyboardInterrupt, GeneratorExit):
            wait = False  # what is under way ends with the client
            raise
        finally:
            pool.shutdown(wait=wait, cancel_futures=True)
            self.cache.save()

    def file(self, name: FileName) -> ArchiveFile | Missing | Damaged:
        """Return one file, from the cache where that is as good as asking."""
        now = self.client.now()
        settled = name.span.end + REPUBLISHED_WITHIN
        if self.cache.missing(name.path, settled, now):
            return Missing(name)
        zipped = self.cache.read(name.path)
        try:
            if zipped is None or now < settled:
                zipped = self._fetch(name, zipped)
            return ArchiveFile(name, only_member(zipped, name.path), now)
        except NotFoundError:
            self.cache.note_missing(name.path, now)
            return Missing(name)
        except CorruptDataError as error:
            return Damaged(name, str(error), now)

    def _fetch(self, name: FileName, cached: bytes | None) -> bytes:
        """Return the zip that agrees with the checksum Binance publishes now."""
        published = found = ""
        for _ in range(2):  # the second time for a file that was replaced in between
            published = self._published_digest(name)
            if cached is not None and digest(cached) == published:
                return cached
            zipped = self._get(name.path)
            found = digest(zipped)
            if found == published:
                self.cache.write(name.path, zipped)
                return zipped
        raise CorruptDataError(
            f"{name.path} has the SHA-256 {found} where its CHECKSUM says {published}, and is "
            "left out until Binance publishes it anew"
        )

    def _published_digest(self, name: FileName) -> str:
        answer = self._get(f"{name.path}.CHECKSUM")
        match = _DIGEST.match(answer)
        if match is None:
            raise CorruptDataError(
                f"{name.path}.CHECKSUM is {answer[:40]!r}, expected a SHA-256; "
                "the file cannot be verified and is left out"
            )
        return match[1].decode().lower()

    def _get(self, path: str) -> bytes:
        return self.client.get(f"{self.base}/{quote(path)}", bucket=BUCKET)


def _label(key: str) -> pd.Timestamp | None:
    """Return the day or month that a zip is named after."""
    match = re.search(r"-(\d{4}-\d{2}(?:-\d{2})?)\.zip$", key)
    try:
        return pd.Timestamp(match[1], tz="UTC") if match else None
    except ValueError:  # digits that are no date
        return None

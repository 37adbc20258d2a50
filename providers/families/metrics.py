"""Binance's daily metrics files: open interest and long/short ratios every five minutes.

They hold what REST forgets after thirty days. A row's ``date`` is the instant of its snapshot,
whatever its label meant in the file (`providers.families.labels`); it is known five minutes later.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from providers.archive.files import Archive, ArchiveFile, FileName, Missing, Series, page_of
from providers.archive.table import NUMBER, STAMP, WORD, columns_of
from providers.contract import Checked, Dataset, Page, Quality, Span
from providers.errors import BadAnswerError
from providers.families.labels import UNKNOWN, Evidence, evidence, mark_opens, near_switch, shift_of
from providers.rows.quality import vouch
from providers.sources import Sources
from providers.symbols import binance_symbol

_Columns = dict[str, np.ndarray]

FIRST = pd.Timestamp("2020-09-01", tz="UTC")  # BTCUSDT; most coins start in December 2021
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=5)
LONG = timedelta(days=31)  # beyond it the listing is asked where files begin

CREATED, SYMBOL = "create_time", "symbol"
AMOUNT, VALUE = "sum_open_interest", "sum_open_interest_value"
COLUMNS = [
    *(CREATED, SYMBOL, AMOUNT, VALUE, "count_toptrader_long_short_ratio"),
    *("sum_toptrader_long_short_ratio", "count_long_short_ratio"),
    "sum_taker_long_short_vol_ratio",
]

_DAY = re.compile(r"-metrics-(\d{4}-\d{2}-\d{2})\.")


@dataclass(frozen=True, slots=True)
class ArchivedMetrics:
    """Some columns of the metrics files as a dataset.

    Attributes
    ----------
    columns : mapping of str to str
        Our name and theirs.
    """

    sources: Sources
    dataset: Dataset
    columns: Mapping[str, str]
    source: str = "binance-archive"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between the first file and the newest at `now`."""
        newest = Series("metrics", "").published(now)
        return span.overlap(Span(FIRST, max(FIRST, newest)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield a page per day that Binance has published; `parse` refuses a damaged one."""
        symbol, archive = binance_symbol(pair), Archive.of(self.sources)
        metrics = Series("metrics", symbol)
        marks = Series("markPriceKlines", symbol, interval="5m")
        wanted = self.covers(span, self.sources.client.now())
        if wanted is None:
            return
        # a file holds the snapshots after its midnight up to and including the next one
        days = Span(wanted.start - STEP, wanted.end)
        if days.end - days.start > LONG and (first := archive.first(metrics)):
            days = Span(min(max(first, days.start), days.end), days.end)
        names: list[FileName] = []
        for name in metrics.files(days):
            names.append(name)
            if self._verified(name.span.start):
                names.append(marks.file(name.span.start))
        answers = archive.files(names)
        for answer in answers:
            proof = next(answers) if self._verified(answer.name.span.start) else None
            if not isinstance(answer, Missing):
                context = proof.content if isinstance(proof, ArchiveFile) else None
                yield page_of(answer, pair, context)

    def requests(self, span: Span) -> int:
        """Return about how many requests `span` takes: a zip and a checksum per day."""
        return 2 * len(Series("metrics", "").files(span))

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per snapshot; ``quality`` tells those moved onto it from their label."""
        day = _day(page)
        wanted = dict.fromkeys((AMOUNT, VALUE, *self.columns.values()), NUMBER)
        table = columns_of(page, {CREATED: STAMP, SYMBOL: WORD, **wanted}, COLUMNS)
        _of_symbol(table[SYMBOL], page)
        labels = _of_day(table[CREATED], day)
        shift = shift_of(day, _evidence(table, labels, page), page.name)
        dates = labels + _milliseconds(shift)
        columns = {
            "date": _utc(dates),
            **{ours: table[theirs] for ours, theirs in self.columns.items()},
            "known_at": _utc(dates + _milliseconds(PUBLISHED_AFTER)),
            "quality": np.full(len(dates), Quality.RELABELED if shift else Quality.OK, np.int64),
        }
        return _framed(columns)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules."""
        return vouch(frame, self.dataset, page)

    def _verified(self, day: pd.Timestamp) -> bool:
        return self.sources.verify_labels or near_switch(day) or day.day == 1


def _day(page: Page) -> pd.Timestamp:
    match = _DAY.search(page.name)
    try:
        return pd.Timestamp(date.fromisoformat(match[1] if match else ""), tz="UTC")
    except ValueError:
        raise BadAnswerError(
            f"{page.name} is not called like a metrics file, so its day is unknown"
        ) from None


def _of_symbol(symbols: np.ndarray, page: Page) -> None:
    symbol = binance_symbol(page.pair)
    others = set(symbols) - {symbol}
    if others:
        raise BadAnswerError(
            f"{page.name} has rows of {sorted(map(str, others))[:3]}, expected {symbol} only"
        )


def _of_day(labels: np.ndarray, day: pd.Timestamp) -> np.ndarray:
    """Return labels without those that are not of the file's day; midnight ends it."""
    start = np.datetime64(f"{day:%Y-%m-%d}", "ms")
    inside = (labels >= start) & (labels <= start + np.timedelta64(1, "D"))
    return labels if inside.all() else np.where(inside, labels, np.datetime64("NaT", "ms"))


def _evidence(table: _Columns, labels: np.ndarray, page: Page) -> Evidence:
    """Return what the mark prices that came with the page say about its labels."""
    if page.context is None:
        return UNKNOWN
    amount, value = table[AMOUNT], table[VALUE]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        implied = np.where((amount > 0) & (value > 0), value / amount, np.nan)
    return evidence(labels, implied, mark_opens(replace(page, content=page.context)))


def _milliseconds(length: timedelta) -> np.timedelta64:
    return np.timedelta64(length // timedelta(milliseconds=1), "ms")


def _framed(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a frame; on a day's few rows pandas would spend a tenth of all time on its names."""
    frame = pd.DataFrame(dict(enumerate(columns.values())), copy=False)
    frame.columns = _names(tuple(columns))
    return frame


@cache
def _names(names: tuple[str, ...]) -> "pd.Index[str]":
    return pd.Index(names)


def _utc(instants: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(instants, tz="UTC")

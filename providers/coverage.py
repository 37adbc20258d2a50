"""Which pairs of a data folder can be backtested over a period, and why the others cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from providers.errors import CorruptDataError, DataMissingError, ProviderError
from providers.storage.store import native_path, read_frame


@dataclass(frozen=True, slots=True)
class Need:
    """A candle file that a backtest reads: how much of it before the start, and its patience.

    Attributes
    ----------
    timeframe, candle_type : str
        As in Freqtrade's file names.
    warmup : timedelta
        History wanted before the first traded candle.
    slack : timedelta
        How far before the end the last row may lie.
    """

    timeframe: str
    candle_type: str
    warmup: timedelta
    slack: timedelta


# What RegimeRouter reads, and the mark prices without which Freqtrade charges no funding.
NEEDS: tuple[Need, ...] = (
    Need("15m", "futures", timedelta(minutes=15 * 400), timedelta(minutes=15)),
    Need("1h", "futures", timedelta(hours=100), timedelta(hours=1)),
    Need("4h", "futures", timedelta(hours=400), timedelta(hours=4)),
    Need("1h", "funding_rate", timedelta(hours=8), timedelta(hours=8)),
    Need("1h", "mark", timedelta(0), timedelta(hours=8)),
)


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open span of time, UTC."""

    start: datetime
    end: datetime

    @property
    def timerange(self) -> str:
        """Return it as Freqtrade's ``--timerange``."""
        return f"{self.start:%Y%m%d}-{self.end:%Y%m%d}"


def parse_timerange(text: str) -> Period:
    """Read ``YYYYMMDD-YYYYMMDD``; ValueError with the way out otherwise."""
    try:
        first, last = (
            datetime.strptime(part, "%Y%m%d").replace(tzinfo=UTC) for part in text.split("-")
        )
    except ValueError:
        raise ValueError(
            f"timerange is {text!r}, expected YYYYMMDD-YYYYMMDD, for example 20251205-20260128"
        ) from None
    if last <= first:
        raise ValueError(f"timerange is {text!r}, which ends before it starts; swap the dates")
    return Period(first, last)


def futures_pairs(datadir: Path, timeframe: str = "15m") -> tuple[str, ...]:
    """Return the perpetuals with candles of `timeframe` in `datadir`, by name.

    Raises
    ------
    DataMissingError
        No such folder, or no such file in it.
    """
    if not datadir.is_dir():
        raise DataMissingError(
            f"data folder {datadir} does not exist; pass the folder that holds futures/, "
            "or leave it out to simulate a market"
        )
    suffix = f"-{timeframe}-futures.feather"
    names = [path.name.removesuffix(suffix) for path in (datadir / "futures").glob(f"*{suffix}")]
    stems = [name for name in names if name.count("_") >= 2]  # BASE_QUOTE_SETTLE
    if not stems:
        raise DataMissingError(
            f"{datadir / 'futures'} holds no *{suffix} file; pass Freqtrade's data folder of one "
            "exchange, for example user_data/data/binance"
        )
    pairs = []
    for stem in sorted(stems):
        base, quote, settle = stem.rsplit("_", 2)
        pairs.append(f"{base}/{quote}:{settle}")
    return tuple(pairs)


def span(datadir: Path, pair: str, need: Need) -> Period:
    """Return first and last stamp of a candle file; `ProviderError` when it cannot be read."""
    path = native_path(datadir, pair, need.timeframe, need.candle_type)
    frame = read_frame(path)
    if frame.empty or "date" not in frame:
        raise CorruptDataError(f"{path} holds no candles; delete it and fetch it again")
    dates: pd.Series = frame["date"]
    return Period(dates.iloc[0].to_pydatetime(), dates.iloc[-1].to_pydatetime())


def tradable(datadir: Path, pair: str, period: Period) -> str | None:
    """Return why `pair` cannot be backtested over `period`, None when it can."""
    for need in NEEDS:
        try:
            found = span(datadir, pair, need)
        except ProviderError as error:
            return str(error)
        name = f"{need.timeframe} {need.candle_type}"
        if found.start > period.start - need.warmup:
            return (
                f"{name} begins at {found.start:%Y-%m-%d %H:%M}, "
                f"{period.start - need.warmup:%Y-%m-%d %H:%M} is needed (warm-up included)"
            )
        if found.end < period.end - need.slack:
            return f"{name} ends at {found.end:%Y-%m-%d %H:%M}, before {period.end:%Y-%m-%d}"
    return None


def select_pairs(
    datadir: Path, period: Period, wanted: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Split pairs into those with all data for `period` and the reasons against the others.

    Raises
    ------
    DataMissingError
        No pair is left; the message gives the period that the data cover.
    """
    candidates = wanted or futures_pairs(datadir)
    reasons = {pair: tradable(datadir, pair, period) for pair in candidates}
    usable = tuple(pair for pair, reason in reasons.items() if reason is None)
    refused = {pair: reason for pair, reason in reasons.items() if reason is not None}
    if not usable:
        first = next(iter(refused))
        longest = longest_period(datadir)
        raise DataMissingError(
            f"no pair in {datadir} has data for {period.timerange} ({first}: {refused[first]}); "
            f"the data cover {longest.timerange}"
        )
    return usable, refused


def longest_period(datadir: Path) -> Period:
    """Return the longest span over which some pair can be backtested, in whole days.

    Raises
    ------
    DataMissingError
        No pair has a day's worth of data after its warm-up.
    """
    best: Period | None = None
    for pair in futures_pairs(datadir):
        try:
            spans = [(need, span(datadir, pair, need)) for need in NEEDS]
        except ProviderError:
            continue  # named by `select_pairs` when the pair is asked for
        start = max(found.start + need.warmup for need, found in spans)
        end = min(found.end + need.slack for need, found in spans)
        whole = Period(_next_midnight(start), end.replace(hour=0, minute=0, second=0))
        if whole.end > whole.start and (
            best is None or whole.end - whole.start > best.end - best.start
        ):
            best = whole
    if best is None:
        wanted = ", ".join(f"{need.timeframe} {need.candle_type}" for need in NEEDS)
        raise DataMissingError(
            f"no pair in {datadir} has all of {wanted} over at least one day; download them with "
            "`freqtrade download-data --trading-mode futures -t 15m 1h 4h`"
        )
    return best


def _next_midnight(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == moment else midnight + timedelta(days=1)

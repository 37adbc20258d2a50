"""What stands in the files of the archive, as text, header included where Binance writes one.

Numbers have eight decimals, as over REST; a cell that no file can fill stays blank.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime

import numpy as np

from replay.asof import AsOf, quote_volume
from replay.candles import (
    CLOSE,
    DAY,
    HOUR,
    INTERVALS,
    MINUTE,
    OPEN,
    QUOTE_VOLUME,
    TAKER_BUY_QUOTE_VOLUME,
    TAKER_BUY_VOLUME,
    TRADES,
    VOLUME,
    Stamps,
    Window,
)
from replay.data import Pair
from replay.payloads import number

STEP = 5 * MINUTE  # of the metrics
# Until 2026-06-24 a row of the metrics is labeled by its snapshot, since by what comes before it.
LABELS_MOVED = date(2026, 6, 25)
HEADERS_SINCE = date(2022, 5, 1)  # in candle files of perpetuals; those of spot never have one
MICROSECONDS_SINCE = date(2025, 1, 1)  # in candle files of spot
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
CANDLES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
FUNDING = "calc_time,funding_interval_hours,last_funding_rate"
CANDLE_TYPES = {  # kind of file: candle type
    "klines": "futures",
    "markPriceKlines": "mark",
    "indexPriceKlines": "index",
    "premiumIndexKlines": "premiumIndex",
}

Text = Callable[[int, int], str]


def text(market: AsOf, kind: str, where: str, pair: Pair, interval: str | None) -> Text:
    """Return the function that writes a file of a kind, from its first instant to its last."""
    if kind == "metrics":
        return lambda start, end: _metrics(market, pair, start, end)
    if kind == "fundingRate":
        return lambda start, end: _funding(market, pair, start, end)
    candle_type = _candle_type(kind, where)
    length = INTERVALS[interval or "1d"]
    return lambda start, end: _candles(market, pair, candle_type, length, start, end)


def days_with_rows(market: AsOf, kind: str, where: str, pair: Pair) -> list[int]:
    """Return the midnights of the days that have rows, known by now, in order."""
    if kind == "metrics":
        # The snapshot at midnight is the last one of the day before
        stamps = market.every_snapshot(pair, "open_interest", STEP).stamps - 1
    elif kind == "fundingRate":
        stamps = market.funding(pair).stamps
    else:
        stamps = market.opens(pair, _candle_type(kind, where))
    return [int(day) for day in np.unique(stamps // DAY * DAY)]


def _candle_type(kind: str, where: str) -> str:
    return "spot" if where == "spot" else CANDLE_TYPES[kind]


def _day(instant: int) -> date:
    return datetime.fromtimestamp(instant / 1000, UTC).date()


def _lines(header: str, rows: Iterable[str]) -> str:
    """Return a file, nothing when it would have no rows."""
    lines = list(rows)
    if not lines:
        return ""
    return "\n".join([header, *lines] if header else lines) + "\n"


def _metrics(market: AsOf, pair: Pair, start: int, end: int) -> str:
    held = market.every_snapshot(pair, "open_interest", STEP)
    held = held[(held.stamps > start) & (held.stamps <= end)]
    stamps = held.stamps
    ratios = market.every_snapshot(pair, "long_short_ratio", STEP)
    accounts = _aligned(stamps, ratios.stamps, ratios.table)
    takers = _taker_ratios(market, pair, stamps)
    labels = stamps if _day(start) < LABELS_MOVED else stamps - STEP
    columns = zip(labels.tolist(), held.table, accounts, takers, strict=True)

    def rows() -> Iterator[str]:
        for label, (amount, value), (all_accounts, top_accounts, top_positions), taker in columns:
            written = f"{datetime.fromtimestamp(label / 1000, UTC):%Y-%m-%d %H:%M:%S}"
            numbers = (amount, value, top_accounts, top_positions, all_accounts, taker)
            yield ",".join([written, pair.symbol, *(number(float(cell)) for cell in numbers)])

    return _lines(METRICS, rows())


def _aligned(stamps: Stamps, of_rows: Stamps, table: np.ndarray) -> np.ndarray:
    """Return the rows of `table` at `stamps`, NaN where there is none."""
    rows = np.full((len(stamps), table.shape[1]), np.nan)
    _, target, source = np.intersect1d(stamps, of_rows, return_indices=True)
    rows[target] = table[source]
    return rows


def _taker_ratios(market: AsOf, pair: Pair, ends: Stamps) -> np.ndarray:
    """Return takers' buys per sell in the five minutes before each instant, NaN where unknown."""
    if not len(ends):
        return np.empty(0)
    window = Window(int(ends[0]) - STEP, int(ends[-1]) - STEP, len(ends) + DAY // STEP)
    candles = market.candles(pair, "futures", STEP, window)
    bought = candles.table[:, TAKER_BUY_VOLUME]
    sold = candles.table[:, VOLUME] - bought
    ratio = np.divide(bought, sold, out=np.full(len(bought), np.nan), where=sold > 0)
    return _aligned(ends, candles.opens_at + STEP, ratio[:, None])[:, 0]


def _funding(market: AsOf, pair: Pair, start: int, end: int) -> str:
    settled = market.funding(pair)
    hours = np.diff(settled.stamps) / HOUR
    # The first row has no settlement before it; its interval is taken to be that of the second
    hours = np.append(hours[:1] if len(hours) else [8.0], hours)
    inside = (settled.stamps >= start) & (settled.stamps < end)
    rows = zip(
        settled.stamps[inside].tolist(),
        hours[inside].tolist(),
        settled.table[inside, 0].tolist(),
        strict=True,
    )
    return _lines(FUNDING, (f"{stamp},{length:.0f},{number(rate)}" for stamp, length, rate in rows))


def _candles(
    market: AsOf, pair: Pair, candle_type: str, interval: int, start: int, end: int
) -> str:
    window = Window(start, end - 1, (end - start) // interval + 1)
    candles = market.candles(pair, candle_type, interval, window)
    spot, traded = candle_type == "spot", candle_type in {"futures", "spot"}
    factor = 1000 if spot and _day(start) >= MICROSECONDS_SINCE else 1
    known = candles.table[:, QUOTE_VOLUME]
    turnover = np.where(np.isnan(known), quote_volume(candles), known)

    def rows() -> Iterator[str]:
        for opens_at, values, quote in zip(
            candles.opens_at.tolist(), candles.table.tolist(), turnover.tolist(), strict=True
        ):
            closes_at = (opens_at + interval) * factor - 1
            prices = [number(value) for value in values[OPEN : CLOSE + 1]]
            trades = "" if np.isnan(values[TRADES]) else f"{values[TRADES]:.0f}"
            taken = values[TAKER_BUY_VOLUME : TAKER_BUY_QUOTE_VOLUME + 1]
            flow = [number(quote), trades, *(number(value) for value in taken)]
            volume, flow = (number(values[VOLUME]), flow) if traded else ("0", ["0"] * 4)
            yield ",".join([str(opens_at * factor), *prices, volume, str(closes_at), *flow, "0"])

    header = "" if spot or _day(start) < HEADERS_SINCE else CANDLES
    return _lines(header, rows())

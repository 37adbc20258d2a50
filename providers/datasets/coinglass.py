"""Open interest, liquidations and taker flow of Binance's perpetuals from CoinGlass.

Buckets of four hours, the shortest of the cheapest plan, labeled by their start. When a bucket is
final is not documented, so it counts as known two buckets after its label. Open interest is base
coin, liquidations and flow are US dollars.

CoinGlass documents milliseconds and has shown seconds among them. A stamp too small for
milliseconds is read as seconds and its row flagged `Quality.RELABELED`.

Source: CoinGlass v4; needs a paid key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Quality, Span
from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BlockedError,
    RateLimitedError,
    UnavailableError,
)
from providers.families.windows import milliseconds, windows
from providers.rows.finished import vouch_finished
from providers.rows.parsing import json_of, numbers, rows_of
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

KEY = "COINGLASS_KEY"
WHERE = "https://www.coinglass.com/pricing"
STEP = timedelta(hours=4)
INTERVAL = "4h"
LIMIT = 1000
FIRST = pd.Timestamp("2019-09-01", tz="UTC")
PUBLISHED_AFTER = 2 * STEP

_SECONDS, _LATEST = 1e11, 4e12  # a smaller stamp counts seconds; a larger one is no instant
_AMOUNT = Bounds(0.0)
_LEVEL = Bounds(0.0, zero_is_missing=True)


@dataclass(frozen=True, slots=True)
class CoinGlass:
    """One history of CoinGlass.

    Attributes
    ----------
    path : str
        Which.
    keys : mapping of str to str
        Our names of the values and CoinGlass's.
    """

    sources: Sources
    dataset: Dataset
    path: str
    keys: dict[str, str]
    extra: tuple[tuple[str, str], ...] = ()
    source: str = "coinglass"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return what of `span` lies between the first perpetuals and `now`."""
        return span.overlap(Span(FIRST, max(FIRST, now)))

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the buckets that start within `span`."""
        key = self.sources.key(KEY, "CoinGlass", WHERE)
        symbol, path = binance_symbol(pair), f"/api/futures/{self.path}/history"
        for window in windows(span, LIMIT * STEP):
            start, end = milliseconds(window.start), milliseconds(window.end) - 1
            content = self.sources.client.get(
                f"{self.sources.endpoints.coinglass}{path}",
                bucket="coinglass",
                params={
                    "exchange": "Binance",
                    "symbol": symbol,
                    "interval": INTERVAL,
                    "limit": LIMIT,
                    "start_time": start,
                    "end_time": end,
                    **dict(self.extra),
                },
                headers={"CG-API-KEY": key},
            )
            name = f"{path}?symbol={symbol}&start_time={start}"
            yield Page(content, name, pair, self.sources.client.now())

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per bucket, flagged where its stamp was read as seconds."""
        rows = _rows(page)
        stamps = numbers(rows, "time", page)
        seconds = (stamps > 0) & (stamps < _SECONDS)
        stamps = stamps * np.where(seconds, 1000, 1)
        stamps = np.where((stamps > 0) & (stamps < _LATEST), stamps, np.nan)
        date = pd.Series(pd.to_datetime(stamps, unit="ms", utc=True)).dt.as_unit("ms")
        values = {ours: numbers(rows, theirs, page) for ours, theirs in self.keys.items()}
        frame = pd.DataFrame({"date": date, **values})
        quality = np.where(seconds, int(Quality.RELABELED), int(Quality.OK)).astype(np.uint8)
        return frame.assign(known_at=frame["date"] + PUBLISHED_AFTER, quality=quality)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Leave out buckets that may still change, and apply the general rules."""
        return vouch_finished(frame, self.dataset, page)


def _rows(page: Page) -> list[dict[str, Any]]:
    answer = json_of(page)
    code = answer.get("code") if isinstance(answer, dict) else None
    if not isinstance(code, str | int) or isinstance(code, bool):
        raise BadAnswerError(f"{page.name} has no code, expected an answer of CoinGlass")
    if str(code) != "0":
        raise _refusal(str(code), answer.get("msg"), page)
    return rows_of(page, "data")


def _refusal(code: str, message: Any, page: Page) -> Exception:
    """Return the error behind a code, which often comes with HTTP 200."""
    text = f"{page.name} was refused: {message!r:.200} (code {code[:20]})"
    if code == "429":
        return RateLimitedError(text, page.fetched_at + timedelta(minutes=1))
    if code in {"401", "403"}:
        return BlockedError(f"{text}; check {KEY} and the plan at {WHERE}")
    if code.startswith("5") and len(code) == 3:
        return UnavailableError(text)
    return BadRequestError(text, int(code) if code.isdecimal() and len(code) < 10 else None)


def _entry(
    name: str,
    path: str,
    summary: str,
    keys: dict[str, str],
    bounds: Bounds,
    extra: tuple[tuple[str, str], ...] = (),
) -> Entry:
    dataset = Dataset(
        name=name,
        values=dict.fromkeys(keys, bounds),
        step=STEP,
        max_age=3 * STEP,
        summary=f"{summary} (CoinGlass); label: start of four hours, known 8 h later",
    )
    return Entry(
        dataset, lambda sources: (CoinGlass(sources, dataset, path, keys, extra),), key=KEY
    )


ENTRIES = (
    _entry(
        "coinglass_open_interest",
        "open-interest",
        "open interest on Binance within the bucket, base coin",
        {name: name for name in ("open", "high", "low", "close")},
        _LEVEL,
        (("unit", "coin"),),
    ),
    _entry(
        "coinglass_liquidations",
        "liquidation",
        "liquidated longs and shorts on Binance, US dollars in value",
        {
            "long_liquidations": "long_liquidation_usd",
            "short_liquidations": "short_liquidation_usd",
        },
        _AMOUNT,
    ),
    _entry(
        "coinglass_taker_flow",
        "v2/taker-buy-sell-volume",
        "taker buys and sells on Binance's perpetual, US dollars in value",
        {
            "taker_buy_value": "taker_buy_volume_usd",
            "taker_sell_value": "taker_sell_volume_usd",
        },
        _AMOUNT,
    ),
)

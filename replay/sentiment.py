"""Daily sentiment: alternative.me's Fear & Greed index, and SentiCrypt.

A value of Fear & Greed appears some minutes into the day it is labeled with, a row of SentiCrypt
some minutes after its day is over.
"""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse

from replay.asof import AsOf, Exchange
from replay.candles import DAY, MINUTE
from replay.data import Events

FEAR_GREED_DELAY = 7 * MINUTE
SENTICRYPT_DELAY = DAY + 10 * MINUTE
PRICED_IN = "BTCUSDT"
# The highest value of each class, as the published history has them.
CLASSES = (
    (25, "Extreme Fear"),
    (46, "Fear"),
    (54, "Neutral"),
    (75, "Greed"),
    (100, "Extreme Greed"),
)


def add(app: FastAPI, exchange: Exchange) -> None:
    """Add the endpoints to `app`."""

    @app.get("/fng/")
    def fear_greed(limit: Annotated[int, Query(ge=0)] = 1) -> JSONResponse:
        market = exchange.now()
        rows = market.sentiment("fear_greed", FEAR_GREED_DELAY)
        newest = rows[::-1][: limit or len(rows.stamps)]
        data = [_point(stamp, row[0]) for stamp, row in _rows(newest)]
        if data:
            seconds = (int(newest.stamps[0]) + DAY - market.now) // 1000
            data[0]["time_until_update"] = str(max(seconds, 0))
        answer = {"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}}
        return JSONResponse(answer)

    @app.get("/v2/all.json")
    def everything() -> JSONResponse:
        market = exchange.now()
        rows = market.sentiment("senticrypt", SENTICRYPT_DELAY)[::-1]
        return JSONResponse([_day(market, stamp, row) for stamp, row in _rows(rows)])

    @app.get("/v2/history/{name}")
    def one_day(name: str) -> JSONResponse:
        market = exchange.now()
        rows = market.sentiment("senticrypt", SENTICRYPT_DELAY)
        rows = rows[np.flatnonzero(rows.stamps == _midnight(name.removesuffix(".json")))]
        for stamp, row in _rows(rows):
            return JSONResponse(_day(market, stamp, row))
        return JSONResponse({"error": "Not Found"}, 404)


def _rows(events: Events) -> Any:
    return zip(events.stamps.tolist(), events.table.tolist(), strict=True)


def _point(stamp: int, value: float) -> dict[str, str]:
    name = next((name for most, name in CLASSES if value <= most), CLASSES[-1][1])
    return {
        "value": f"{value:.0f}",
        "value_classification": name,
        "timestamp": str(stamp // 1000),
    }


def _day(market: AsOf, stamp: int, row: list[float]) -> dict[str, Any]:
    mean, total, count, *scores = (value if math.isfinite(value) else None for value in row)
    price, volume = _bitcoin(AsOf(market.datadir, stamp + DAY))
    return {
        "date": datetime.fromtimestamp(stamp / 1000, UTC).date().isoformat(),
        "price": price,
        "volume": volume,
        **{f"score{number}": score for number, score in enumerate(scores, 1)},
        "count": count if count is None else int(count),
        "mean": mean,
        "sum": total,
    }


def _bitcoin(market: AsOf) -> tuple[float | None, float | None]:
    """Return Bitcoin's price and volume of the day before, None where it is not listed."""
    for pair in market.pairs():
        if pair.symbol == PRICED_IN:
            day = market.day(pair)
            return day.last, round(day.volume, 8)
    return None, None


def _midnight(name: str) -> int:
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return -1
    return (day - date(1970, 1, 1)) // timedelta(milliseconds=1)

"""The shapes Binance answers in. Numbers are strings; what the data do not say is ``""``.

Eight decimals write every price and quantity of USDT-M contracts exactly, so that candles
downloaded from here equal the candles served.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.asof import DaySummary, quote_volume
from replay.candles import (
    CLOSE,
    OPEN,
    QUOTE_VOLUME,
    TAKER_BUY_QUOTE_VOLUME,
    TAKER_BUY_VOLUME,
    TRADES,
    VOLUME,
    Candles,
    Stamps,
)
from replay.data import Events, Pair
from replay.filters import ContractRules

Payload = dict[str, Any]
Column = NDArray[np.float64]

NEVER = 4_133_404_800_000  # delivery of a perpetual contract, by convention
INTEREST_RATE = "0.00010000"  # per funding interval, fixed by Binance
WEIGHT_PER_MINUTE = 2400
# Upper limits of price and quantity, in ticks and steps. Candles cannot tell; these never bind.
MOST_TICKS = MOST_STEPS = 10**9


def number(value: float | None) -> str:
    """Return `value` as Binance writes numbers, ``""`` when it is unknown."""
    return "" if value is None or not math.isfinite(value) else f"{value:.8f}"


def symbol_info(pair: Pair, onboarded_at: int, rules: ContractRules) -> Payload:
    """Return one entry of ``exchangeInfo``."""
    tick, step = rules.price_decimals, rules.quantity_decimals
    price = {
        "minPrice": _power(tick),
        "maxPrice": _power(tick, MOST_TICKS),
        "tickSize": _power(tick),
    }
    lot = {"minQty": _power(step), "maxQty": _power(step, MOST_STEPS), "stepSize": _power(step)}
    return {
        "symbol": pair.symbol,
        "pair": pair.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER,
        "onboardDate": onboarded_at,
        "status": "TRADING",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        "marginAsset": pair.quote,
        "pricePrecision": tick,
        "quantityPrecision": step,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", **price},
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MIN_NOTIONAL", "notional": str(rules.min_notional)},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def exchange_info(now: int, symbols: list[Payload]) -> Payload:
    """Return ``exchangeInfo``."""
    limit = {"interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_PER_MINUTE}
    return {
        "timezone": "UTC",
        "serverTime": now,
        "futuresType": "U_MARGINED",
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", **limit}],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True}
            for asset in sorted({symbol["quoteAsset"] for symbol in symbols})
        ],
        "symbols": symbols,
    }


def klines(candles: Candles) -> list[list[Any]]:
    """Return traded candles; a turnover that no file knows is `replay.asof.quote_volume`'s."""
    known = candles.table[:, QUOTE_VOLUME]
    turnovers = np.where(np.isnan(known), quote_volume(candles), known)
    rows = zip(candles.opens_at.tolist(), candles.table.tolist(), turnovers.tolist(), strict=True)
    return [
        [
            opens_at,
            *(number(value) for value in values[OPEN : VOLUME + 1]),
            opens_at + candles.interval - 1,
            number(turnover),
            0 if math.isnan(values[TRADES]) else int(values[TRADES]),
            *(number(value) for value in values[VOLUME + 1 : TAKER_BUY_QUOTE_VOLUME + 1]),
            "0",
        ]
        for opens_at, values, turnover in rows
    ]


def price_klines(candles: Candles) -> list[list[Any]]:
    """Return candles of a price that is not traded: mark, index, premium."""
    rows = zip(candles.opens_at.tolist(), candles.table.tolist(), strict=True)
    return [
        [
            opens_at,
            *(number(value) for value in values[OPEN : CLOSE + 1]),
            *("0", opens_at + candles.interval - 1, "0", 0, "0", "0", "0"),
        ]
        for opens_at, values in rows
    ]


def funding_rates(pair: Pair, settled: Events, mark_prices: np.ndarray) -> list[Payload]:
    """Return settlements; the mark price is ``""`` where it is not known, as on old rows."""
    return [
        {
            "symbol": pair.symbol,
            "fundingTime": stamp,
            "fundingRate": number(rate),
            "markPrice": number(mark_price),
        }
        for stamp, rate, mark_price in zip(
            settled.stamps.tolist(),
            settled.table[:, 0].tolist(),
            mark_prices.tolist(),
            strict=True,
        )
    ]


def open_interest_history(pair: Pair, snapshots: Events) -> list[Payload]:
    """Return open-interest snapshots, in base coin and in quote currency."""
    return [
        {
            "symbol": pair.symbol,
            "sumOpenInterest": number(amount),
            "sumOpenInterestValue": number(value),
            "timestamp": stamp,
        }
        for stamp, (amount, value) in zip(
            snapshots.stamps.tolist(), snapshots.table.tolist(), strict=True
        )
    ]


def long_short_ratio(pair: Pair, stamps: Stamps, ratios: Column) -> list[Payload]:
    """Return longs per short and the shares that follow from it."""
    return [
        {
            "symbol": pair.symbol,
            "longShortRatio": f"{ratio:.4f}",
            "longAccount": f"{ratio / (1 + ratio):.4f}",
            "shortAccount": f"{1 / (1 + ratio):.4f}",
            "timestamp": stamp,
        }
        for stamp, ratio in zip(stamps.tolist(), ratios.tolist(), strict=True)
        if math.isfinite(ratio)
    ]


def basis(pair: Pair, snapshots: Events) -> list[Payload]:
    """Return index and perpetual price and their distance; rates have four decimals there."""
    return [
        {
            "pair": pair.symbol,
            "contractType": "PERPETUAL",
            "indexPrice": number(index),
            "futuresPrice": number(price),
            "basis": number(price - index),
            "basisRate": f"{(price - index) / index:.4f}",
            "annualizedBasisRate": "",
            "timestamp": stamp,
        }
        for stamp, (index, price) in zip(
            snapshots.stamps.tolist(), snapshots.table.tolist(), strict=True
        )
        if math.isfinite(price)
    ]


def taker_ratio(candles: Candles) -> list[Payload]:
    """Return what takers bought and sold in each candle, dated by its end."""
    bought = candles.table[:, TAKER_BUY_VOLUME]
    rows = zip(candles.opens_at.tolist(), bought.tolist(), candles.table.tolist(), strict=True)
    return [
        {
            "buySellRatio": f"{buys / (row[VOLUME] - buys):.4f}",
            "buyVol": f"{buys:.4f}",
            "sellVol": f"{row[VOLUME] - buys:.4f}",
            "timestamp": opens_at + candles.interval,
        }
        for opens_at, buys, row in rows
        if math.isfinite(buys) and row[VOLUME] > buys
    ]


def ticker_24hr(pair: Pair, day: DaySummary, now: int) -> Payload:
    """Return the summary of the last 24 hours."""
    change = day.last - day.open
    average = day.quote_volume / day.volume if day.volume else day.last
    return {
        "symbol": pair.symbol,
        "priceChange": number(change),
        "priceChangePercent": f"{100 * change / day.open:.3f}" if day.open else "",
        "weightedAvgPrice": number(average),
        "lastPrice": number(day.last),
        "lastQty": "",
        "openPrice": number(day.open),
        "highPrice": number(day.high),
        "lowPrice": number(day.low),
        "volume": number(day.volume),
        "quoteVolume": number(day.quote_volume),
        "openTime": day.opens_at,
        "closeTime": now,
        "firstId": 0,
        "lastId": 0,
        "count": int(day.trades),
    }


def _power(decimals: int, times: int = 1) -> str:
    """Return ``times * 10**-decimals`` without rounding."""
    return f"{times / 10**decimals:.{decimals}f}"

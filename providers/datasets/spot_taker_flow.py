"""Taker buys and sells on the spot market of the pair's coin, from Binance's spot candles.

Columns, units and clock: `providers.families.flow`. The spot market of 1000PEPE trades PEPE, so
base units differ from the perpetual's; compare the two in quote currency. A coin without a spot
market on Binance is a bad request (-1121).
"""

from datetime import timedelta

from providers.contract import Dataset, Provider
from providers.families.flow import SLOTS, VALUES, plausible, with_step
from providers.families.kline_archive import ArchivedCandles
from providers.families.klines import Endpoint, RestCandles
from providers.sources import Entry, Sources
from providers.symbols import binance_spot_symbol

DATASET = Dataset(
    name="spot_taker_flow",
    values=VALUES,
    step=timedelta(minutes=15),
    max_age=timedelta(minutes=30),
    spot=True,
    summary="volume and taker buys per bar on the spot market, base coin and quote currency; "
    "label: open of the bar, known at its close",
)
ENDPOINT = Endpoint("/api/v3/klines", "binance-spot", limit=1000, weight=2)


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST, and the archive for where REST is blocked."""
    dataset = with_step(DATASET, sources.flow_step)
    return (
        RestCandles(
            dataset=dataset,
            slots=SLOTS,
            symbol=binance_spot_symbol,
            amend=plausible,
            client=sources.client,
            base=sources.endpoints.binance_spot,
            endpoint=ENDPOINT,
            source="binance-spot",
        ),
        ArchivedCandles(
            dataset=dataset,
            slots=SLOTS,
            symbol=binance_spot_symbol,
            amend=plausible,
            sources=sources,
            market="spot",
            kind="klines",
        ),
    )


ENTRY = Entry(DATASET, providers)

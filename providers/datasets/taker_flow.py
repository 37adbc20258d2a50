"""Taker buys and sells on the perpetual, from Binance's futures candles.

The taker ratio of ``/futures/data`` says the same about thirty days only, with an unclear label.
Columns, units and clock: `providers.families.flow`. Of 1000PEPE a base unit is a thousand PEPE.
"""

from datetime import timedelta

from providers.contract import Dataset, Provider
from providers.families.flow import SLOTS, VALUES, plausible, with_step
from providers.families.kline_archive import ArchivedCandles
from providers.families.klines import Endpoint, RestCandles
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

DATASET = Dataset(
    name="taker_flow",
    values=VALUES,
    step=timedelta(minutes=15),
    max_age=timedelta(minutes=30),
    summary="volume and taker buys per bar on the perpetual, base coin and quote currency; "
    "label: open of the bar, known at its close",
)
ENDPOINT = Endpoint("/fapi/v1/klines", "binance-futures", limit=1500, weight=10)


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST, and the archive for where REST is blocked."""
    dataset = with_step(DATASET, sources.flow_step)
    return (
        RestCandles(
            dataset=dataset,
            slots=SLOTS,
            symbol=binance_symbol,
            amend=plausible,
            client=sources.client,
            base=sources.endpoints.binance_futures,
            endpoint=ENDPOINT,
            source="binance-futures",
        ),
        ArchivedCandles(
            dataset=dataset,
            slots=SLOTS,
            symbol=binance_symbol,
            amend=plausible,
            sources=sources,
            market="futures/um",
            kind="klines",
        ),
    )


ENTRY = Entry(DATASET, providers)

"""How far a perpetual trades from its index, every five minutes of the last thirty days.

``index_price`` and ``futures_price`` are quote currency, ``basis`` is their difference, and
``basis_rate`` is that as a fraction of the index. ``date`` is the snapshot, known five minutes
later. Nobody archives it; `premium_index` goes back further. Binance rounds the rate to four
decimals and annualizes it only for contracts that expire.

Source: Binance ``/futures/data/basis``.
"""

from datetime import timedelta

from providers.contract import Bounds, Dataset
from providers.families.snapshots import Part, RestSnapshots
from providers.sources import Entry

DATASET = Dataset(
    name="basis",
    values={
        "index_price": Bounds(0.0, zero_is_missing=True),
        "futures_price": Bounds(0.0, zero_is_missing=True),
        "basis": Bounds(),
        "basis_rate": Bounds(-1.0, 1.0),
    },
    step=timedelta(minutes=5),
    max_age=timedelta(minutes=15),
    summary="perpetual minus index, quote currency and fraction; label: the snapshot, known 5 min "
    "later; 30 days",
)
REST = (
    Part(
        "basis",
        {
            "index_price": "indexPrice",
            "futures_price": "futuresPrice",
            "basis": "basis",
            "basis_rate": "basisRate",
        },
    ),
)


def perpetual_of(symbol: str) -> dict[str, str]:
    """Return how this endpoint names a perpetual."""
    return {"pair": symbol, "contractType": "PERPETUAL"}


ENTRY = Entry(DATASET, lambda sources: (RestSnapshots(sources, DATASET, REST, perpetual_of),))

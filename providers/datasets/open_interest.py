"""Open contracts of a perpetual, every five minutes.

``open_interest_amount`` is base coin, one side; ``open_interest_value`` is quote currency at the
mark price of the snapshot. ``date`` is the snapshot, known five minutes later. Of 1000PEPE a base
unit is a thousand PEPE.

Source: Binance ``/futures/data/openInterestHist`` for thirty days, the archive's metrics before.
"""

from datetime import timedelta

from providers.contract import Bounds, Dataset, Provider
from providers.families.metrics import AMOUNT, VALUE, ArchivedMetrics
from providers.families.snapshots import Part, RestSnapshots
from providers.sources import Entry, Sources

DATASET = Dataset(
    name="open_interest",
    values={
        "open_interest_amount": Bounds(0.0, zero_is_missing=True),
        "open_interest_value": Bounds(0.0, zero_is_missing=True),
    },
    step=timedelta(minutes=5),
    max_age=timedelta(minutes=15),
    summary="open interest, base coin (one side) and quote currency; label: the snapshot, "
    "known 5 min later",
)
REST = (
    Part(
        "openInterestHist",
        {
            "open_interest_amount": "sumOpenInterest",
            "open_interest_value": "sumOpenInterestValue",
        },
    ),
)
ARCHIVED = {"open_interest_amount": AMOUNT, "open_interest_value": VALUE}


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST for the last thirty days and the archive for what was before."""
    return RestSnapshots(sources, DATASET, REST), ArchivedMetrics(sources, DATASET, ARCHIVED)


ENTRY = Entry(DATASET, providers, native="open_interest")

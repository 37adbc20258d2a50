"""How many are long for one that is short, every five minutes.

``global_account_ratio`` counts all accounts, ``top_account_ratio`` those of the fifth with the
largest margin balances, ``top_position_ratio`` weighs the latter by position. 1 is balance; there
is no zero. ``date`` is the snapshot, known five minutes later. REST prints four decimals and the
archive more; both are kept as they come, and agree when the fourth is no more than one apart.

Source: three endpoints of Binance ``/futures/data`` for thirty days, the archive's metrics before.
"""

from datetime import timedelta

from providers.contract import Bounds, Dataset, Provider
from providers.families.metrics import ArchivedMetrics
from providers.families.snapshots import Part, RestSnapshots
from providers.sources import Entry, Sources

DATASET = Dataset(
    name="long_short_ratio",
    values=dict.fromkeys(
        ("global_account_ratio", "top_account_ratio", "top_position_ratio"),
        Bounds(0.0, zero_is_missing=True),
    ),
    step=timedelta(minutes=5),
    max_age=timedelta(minutes=15),
    summary="longs per short: accounts, top accounts, positions of top accounts; label: the "
    "snapshot, known 5 min later",
    tolerance=1e-4,  # whether REST rounds or cuts off
)
REST = (
    Part("globalLongShortAccountRatio", {"global_account_ratio": "longShortRatio"}),
    Part("topLongShortAccountRatio", {"top_account_ratio": "longShortRatio"}),
    Part("topLongShortPositionRatio", {"top_position_ratio": "longShortRatio"}),
)
ARCHIVED = {
    "global_account_ratio": "count_long_short_ratio",
    "top_account_ratio": "count_toptrader_long_short_ratio",
    "top_position_ratio": "sum_toptrader_long_short_ratio",
}


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST for the last thirty days and the archive for what was before."""
    archive = ArchivedMetrics(sources, DATASET, ARCHIVED)
    return RestSnapshots(sources, DATASET, REST), archive


ENTRY = Entry(DATASET, providers)

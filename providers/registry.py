"""Every dataset by name: one line per module, and one module per idea."""

from difflib import get_close_matches

from providers.datasets import (
    aggr_flow,
    basis,
    bybit_liquidations,
    bybit_open_interest,
    coinalyze,
    coinglass,
    fear_greed,
    funding_rate,
    liquidations,
    long_short_ratio,
    news,
    open_interest,
    order_book,
    premium_index,
    recorder_uptime,
    senticrypt,
    spot_taker_flow,
    taker_flow,
)
from providers.errors import DataMissingError
from providers.sources import Entry

_ENTRIES: tuple[Entry, ...] = (
    open_interest.ENTRY,
    bybit_open_interest.ENTRY,
    funding_rate.ENTRY,
    taker_flow.ENTRY,
    spot_taker_flow.ENTRY,
    long_short_ratio.ENTRY,
    basis.ENTRY,
    premium_index.ENTRY,
    fear_greed.ENTRY,
    senticrypt.ENTRY,
    order_book.ENTRY,
    liquidations.ENTRY,
    bybit_liquidations.ENTRY,
    recorder_uptime.ENTRY,
    news.ENTRY,
    *coinalyze.ENTRIES,
    *coinglass.ENTRIES,
    aggr_flow.ENTRY,
)

DATASETS: dict[str, Entry] = {entry.dataset.name: entry for entry in _ENTRIES}


def entry(name: str) -> Entry:
    """Return what is known about a dataset.

    Raises
    ------
    DataMissingError
        There is none of this name; the message lists the names.
    """
    if name in DATASETS:
        return DATASETS[name]
    close = get_close_matches(name, DATASETS, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise DataMissingError(
        f"there is no dataset {name!r:.60}; {hint}the datasets are {', '.join(DATASETS)}"
    )

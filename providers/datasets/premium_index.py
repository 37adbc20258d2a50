"""How far a perpetual trades from its index, as the exchange computes it for funding.

The premium is a fraction of the index price, positive while the perpetual is dearer. Open, high,
low and close are of the hour that begins at the label; they are known at its close.

Source: Binance ``/fapi/v1/premiumIndexKlines`` and the archive of the same.
"""

from datetime import timedelta

import numpy as np

from providers.contract import Bounds, Checked, Dataset, Provider, Quality
from providers.families.kline_archive import ArchivedCandles
from providers.families.klines import Endpoint, RestCandles
from providers.sources import Entry, Sources
from providers.symbols import binance_symbol

SLOTS = {"open": 1, "high": 2, "low": 3, "close": 4}
ENDPOINT = Endpoint("/fapi/v1/premiumIndexKlines", "binance-futures", limit=1500, weight=10)

DATASET = Dataset(
    name="premium_index",
    values=dict.fromkeys(SLOTS, Bounds(-1.0, 1.0)),
    step=timedelta(hours=1),
    max_age=timedelta(hours=2),
    summary="premium of the perpetual over its index, fraction; label: open of the hour, "
    "known at its close",
)


def plausible(checked: Checked) -> Checked:
    """Blank a row whose high or low is not the extreme of its values."""
    frame, names = checked.frame.copy(), list(SLOTS)
    rows = frame[names]
    wrong = (rows.max(axis=1) > rows["high"]) | (rows.min(axis=1) < rows["low"])
    frame.loc[wrong, names] = np.nan
    frame.loc[wrong, "quality"] |= int(Quality.INVALID)
    checked.found["invalid"] += int(wrong.sum())
    return Checked(frame, +checked.found)


def providers(sources: Sources) -> tuple[Provider, ...]:
    """Return REST, and the archive for where REST is blocked."""
    return (
        RestCandles(
            dataset=DATASET,
            slots=SLOTS,
            symbol=binance_symbol,
            amend=plausible,
            client=sources.client,
            base=sources.endpoints.binance_futures,
            endpoint=ENDPOINT,
            source="binance-futures",
        ),
        ArchivedCandles(
            dataset=DATASET,
            slots=SLOTS,
            symbol=binance_symbol,
            amend=plausible,
            sources=sources,
            market="futures/um",
            kind="premiumIndexKlines",
        ),
    )


ENTRY = Entry(DATASET, providers)

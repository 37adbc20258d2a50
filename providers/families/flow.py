"""What taker flow is, on whatever market: who crossed the spread, bar by bar.

``volume`` and ``taker_buy_volume`` are base coin, the ``quote`` ones quote currency, ``trades`` a
count. What takers sold is the volume minus what they bought. A row is labeled by the open of its
candle and known at its close.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Quality

SLOTS = {
    "volume": 5,
    "quote_volume": 7,
    "trades": 8,
    "taker_buy_volume": 9,
    "taker_buy_quote_volume": 10,
}
VALUES = {name: Bounds(0.0) for name in SLOTS}
ROUNDING = 1e-9  # relative; what a sum may gain when it is rounded

_PARTS = (("taker_buy_volume", "volume"), ("taker_buy_quote_volume", "quote_volume"))


def with_step(dataset: Dataset, step: timedelta) -> Dataset:
    """Return the dataset read from candles of another length."""
    return replace(dataset, step=step, max_age=2 * step)


def plausible(checked: Checked) -> Checked:
    """Blank what contradicts itself: a part above the whole, volume without a trade."""
    checked = blank_contradictions(checked, _PARTS)
    frame = checked.frame
    untold = (frame["trades"] == 0) & (frame["volume"] > 0)
    frame.loc[untold, "trades"] = np.nan
    frame.loc[untold, "quality"] |= int(Quality.ZERO)
    checked.found["zeros"] += int(untold.sum())
    return Checked(frame, +checked.found)


def blank_contradictions(checked: Checked, parts: Iterable[tuple[str, str]]) -> Checked:
    """Blank pairs of columns where the first, a part of the second, is larger."""
    frame = checked.frame.copy()
    contradicting = pd.Series(data=False, index=frame.index)
    for part, whole in parts:
        wrong = frame[part] > frame[whole] * (1 + ROUNDING)
        frame.loc[wrong, [part, whole]] = np.nan
        contradicting |= wrong
    frame.loc[contradicting, "quality"] |= int(Quality.INVALID)
    checked.found["invalid"] += int(contradicting.sum())
    return Checked(frame, +checked.found)

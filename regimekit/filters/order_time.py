"""What the filters that are asked just before an order have in common.

They see what no candle holds: one number for one moment, beyond zero where the market leans to the
long side, NaN where nothing is known. Like all filters they change the confidence, and what is
missing follows its policy.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.schema import Gate, Side

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OrderTimeVerdict:
    """What a filter says about one order.

    Attributes
    ----------
    gate : Gate
        Which filter.
    allows : bool
        False where it refuses the order whatever its confidence is.
    bonus : float
        Added to the confidence; negative to take from it.
    reason : str
        Why, for a person; it tells how the market stands to the order, not to the long side.
    available : bool
        Whether there was something to judge by. A filter without data says nothing.
    """

    gate: Gate
    allows: bool
    bonus: float
    reason: str
    available: bool = True


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a number counts: beyond `least` for or against, and the policy without one."""

    least: float
    bonus: float
    penalty: float
    outage: str


def weigh(gate: Gate, what: str, lean: float, side: Side, weights: Weights) -> OrderTimeVerdict:
    """Judge an order by a number that is above zero where the market leans to the long side.

    Parameters
    ----------
    what : str
        The number, for a person: ``order book imbalance``.
    lean : float
        -1 to 1; NaN where it is not known, which refuses under the ``block`` policy and leaves the
        confidence alone under ``abstain``.
    """
    if not math.isfinite(lean):
        allows = weights.outage == "abstain"
        return OrderTimeVerdict(gate, allows, 0.0, f"{what} is not known", available=False)
    stands = side.sign * lean
    if stands > weights.least:
        return OrderTimeVerdict(gate, True, weights.bonus, f"{what} {abs(lean):.2f} for it")
    if stands < -weights.least:
        return OrderTimeVerdict(gate, True, -weights.penalty, f"{what} {abs(lean):.2f} against it")
    return OrderTimeVerdict(gate, True, 0.0, f"{what} within {weights.least:.2f}")


def milliseconds(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970, the unit that rows are dated in."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def instants(stamps: "pd.Series[pd.Timestamp]") -> NDArray[np.int64]:
    """Return a column of instants as milliseconds since 1970."""
    return np.asarray(stamps.dt.as_unit("ms").astype("int64"), dtype=np.int64)

"""What the trades out of sample would have come to, had they cost more."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.statistics import sharpe_ratio
from regimekit.evaluation.stress import Scenario, kept_prices, stressed
from tuning.model import Tested
from tuning.weighing.stitch import chained, realized_returns


@dataclass(frozen=True, slots=True)
class Cost:
    """What the trades out of sample would have come to, realized, had they cost more.

    Attributes
    ----------
    profit : float
        A fraction of the wallet, chained over tests.
    sharpe : float
        A year.
    kept_prices : int
        Orders that stayed at their price for want of a later one.
    """

    name: str
    label: str
    profit: float
    sharpe: float
    kept_prices: int


def cost_of(tests: Sequence[Tested], scenario: Scenario) -> Cost:
    """Return what the trades of `tests` would have come to under `scenario`."""
    returns = chained(
        [
            realized_returns(test, stressed(test.trades, scenario).to_numpy(dtype=float))
            for test in tests
        ]
    )
    return Cost(
        name=scenario.name,
        label=scenario.label,
        profit=float(np.prod(1.0 + returns) - 1.0),
        sharpe=float(sharpe_ratio(returns)) if len(returns) else math.nan,
        kept_prices=sum(kept_prices(test.trades, scenario) for test in tests),
    )

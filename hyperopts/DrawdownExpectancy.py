"""DrawdownExpectancy: mean R a trade, within a maximum drawdown."""

from typing import Any

import _pack_path  # noqa: F401 - finds regimekit in a checkout that is not installed
from freqtrade.optimize.hyperopt import IHyperOptLoss

from regimekit.evaluation.losses import drawdown_expectancy
from regimekit.hooks.losses import loss_of


class DrawdownExpectancy(IHyperOptLoss):
    """Mean R a trade less what a drawdown beyond the limit costs; settings: `loss`."""

    @staticmethod
    def hyperopt_loss_function(**given: Any) -> float:
        """Return the loss of an epoch; see `drawdown_expectancy`."""
        return loss_of(drawdown_expectancy, given)

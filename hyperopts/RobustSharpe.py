"""RobustSharpe: a Sharpe ratio that every part of the training has to show."""

from typing import Any

import _pack_path  # noqa: F401 - finds regimekit in a checkout that is not installed
from freqtrade.optimize.hyperopt import IHyperOptLoss

from regimekit.evaluation.losses import robust_sharpe
from regimekit.hooks.losses import loss_of


class RobustSharpe(IHyperOptLoss):
    """Mean Sharpe ratio of the folds less a part of the distance to the worst; settings: `loss`."""

    @staticmethod
    def hyperopt_loss_function(**given: Any) -> float:
        """Return the loss of an epoch; see `robust_sharpe`."""
        return loss_of(robust_sharpe, given)

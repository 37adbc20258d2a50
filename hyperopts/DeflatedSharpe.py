"""DeflatedSharpe: a Sharpe ratio that knows how many epochs were tried."""

from typing import Any

import _pack_path  # noqa: F401 - finds regimekit in a checkout that is not installed
from freqtrade.optimize.hyperopt import IHyperOptLoss

from regimekit.evaluation.losses import deflated_sharpe_z
from regimekit.hooks.losses import loss_of


class DeflatedSharpe(IHyperOptLoss):
    """Standard errors above the best of as many worthless trials; settings: `loss`."""

    @staticmethod
    def hyperopt_loss_function(**given: Any) -> float:
        """Return the loss of an epoch; see `deflated_sharpe_z`."""
        return loss_of(deflated_sharpe_z, given)

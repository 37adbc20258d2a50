"""Freqtrade's call of a hyperopt loss: unpack its arguments, ask a loss, return it."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import timeframe_to_seconds

from regimekit.evaluation.loss_settings import LossSettings, loss_config_from
from regimekit.evaluation.trial import RiskUnknownError, Trial
from regimekit.settings.section import SettingsError


def loss_of(loss: Callable[[Trial, LossSettings], float], given: Mapping[str, Any]) -> float:
    """Return the loss of what Freqtrade hands to ``hyperopt_loss_function``.

    Raises
    ------
    OperationalException
        The section ``loss`` of the configuration is wrong, or a trade does not tell what the loss
        needs. Freqtrade ends the search with this one line and exit code 2, workers or not.
    """
    config = given["config"]
    try:
        asked = loss_config_from(config.get("loss", {}))
        trial = Trial.of(
            given["results"],
            start=pd.Timestamp(given["min_date"]),
            end=pd.Timestamp(given["max_date"]),
            balance=float(given["starting_balance"]),
            closed=asked.closed,
            frames=given["processed"],
            timeframe=pd.Timedelta(seconds=timeframe_to_seconds(config["timeframe"])),
            epochs=int(config["epochs"]),
        )
        return loss(trial, asked.settings)
    except (SettingsError, RiskUnknownError) as error:
        raise OperationalException(str(error)) from error

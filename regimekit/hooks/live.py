"""Refuse to trade real money that nobody has put at risk on purpose."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from freqtrade.enums import TRADE_MODES, RunMode
from freqtrade.exceptions import OperationalException

from regimekit.live import VARIABLE, Acknowledgement, AcknowledgementError, check_acknowledgement
from regimekit.settings.live import LiveSettings

logger = logging.getLogger(__name__)


def require_acknowledgement(
    config: Mapping[str, Any], settings: LiveSettings
) -> Acknowledgement | None:
    """Let a strategy be built for live trading only with a valid acknowledgement.

    Returns it, and None where nothing real is traded.

    Freqtrade builds the strategy before it looks at a market, at each start and at each reload. A
    bot that runs already is not stopped when its acknowledgement ends: open trades need it.

    Raises
    ------
    OperationalException
        There is none; the message names the way out. Freqtrade then ends with exit code 2.
    """
    mode = config.get("runmode")
    trades = mode == RunMode.LIVE or (mode in TRADE_MODES and not config.get("dry_run"))
    if not trades:
        return None
    try:
        accepted = check_acknowledgement(
            os.environ.get(VARIABLE), settings, datetime.now(tz=UTC).date()
        )
    except AcknowledgementError as error:
        raise OperationalException(
            f"Live trading is not acknowledged: {error}. Nothing was ordered, and nobody watches "
            "open positions but their stops on the exchange. For a dry run set dry_run to true and "
            "take another database; docs/operations.md, section Acknowledgement, says more"
        ) from error
    logger.warning(
        "Live trading with real money: the loss of %s is accepted until %s",
        accepted.account,
        accepted.until,
    )
    return accepted

"""Rows from the future: what an exchange says of a time that has not come.

Freqtrade keeps such rows and asks for no others until the clock has caught up with them, and by
then they look like any other. So a series that told of the future is not used until Freqtrade has
asked again for all that it told.
"""

import logging
from datetime import datetime, timedelta

import pandas as pd

logger = logging.getLogger(__name__)

TOLERANCE = timedelta(minutes=2)  # clocks differ; the watch on ours is stricter


class FutureRows:
    """Remembers which series told of the future, and until when they are not used."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def usable(
        self,
        name: str,
        dates: pd.Series,
        step: timedelta,
        now: datetime,
        lasting: timedelta = timedelta(0),
    ) -> bool:
        """Tell whether a series may be used at `now`; logs when that changes.

        Parameters
        ----------
        name : str
            Of the series, for the log.
        dates : Series of datetime
            Of its rows, ascending.
        step : timedelta
            Between two rows.
        lasting : timedelta
            From its date until a row is known: a candle at its close.
        """
        until = self._until.get(name)
        newest = dates.iloc[-1].to_pydatetime() if len(dates) else None
        if newest is not None and newest + lasting > now + TOLERANCE:
            renewed = newest + 2 * step  # when Freqtrade asks for what follows the newest row
            if until is None:
                logger.warning(
                    "%s has rows up to %s, ahead of the clock; it is not used before %s.",
                    *(name, f"{newest:%Y-%m-%d %H:%M}", f"{renewed:%Y-%m-%d %H:%M} UTC"),
                )
            self._until[name] = renewed if until is None else max(until, renewed)
            return False
        if until is not None and now < until:
            return False
        if until is not None:
            del self._until[name]
            logger.warning("%s has no rows ahead of the clock any more and is used again.", name)
        return True

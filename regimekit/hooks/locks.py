"""Pair locks that a database refuses: they show why entries stop, and must not stop exits."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from freqtrade.persistence import Trade
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

LONGEST_REASON = 200


class SparedLocks:
    """Remembers whether the database took the last lock, to log the first of its refusals."""

    def __init__(self) -> None:
        self._failed = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Do without a lock that the database does not take: orders are refused all the same."""
        try:
            yield
        except SQLAlchemyError as error:
            Trade.rollback()  # else the session of the whole bot could not be used any more
            if not self._failed:
                why = " ".join(str(getattr(error, "orig", error)).split())[:LONGEST_REASON]
                logger.warning("A pair lock cannot be written (%s); it is tried again", why)
            self._failed = True
        else:
            self._failed = False

"""Show a missing input where a trader looks: as a pair lock with its reason.

The signal columns and ``confirm_trade_entry`` refuse entries during an outage anyway. The lock adds
that FreqUI and Telegram (``/locks``) say why, and that it holds across a restart.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.locks import SparedLocks

logger = logging.getLogger(__name__)

LOCK = timedelta(hours=1)
REASON = "{pair}: a required input is missing or stale"


class OutageLocks(PackStrategy):
    """Locks pairs whose inputs are missing, live only; one log line per transition."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        # None: known to be fine. A pair not in here may carry a lock from before a restart.
        self._locked_until: dict[str, datetime | None] = {}
        self._fine_since: dict[str, datetime] = {}  # the close whose decision ended a lock
        self._spared_outage_locks = SparedLocks()

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Lock pairs with an outage, renew the lock while it lasts, unlock when it ends."""
        if self.dp.runmode not in LIVE:
            return
        # One refusal ends it until the next loop: a database that is busy takes seconds to refuse.
        with self._spared_outage_locks.attempt():
            for pair in self.dp.current_whitelist():
                self._follow(pair, current_time)
        # A 1h or 4h candle may come one loop after that of the strategy. Freqtrade fetches it then,
        # but would look at it a whole candle later only.
        early = current_time - self.candle_open(current_time) < self.analysis_grace
        newest = [table.at(current_time) for table in self.decisions.values()]
        self.process_only_new_candles = not (
            early and any(decision and not decision.inputs_ok for decision in newest)
        )

    def _follow(self, pair: str, now: datetime) -> None:
        table = self.decisions.get(pair)
        if table is None:
            return  # not analyzed since the start; there is nothing to enter on either
        reason = REASON.format(pair=pair)
        first_sight = pair not in self._locked_until
        until = self._locked_until.get(pair)
        # A lock ends with the first good decision. That before it would bring the lock back while
        # the new candle is within its grace.
        settled_at = now - self.analysis_grace
        settled = table.at(max(settled_at, self._fine_since.get(pair, settled_at)))
        newest = table.at(now) if until else None
        decision = newest or settled
        if decision is not None and decision.inputs_ok:
            if first_sight or until is not None:
                self.unlock_reason(reason)
                self._locked_until[pair] = None
                self._fine_since[pair] = self.candle_open(now if newest else settled_at)
            if until is not None:
                logger.warning("%s: inputs are back, entries are possible again.", pair)
        elif until is None or now >= until - self.analysis_grace:
            self.lock_pair(pair, now + LOCK, reason)
            self._locked_until[pair] = now + LOCK
            if until is None:
                logger.warning("%s; entries are locked until it is back.", reason)

"""What a bot watches about itself: its database, its clock, its disk; and its sign of life.

Each of these stops entries and nothing else: exits need a price and the plan of the trade. What is
wrong is logged and sent once when it begins and once when it ends, and stands as a pair lock where
FreqUI and Telegram (``/locks``) show it.
"""

import logging
import os
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import PairLocks

from providers.live.clock_offset import ClockWatch, read_offset
from providers.live.feed import interruptible
from providers.live.stop import Stop
from providers.storage.instance import Instance, InstanceError, database_of, hold, lock_of
from providers.storage.pulse import Pulse, pulse_path, write_pulse
from providers.transport.http import Bounds, HttpClient
from providers.transport.limits import Limiter
from regimekit.hooks.base import LIVE
from regimekit.hooks.feed import LiveFeed, endpoints_of
from regimekit.hooks.gates import EntryGates
from regimekit.hooks.locks import SparedLocks
from regimekit.hooks.names import bot_name
from regimekit.hooks.watch_checks import (
    FINE,
    Check,
    ClockCheck,
    DiskCheck,
    Finding,
    InstanceCheck,
    Strangers,
)
from regimekit.live import reminder
from regimekit.risk.gates import Refusal
from regimekit.schema import Gate, Side

logger = logging.getLogger(__name__)

EVERYWHERE = "*"  # all pairs, as Freqtrade's locks spell it
LOCK, RENEW = timedelta(hours=1), timedelta(minutes=2)
REASONS = {
    Gate.INSTANCE: "INSTANCE: another bot may use the database",
    Gate.CLOCK_SKEW: "CLOCK_SKEW: the clock of this computer is wrong",
    Gate.DISK: "DISK: too little free space",
}
ADVICE = {
    Gate.INSTANCE: "Stop all bots of this database, then start one.",
    Gate.CLOCK_SKEW: "Let the system keep the time, with chrony or systemd-timesyncd for example.",
    Gate.DISK: "Make room, or lower regimekit.watch.disk_free_mb.",
}
# Telegram reads these as formatting, and drops a message where they do not come in pairs.
PLAIN = str.maketrans({"_": " ", "*": " ", "[": "(", "]": ")", "`": "'"})


class Watchdog(LiveFeed, EntryGates):
    """Stops entries while database, clock or disk are not as they must be; dry and live only.

    A check that fails itself stops entries too.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._checks: dict[Gate, Check] = {}
        self._findings: dict[Gate, Finding] = {}
        self._stopped: set[Gate] = set()  # what was announced
        self._settled: set[Gate] = set()  # what carries no lock of an earlier process
        self._stops_until: dict[Gate, datetime] = {}
        self._spared_locks = SparedLocks()
        self._pulse_failed = False
        self._pulse_due = 0.0
        self._strangers = Strangers()
        self._reminded: date | None = None
        self._clock_watch: ClockWatch | None = None
        self._clock_client: HttpClient | None = None
        # Before Freqtrade opens the database: what it does when a start fails, such as to cancel
        # open orders, would be done to the orders of the other bot.
        self._instance = _hold_database(config) if self._trades else None

    @property
    def _trades(self) -> bool:
        return self.config.get("runmode") in LIVE

    def bot_start(self, **kwargs: Any) -> None:
        """Begin to watch; entries wait for the first look at everything."""
        super().bot_start(**kwargs)
        if not self._trades:
            return
        self._checks = {
            Gate.INSTANCE: InstanceCheck(self._instance),
            Gate.CLOCK_SKEW: self._clock_check(),
            Gate.DISK: DiskCheck(_folders(self.config), self.settings.watch.disk_free_mb),
        }
        self._findings = dict.fromkeys(self._checks, Finding("not looked at yet", lasting=False))

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Look at everything, then show a sign of life."""
        super().bot_loop_start(current_time, **kwargs)
        if not self._trades:
            return
        try:
            for gate, check in self._checks.items():
                self._findings[gate] = Finding("the check itself failed")  # unless it ends
                self._findings[gate] = check()
                self._heed(gate, self._findings[gate], current_time)
            self._remind(current_time)
            self._hint_at_strangers(current_time)
        finally:
            self._beat(current_time)

    def entry_refusal(
        self, pair: str, side: Side, moment: datetime, *, amount: float, rate: float
    ) -> Refusal | None:
        """Return what this computer is not fit for, else what the gates say."""
        for gate, finding in self._findings.items():
            if finding.why:
                return Refusal(gate, f"{REASONS[gate]} ({finding.why})")
        return super().entry_refusal(pair, side, moment, amount=amount, rate=rate)

    def ft_bot_cleanup(self) -> None:
        """Let the thread end; the database stays held until the process ends."""
        if self._clock_watch is not None:
            self._clock_watch.stop()
        if self._clock_client is not None:
            self._clock_client.close()
        super().ft_bot_cleanup()

    def _clock_check(self) -> Check:
        """Begin to ask the exchange; where nobody can be asked the clock is taken to be right."""
        settings, endpoints = self.settings.watch, endpoints_of(self.config)
        if not settings.clock_block_seconds:
            return lambda: FINE
        if endpoints is None:
            logger.info(
                "The clock is not watched, because only Binance is asked for its time, at the "
                "addresses that exchange.ccxt_config.urls.api gives for fapiPublic and public"
            )
            return lambda: FINE
        stopping = Stop()
        sleep = interruptible(stopping)
        # Limits and bans are of the address, so they are shared with the feed.
        limiter = self._client.limiter if self._client is not None else Limiter(sleep=sleep)
        patience = self.settings.inputs.request_seconds
        bounds = Bounds(total=patience, read=patience / 2)
        self._clock_client = HttpClient(limiter, bounds, sleep=sleep)
        self._clock_watch = ClockWatch(
            partial(read_offset, self._clock_client, endpoints.binance_futures),
            timedelta(minutes=settings.clock_every_minutes),
            settings.clock_warn_seconds,
            stopping=stopping,
        )
        self._clock_watch.ensure()
        return ClockCheck(self._clock_watch, settings)

    def _heed(self, gate: Gate, finding: Finding, now: datetime) -> None:
        """Announce what begins and what ends, and keep the lock while it lasts."""
        if not finding.why:
            if gate in self._stopped:
                self._stopped.discard(gate)
                self._announce(f"{gate.name} is over: entries are possible again.")
            if gate in self._stops_until or gate not in self._settled:
                self._unlock_all(gate)
            return
        if not finding.lasting:
            return
        if gate not in self._stopped:
            self._stopped.add(gate)
            text = f"{gate.name}: {finding.why}; no new entries, exits go on. {ADVICE[gate]}"
            self._announce(text)
        until = self._stops_until.get(gate)
        # A lock that ends later than any of ours was made before the clock was set back.
        if until is None or not now <= until - RENEW <= now + LOCK:
            self._lock_all(gate, now + LOCK)

    def _announce(self, text: str) -> None:
        logger.warning(text)
        self.dp.send_msg(text.translate(PLAIN))

    def _lock_all(self, gate: Gate, until: datetime) -> None:
        with self._spared_locks.attempt():
            self.lock_pair(EVERYWHERE, until, REASONS[gate])
            self._stops_until[gate] = until

    def _unlock_all(self, gate: Gate) -> None:
        with self._spared_locks.attempt():
            locks = PairLocks.get_pair_locks(EVERYWHERE)
            if any(lock.reason == REASONS[gate] for lock in locks):
                self.unlock_reason(REASONS[gate])
            self._stops_until.pop(gate, None)
            self._settled.add(gate)

    def _hint_at_strangers(self, now: datetime) -> None:
        """Warn of positions that somebody else opened on the account."""
        if self.config.get("runmode") != RunMode.LIVE or not self._strangers.due(now):
            return
        own = {trade.pair for trade in self.open_trades()}
        if found := self._strangers.news(set(self.wallets.get_all_positions()), own, now):
            self._announce(
                f"{', '.join(found)}: positions on the account that this bot did not open. "
                "Another bot or a person trades there; one account per bot keeps both right."
            )

    def _remind(self, now: datetime) -> None:
        """Say once a day that the acknowledgement is about to end."""
        if self.accepted is not None and self._reminded != now.date():
            self._reminded = now.date()
            if text := reminder(self.accepted, now.date()):
                self._announce(text)

    def _beat(self, now: datetime) -> None:
        """Write the sign of life; a disk that does not take it stops nothing here."""
        folder = self.config.get("user_data_dir")
        if folder is None or monotonic() < self._pulse_due:
            return
        self._pulse_due = monotonic() + self.settings.watch.pulse_seconds
        closes = [table.last_close for table in self.decisions.values()]
        pulse = Pulse(
            at=now,
            candle=max((close for close in closes if close is not None), default=None),
            pid=os.getpid(),
            strategy=self.get_strategy_name(),
            state="running",
            blocked=tuple(gate.label for gate, finding in self._findings.items() if finding.why),
        )
        path = pulse_path(Path(folder), bot_name(self.config))
        try:
            write_pulse(path, pulse)
        except OSError as error:
            if not self._pulse_failed:
                logger.warning("The pulse %s cannot be written (%s); trading goes on", path, error)
            self._pulse_failed = True
        else:
            self._pulse_failed = False


def _hold_database(config: Mapping[str, Any]) -> Instance | None:
    """Hold the database that Freqtrade will open; None for one that nobody else can open.

    Raises
    ------
    OperationalException
        Another bot holds it. Freqtrade then ends with exit code 2.
    """
    lock = lock_of(str(config.get("db_url")), Path(config.get("user_data_dir") or "."))
    if lock is None:
        return None
    try:
        return hold(lock, bot_name(config))
    except InstanceError as error:
        raise OperationalException(str(error)) from error


def _folders(config: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return where a bot writes what it cannot do without: its database and its user folder."""
    database = database_of(str(config.get("db_url")))
    user_data = Path(config.get("user_data_dir") or ".").resolve()
    return tuple({*([] if database is None else [database.parent]), user_data})

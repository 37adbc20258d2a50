"""Write refused orders down, for a report that asks what they would have done."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode

from providers.storage.vetoes import FOLDER, LedgerFile, ledger_path, prune_backtests
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.names import bot_name
from regimekit.hooks.table import Decision
from regimekit.schema import Gate, Regime, Side

logger = logging.getLogger(__name__)

# Hyperopt, analyses and plots ask the same questions thousands of times, or trade nothing.
WRITTEN = (*LIVE, RunMode.BACKTEST)


class VetoLedger(PackStrategy):
    """Keeps a ledger of refused orders: one per backtest, one per bot, none for anything else.

    Each refusal is written when it happens, once per pair, side, gate and candle: Freqtrade does
    not tell a strategy when a backtest ends. A ledger that cannot be written is logged once and
    decides nothing.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._ledger: LedgerFile | None = None
        self._ledger_failed = False
        self._noted: set[tuple[str, Side, Gate]] = set()
        self._noted_in: datetime | None = None  # the candle that `_noted` is about

    def bot_start(self, **kwargs: Any) -> None:
        """Begin the ledger of this run: Freqtrade calls this at the start of each backtest too."""
        super().bot_start(**kwargs)
        self._ledger, self._ledger_failed = None, False
        self._noted.clear()
        settings, folder = self.settings.vetoes, self.config.get("user_data_dir")
        if not settings.ledger or folder is None or self.config.get("runmode") not in WRITTEN:
            return
        ledger = self._new_ledger(Path(folder) / FOLDER)
        try:
            ledger.begin()
            prune_backtests(ledger.path.parent, settings.keep_files)
        except OSError as error:
            self._fail(ledger, error)
        self._ledger = ledger

    def record_veto(
        self,
        gate: Gate,
        reason: str,
        *,
        pair: str,
        side: Side,
        moment: datetime,
        rate: float,
        decision: Decision | None,
    ) -> None:
        """Write down that `gate` refused an order of `pair`.

        Parameters
        ----------
        moment : datetime
            Of the order; the row is dated by the open of the candle that contains it.
        rate : float
            Price of the order, quote currency.
        decision : Decision or None
            The signal behind the order, None where there is none.
        """
        if self._ledger is None:
            return
        candle = self.candle_open(moment)
        if candle != self._noted_in:
            self._noted_in = candle
            self._noted.clear()
        if (pair, side, gate) in self._noted:
            return
        self._noted.add((pair, side, gate))
        row = {
            "at": candle.isoformat(),
            "pair": pair,
            "side": side.value,
            "gate": gate.label,
            "reason": reason,
            "rate": rate,
            **_of_decision(decision, side),
        }
        try:
            self._ledger.append([row])
        except OSError as error:
            self._fail(self._ledger, error)

    def _new_ledger(self, folder: Path) -> LedgerFile:
        """Return the ledger of a backtest, or that of this bot, which goes on after a restart."""
        mode, started_at = RunMode(self.config["runmode"]), datetime.now(UTC)
        run = {
            "strategy": self.get_strategy_name(),
            "run_mode": mode.value,
            "timerange": str(self.config.get("timerange") or "") or None,
            "started_at": started_at.isoformat(),
            "timeframe": self.timeframe,
            "profile": self.settings.profile,
        }
        name = f"{started_at:%Y%m%dT%H%M%S%f}-{os.getpid()}"
        if mode in LIVE:
            run["bot"] = name = bot_name(self.config)
        path = ledger_path(folder, self.get_strategy_name(), mode.value, name)
        return LedgerFile(path, run, self.settings.vetoes.most_rows)

    def _fail(self, ledger: LedgerFile, error: OSError) -> None:
        """Log the first of the errors; a disk may have room again later."""
        if not self._ledger_failed:
            self._ledger_failed = True
            logger.warning(
                "Refused orders are missing from %s, because it cannot be written (%s); trading "
                "goes on. Make room or set regimekit.vetoes.ledger to false",
                *(ledger.path, error),
            )


def _of_decision(decision: Decision | None, side: Side) -> dict[str, Any]:
    if decision is None:
        return {}
    return {
        "regime": Regime(decision.regime).label,
        "sub_strategy": decision.sub_strategy,
        "confidence": decision.confidence(side),
        "stop_distance": decision.stop_distance,
        "target_rr": decision.target_rr,
    }

"""Write down what was decided at each candle's close, to compare a bot with a backtest."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.enums import RunMode

from providers.storage.journal import FOLDER, NUMBERS, TEXTS, JournalFile, is_input, journal_path
from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.hooks.names import bot_name

logger = logging.getLogger(__name__)

# Two more than parity compares; a float's last ones would make the files a third longer.
DIGITS = 10


class DecisionJournal(PackStrategy):
    """Keeps a journal of the newest candle of each pair, dry and live only.

    A candle is written once, in the loop after the one that analyzed it, with the time of that
    analysis. A journal that cannot be written is logged once and decides nothing.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._journal: JournalFile | None = None
        self._journal_failed = False
        # Of each pair when its newest frame was analyzed, and the newest candle that is written.
        self._journal_seen: dict[str, datetime] = {}
        self._journal_newest: dict[str, datetime] = {}

    def bot_start(self, **kwargs: Any) -> None:
        """Begin the journal of this bot, which goes on after a restart."""
        super().bot_start(**kwargs)
        self._journal, self._journal_failed = None, False
        self._journal_seen.clear()
        self._journal_newest.clear()
        settings, folder = self.settings.journal, self.config.get("user_data_dir")
        if not settings.enabled or folder is None or self.config.get("runmode") not in LIVE:
            return
        self._journal = self._new_journal(Path(folder) / FOLDER)
        try:
            self._journal.note_start(datetime.now(UTC))
        except OSError as error:
            self._journal_fails(self._journal, error)

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Write the decisions that the loop before made; a lookup per pair where there are none."""
        super().bot_loop_start(current_time, **kwargs)
        if self._journal is None:
            return
        for pair in self.dp.current_whitelist():
            frame, analyzed_at = self.dp.get_analyzed_dataframe(pair, self.timeframe)
            if frame.empty or self._journal_seen.get(pair) == analyzed_at:
                continue
            self._journal_seen[pair] = analyzed_at
            candle = frame["date"].iloc[-1].to_pydatetime()
            if self._journal_newest.get(pair) == candle:
                continue  # looked at again, because an input came late: the first answer stands
            self._journal_newest[pair] = candle
            self._write_decision(analyzed_at, candle, pair, frame)

    def _write_decision(
        self, analyzed_at: datetime, candle: datetime, pair: str, frame: pd.DataFrame
    ) -> None:
        names = [name for name in map(str, frame) if name in (*TEXTS, *NUMBERS) or is_input(name)]
        values = {name: _plain(frame[name].iloc[-1]) for name in names}
        journal = self._journal
        if journal is None:
            return
        try:
            journal.note(analyzed_at, candle, pair, values)
        except OSError as error:
            self._journal_fails(journal, error)

    def _new_journal(self, folder: Path) -> JournalFile:
        strategy, bot = self.get_strategy_name(), bot_name(self.config)
        run = {
            "strategy": strategy,
            "run_mode": RunMode(self.config["runmode"]).value,
            "bot": bot,
            "started_at": datetime.now(UTC).isoformat(),
            "timeframe": self.timeframe,
            "profile": self.settings.profile,
        }
        path = journal_path(folder, strategy, bot)
        return JournalFile(path, run, self.settings.journal.most_rows)

    def _journal_fails(self, journal: JournalFile, error: OSError) -> None:
        """Log the first of the errors; a disk may have room again later."""
        if not self._journal_failed:
            self._journal_failed = True
            logger.warning(
                "Decisions are missing from %s, because it cannot be written (%s); trading goes "
                "on. Make room or set regimekit.journal.enabled to false",
                *(journal.path, error),
            )


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it: text, a number, or None for what is not known."""
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return None
    number = float(value)
    return int(number) if number.is_integer() else float(f"{number:.{DIGITS}g}")

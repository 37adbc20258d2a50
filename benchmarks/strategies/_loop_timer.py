"""Times the candle loop of an unpatched Freqtrade from inside the strategy.

A backtest calls ``bot_loop_start`` once per candle, before the candle's pairs. The time from the
first call to the last is the loop alone: imports, candle files and signals lie before it, the
statistics after it. Only the last candle is missing. Every variant pays the same for the calls.
"""

import atexit
import json
import os
from datetime import datetime
from pathlib import Path
from time import process_time
from typing import Any

from freqtrade.strategy import IStrategy


class LoopTimer(IStrategy):
    """Writes the loop's CPU seconds to the file named by ``BENCH_LOOP_TIME`` when Freqtrade ends.

    CPU time, because the loop is a single thread and other programs would count in wall time.
    """

    _began: float | None = None
    _ended = 0.0

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        if self._began is None:
            self._began = process_time()
            atexit.register(self._report)
        self._ended = process_time()
        super().bot_loop_start(current_time=current_time, **kwargs)

    def _report(self) -> None:
        seconds = self._ended - (self._began or 0.0)
        Path(os.environ["BENCH_LOOP_TIME"]).write_text(json.dumps({"loop_seconds": seconds}))

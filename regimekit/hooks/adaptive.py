"""The adaptive layer in Freqtrade's callbacks: which results count at a moment."""

from datetime import datetime
from typing import Any

from regimekit.adaptive import NEUTRAL, Adaptation, adapt, results_needed
from regimekit.hooks.history import PastTrades
from regimekit.settings import AdaptiveSettings


class Adaptive(PastTrades):
    """Adapts each sub-strategy to the results of its own closed trades.

    The answer follows from Freqtrade's trades alone. What is remembered is only the last answer
    with everything it followed from, so that asking again costs a comparison: a restart, another
    backtest or another hyperopt epoch cannot meet an answer that is not its own.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._adapted: dict[str, tuple[_Question, Adaptation]] = {}

    def adaptation(self, sub_strategy: str, moment: datetime) -> Adaptation:
        """Return what the results of `sub_strategy` change for an entry at `moment`.

        Trades count that closed before the candle of `moment` opened. So every question about one
        entry has one answer, whichever pair of a candle is looked at first, and a backtest, which
        dates an exit by its candle, answers as a live bot does. NEUTRAL while ``adaptive.enabled``
        or ``trade_history`` is off.
        """
        settings = self.tuned(self.settings.adaptive)
        if not (settings.enabled and self.settings.trade_history):
            return NEUTRAL
        opened = self.candle_open(moment)
        results = self.past_trades().results(sub_strategy, opened, results_needed(settings))
        # A sub-strategy that has no target of its own has no results either.
        target_rr = getattr(self.tuned(self.settings.exits), f"target_rr_{sub_strategy}", 1.0)
        question = (results, settings, target_rr)
        known = self._adapted.get(sub_strategy)
        if known is None or known[0] != question:
            known = (question, adapt(results, settings, target_rr=target_rr))
            self._adapted[sub_strategy] = known
        return known[1]


_Question = tuple[list[float], AdaptiveSettings, float]

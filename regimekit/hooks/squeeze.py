"""Tell the trader when a squeeze risk begins, when it ends, and when it cannot be seen any more.

Freqtrade writes such a message to its log and sends it on

- by Telegram, unless ``telegram.allow_custom_messages`` is false;
  ``telegram.notification_settings.strategy_msg`` is ``on``, ``silent`` or ``off``;
- by webhook, where ``webhook.allow_custom_messages`` is true and ``webhook.strategy_msg`` holds
  what to post, for example ``{"text": "{msg}"}``;
- on the websocket of the REST server, where ``apiserver.allow_custom_messages`` is true: a section
  beside ``api_server``, because Freqtrade 2026.9 looks there under the name of its module.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from regimekit.hooks.base import LIVE, PackStrategy
from regimekit.schema import Side

# The same news about a pair is sent once in this time, however often the risk comes and goes.
QUIET = timedelta(hours=1)
CROWDED = {1: Side.LONG, -1: Side.SHORT}
MEASURED = {
    "funding_z": "funding z {value:.1f}",
    "oi_z": "open interest z {value:.1f}",
    "oi_change": "open interest {value:+.1%} in {span}",
}


class News(StrEnum):
    """What can be said about a pair's squeeze risk."""

    LONGS_CROWDED = "longs_crowded"
    SHORTS_CROWDED = "shorts_crowded"
    UNSEEN = "unseen"
    OVER = "over"


BEGINS = {1: News.LONGS_CROWDED, -1: News.SHORTS_CROWDED}


@dataclass(slots=True)
class Told:
    """What the trader has been told about one pair.

    Attributes
    ----------
    side : int
        The side that is crowded as far as the trader knows: +1 longs, -1 shorts, 0 neither.
    unseen : bool
        Whether that was followed by the news that it cannot be seen any more.
    sent : dict
        When each kind of news was sent last.
    """

    side: int = 0
    unseen: bool = False
    sent: dict[News, datetime] = field(default_factory=dict)

    def news(self, risk: float, now: datetime) -> News | None:
        """Return what the trader should be told now, None when that is nothing.

        Parameters
        ----------
        risk : float
            ``squeeze_risk`` of the last closed candle; NaN when it cannot be seen.

        News that was sent less than `QUIET` ago waits. It is told then if it is still true, so what
        the trader was told last is never wrong for longer than that.
        """
        if math.isnan(risk):
            wanted = News.UNSEEN if self.side and not self.unseen else None
        elif risk == 0:
            wanted = News.OVER if self.side else None
        else:
            known = risk == self.side and not self.unseen
            wanted = None if known else BEGINS[int(risk)]
        if wanted is None or (wanted in self.sent and now - self.sent[wanted] < QUIET):
            return None
        return wanted

    def remember(self, news: News, now: datetime) -> None:
        """Note that `news` was sent."""
        self.sent[news] = now
        self.unseen = news is News.UNSEEN
        if news is not News.UNSEEN:
            self.side = next((side for side, begins in BEGINS.items() if begins is news), 0)


class SqueezeMessages(PackStrategy):
    """Sends one message per change of a whitelisted pair's squeeze risk, dry and live only.

    After a restart while a risk is under way it is said once more, because what was told before is
    not known; a risk that ended while the bot was down is not mentioned.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._squeeze_told: dict[str, Told] = {}

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Compare the newest decision of each pair with what the trader knows."""
        super().bot_loop_start(current_time, **kwargs)
        if self.dp.runmode not in LIVE or not self.settings.squeeze.enabled:
            return
        for pair in self.dp.current_whitelist():
            told = self._squeeze_told.setdefault(pair, Told())
            before = told.side
            news = told.news(self._squeeze_risk(pair, current_time), current_time)
            if news is not None:
                told.remember(news, current_time)
                self.dp.send_msg(self._message(pair, news, told.side or before))

    def _squeeze_risk(self, pair: str, now: datetime) -> float:
        """Return the risk as decided last, NaN when the pair is not analyzed any more."""
        table = self.decisions.get(pair)
        decision = (table.at(now) or table.at(now - self.analysis_grace)) if table else None
        return math.nan if decision is None else decision.squeeze_risk

    def _message(self, pair: str, news: News, side: int) -> str:
        """Word `news` about a `side` that is or was crowded, and what is done about it."""
        crowded = CROWDED[side]
        if news is News.OVER:
            return (
                f"{pair} squeeze risk is over: {crowded}s are no longer crowded. "
                f"{crowded.capitalize()} entries are possible again."
            )
        squeeze = self.tuned(self.settings.squeeze)
        if news is News.UNSEEN:
            then = (
                "Entries of both sides are refused until they are back."
                if squeeze.outage == "block"
                else f"{crowded.capitalize()} entries are not refused for it meanwhile."
            )
            return (
                f"{pair} squeeze risk: that {crowded}s are crowded cannot be seen any more, "
                f"because its inputs are missing or stale. {then}"
            )
        measured = self._measured(pair)
        action = f"{crowded.capitalize()} entries are refused"
        if squeeze.tighten:
            action += f", open {crowded}s are trailed at {squeeze.tight_trail_atr:.1f} ATR"
        numbers = f" ({', '.join(measured)})" if measured else ""
        return f"{pair} squeeze risk: {crowded}s are crowded{numbers}. {action}."

    def _measured(self, pair: str) -> list[str]:
        """Return the numbers behind a risk, those that are known."""
        frame, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        if frame.empty:
            return []
        row = frame.iloc[-1]
        known = {name: row[name] for name in MEASURED if pd.notna(row.get(name))}
        minutes = self.settings.inputs.open_interest_change_bars * 15
        span = f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
        words = [MEASURED[name].format(value=value, span=span) for name, value in known.items()]
        return [word.replace("%", " %") for word in words]

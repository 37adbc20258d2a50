"""What a trader reads about a trade: why it was opened, and what ends it.

Pure text, for custom data (``/list_custom_data <trade>`` in Telegram, FreqUI, REST), for the labels
on the chart and for messages. Plain ASCII without ``_ * [ `` and backticks in what we add, because
Telegram reads those as formatting.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from regimekit.exits.plan import ExitPlan

WHY_KEY, LEVELS_KEY = "why", "plan"
SIGNIFICANT_DIGITS = 6  # more than any tick of the exchange needs


def why(plan: ExitPlan, row: Mapping[str, Any]) -> str:
    """Return what made the trade: tag, confidence, and what each filter added to the signal.

    Parameters
    ----------
    row : mapping
        The columns of the signal candle by name, as `signal_row` returns them. What is missing or
        NaN is left out; without any, the tag and the confidence remain.

    Examples
    --------
    ``trending:momentum, confidence 0.86 (needs 0.78): signal 0.81, 1h and 4h agree +0.20, funding
    -0.15``
    """
    if plan.sub_strategy == "unknown":
        return "opened without a signal"  # forced, or of a candle that is not analyzed any more
    text = f"{plan.regime}:{plan.sub_strategy}"
    if not math.isnan(plan.confidence):
        text += f", confidence {plan.confidence:.2f}"
        needed = _number(row, "min_confidence")
        text += "" if needed is None else f" (needs {needed:.2f})"
    signal = _number(row, f"signal_{plan.side}")
    parts = [] if signal is None else [f"signal {signal:.2f}"]
    named = {"direction": _agreement(plan, row), "funding": "funding", "squeeze": "squeeze"}
    for name, words in named.items():
        bonus = _number(row, f"{name}_bonus_{plan.side}")
        if bonus:  # neither missing nor 0
            parts.append(f"{words} {bonus:+.2f}")
    return f"{text}: {', '.join(parts)}" if parts else text


def levels(plan: ExitPlan) -> str:
    """Return what ends the trade: stop, target, break-even and trail.

    Examples
    --------
    ``stop 41,200 (-2.0 %), target 43,700 (+4.0 %, 2.0 R), break-even at 43,400, trail 2.5 ATR``
    """
    reward = f"{plan.r_multiple(plan.target):.1f} R"
    parts = [
        f"stop {price(plan.stop)} ({change(plan.entry, plan.stop)})",
        f"target {price(plan.target)} ({change(plan.entry, plan.target)}, {reward})",
    ]
    if plan.break_even_stop != plan.stop:
        parts.append(f"break-even at {price(plan.break_even_trigger)}")
    parts.append(f"trail {_width(plan, plan.trail)}" if plan.trail > 0 else "closes at the target")
    if plan.squeeze_trail > 0:
        parts.append(f"{_width(plan, plan.squeeze_trail)} while its side is crowded")
    return ", ".join(parts)


def signal_row(frame: pd.DataFrame, moment: datetime, candle_seconds: int) -> dict[str, Any]:
    """Return the columns of the candle that closed last at `moment`; none where it is not there."""
    if frame.empty:
        return {}
    seconds = int(moment.timestamp())
    opened = seconds - seconds % candle_seconds - candle_seconds
    # It is at the end, live, so that looking from there is looking at once.
    stamps = frame["date"].dt.as_unit("s").astype("int64").to_numpy()
    position = int(stamps.searchsorted(opened))
    if position == len(stamps) or stamps[position] != opened:
        return {}
    return {str(name): value for name, value in frame.iloc[position].items()}


def price(value: float) -> str:
    """Return a price with thousands separators and without needless digits.

    Examples
    --------
    >>> price(41200.0), price(83154.3), price(0.4129), price(0.00001234)
    ('41,200', '83,154.3', '0.4129', '0.00001234')
    """
    if not math.isfinite(value):
        return "unknown"
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    digits = max(SIGNIFICANT_DIGITS - whole, 0)
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def change(before: float, after: float) -> str:
    """Return a move of the price in percent.

    Examples
    --------
    >>> change(100.0, 98.0)
    '-2.0 %'
    """
    return f"{(after / before - 1) * 100:+.1f} %"


def _width(plan: ExitPlan, width: float) -> str:
    """Return a distance in ATR of the signal candle, or as a price where that is unknown."""
    return f"{width / plan.atr:.1f} ATR" if plan.atr > 0 else price(width)


def _agreement(plan: ExitPlan, row: Mapping[str, Any]) -> str:
    """Return which higher timeframes go with the trade."""
    trends = {name: _number(row, f"trend_{name}") for name in ("1h", "4h")}
    agreeing = [name for name, trend in trends.items() if trend and trend * plan.side.sign > 0]
    verb = "agree" if len(agreeing) > 1 else "agrees"
    return f"{' and '.join(agreeing)} {verb}" if agreeing else "direction"


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or math.isnan(value) else float(value)

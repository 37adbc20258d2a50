"""The candle that decided each trade, and what the filters said about it there."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from regimekit.reports.trades import OTHER
from regimekit.schema import Availability, Regime, Side

UNKNOWN_VERDICT = "unknown"
NO_ROW = -1

ROUNDING = 0.001  # a fill is rounded to the exchange's tick, as a fraction of the price

ENTRY_COLUMNS = {
    "signal_row": "int64",
    "signal_unknown": "str",
    "confidence": "float64",
    "hour": "str",
    "direction": "str",
    "funding": "str",
    "squeeze": "str",
    "order_book": "str",
    "news": "str",
}
# What a trader reads for each verdict, in the order of a table.
DIRECTIONS = ("both agree", "one agrees", "none agrees")
FUNDINGS = ("other side crowded", "not crowded", "own side crowded")
SQUEEZES = ("other side at risk", "no risk", "own side at risk")


def with_entries(
    trades: pd.DataFrame, analyzed: Mapping[str, pd.DataFrame], *, timeframe: timedelta
) -> pd.DataFrame:
    """Return `trades` with the row of its signal and the verdicts of the filters there.

    Parameters
    ----------
    trades : DataFrame
        As `trade_table` makes it.
    analyzed : mapping of DataFrame
        By pair: candles with the columns of `decision_columns`.

    Returns
    -------
    DataFrame
        ``signal_row`` : position in the pair's candles of the one that had closed last at the
        entry; `NO_ROW` where it cannot be told, for the reason in ``signal_unknown``.
        ``confidence`` : of the traded side after the filters of that candle, 0..1.
        ``hour`` : hour of the entry, UTC, ``00`` to ``23``.
        ``direction``, ``funding``, ``squeeze`` : one of `DIRECTIONS`, `FUNDINGS`, `SQUEEZES`.
        ``order_book``, ``news`` : asked at order time; an export does not tell what they said.
        Whatever is not known is `UNKNOWN_VERDICT`.
    """
    rows = [
        _entry(trade, analyzed.get(trade["pair"]), timeframe) for trade in trades.to_dict("records")
    ]
    columns = pd.DataFrame(rows, columns=list(ENTRY_COLUMNS), index=trades.index)
    return pd.concat([trades, columns.astype(ENTRY_COLUMNS)], axis=1)


def last_closed(opened_at: Any, dates: pd.Index, timeframe: timedelta) -> int | None:
    """Return the row of the candle that closed last at `opened_at`; None when it is missing."""
    if pd.isna(opened_at):
        return None
    position = int(dates.searchsorted(opened_at - timeframe, side="right")) - 1
    fresh = position >= 0 and opened_at - dates[position] < 2 * timeframe
    return position if fresh else None


def _entry(
    trade: Mapping[Any, Any], frame: pd.DataFrame | None, timeframe: timedelta
) -> dict[str, Any]:
    """Return the `ENTRY_COLUMNS` of a trade, from the candles it was made on and no others."""
    row, unknown = _signal_row(trade, frame, timeframe)
    entry: dict[str, Any] = dict.fromkeys(ENTRY_COLUMNS, UNKNOWN_VERDICT)
    entry |= {
        "signal_row": NO_ROW if row is None else row,
        "signal_unknown": unknown,
        "confidence": math.nan,
        "hour": UNKNOWN_VERDICT if pd.isna(trade["opened_at"]) else f"{trade['opened_at']:%H}",
    }
    if frame is None or row is None:
        return entry
    return entry | _verdicts(frame.iloc[row], Side(trade["side"]))


def _signal_row(
    trade: Mapping[Any, Any], frame: pd.DataFrame | None, timeframe: timedelta
) -> tuple[int | None, str]:
    """Return the row of the signal, or None and why there is none."""
    if trade["sub_strategy"] == OTHER:
        return None, "entry tag is not one of this pack"
    if frame is None:
        return None, "no candles of the pair"
    row = last_closed(trade["opened_at"], pd.Index(frame["date"]), timeframe)
    if row is None:
        return None, "no candle had just closed at the entry"
    if Regime(int(frame["regime"].iloc[row])).label != trade["regime"]:
        return None, "candles do not give the signal of the trade"
    # Regimes can agree by chance, a price within its candle hardly ever does.
    if not _contains(frame.iloc[row + 1 : row + 2], trade["open_rate"]):
        return None, "candles do not contain the price of the entry"
    return row, ""


def _contains(candle: pd.DataFrame, price: float) -> bool:
    """Return whether `price` was traded in the one row of `candle`; so it was if there is none."""
    slack = ROUNDING * price
    return bool((candle["low"].le(price + slack) & candle["high"].ge(price - slack)).all())


def _verdicts(signal: pd.Series, side: Side) -> dict[str, Any]:
    """Return confidence and verdicts of one side; columns that are not there are unknown."""
    trends = [side.sign * _number(signal, f"trend_{name}") for name in ("1h", "4h")]
    agreeing = -1 if any(map(math.isnan, trends)) else sum(trend > 0 for trend in trends)
    bonus = _number(signal, f"funding_bonus_{side}")
    if _number(signal, "funding_state") != int(Availability.OK):
        bonus = math.nan
    risk = side.sign * _number(signal, "squeeze_risk")
    return {
        "confidence": _number(signal, f"confidence_{side}"),
        "direction": UNKNOWN_VERDICT if agreeing < 0 else DIRECTIONS[2 - agreeing],
        "funding": _by_sign(FUNDINGS, -bonus),
        "squeeze": _by_sign(SQUEEZES, risk),
    }


def _by_sign(names: tuple[str, str, str], value: float) -> str:
    """Return the name for a negative, zero or positive value."""
    if math.isnan(value):
        return UNKNOWN_VERDICT
    return names[1 + (value > 0) - (value < 0)]


def _number(row: pd.Series, name: str) -> float:
    return float(row.get(name, math.nan))

"""Each trade measured in R, from the exit plan its signal asked for.

The export knows the disaster stop only, so the plan is made again from the candle that opened the
trade: the last one that had closed by then, as in the strategy's own ``order_filled``.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.reports.trades import OTHER
from regimekit.schema import Regime, Side
from regimekit.settings import ExitSettings

TRAILING = "trailing_stop_loss"
BREAK_EVEN = "break_even"
TRAIL = "trail"
STILL_OPEN = "still_open"

ROUNDING = 0.001  # a fill is rounded to the exchange's tick, as a fraction of the price

PLAN_COLUMNS = {
    "stop": "float64",
    "target": "float64",
    "target_r": "float64",
    "r_gross": "float64",
    "r_multiple": "float64",
    "mae": "float64",
    "mfe": "float64",
    "exit": "str",
    "r_unknown": "str",
}


def with_plans(
    trades: pd.DataFrame,
    analyzed: Mapping[str, pd.DataFrame],
    exits: ExitSettings,
    *,
    timeframe: timedelta,
) -> pd.DataFrame:
    """Return `trades` with its plan, its result and excursions in R, and how it ended.

    Parameters
    ----------
    trades : DataFrame
        As `trade_table` makes it.
    analyzed : mapping of DataFrame
        By pair: candles with the columns of `decision_columns`.

    Returns
    -------
    DataFrame
        ``stop``, ``target`` : initial stop and target, price units; ``target_r`` in R.
        ``r_gross`` : the price's move from entry to exit, before costs.
        ``r_multiple`` : profit after fees and funding over what the stop would have lost.
        ``mae``, ``mfe`` : worst (<= 0) and best (>= 0) excursion while the trade was open, from
        Freqtrade's extremes, which contain the whole candles of entry and exit.
        ``exit`` : Freqtrade's exit reason, with `TRAILING` split into `BREAK_EVEN` and `TRAIL`.
        ``r_unknown`` : why a trade has no R; empty when it has one. Unknown is NaN, never 0.
    """
    rows = [
        _plan(trade, analyzed.get(trade["pair"]), exits, timeframe)
        for trade in trades.to_dict("records")
    ]
    columns = pd.DataFrame(rows, columns=list(PLAN_COLUMNS), index=trades.index)
    return pd.concat([trades, columns.astype(PLAN_COLUMNS)], axis=1)


def exit_kind(exit_reason: str, plan: ExitPlan, best: float) -> str:
    """Return `exit_reason`, told apart where a moved stop ended the trade.

    Parameters
    ----------
    best : float
        Best price while the trade was open, price units. Freqtrade lets ``custom_stoploss`` see
        the extreme of a candle before it tests the stop against that candle, so the extreme of
        the exit candle counts.
    """
    if exit_reason != TRAILING:
        return exit_reason
    stop = plan.stop_at(best)
    if stop == plan.break_even_stop:
        return BREAK_EVEN
    return TRAIL if stop != plan.stop else exit_reason


def _plan(
    trade: Mapping[Any, Any],
    frame: pd.DataFrame | None,
    exits: ExitSettings,
    timeframe: timedelta,
) -> dict[str, Any]:
    """Return the `PLAN_COLUMNS` of a trade, measured only on the candles it was made on."""
    if trade["sub_strategy"] == OTHER:
        return _unknown(trade, "entry tag is not one of this pack")
    if frame is None:
        return _unknown(trade, "no candles of the pair")
    position = _last_closed(trade["opened_at"], pd.Index(frame["date"]), timeframe)
    if position is None:
        return _unknown(trade, "no candle had just closed at the entry")
    signal = frame.iloc[position]
    if Regime(int(signal["regime"])).label != trade["regime"]:
        return _unknown(trade, "candles do not give the signal of the trade")
    # Regimes can agree by chance, a price within its candle hardly ever does.
    if not _contains(frame.iloc[position + 1 : position + 2], trade["open_rate"]):
        return _unknown(trade, "candles do not contain the price of the entry")
    return _measured(trade, signal, exits)


def _last_closed(opened_at: Any, dates: pd.Index, timeframe: timedelta) -> int | None:
    """Return the row of the candle that closed last at `opened_at`; None when it is missing."""
    if pd.isna(opened_at):
        return None
    position = int(dates.searchsorted(opened_at - timeframe, side="right")) - 1
    fresh = position >= 0 and opened_at - dates[position] < 2 * timeframe
    return position if fresh else None


def _contains(candle: pd.DataFrame, price: float) -> bool:
    """Return whether `price` was traded in the one row of `candle`; so it was if there is none."""
    slack = ROUNDING * price
    return bool((candle["low"].le(price + slack) & candle["high"].ge(price - slack)).all())


def _measured(trade: Mapping[Any, Any], signal: pd.Series, exits: ExitSettings) -> dict[str, Any]:
    side = Side(trade["side"])
    try:
        plan = plan_exit(
            side,
            trade["open_rate"],
            stop_distance=float(signal["stop_distance"]),
            target_rr=float(signal["target_rr"]),
            atr=float(signal["atr"]),
            fee=trade["fee_open"],
            settings=exits,
        )
    except ValueError as error:
        return _unknown(trade, str(error))
    worst, best = trade["min_rate"], trade["max_rate"]
    if side is Side.SHORT:
        worst, best = best, worst
    result = plan.r_multiple(trade["close_rate"])
    # An exit at the next candle's open (force_exit) can lie beyond the extremes seen so far.
    mae = _extreme(min, plan.r_multiple(worst), result)
    mfe = _extreme(max, plan.r_multiple(best), result)
    return {
        "stop": plan.stop,
        "target": plan.target,
        "target_r": plan.r_multiple(plan.target),
        "r_gross": result,
        "r_multiple": trade["profit_abs"] / (plan.risk * trade["amount"]),
        "mae": mae,
        "mfe": mfe,
        "exit": _ending(trade, exit_kind(trade["exit_reason"], plan, best)),
        "r_unknown": "" if math.isfinite(result) else "still open",
    }


def _extreme(pick: Any, *values: float) -> float:
    return float(pick(0.0, *(value for value in values if math.isfinite(value))))


def _unknown(trade: Mapping[Any, Any], reason: str) -> dict[str, Any]:
    numbers = {name: math.nan for name, kind in PLAN_COLUMNS.items() if kind == "float64"}
    return numbers | {"exit": _ending(trade, trade["exit_reason"]), "r_unknown": reason}


def _ending(trade: Mapping[Any, Any], kind: str) -> str:
    return STILL_OPEN if pd.isna(trade["closed_at"]) else kind or "unknown"

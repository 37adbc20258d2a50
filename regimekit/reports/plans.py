"""Each trade measured in R, from the exit plan its signal asked for.

The export knows the disaster stop only, so the plan is made again: from the candle that opened the
trade, and from the results of earlier trades, which may have changed stop and target.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from regimekit.adaptive import NEUTRAL, Adaptation, adapt, results_needed
from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.reports.entries import NO_ROW
from regimekit.reports.stats import FloatArray
from regimekit.risk.history import TradeHistory
from regimekit.schema import Side
from regimekit.settings import Settings

TRAILING = "trailing_stop_loss"
BREAK_EVEN = "break_even"
TRAIL = "trail"
SQUEEZE_TRAIL = "squeeze_trail"
MOMENTUM_DECAY = "momentum_decay"
STILL_OPEN = "still_open"

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
    settings: Settings,
    *,
    timeframe: timedelta,
) -> pd.DataFrame:
    """Return `trades` with its plan, its result and excursions in R, and how it ended.

    Parameters
    ----------
    trades : DataFrame
        As `with_entries` makes it.
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
        ``exit`` : Freqtrade's exit reason, with `TRAILING` split into `BREAK_EVEN`, `TRAIL` and
        `SQUEEZE_TRAIL`.
        ``r_unknown`` : why a trade has no R; empty when it has one. Unknown is NaN, never 0.
    """
    past = past_trades(trades)
    rows = []
    for trade in trades.to_dict("records"):
        if trade["signal_row"] == NO_ROW:
            rows.append(_unknown(trade, trade["signal_unknown"]))
            continue
        opened = pd.Timestamp(trade["opened_at"]).floor(timeframe).to_pydatetime()
        adaptation = adaptation_at(past, trade["sub_strategy"], opened, settings)
        rows.append(_measured(trade, analyzed[trade["pair"]], adaptation, settings))
    columns = pd.DataFrame(rows, columns=list(PLAN_COLUMNS), index=trades.index)
    return pd.concat([trades, columns.astype(PLAN_COLUMNS)], axis=1)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A row of the trade table as `TradeHistory` reads trades."""

    pair: str
    enter_tag: str
    leverage: float
    close_profit: float
    close_profit_abs: float
    open_date_utc: datetime
    close_date_utc: datetime


def past_trades(trades: pd.DataFrame) -> TradeHistory:
    """Return the history that the run's own decisions looked back on."""
    closed = trades[trades["closed_at"].notna()].sort_values("closed_at", kind="stable")
    history = TradeHistory()
    history.follow(
        [
            _Closed(
                pair=trade["pair"],
                enter_tag=trade["enter_tag"],
                leverage=trade["leverage"],
                close_profit=trade["profit_ratio"],
                close_profit_abs=trade["profit_abs"],
                open_date_utc=trade["opened_at"].to_pydatetime(),
                close_date_utc=trade["closed_at"].to_pydatetime(),
            )
            for trade in closed.to_dict("records")
        ]
    )
    return history


def adaptation_at(
    past: TradeHistory, sub_strategy: str, opened: datetime, settings: Settings
) -> Adaptation:
    """Return what recent results changed for an entry in the candle that opened at `opened`."""
    if not (settings.adaptive.enabled and settings.trade_history):
        return NEUTRAL
    results = past.results(sub_strategy, opened, results_needed(settings.adaptive))
    target_rr = getattr(settings.exits, f"target_rr_{sub_strategy}")
    return adapt(results, settings.adaptive, target_rr=target_rr)


def exit_kind(exit_reason: str, plan: ExitPlan, candles: pd.DataFrame, best: float) -> str:
    """Return `exit_reason`, told apart where a moved stop ended the trade.

    Parameters
    ----------
    candles : DataFrame
        From the signal's candle to the one of the exit. Freqtrade lets ``custom_stoploss`` see the
        extreme of a candle before it tests the stop against that candle, so the extreme of the
        exit candle counts; what the market asks for is known from the candle before.
    best : float
        Best price while the trade was open, price units.
    """
    if exit_reason != TRAILING:
        return exit_reason
    sign, placed, kind = plan.side.sign, plan.stop, exit_reason
    extremes = candles["high" if sign > 0 else "low"].to_numpy(dtype=float)[1:]
    reached = sign * np.minimum(np.maximum.accumulate(sign * extremes), sign * best)
    factors = _column(candles, "trail_factor")
    crowded = _column(candles, "squeeze_risk") == sign
    for price, factor, squeezed in zip(reached, factors[:-1], crowded[:-1], strict=True):
        calm = plan.stop_at(price, factor=factor)
        stop = plan.stop_at(price, factor=factor, squeezed=bool(squeezed))
        if plan.tightens(placed, stop):
            moved = BREAK_EVEN if calm == plan.break_even_stop else TRAIL
            placed, kind = stop, SQUEEZE_TRAIL if stop != calm else moved
    return kind


def _column(candles: pd.DataFrame, name: str) -> FloatArray:
    """Return a decision column, NaN where the frame has none."""
    if name not in candles:
        return np.full(len(candles), math.nan)
    return np.asarray(candles[name], dtype=np.float64)


def _measured(
    trade: Mapping[Any, Any], frame: pd.DataFrame, adaptation: Adaptation, settings: Settings
) -> dict[str, Any]:
    side, entry, row = Side(trade["side"]), trade["open_rate"], trade["signal_row"]
    signal, squeeze = frame.iloc[row], settings.squeeze
    distance = float(signal["stop_distance"])
    try:
        plan = plan_exit(
            side,
            entry,
            stop_distance=adaptation.stop_distance(distance, entry, settings.exits),
            target_rr=float(signal["target_rr"]) * adaptation.reward,
            atr=float(signal["atr"]),
            fee=trade["fee_open"],
            settings=settings.exits,
            squeeze_atr=(squeeze.tight_trail_atr if squeeze.enabled and squeeze.tighten else 0.0),
        )
    except ValueError as error:
        return _unknown(trade, str(error))
    worst, best = trade["min_rate"], trade["max_rate"]
    if side is Side.SHORT:
        worst, best = best, worst
    result = plan.r_multiple(trade["close_rate"])
    last = int(pd.Index(frame["date"]).searchsorted(trade["closed_at"], side="right"))
    kind = exit_kind(trade["exit_reason"], plan, frame.iloc[row : max(last, row + 2)], best)
    return {
        "stop": plan.stop,
        "target": plan.target,
        "target_r": plan.r_multiple(plan.target),
        "r_gross": result,
        "r_multiple": trade["profit_abs"] / (plan.risk * trade["amount"]),
        # An exit at the next candle's open (force_exit) can lie beyond the extremes seen so far.
        "mae": _extreme(min, plan.r_multiple(worst), result),
        "mfe": _extreme(max, plan.r_multiple(best), result),
        "exit": _ending(trade, kind),
        "r_unknown": "" if math.isfinite(result) else "still open",
    }


def _extreme(pick: Any, *values: float) -> float:
    return float(pick(0.0, *(value for value in values if math.isfinite(value))))


def _unknown(trade: Mapping[Any, Any], reason: str) -> dict[str, Any]:
    numbers = {name: math.nan for name, kind in PLAN_COLUMNS.items() if kind == "float64"}
    return numbers | {"exit": _ending(trade, trade["exit_reason"]), "r_unknown": reason}


def _ending(trade: Mapping[Any, Any], kind: str) -> str:
    return STILL_OPEN if pd.isna(trade["closed_at"]) else kind or "unknown"

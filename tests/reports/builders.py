"""A small market and exports made by hand, so that every number can be checked on paper."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regimekit.reports.run import Run
from regimekit.schema import Regime

PAIR = "AAA/USDT:USDT"
OTHER_PAIR = "BBB/USDT:USDT"
START = pd.Timestamp("2026-01-05", tz="UTC")
END = pd.Timestamp("2026-01-15", tz="UTC")
STEP = pd.Timedelta(minutes=15)
FEE = 0.0005


def ms(moment: pd.Timestamp) -> int:
    return moment.value // 1_000_000


def record(**changes: Any) -> dict[str, Any]:
    """One of Freqtrade's trade records; profit follows from prices unless it is given."""
    trade = {
        "pair": PAIR,
        "is_short": False,
        "is_open": False,
        "enter_tag": "trending:momentum",
        "exit_reason": "trailing_stop_loss",
        "opened": START + pd.Timedelta(hours=30),
        "hours": 5.0,
        "open_rate": 100.0,
        "close_rate": 104.0,
        "min_rate": 99.0,
        "max_rate": 106.0,
        "amount": 2.0,
        "leverage": 3.0,
        "fee_open": FEE,
        "fee_close": FEE,
        "funding_fees": -0.01,
    } | changes
    opened = trade.pop("opened")
    closed = opened + pd.Timedelta(hours=trade.pop("hours"))
    sign = -1 if trade["is_short"] else 1
    gross = sign * (trade["close_rate"] - trade["open_rate"]) * trade["amount"]
    fees = trade["amount"] * (
        trade["fee_open"] * trade["open_rate"] + trade["fee_close"] * trade["close_rate"]
    )
    times = {"open_timestamp": ms(opened), "close_timestamp": ms(closed)}
    profit = gross - fees + trade["funding_fees"]
    margin = trade["amount"] * trade["open_rate"] / trade["leverage"]
    return {"profit_abs": profit, "profit_ratio": profit / margin} | trade | times


def statistics(trades: Sequence[Mapping[str, Any]], **changes: Any) -> dict[str, Any]:
    """One strategy's statistics, the part of Freqtrade's export that the report reads."""
    profit = sum(trade["profit_abs"] for trade in trades)
    return {
        "trades": list(trades),
        "timeframe": "15m",
        "trading_mode": "futures",
        "backtest_start_ts": ms(START),
        "backtest_end_ts": ms(END),
        "timerange": "20260105-20260115",
        "pairlist": [PAIR, OTHER_PAIR],
        "stake_currency": "USDT",
        "stake_currency_decimals": 3,
        "starting_balance": 1000.0,
        "final_balance": 1000.0 + profit,
        "profit_total_abs": profit,
        "total_trades": len(trades),
        "max_open_trades_setting": 3,
        "rejected_signals": 1,
    } | changes


def run_of(trades: Sequence[Mapping[str, Any]], **changes: Any) -> Run:
    return Run.from_export("RegimeRouter", statistics(trades, **changes), {})


def decided(regime: Regime = Regime.TRENDING, **changes: float) -> pd.DataFrame:
    """Candles whose decisions are the same at every bar: one R is 2, the target 2 R, ATR 1."""
    dates = pd.date_range(START, END, freq=STEP, inclusive="left")
    values = {"stop_distance": 2.0, "target_rr": 2.0, "atr": 1.0, "close": 100.0}
    values |= {"low": 90.0, "high": 110.0} | changes
    return pd.DataFrame({"date": dates, "regime": int(regime), **values})


def candles(dates: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    """A seeded random walk with some calm and some wild days."""
    random = np.random.default_rng(seed)
    wild = 1 + 2 * (np.arange(len(dates)) // 96 % 3 == 1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.002, len(dates)) * wild))
    open_ = np.concatenate([[100.0], close[:-1]])
    reach = np.abs(random.normal(0, 0.001, len(dates))) * close
    return pd.DataFrame(
        {
            "date": dates,
            "open": open_,
            "high": np.maximum(open_, close) + reach,
            "low": np.minimum(open_, close) - reach,
            "close": close,
            "volume": random.uniform(50, 150, len(dates)),
        }
    )


def coarser(frame: pd.DataFrame, freq: str) -> pd.DataFrame:
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample(freq, on="date").agg(how).reset_index()


def series_of_pair(seed: int) -> dict[str, pd.DataFrame]:
    dates = pd.date_range(START - pd.Timedelta(days=15), END, freq=STEP, inclusive="left")
    frame = candles(dates, seed)
    settled = pd.date_range(dates[0], dates[-1], freq="8h")
    funding = pd.DataFrame({"date": settled, "funding_rate": 0.0001})
    return {
        "15m": frame,
        "1h": coarser(frame, "1h"),
        "4h": coarser(frame, "4h"),
        "funding_rate": funding,
    }

"""Equity, drawdown and what holding the market would have done.

Freqtrade's wallet series shows free balance plus margin, so in futures an open position only
counts once it is closed. Here open positions are marked at every candle's close instead, where
the candles are at hand; funding is booked when a trade closes.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regimekit.reports.run import Run
from regimekit.schema import Side


def closes_on_grid(run: Run, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each pair's close at every candle's close of the period, the last one standing.

    Returns
    -------
    DataFrame, shape (n_bars + 1, n_pairs)
        Indexed from the run's start to its end; NaN before a pair's first candle.
    """
    grid = pd.date_range(run.start, run.end, freq=run.step).as_unit("ms")
    columns = {}
    for pair, frame in frames.items():
        closes = pd.Series(frame["close"].to_numpy(), index=pd.Index(frame["date"] + run.step))
        closes.index = closes.index.astype(grid.dtype)
        columns[pair] = closes[~closes.index.duplicated()].reindex(grid, method="ffill")
    return pd.DataFrame(columns, index=grid)


def realized_equity(trades: pd.DataFrame, run: Run, grid: pd.DatetimeIndex) -> pd.Series:
    """Return the starting balance plus the profit of the trades closed by each moment."""
    closed = trades[trades["closed_at"].notna()].sort_values("closed_at")
    total = np.concatenate([[0.0], closed["profit_abs"].fillna(0.0).cumsum().to_numpy()])
    moments = pd.Index(closed["closed_at"]).astype(grid.dtype)
    return pd.Series(run.starting_balance + total[moments.searchsorted(grid, side="right")], grid)


def marked_equity(trades: pd.DataFrame, run: Run, closes: pd.DataFrame) -> pd.Series | None:
    """Return realized equity plus open positions at each close; None when candles are missing."""
    if not set(trades["pair"]) <= set(closes.columns):
        return None
    grid = pd.DatetimeIndex(closes.index)
    equity = realized_equity(trades, run, grid).to_numpy(copy=True)
    for trade in trades.to_dict("records"):
        first = int(grid.searchsorted(trade["opened_at"]))
        last = (
            len(grid) if pd.isna(trade["closed_at"]) else int(grid.searchsorted(trade["closed_at"]))
        )
        prices = closes[trade["pair"]].to_numpy()[first:last]
        moved = Side(trade["side"]).sign * (prices - trade["open_rate"]) * trade["amount"]
        paid = trade["fee_open"] * trade["open_rate"] * trade["amount"]
        equity[first:last] += np.nan_to_num(moved - paid)
    return pd.Series(equity, grid)


def drawdown_of(equity: pd.Series) -> pd.Series:
    """Return the distance from the highest equity so far, a fraction <= 0."""
    return equity / equity.cummax() - 1.0


def buy_and_hold(run: Run, closes: pd.DataFrame) -> pd.Series | None:
    """Return the starting balance held in equal parts of the run's pairs; None without candles.

    A pair whose candles begin later waits in cash until then.
    """
    held = [pair for pair in run.pairs if pair in closes and closes[pair].notna().any()]
    if not held:
        return None
    prices = closes[held]
    growth = (prices / prices.bfill().iloc[0]).fillna(1.0)
    return growth.mean(axis=1) * run.starting_balance


def market_balance(run: Run, exported: pd.DataFrame | None) -> pd.Series | None:
    """Return Freqtrade's mean market change as a balance; for runs whose candles are gone."""
    if exported is None or exported.empty:
        return None
    moments = pd.DatetimeIndex(exported["date"]) + run.step
    return pd.Series(run.starting_balance * (1.0 + exported["rel_mean"].to_numpy()), moments)

"""What a run came to: the wallet day by day, the deepest drawdown, trades, costs, exposure.

Open positions are marked at the close of every 15m candle, for strategies of any timeframe, so
that drawdowns compare; funding is booked when a trade closes. A day runs from 00:00 to 00:00 UTC.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from providers.coverage import Period
from providers.errors import DataMissingError
from providers.results import Result, read_market
from regimekit.reports.equity import closes_on_grid, drawdown_of, marked_equity, realized_equity
from regimekit.reports.run import Run
from regimekit.reports.trades import trade_table

MARKS = "15m"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of one run.

    Attributes
    ----------
    first_day : str
        ``YYYY-MM-DD`` of the first wallet in `wallet`.
    wallet : tuple of float
        Equity at 00:00 UTC of each day, stake currency; the last is the end of the run, where
        Freqtrade has closed all trades.
    marked : bool
        Whether open positions count at their price; otherwise only closed trades do.
    drawdown : float
        Deepest, a fraction <= 0, at 15m marks.
    fees, funding : float
        Paid in all, as fractions of the starting balance; funding received is negative.
    exposure : float
        Mean notional of open positions over mean equity.
    """

    first_day: str
    wallet: tuple[float, ...]
    marked: bool
    drawdown: float
    trades: int
    fees: float
    funding: float
    exposure: float

    @property
    def daily(self) -> pd.Series:
        """Return `wallet` by day."""
        days = pd.date_range(self.first_day, periods=len(self.wallet), freq="D", tz="UTC")
        return pd.Series(self.wallet, days)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` returned; ValueError when it is not that."""
        try:
            wallet = tuple(float(value) for value in document["wallet"])
            return cls(**{**document, "wallet": wallet})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an outcome: {error}") from None


def measure(result: Result, datadir: Path) -> Outcome:
    """Return the figures of an exported backtest on the candles of `datadir`."""
    own = Run.from_export(result.strategy, result.stats, result.config, result.parameters)
    run = dataclasses.replace(own, timeframe=MARKS)
    market = read_market(datadir, run.pairs, [MARKS])
    frames = {pair: series[MARKS] for pair, series in market.items() if MARKS in series}
    closes = closes_on_grid(run, frames)
    trades = trade_table(run.trades)
    marked = marked_equity(trades, run, closes)
    realized = realized_equity(trades, run, pd.DatetimeIndex(closes.index))
    equity = realized if marked is None else marked
    held = (trades["open_rate"] * trades["amount"] * trades["duration"].dt.total_seconds()).sum()
    lasted = (run.end - run.start).total_seconds()
    return _outcome(
        equity,
        marked=marked is not None,
        trades=run.total_trades,
        fees=float(trades["fees"].sum()) / run.starting_balance,
        funding=-float(trades["funding_fees"].sum()) / run.starting_balance,
        exposure=float(held) / lasted / max(float(equity.mean()), 1e-9),
    )


def buy_and_hold(
    datadir: Path, pairs: tuple[str, ...], period: Period, *, fee: float, balance: float = 10_000.0
) -> Outcome:
    """Return what equal parts of `pairs` did, bought at the start and sold at the end.

    Held as coins: no leverage and no funding. A fee is paid on each side.

    Raises
    ------
    DataMissingError
        A pair has no candles in the period.
    """
    start, end = (pd.Timestamp(moment).tz_convert(UTC) for moment in (period.start, period.end))
    growth = []
    for pair in pairs:
        candles = read_market(datadir, [pair], [MARKS]).get(pair, {}).get(MARKS)
        if candles is None or (inside := _inside(candles, start, end)).empty:
            raise DataMissingError(f"{pair} has no {MARKS} candles over {period.timerange}")
        closes_at = pd.DatetimeIndex(inside["date"] + pd.Timedelta(MARKS))
        growth.append(pd.Series((inside["close"] / inside["open"].iloc[0]).to_numpy(), closes_at))
    mean = pd.concat(growth, axis=1).ffill().fillna(1.0).mean(axis=1)
    equity = balance * (1 - fee) * mean
    sold = float(equity.iloc[-1]) * fee
    equity.iloc[-1] -= sold
    opening = pd.Series([balance], pd.DatetimeIndex([start]).as_unit("ms"))
    return _outcome(
        pd.concat([opening, equity]),
        marked=True,
        trades=len(pairs),
        fees=fee + sold / balance,
        funding=0.0,
        exposure=1.0,
    )


def _inside(candles: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    return candles[(candles["date"] >= start) & (candles["date"] < end)]


def _outcome(
    equity: pd.Series, *, marked: bool, trades: int, fees: float, funding: float, exposure: float
) -> Outcome:
    moments = pd.DatetimeIndex(equity.index)
    midnight = np.asarray(moments == moments.normalize())
    midnight[-1] = True  # Freqtrade's last candle may end a quarter of an hour before it
    wallet = equity[midnight]
    return Outcome(
        first_day=f"{moments[0]:%Y-%m-%d}",
        wallet=tuple(float(value) for value in np.round(wallet.to_numpy(), 8)),
        marked=marked,
        drawdown=float(drawdown_of(equity).min()),
        trades=trades,
        fees=fees,
        funding=funding,
        exposure=exposure,
    )

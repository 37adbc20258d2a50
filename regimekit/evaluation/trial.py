"""What one epoch of a search traded, reduced to what counts, and the measures that losses share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from regimekit.evaluation.returns import Array, Span, counted, counted_days, daily_returns
from regimekit.reports.equity import drawdown_of
from regimekit.settings.section import SettingsError

STOP_DISTANCE = "stop_distance"  # column of an analyzed frame: one R in price units


class RiskUnknownError(ValueError):
    """A trade does not tell what it risked; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The trades of one epoch that count, and all that is needed to weigh them.

    Attributes
    ----------
    trades : DataFrame
        Freqtrade's: ``pair``, ``open_date``, ``close_date`` (UTC), ``profit_abs`` (stake currency,
        after fees and funding), ``amount`` (base coin), ``open_rate``, ``initial_stop_loss_abs``
        (price).
    frames : mapping of DataFrame
        By pair, as analyzed in this epoch: ``date`` (UTC, opening of the candle) and maybe
        `STOP_DISTANCE`.
    timeframe : Timedelta
        Length of a candle.
    returns : array of float, shape (n_days,)
        Of each day that counts: see `daily_returns`.
    balance : float
        Wallet at the start, stake currency.
    epochs : int
        Of the search.
    """

    trades: pd.DataFrame
    frames: Mapping[str, pd.DataFrame]
    timeframe: pd.Timedelta
    returns: Array
    balance: float
    epochs: int

    @classmethod
    def of(
        cls,
        trades: pd.DataFrame,
        *,
        start: pd.Timestamp,
        end: pd.Timestamp,
        balance: float,
        closed: Sequence[Span] = (),
        frames: Mapping[str, pd.DataFrame],
        timeframe: pd.Timedelta,
        epochs: int,
    ) -> Self:
        """Leave out the trades and days of `closed`.

        Raises
        ------
        SettingsError
            No day is left.
        """
        if counted_days(start, end, closed).empty:
            raise SettingsError(
                f"loss.closed covers every day from {start} to {end}; leave some to learn from"
            )
        own = trades[counted(trades["open_date"], trades["close_date"], closed)]
        returns = daily_returns(
            own["close_date"],
            _numbers(own["profit_abs"]),
            start=start,
            end=end,
            balance=balance,
            closed=closed,
        )
        return cls(own, frames, timeframe, returns, balance, epochs)

    @property
    def drawdown(self) -> float:
        """Return the deepest fall of the wallet of closed trades, a fraction from -1 to 0."""
        made = self.trades["profit_abs"].groupby(self.trades["close_date"]).sum()
        wallet = self.balance + np.concatenate([[0.0], np.cumsum(_numbers(made))])
        return max(-1.0, float(drawdown_of(pd.Series(wallet)).min()))

    @property
    def r_multiples(self) -> Array:
        """Return the profit of each trade over what its stop would have lost, shape (n_trades,).

        The stop is `STOP_DISTANCE` away on the last candle that had closed when the trade opened;
        in frames without the column it is the trade's own first one.

        Raises
        ------
        RiskUnknownError
            A trade has no stop.
        """
        distance = np.zeros(len(self.trades))
        for pair, places in self.trades.groupby("pair").indices.items():
            distance[places] = self._stops(self.frames[str(pair)], self.trades.iloc[places])
        self._check(distance)
        return _numbers(self.trades["profit_abs"]) / (distance * _numbers(self.trades["amount"]))

    def _stops(self, frame: pd.DataFrame, own: pd.DataFrame) -> Array:
        """Return the distance from entry to stop that each of a pair's trades set out with."""
        if STOP_DISTANCE not in frame:
            return np.abs(_numbers(own["open_rate"]) - _numbers(own["initial_stop_loss_abs"]))
        closes_at = pd.DatetimeIndex(frame["date"]) + self.timeframe
        last = closes_at.searchsorted(pd.DatetimeIndex(own["open_date"]), side="right") - 1
        return np.where(last >= 0, _numbers(frame[STOP_DISTANCE])[last], np.nan)

    def _check(self, distance: Array) -> None:
        unknown = ~((distance > 0) & np.isfinite(distance))
        if unknown.any():
            trade = self.trades[unknown].iloc[0]
            raise RiskUnknownError(
                f"the stop of {trade['pair']} opened at {trade['open_date']} is "
                f"{distance[unknown][0]} away, so its R is unknown; give the frame a column "
                f"{STOP_DISTANCE!r} with a price distance above 0, or take another loss"
            )


def _numbers(column: pd.Series) -> Array:
    return np.asarray(column.to_numpy(dtype=float))

"""The days that their own search had not seen, end to end: one path in a walk, several in cpcv.

Each fold is tested with a wallet of its own, so returns are chained and amounts are not. A day
that no fold was tested on is missing: it earns nothing, and whoever draws the path breaks the line
there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.statistics import daily_returns as changes
from providers.coverage import Period
from regimekit.evaluation.order import wallet_returns
from regimekit.evaluation.returns import daily_returns
from tuning.folds import divide, paths
from tuning.model import FoldResult, Tested, TuningError, Walk

Array = NDArray[np.float64]

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Leg:
    """One test span of fold `number`: with the parameters that were chosen, and without."""

    number: int
    tuned: Tested
    untuned: Tested


@dataclass(frozen=True, slots=True)
class Path:
    """Tests that adjoin, each day once.

    Attributes
    ----------
    legs : tuple of Leg
        In order of time.
    tuned, untuned : Series of float
        Daily returns by day, both of the same days; open positions are marked where the
        outcomes are.
    missing : tuple of Period
        Days that the plan tests and no leg has.
    """

    legs: tuple[Leg, ...]
    tuned: pd.Series
    untuned: pd.Series
    missing: tuple[Period, ...]

    @property
    def marked(self) -> bool:
        """Whether open positions count at their price on all days."""
        return all(it.outcome.marked for leg in self.legs for it in (leg.tuned, leg.untuned))


def stitched(walk: Walk) -> tuple[Path, ...]:
    """Return every way through the tests of `walk` that meets each day once.

    A walk has one path, also where all folds failed; cpcv has as many as a group has tests.

    Raises
    ------
    TuningError
        Two tests of a path share days.
    """
    found = {result.fold.number: result for result in walk.folds}
    tests = [test for fold in divide(walk.plan) for test in fold.tests]
    wanted = days_of(tests)
    ways = paths(walk.plan, [result.fold for result in walk.folds])
    return tuple(
        _path([_leg(found[number], place) for number, place in way], wanted) for way in ways
    )


def growth(returns: pd.Series) -> pd.Series:
    """Return what one unit of money has become by the end of each day."""
    return (1.0 + returns).cumprod()


def marked_returns(tested: Tested) -> pd.Series:
    """Return the wallet's change on each day of the test that it covers.

    What a backtest earns in the candle that opens at the end of its period, where Freqtrade closes
    what is open, counts to the last day: that candle's own day may belong to another test.
    """
    daily = changes(tested.outcome.daily)
    # A wallet is noted at 00:00, so a return belongs to the day before
    days = pd.DatetimeIndex(daily.index) - DAY
    start, end = pd.Timestamp(tested.period.start), pd.Timestamp(tested.period.end)
    last = (end - DAY).floor("D")
    on = days.where(days <= last, last)[days >= start.floor("D")]
    inside = 1.0 + daily.to_numpy(dtype=float)[days >= start.floor("D")]
    return pd.Series(inside, on).groupby(level=0).prod() - 1.0


def realized_returns(tested: Tested, profit: Array | None = None) -> Array:
    """Return the realized return of each day of the test, shape (n_days,).

    Parameters
    ----------
    profit : array of float, shape (n_trades,), optional
        What the trades would have made instead, stake currency.
    """
    made = tested.trades["profit_abs"].to_numpy(dtype=float) if profit is None else profit
    return daily_returns(
        tested.trades["closed_at"],
        made,
        start=pd.Timestamp(tested.period.start),
        end=pd.Timestamp(tested.period.end),
        balance=tested.balance,
    )


def trade_returns(tested: Tested) -> Array:
    """Return what each trade made over the wallet before it, in the order in which they closed."""
    made = tested.trades.sort_values("closed_at", kind="stable")["profit_abs"]
    return wallet_returns(made, tested.balance)


def chained(parts: Iterable[Array]) -> Array:
    """Return `parts` end to end; without any, an array of no length."""
    return np.concatenate([np.empty(0), *parts])


def days_of(periods: Sequence[Period]) -> pd.DatetimeIndex:
    """Return the days of `periods`, each once, in order of time."""
    ranges = [
        pd.date_range(it.start, it.end, freq="D", inclusive="left", unit="ns") for it in periods
    ]
    every = [moment for days in ranges for moment in days]
    return pd.DatetimeIndex(sorted(set(every)), tz="UTC")


def runs_of(days: pd.DatetimeIndex) -> tuple[Period, ...]:
    """Return `days` as periods, one for each run without a break."""
    if days.empty:
        return ()
    breaks = np.flatnonzero(np.diff(days.to_numpy()) > np.timedelta64(1, "D")) + 1
    return tuple(
        Period(part[0].to_pydatetime(), part[-1].to_pydatetime() + timedelta(days=1))
        for part in (days[edges] for edges in _slices(breaks, len(days)))
    )


def _slices(breaks: NDArray[np.intp], length: int) -> list[slice]:
    edges = [0, *breaks.tolist(), length]
    return [slice(*pair) for pair in pairwise(edges)]


def _leg(result: FoldResult, place: int) -> Leg:
    return Leg(result.fold.number, result.tested[place], result.untuned[place])


def _path(legs: Sequence[Leg], wanted: pd.DatetimeIndex) -> Path:
    ordered = tuple(sorted(legs, key=lambda leg: leg.tuned.period.start))
    tuned = _joined([marked_returns(leg.tuned) for leg in ordered])
    untuned = _joined([marked_returns(leg.untuned) for leg in ordered])
    common = pd.DatetimeIndex(tuned.index.intersection(untuned.index))
    return Path(ordered, tuned[common], untuned[common], runs_of(wanted.difference(common)))


def _joined(parts: Sequence[pd.Series]) -> pd.Series:
    known = [part for part in parts if len(part)]
    if not known:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
    whole: pd.Series = pd.concat(known).sort_index()
    if whole.index.has_duplicates:
        twice = whole.index[whole.index.duplicated()][0]
        raise TuningError(
            f"{twice:%Y-%m-%d} is tested by two folds of one path; delete the walk's folder and "
            "run it again"
        )
    return whole

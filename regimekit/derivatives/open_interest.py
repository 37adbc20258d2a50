"""Open interest, the contracts that are held: how unusual, how fast it grows, and who acts.

Snapshots come every 15 minutes. Everything is computed on the amount in base coin; the value in
quote currency moves with the price.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from regimekit.derivatives.windows import FloatArray, Windows, last_bars, on_grid, zscore
from regimekit.schema import Positioning

STEP = timedelta(minutes=15)


def open_interest_events(
    open_interest: pd.DataFrame,
    price: pd.Series,
    *,
    z_bars: int = 96,
    change_bars: int = 8,
    delay: timedelta = timedelta(minutes=5),
) -> pd.DataFrame:
    """Turn Freqtrade's 15m snapshots into columns with the instant they were known.

    Live, Freqtrade withholds the newest snapshot while the next one is not out: it takes it for a
    candle that may still change. The next one is out `delay` after its time. So a snapshot is
    known one step and `delay` after it was taken, in backtests too, where the file has it at once.

    Parameters
    ----------
    open_interest : DataFrame
        ``date`` (instant of the snapshot, datetime64[UTC]) and ``open_interest_amount`` (base
        coin). Any order. An amount of zero or less is missing: nobody lists such a contract.
    price : Series of float
        Price by instant, index datetime64[UTC]: the close of a candle at the time it closed.
    z_bars, change_bars : int
        Snapshots that the amount is compared with, and over which it changes.

    Returns
    -------
    DataFrame, ascending
        ``date``, ``known_at``; ``open_interest_amount``, base coin; ``oi_z``, standard deviations;
        ``oi_change``, fraction; ``price_oi_quadrant``, a `Positioning` code. NaN until a window is
        full, and again after a gap until it is refilled.
    """
    rows = on_grid(open_interest[["date", "open_interest_amount"]], STEP)
    amount = rows["open_interest_amount"].to_numpy(dtype=float, na_value=np.nan)
    amount = np.where((amount > 0) & np.isfinite(amount), amount, np.nan)
    span = last_bars(rows["date"], change_bars + 1, STEP)
    grown = change(amount, span)
    moved = change(_price_at(rows["date"], price), span)
    return pd.DataFrame(
        {
            "date": rows["date"],
            "known_at": rows["date"] + STEP + delay,
            "open_interest_amount": amount,
            "oi_z": zscore(amount, last_bars(rows["date"], z_bars, STEP)),
            "oi_change": grown,
            "price_oi_quadrant": quadrant(moved, grown),
        }
    )


def change(values: FloatArray, windows: Windows) -> FloatArray:
    """Return the change from the first to the last row of each window, as a fraction of the first.

    NaN where the window is incomplete or a value in it is missing.
    """
    begun = values[windows.first]
    moved = np.divide(values, begun, out=np.full(len(values), np.nan), where=begun != 0) - 1.0
    blanks = np.concatenate([[0], np.cumsum(~np.isfinite(values))])
    whole = blanks[1:] == blanks[windows.first]
    return np.where(windows.complete & whole, moved, np.nan)


def quadrant(price_change: FloatArray, oi_change: FloatArray) -> FloatArray:
    """Return the `Positioning` code of each pair of changes, NaN where one is missing."""
    builds = np.where(oi_change > 0, int(Positioning.NEW_LONGS), int(Positioning.SHORT_COVERING))
    code = np.where(oi_change == 0, 0.0, np.sign(price_change) * builds)
    return np.where(np.isfinite(price_change) & np.isfinite(oi_change), code, np.nan)


def _price_at(date: pd.Series, price: pd.Series) -> FloatArray:
    instants = pd.DatetimeIndex(date)
    known = price.set_axis(pd.to_datetime(price.index, utc=True).as_unit(instants.unit))
    known = known[~known.index.duplicated(keep="last")]
    return known.reindex(instants).to_numpy(dtype=float)

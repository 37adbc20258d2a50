"""What refused entries would have done, gate by gate, by the measure that taken ones get too.

Each row of `regimekit.reports.refusals` is an entry at the open of the candle in which the order
would have been sent, between the stop and the target that its signal asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from regimekit.barriers import Barrier, Candles, barrier_outcomes
from regimekit.reports.stats import Interval, mean_interval
from regimekit.schema import Gate, Side

HORIZON = timedelta(days=2)  # until which a trade that was not made must have ended
SAME_SETUP = timedelta(hours=1)  # refusals no farther apart belong to one opportunity


def measured(
    rows: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    *,
    timeframe: timedelta,
    fee: float,
) -> pd.DataFrame:
    """Return `rows`, each once and by time, with what they would have done.

    Parameters
    ----------
    rows : DataFrame
        `ROW_COLUMNS`. Where stop or target is not known, those of the candle before ``at`` count.
    frames : mapping of DataFrame
        By pair: candles with the columns of `decision_columns`.
    fee : float
        Of one side, fraction of notional.

    Returns
    -------
    DataFrame
        ``r`` : result in R after fees, without funding; NaN where candles or levels are missing.
        ``barrier`` : `Barrier` codes.
        ``first`` : whether the pair and side had not been refused by this gate within `SAME_SETUP`
        before, so that the row begins an opportunity of its own.
    """
    keys = ["pair", "side", "gate", "at"]
    rows = rows.drop_duplicates(keys).sort_values(keys, kind="stable", ignore_index=True)
    before = rows.groupby(["pair", "side", "gate"])["at"].shift()
    first = (before.isna() | (rows["at"] - before > SAME_SETUP)).to_numpy()
    rows = rows.assign(first=first, r=math.nan, barrier=int(Barrier.UNDECIDED))
    for pair, own in rows.groupby("pair"):
        frame = frames.get(str(pair))
        if frame is not None:
            _measure(rows, own, frame, timeframe, fee)
    return rows.sort_values("at", kind="stable", ignore_index=True)


@dataclass(frozen=True, slots=True)
class GateSummary:
    """What one gate refused; means over nothing are NaN.

    Attributes
    ----------
    gate : str
        `Gate` label; that of NONE for the entries that were taken.
    refused, setups, known : int
        Refusals; opportunities among them; those of which it is known how they would have ended.
    target_first : float
        Share of the known that would have reached the target before the stop.
    mean_r : float
        Their mean result in R, after fees; each opportunity counts once, at its first refusal.
    interval : Interval
        Of the mean, by resampling days.
    """

    gate: str
    refused: int
    setups: int
    known: int
    target_first: float
    mean_r: float
    interval: Interval

    @property
    def verdict(self) -> str:
        """Return ``earned its keep``, ``cost money`` or ``cannot tell``."""
        if not self.interval.known or self.interval.covers_zero:
            return "cannot tell"
        return "earned its keep" if self.interval.high < 0 else "cost money"


def by_gate(rows: pd.DataFrame) -> list[GateSummary]:
    """Return a summary for each gate of the `measured` rows, in the order gates are asked."""
    order = {gate.label: position for position, gate in enumerate(Gate)}
    groups = {str(gate): own for gate, own in rows.groupby("gate")}
    labels = sorted(groups, key=lambda gate: (order.get(gate, len(order)), gate))
    return [summarize_gate(label, groups[label]) for label in labels]


def summarize_gate(label: str, rows: pd.DataFrame) -> GateSummary:
    """Sum up `rows` of one gate."""
    setups = rows[rows["first"]]
    known = setups[setups["r"].notna()]
    return GateSummary(
        gate=label,
        refused=len(rows),
        setups=len(setups),
        known=len(known),
        target_first=float(known["barrier"].eq(int(Barrier.TARGET)).mean()),
        mean_r=float(known["r"].mean()),
        interval=mean_interval(known["at"], known["r"]),
    )


def _measure(
    rows: pd.DataFrame, own: pd.DataFrame, frame: pd.DataFrame, timeframe: timedelta, fee: float
) -> None:
    """Write the outcomes of the rows `own` of one pair into `rows`."""
    dates = pd.Index(frame["date"])
    signal = dates.get_indexer(pd.Index(own["at"] - timeframe).astype(dates.dtype))
    # The next row must be the candle of the order: prices may be missing in between.
    following = dates.get_indexer(pd.Index(own["at"]).astype(dates.dtype))
    own, signal = (
        own[(signal >= 0) & (following == signal + 1)],
        signal[(signal >= 0) & (following == signal + 1)],
    )
    levels = {
        name: _positive(own[name].to_numpy(dtype=float), frame[name].to_numpy(dtype=float)[signal])
        for name in ("stop_distance", "target_rr")
    }
    prices = (frame[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close"))
    found = barrier_outcomes(
        Candles(*prices),
        signal,
        own["side"].map({side.value: side.sign for side in Side}).to_numpy(),
        levels["stop_distance"],
        levels["target_rr"],
        most_bars=int(HORIZON / timeframe),
        fee=fee,
    )
    rows.loc[own.index, "r"] = found.r
    rows.loc[own.index, "barrier"] = found.barrier


def _positive(values: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Return `values`, `otherwise` where they are unknown, NaN where neither is a distance."""
    chosen = np.where(np.isfinite(values), values, otherwise)
    return np.where(chosen > 0, chosen, np.nan)

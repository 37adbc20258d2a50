"""Refused entries, and those that were taken, as rows of one kind.

A filter refuses in columns, a gate just before the order and writes it down in the veto ledger;
either becomes a row that says when an order would have been sent, and with what stop and target.
"""

import math
from collections.abc import Mapping
from datetime import timedelta

import pandas as pd

from regimekit.reports.entries import NO_ROW
from regimekit.schema import ROUTES, Gate, Regime, Side

ROW_COLUMNS = {
    "at": "datetime64[ms, UTC]",
    "pair": "str",
    "side": "str",
    "gate": "str",
    "sub_strategy": "str",
    "confidence": "float64",
    "stop_distance": "float64",
    "target_rr": "float64",
}


def column_refusals(frames: Mapping[str, pd.DataFrame], *, timeframe: timedelta) -> pd.DataFrame:
    """Return a row for each bar and side whose signal a filter stopped.

    Parameters
    ----------
    frames : mapping of DataFrame
        By pair: candles with the columns of `decision_columns`; those without ``refused_<side>``
        have no refusals.

    Returns
    -------
    DataFrame
        `ROW_COLUMNS`; ``at`` is the open of the candle in which the order would have been sent.
    """
    rows = [_blank()]
    for pair, frame in frames.items():
        for side in Side:
            codes = frame.get(f"refused_{side}")
            if codes is not None:
                refused = frame[codes.ne(int(Gate.NONE))]
                gates = codes[refused.index].map({int(gate): gate.label for gate in Gate})
                rows.append(_rows(refused, pair, side, gates, timeframe))
    return pd.concat(rows, ignore_index=True)


def ledger_refusals(ledger: pd.DataFrame | None) -> pd.DataFrame:
    """Return the `ROW_COLUMNS` of a veto ledger; rows without time, pair or side are left out.

    Parameters
    ----------
    ledger : DataFrame or None
        Rows as they were written: ``at`` as text or UTC time, ``gate`` by its label.
    """
    if ledger is None or ledger.empty:
        return _blank()
    rows = ledger.reindex(columns=list(ROW_COLUMNS))
    rows["at"] = pd.to_datetime(rows["at"], utc=True, format="ISO8601").dt.as_unit("ms")
    rows = rows[rows["at"].notna() & rows["pair"].notna() & rows["side"].isin([*Side])]
    return rows.astype(ROW_COLUMNS).reset_index(drop=True)


def taken_entries(
    trades: pd.DataFrame, frames: Mapping[str, pd.DataFrame], *, timeframe: timedelta
) -> pd.DataFrame:
    """Return the `ROW_COLUMNS` of the trades whose signal is known, to be measured alike."""
    rows = [_blank()]
    for trade in trades[trades["signal_row"] != NO_ROW].to_dict("records"):
        frame = frames[trade["pair"]]
        signal = frame.iloc[trade["signal_row"] : trade["signal_row"] + 1]
        gate = pd.Series(Gate.NONE.label, index=signal.index)
        rows.append(_rows(signal, trade["pair"], Side(trade["side"]), gate, timeframe))
    return pd.concat(rows, ignore_index=True)


def _rows(
    signals: pd.DataFrame, pair: str, side: Side, gates: pd.Series, timeframe: timedelta
) -> pd.DataFrame:
    names = {int(regime): sub_strategy.value for regime, sub_strategy in ROUTES.items()}
    columns = {
        "at": signals["date"] + timeframe,
        "pair": pair,
        "side": side.value,
        "gate": gates,
        "sub_strategy": signals["regime"].map(names).fillna(Regime.UNKNOWN.label),
        "confidence": signals.get(f"confidence_{side}", math.nan),
        "stop_distance": signals["stop_distance"],
        "target_rr": signals["target_rr"],
    }
    return pd.DataFrame(columns, index=signals.index).astype(ROW_COLUMNS)


def _blank() -> pd.DataFrame:
    return pd.DataFrame(columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)

"""Adding columns to a candle frame."""

import pandas as pd


def with_columns(frame: pd.DataFrame, columns: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with `columns`, replacing those of the same name.

    Freqtrade asks for signals more than once of the same frame (hyperopt, lookahead-analysis), so
    adding must be repeatable. One concatenation keeps the frame unfragmented.
    """
    kept = frame.drop(columns=frame.columns.intersection(columns.columns))
    return pd.concat([kept, columns], axis=1)

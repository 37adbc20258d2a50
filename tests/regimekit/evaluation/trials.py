"""Hand-made trades in the shape that Freqtrade hands to a loss."""

import numpy as np
import pandas as pd

from regimekit.evaluation.trial import Trial

START = pd.Timestamp("2026-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)
CANDLE = pd.Timedelta(minutes=15)
COLUMNS = {
    "pair": "BTC/USDT:USDT",
    "opened": START,
    "closed": START,
    "profit_abs": 0.0,
    "amount": 1.0,
    "open_rate": 100.0,
    "initial_stop_loss_abs": 90.0,
}


def table(*rows):
    """Trades of `rows`; what a row does not say is as in `COLUMNS`."""
    frame = pd.DataFrame([{**COLUMNS, **row} for row in rows], columns=list(COLUMNS))
    frame = frame.rename(columns={"opened": "open_date", "closed": "close_date"})
    dates = dict.fromkeys(("open_date", "close_date"), "datetime64[ms, UTC]")
    return frame.astype(dates if len(frame) else {})


def daily(profits, *, hour=12):
    """One trade a day that is won or lost at noon; 0 is a day without one."""
    noon = START + pd.Timedelta(hours=hour)
    return table(
        *(
            {"opened": noon + day * DAY - CANDLE, "closed": noon + day * DAY, "profit_abs": profit}
            for day, profit in enumerate(profits)
            if profit
        )
    )


def candles(days, **columns):
    """A frame of `days` in candles of 15 minutes."""
    dates = pd.date_range(START, START + days * DAY, freq=CANDLE, inclusive="left")
    return pd.DataFrame({"date": dates.as_unit("ms"), **columns})


def trial(trades, *, days, epochs=100, balance=1_000.0, closed=(), frames=None):
    """A trial of `days` in which stops are those of the trades, unless `frames` say otherwise."""
    return Trial.of(
        trades,
        start=START,
        end=START + days * DAY,
        balance=balance,
        closed=closed,
        frames=frames or {pair: candles(1) for pair in np.unique(trades["pair"].astype(str))},
        timeframe=CANDLE,
        epochs=epochs,
    )

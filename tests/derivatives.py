"""Open interest and taker flow for the markets of `tests.markets`, the same for the same seed."""

import numpy as np
import pandas as pd

from tests.markets import CANDLE, Market

MINUTE = pd.Timedelta(minutes=1)


def open_interest_rows(shown: Market, seed: int = 1) -> pd.DataFrame:
    """A snapshot as each candle opens, as in Freqtrade's files; whole numbers of base coin."""
    steps = np.random.default_rng(seed).normal(0, 40, len(shown.candles)).round()
    return pd.DataFrame(
        {"date": shown.candles["date"], "open_interest_amount": 100_000 + steps.cumsum()}
    )


def taker_flow_rows(shown: Market, seed: int = 1) -> pd.DataFrame:
    """Taker flow of each candle, as in our store; even volumes, so that halves are exact."""
    rng = np.random.default_rng(seed)
    volume = 2 * shown.candles["volume"]
    bought = (volume * rng.uniform(0.2, 0.8, len(volume))).round()
    return pd.DataFrame(
        {
            "date": shown.candles["date"],
            "volume": volume,
            "taker_buy_volume": bought,
            "known_at": shown.candles["date"] + CANDLE,
            "quality": 0,
        }
    )

"""What `decision_columns` reads, made by hand: a trend, a break, a stretched range, and any mix."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from regimekit.schema import Availability, Positioning
from tests.regimekit.signals.evidence import NEUTRAL

OUTAGE, STALE, OK = Availability

# A trend that everything confirms: momentum 0.20 + 0.15 + 0.15 + 0.15 + 0.10 = 0.75, and both
# higher timeframes agree, which makes 0.95.
TREND: dict[str, Any] = NEUTRAL | {
    "close": 100.0,
    "atr": 1.0,
    "atr_rank": 0.5,
    "adx": 30.0,
    "atr_ratio": 1.0,
    "ema_fast": 102.0,
    "ema_mid": 101.0,
    "ema_slow": 100.0,
    "rsi_fast": 60.0,
    "macd_hist": 0.125,
    "volume_ratio": 1.6,
    "obv_flow": 0.2,
    "trend_1h": 1.0,
    "trend_4h": 1.0,
    "adx_4h": 30.0,
    "state_1h": OK,
    "state_4h": OK,
    "funding_rate_8h": 0.0001,
    "funding_z": 0.0,
    "funding_state": OK,
    "oi_z": 0.0,
    "oi_change": 0.0,
    "price_oi_quadrant": Positioning.FLAT,
    "oi_state": OK,
    "cvd_divergence": 0.0,
}
BREAK = TREND | {"atr_ratio": 2.0, "break_up": 0.003, "body": 0.8, "rsi": 60.0, "volume_ratio": 2.1}
STRETCHED = {"bb_percent": -0.25, "rsi": 20.0, "reversal": 1.0, "rsi_divergence": 1.0}
REVERSION = TREND | STRETCHED | {"adx": 15.0}
SETUPS = {"momentum": TREND, "breakout": BREAK, "mean_reversion": REVERSION}

NO_OPEN_INTEREST = {
    "oi_state": OUTAGE,
    **dict.fromkeys(("oi_z", "oi_change", "price_oi_quadrant"), np.nan),
}
NO_FUNDING = {
    "funding_state": OUTAGE,
    **dict.fromkeys(("funding_rate_8h", "funding_z"), np.nan),
}
LONGS_CROWDED = {"atr_rank": 0.2, "oi_change": 0.06, "funding_z": 2.5}
SHORTS_CROWDED = LONGS_CROWDED | {"funding_z": -2.5}

NEGATED = [
    *("ema_fast", "ema_mid", "ema_slow", "macd_hist", "obv_flow", "body", "reversal"),
    *("rsi_divergence", "obv_divergence", "trend_1h", "trend_4h", "funding_rate_8h", "funding_z"),
    *("price_oi_quadrant", "cvd_divergence"),
]
# Single values that differ from those of a setup; names and numbers that rules turn on.
TWISTS: list[dict[str, Any]] = [
    *({} for _ in range(4)),
    LONGS_CROWDED,
    SHORTS_CROWDED,
    {"funding_z": 1.5},
    {"oi_z": 2.5, "price_oi_quadrant": Positioning.NEW_LONGS, "oi_change": 0.06},
    {"oi_z": 2.5, "price_oi_quadrant": Positioning.NEW_SHORTS, "oi_change": 0.06},
    NO_OPEN_INTEREST,
    {"oi_state": STALE},
    NO_FUNDING,
    {"funding_z": np.nan},
    {"funding_rate_8h": 0.002},
    {"funding_rate_8h": -0.002},
    {"trend_1h": -1.0},
    {"trend_1h": 0.0},
    {"trend_4h": -1.0},
    {"trend_1h": 0.0, "trend_4h": 0.0},
    {"trend_1h": -1.0, "trend_4h": -1.0},
    {"trend_1h": np.nan, "state_1h": STALE},
    {"trend_4h": np.nan, "adx_4h": np.nan, "state_4h": OUTAGE},
    {"adx_4h": 15.0},
    {"adx": 22.0},
    {"adx": np.nan},
    {"atr_ratio": np.nan},
    {"atr": np.nan, "atr_rank": np.nan},
    {"atr": 12.0, "atr_rank": 1.0},
    {"atr_rank": 0.0},
    {"rsi": 80.0, "rsi_fast": 95.0},
    {"rsi": 62.0},
    {"rsi": np.nan},
    {"macd_hist": 0.0625},
    {"macd_hist": 0.03125, "rsi": 58.0},
    {"macd_hist": np.nan},
    {"volume_ratio": 0.5},
    {"volume_ratio": np.nan},
    {"obv_flow": -0.2},
    {"cvd_divergence": np.nan},
    {"cvd_divergence": -0.5},
    {"bb_percent": 1.25, "reversal": -1.0},
    {"break_up": np.nan},
]


def repeated(row: dict[str, Any], bars: int = 3, **changes: Any) -> pd.DataFrame:
    """The same bar again and again; three make a regime old enough to be traded."""
    return pd.DataFrame([row | changes] * bars)


def upside_down(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows of the market in which every rise is a fall."""
    turned: dict[str, pd.Series] = {name: -frame[name] for name in NEGATED}
    turned |= {name: 100.0 - frame[name] for name in ("rsi", "rsi_fast")}
    turned["bb_percent"] = 1.0 - frame["bb_percent"]
    turned |= {"break_up": frame["break_down"], "break_down": frame["break_up"]}
    return frame.assign(**turned)


def _stretch(setup: dict, down: bool, twists: list[dict]) -> pd.DataFrame:
    rows = pd.DataFrame([setup | twist for twist in twists])
    return upside_down(rows) if down else rows


def any_rows(most: int = 8) -> st.SearchStrategy[pd.DataFrame]:
    """Draw stretches of setups of both sides, with twists; long enough for what has a memory."""
    stretch = st.builds(
        _stretch,
        st.sampled_from(list(SETUPS.values())),
        st.booleans(),
        st.lists(st.sampled_from(TWISTS), min_size=1, max_size=most),
    )
    return st.lists(stretch, min_size=1, max_size=5).map(
        lambda frames: pd.concat(frames, ignore_index=True)
    )

"""Bars made by hand: a neutral market in which a test switches evidence on."""

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from regimekit.signals.bars import Bars

# Nothing speaks for a long or a short, and volume is neither high nor low for any sub-strategy.
NEUTRAL = {
    "ema_fast": 100.0,
    "ema_mid": 100.0,
    "ema_slow": 100.0,
    "rsi_fast": 75.0,
    "rsi": 50.0,
    "macd_hist": 0.0,
    "bb_percent": 0.5,
    "volume_ratio": 1.5,
    "obv_flow": 0.0,
    "break_up": -0.01,
    "break_down": -0.01,
    "body": 0.0,
    "reversal": 0.0,
    "rsi_divergence": 0.0,
    "obv_divergence": 0.0,
}
NAMES = [item.name for item in fields(Bars)]


def one_bar(**evidence: float) -> Bars:
    """A single bar, neutral but for `evidence`."""
    return many_bars(1, **evidence)


def many_bars(bars: int, **evidence: float) -> Bars:
    """The same bar again and again."""
    return Bars(**{name: np.full(bars, value) for name, value in (NEUTRAL | evidence).items()})


def without(bars: Bars, name: str) -> Bars:
    """`bars` in which `name` is unknown."""
    values = {item: getattr(bars, item) for item in NAMES}
    return Bars(**{**values, name: np.full_like(values[name], np.nan)})


def any_bars() -> st.SearchStrategy[Bars]:
    """Bars of arbitrary numbers, missing ones among them, exactly mirrored in binary."""
    number = st.integers(-6400, 12800).map(lambda value: value / 64) | st.just(np.nan)

    def build(rows):
        return Bars(**dict(zip(NAMES, np.array(rows, dtype=float).T, strict=True)))

    row = st.tuples(*[number] * len(NAMES))
    return st.lists(row, min_size=1, max_size=12).map(build)

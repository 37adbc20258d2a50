"""Breakout: follow price out of its range when volume expands with volatility."""

from regimekit.settings import BreakoutSettings
from regimekit.signals.bars import Bars, FloatArray, weigh


def breakout(bars: Bars, settings: BreakoutSettings) -> FloatArray:
    """Return the confidence of a long, 0..1, NaN where an input is missing.

    The setup is a close above the highest high of the 50 bars before by `break_margin`.
    """
    broke = bars.break_up > settings.break_margin
    return weigh(
        broke,
        [
            (settings.break_range, broke),
            (settings.volume, bars.volume_ratio > settings.volume_ratio),
            (settings.body, bars.body > settings.body_ratio),
            (settings.rsi, bars.rsi > settings.rsi_confirm),
            (settings.obv, bars.obv_flow > 0),
            (-settings.low_volume, bars.volume_ratio < settings.low_volume_ratio),
        ],
        bars.break_up,
        bars.volume_ratio,
        bars.body,
        bars.rsi,
        bars.obv_flow,
    )

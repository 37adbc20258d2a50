"""Momentum: join a trend while its averages fan out, RSI has room and volume agrees."""

import numpy as np

from regimekit.settings import MomentumSettings
from regimekit.signals.bars import Bars, FloatArray, weigh


def momentum(bars: Bars, settings: MomentumSettings) -> FloatArray:
    """Return the confidence of a long, 0..1, NaN where an input is missing.

    The setup is EMA 5 > 13 > 21. It is new (``cross``) for `cross_bars` bars and a continuation
    after that.
    """
    aligned = (bars.ema_fast > bars.ema_mid) & (bars.ema_mid > bars.ema_slow)
    new = aligned & ~_held_for(aligned, settings.cross_bars)
    rsi_diverges, obv_diverges = bars.rsi_divergence > 0, bars.obv_divergence > 0
    both = rsi_diverges & obv_diverges
    far = bars.rsi_fast > settings.far_extreme_rsi
    return weigh(
        aligned,
        [
            (settings.cross, new),
            (settings.continuation, aligned & ~new),
            (
                settings.rsi,
                (bars.rsi_fast >= settings.rsi_low) & (bars.rsi_fast <= settings.rsi_high),
            ),
            (settings.macd, bars.macd_hist > 0),
            (settings.volume, bars.volume_ratio > settings.volume_ratio),
            (settings.obv, bars.obv_flow > 0),
            (settings.divergence_both, both),
            (settings.divergence, (rsi_diverges | obv_diverges) & ~both),
            (-settings.far_extreme, far),
            (-settings.extreme, (bars.rsi_fast > settings.extreme_rsi) & ~far),
            (-settings.thin_volume, bars.volume_ratio < settings.thin_volume_ratio),
        ],
        bars.ema_slow,
        bars.rsi_fast,
        bars.macd_hist,
        bars.volume_ratio,
        bars.obv_flow,
        bars.rsi_divergence,
        bars.obv_divergence,
    )


def _held_for(state: np.ndarray, bars: int) -> np.ndarray:
    """Return where `state` also held in each of the `bars` bars before."""
    position = np.arange(len(state))
    last_false = np.maximum.accumulate(np.where(state, -1, position))
    return state & (position - last_false > bars)

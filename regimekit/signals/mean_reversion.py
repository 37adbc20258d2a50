"""Mean reversion: fade a stretched move in a market that goes nowhere."""

from regimekit.settings import MeanReversionSettings
from regimekit.signals.bars import Bars, FloatArray, weigh


def mean_reversion(bars: Bars, settings: MeanReversionSettings) -> FloatArray:
    """Return the confidence of a long, 0..1, NaN where an input is missing.

    The setup is a close beyond the lower Bollinger band by `band_margin` of the band's width, or
    an oversold RSI; both together weigh most.
    """
    beyond_band = bars.bb_percent < -settings.band_margin
    oversold = bars.rsi < settings.rsi_extreme
    return weigh(
        beyond_band | oversold,
        [
            (settings.band, beyond_band),
            (settings.rsi, oversold),
            (settings.reversal, bars.reversal > 0),
            (settings.volume, bars.volume_ratio > settings.volume_ratio),
            (settings.divergence, (bars.rsi_divergence > 0) | (bars.obv_divergence > 0)),
            (settings.obv, bars.obv_flow > 0),
        ],
        bars.bb_percent,
        bars.rsi,
        bars.reversal,
        bars.volume_ratio,
        bars.obv_flow,
        bars.rsi_divergence,
        bars.obv_divergence,
    )

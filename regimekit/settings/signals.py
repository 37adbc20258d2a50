"""What earns each sub-strategy its confidence."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class MomentumSettings(Section):
    """What earns a momentum signal its confidence; weights add up and are clipped to [0, 1]."""

    key: ClassVar[str] = "momentum"

    enabled: bool = setting(True, about="trade momentum while TRENDING")
    momentum_min_confidence: float = setting(0.85, 0, 1, about="least confidence to enter")
    cross: float = setting(0.20, 0, 1, about="EMA 5/13/21 aligned within the last cross_bars")
    continuation: float = setting(0.10, 0, 1, about="EMAs aligned for longer than that")
    cross_bars: int = setting(3, 1, 50, about="bars for which an alignment counts as new")
    rsi: float = setting(0.15, 0, 1, about="RSI(8) inside its band")
    rsi_low: float = setting(
        45.0, 0, 100, about="lower edge of the band for longs; 100-x for shorts"
    )
    rsi_high: float = setting(70.0, 0, 100, about="upper edge of the band for longs")
    macd: float = setting(0.15, 0, 1, about="MACD(5, 13, 5) histogram on the signal's side")
    volume: float = setting(0.15, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(1.5, 0, 20, about="multiple of the 20-bar average volume")
    obv: float = setting(0.10, 0, 1, about="on-balance volume flows with the signal")
    divergence: float = setting(0.10, 0, 1, about="RSI or OBV diverges in favor of the signal")
    divergence_both: float = setting(0.15, 0, 1, about="RSI and OBV both diverge in favor")
    extreme: float = setting(0.15, 0, 1, about="penalty when RSI(8) is beyond extreme_rsi")
    extreme_rsi: float = setting(
        80.0, 50, 100, about="overstretched RSI for longs; 100-x for shorts"
    )
    far_extreme: float = setting(0.20, 0, 1, about="penalty when RSI(8) is beyond far_extreme_rsi")
    far_extreme_rsi: float = setting(90.0, 50, 100, about="far overstretched RSI for longs")
    thin_volume: float = setting(0.10, 0, 1, about="penalty when volume is thin")
    thin_volume_ratio: float = setting(
        0.7, 0, 5, about="multiple of the average that counts as thin"
    )


@dataclass(frozen=True, slots=True)
class MeanReversionSettings(Section):
    """What earns a mean-reversion signal its confidence."""

    key: ClassVar[str] = "mean_reversion"

    enabled: bool = setting(True, about="trade mean reversion while RANGING")
    mean_reversion_min_confidence: float = setting(0.60, 0, 1, about="least confidence to enter")
    band: float = setting(0.25, 0, 1, about="close beyond a Bollinger(10, 2) band by band_margin")
    band_margin: float = setting(0.10, -0.5, 1, about="share of the band's width beyond its edge")
    rsi: float = setting(0.25, 0, 1, about="RSI(14) beyond rsi_extreme")
    rsi_extreme: float = setting(25.0, 1, 50, about="oversold RSI for longs; 100-x for shorts")
    reversal: float = setting(0.15, 0, 1, about="reversal candle: engulfing or long wick")
    volume: float = setting(0.12, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(1.5, 0, 20, about="multiple of the 20-bar average volume")
    divergence: float = setting(0.20, 0, 1, about="RSI or OBV diverges in favor of the signal")
    obv: float = setting(0.08, 0, 1, about="on-balance volume flows with the signal")


@dataclass(frozen=True, slots=True)
class BreakoutSettings(Section):
    """What earns a breakout signal its confidence."""

    key: ClassVar[str] = "breakout"

    enabled: bool = setting(True, about="trade breakouts while VOLATILE")
    breakout_min_confidence: float = setting(0.70, 0, 1, about="least confidence to enter")
    break_range: float = setting(0.28, 0, 1, about="close beyond the 50-bar range by break_margin")
    break_margin: float = setting(0.002, 0, 0.1, about="fraction of price beyond the range")
    volume: float = setting(0.25, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(2.0, 0, 20, about="multiple of the 20-bar average volume")
    body: float = setting(
        0.12, 0, 1, about="candle body above body_ratio, in the break's direction"
    )
    body_ratio: float = setting(0.70, 0, 1, about="body as a share of the candle's range")
    rsi: float = setting(0.10, 0, 1, about="RSI(14) confirms the break")
    rsi_confirm: float = setting(55.0, 50, 100, about="RSI that confirms a long; 100-x for shorts")
    obv: float = setting(0.08, 0, 1, about="on-balance volume flows with the signal")
    low_volume: float = setting(0.15, 0, 1, about="penalty when volume is below low_volume_ratio")
    low_volume_ratio: float = setting(
        1.5, 0, 20, about="multiple of the average that is too little"
    )

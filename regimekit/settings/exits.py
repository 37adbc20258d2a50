"""Where a trade ends."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, SettingsError, setting


@dataclass(frozen=True, slots=True)
class ExitSettings(Section):
    """Where a trade's stop, target, break-even and trail lie; ATR(14) of the signal candle."""

    key: ClassVar[str] = "exits"

    stop_atr_momentum: float = setting(12.0, 0.5, 20, about="initial stop in ATR, momentum")
    stop_atr_mean_reversion: float = setting(
        6.0, 0.5, 20, about="initial stop in ATR, mean reversion"
    )
    stop_atr_breakout: float = setting(12.0, 0.5, 20, about="initial stop in ATR, breakout")
    min_stop: float = setting(0.04, 0.001, 0.2, about="least stop distance, fraction of price")
    max_stop: float = setting(
        0.15, 0.01, 0.4, about="stop distance beyond which a signal is refused, fraction of price"
    )
    target_rr_momentum: float = setting(1.0, 0.5, 6, about="target in R, momentum")
    target_rr_mean_reversion: float = setting(1.0, 0.5, 6, about="target in R, mean reversion")
    target_rr_breakout: float = setting(1.0, 0.5, 6, about="target in R, breakout")
    break_even: bool = setting(
        True, about="move the stop to break-even once break_even_r is reached"
    )
    break_even_r: float = setting(
        1.8, 0.3, 10, about="gain in R at which the stop moves to break-even, fees included"
    )
    taker_fee: float = setting(
        0.0005, 0, 0.01, about="fee of one side that stops and sizes reckon with, fraction"
    )
    hybrid_trail: bool = setting(
        True, about="reaching the target arms the trail; false closes the trade there"
    )
    trail_atr: float = setting(16.0, 0.8, 40, about="width of the trail in ATR")
    volatility_trail: bool = setting(
        False, about="let regime and ATR rank change the width of the trail"
    )
    trail_ranging: float = setting(0.8, 0.3, 3, about="factor on that width while RANGING")
    trail_trending: float = setting(1.2, 0.3, 3, about="factor on that width while TRENDING")
    trail_volatile: float = setting(1.0, 0.3, 3, about="factor on that width while VOLATILE")
    trail_calm: float = setting(0.85, 0.3, 3, about="further factor at the lowest ATR rank")
    trail_wild: float = setting(1.3, 0.3, 3, about="further factor at the highest, linear between")
    momentum_decay: bool = setting(
        False, about="close a trade in profit when MACD and RSI say that its move is dying"
    )
    decay_bars: int = setting(3, 1, 50, about="bars in a row that the MACD histogram shrinks")
    decay_rsi: float = setting(
        60.0, 50, 95, about="RSI(14) that a long came from; 100-x for shorts"
    )
    decay_min_r: float = setting(0.5, 0, 10, about="gain in R from which a dying move is closed")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        self.check_order("min_stop", "max_stop")
        farthest = max(
            self.target_rr_momentum, self.target_rr_mean_reversion, self.target_rr_breakout
        )
        if self.max_stop * farthest >= 1:
            raise SettingsError(
                f"regimekit.exits.max_stop is {self.max_stop:g} with a target of {farthest:g} R, "
                "which puts a short's target below zero; lower one of them"
            )

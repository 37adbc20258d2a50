"""How much may be lost: size and leverage."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class RiskSettings(Section):
    """How large a position is and how much leverage it may carry."""

    key: ClassVar[str] = "risk"

    base_fraction: float = setting(
        0.05, 0.0001, 0.5, about="stake of a full-size position as a share of equity"
    )
    equity_at_risk: float = setting(
        0.01, 0.0001, 0.05, about="most equity lost at the stop, fees included (0.01 is 1 %)"
    )
    volatile_scale: float = setting(0.67, 0.05, 1, about="size factor while VOLATILE")
    confidence_floor: float = setting(
        1.0, 0.05, 1, about="size factor at the least confidence; 1 ignores confidence"
    )
    drawdown_start: float = setting(0.10, 0, 0.9, about="drawdown from which size shrinks")
    drawdown_full: float = setting(0.20, 0.01, 1, about="drawdown at which it stops shrinking")
    drawdown_floor: float = setting(0.25, 0, 1, about="size factor at and beyond drawdown_full")
    target_leverage: float = setting(3.0, 1, 50, about="leverage before the liquidation bound")
    stop_within_liquidation: float = setting(
        0.6, 0.1, 0.6, about="stop distance as a share of the distance to liquidation, at most"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        self.check_order("drawdown_start", "drawdown_full")

"""How a sub-strategy's own recent trades change how it trades."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class AdaptiveSettings(Section):
    """Bounds within which recent results move confidence, size, leverage, stop and target."""

    key: ClassVar[str] = "adaptive"

    enabled: bool = setting(False, about="let recent results change how a sub-strategy trades")
    window: int = setting(50, 5, 500, about="closed trades of a sub-strategy that are looked at")
    least_trades: int = setting(
        8, 2, 500, about="of which it needs so many before anything changes"
    )
    relief: float = setting(0.10, 0, 0.3, about="most that the needed confidence may fall")
    demand: float = setting(0.08, 0, 0.3, about="most that the needed confidence may rise")
    least_size: float = setting(0.15, 0.01, 1, about="smallest factor on the stake")
    most_size: float = setting(1.2, 1, 3, about="largest factor on the stake")
    least_leverage: float = setting(
        0.6, 0.1, 1, about="smallest factor on leverage; 1 is the largest"
    )
    least_stop: float = setting(0.9, 0.5, 1, about="smallest factor on the stop distance")
    most_stop: float = setting(1.2, 1, 2, about="largest factor on the stop distance")
    least_reward: float = setting(0.8, 0.3, 1, about="smallest factor on the target's R:R")
    most_reward: float = setting(1.2, 1, 2, about="largest factor on the target's R:R")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        self.check_order("least_trades", "window")

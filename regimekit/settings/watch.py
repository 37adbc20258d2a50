"""What a bot watches about itself and its computer while it trades."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class WatchSettings(Section):
    """The computer's clock and disk, and the sign of life; backtests watch nothing."""

    key: ClassVar[str] = "watch"

    clock_every_minutes: float = setting(
        5.0, 1, 60, about="minutes between two comparisons with the exchange's clock"
    )
    clock_warn_seconds: float = setting(
        1.5, 0.1, 5, about="clock error that is logged, and from which refused entries go on again"
    )
    clock_block_seconds: float = setting(
        5.0, 0, 3600, about="clock error beyond which entries are refused; 0 is off"
    )
    disk_free_mb: float = setting(
        500.0,
        0,
        1000000,
        about="free MB for the database and user_data below which entries are refused; 0 is off",
    )
    pulse_seconds: float = setting(
        10.0, 1, 300, about="seconds at least between two signs of life in user_data/pulse"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if self.clock_block_seconds:
            self.check_order("clock_warn_seconds", "clock_block_seconds")

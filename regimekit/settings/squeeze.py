"""When one side of a market is so crowded that it may be squeezed."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class SqueezeSettings(Section):
    """Prior compression, a build-up of open interest, and an extreme: together a squeeze risk."""

    key: ClassVar[str] = "squeeze"

    enabled: bool = setting(True, about="refuse entries on the crowded side and guard open trades")
    outage: str = setting(
        "abstain", about="what missing open interest does to entries", choices=("block", "abstain")
    )
    compression_rank: float = setting(
        0.25, 0.01, 0.9, about="atr_rank, 0 calmest to 1, up to which a bar is compressed"
    )
    memory_bars: int = setting(16, 1, 96, about="bars for which a compression stays recent")
    build_up_change: float = setting(
        0.05, 0.001, 1, about="growth of open interest over its change window, a fraction"
    )
    build_up_z: float = setting(1.5, 0.1, 10, about="score of open interest that is a build-up too")
    extreme_z: float = setting(
        2.0, 0.1, 10, about="score of open interest or funding that is extreme"
    )
    leave_z: float = setting(
        1.0, 0, 10, about="the risk ends when both scores are below it, <= extreme_z"
    )
    bonus: float = setting(0.0, 0, 0.5, about="confidence given to the side that is not crowded")
    tighten: bool = setting(True, about="trail open trades of the crowded side more tightly")
    tight_trail_atr: float = setting(6.0, 0.8, 20, about="width of that trail in ATR")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        self.check_order("leave_z", "extreme_z")

"""The file of decisions that a comparison with a backtest reads."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class JournalSettings(Section):
    """What a bot writes down about its decisions."""

    key: ClassVar[str] = "journal"

    enabled: bool = setting(True, about="write a bot's decisions to user_data/journal")
    most_rows: int = setting(
        50000, 100, 1000000, about="rows kept per file; 96 a day and pair, the oldest go first"
    )

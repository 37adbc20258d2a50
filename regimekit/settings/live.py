"""What has to be said before real money trades."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class LiveSettings(Section):
    """Which account trades for real; nothing here matters in a dry run or a backtest."""

    key: ClassVar[str] = "live"

    account: str = setting(
        "", about="name of the account that may be lost, as the acknowledgement spells it"
    )
    overlay: str = setting(
        "", about="set by config/live.json alone: without that file nothing trades for real"
    )

"""What an order must pass just before it is sent, and where refusals are written down."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from regimekit.settings.section import Section, SettingsError, setting


@dataclass(frozen=True, slots=True)
class GateSettings(Section):
    """Limits on when and how often to enter; 0 switches a whole-number limit off."""

    key: ClassVar[str] = "gates"

    exit_candle: bool = setting(
        True, about="refuse an entry in the candle of the pair's last exit; false only to study it"
    )
    cooldown_loss_bars: int = setting(
        5, 0, 500, about="bars without entries on a pair after a loss"
    )
    losses_to_double: int = setting(
        2, 0, 20, about="losses of a pair in a row from which that wait is doubled"
    )
    cooldown_profit_bars: int = setting(
        3, 0, 500, about="bars without entries on a pair after a profit"
    )
    entries_per_hour: int = setting(2, 0, 100, about="entries on all pairs within 60 minutes")
    entries_per_day: int = setting(6, 0, 1000, about="entries on all pairs within 24 hours")
    entries_per_candle: int = setting(1, 0, 100, about="entries on all pairs within one candle")
    same_direction: int = setting(2, 0, 100, about="open trades of one direction")
    regime_wait_bars: int = setting(2, 0, 100, about="bars without entries after a regime change")
    reward_share: float = setting(
        0.9, 0, 1, about="share of the target's R:R that the order's price must leave; 0 is off"
    )
    daily_loss: float = setting(
        0.06, 0.001, 1, about="realized loss since 00:00 UTC that stops entries, share of equity"
    )
    drawdown_stop: float = setting(
        0.20, 0.01, 1, about="realized drawdown that stops entries until a person acts; 1 is off"
    )
    drawdown_since: str = setting(
        "", about="count that drawdown from this day on, YYYY-MM-DD: how a person resumes"
    )
    total_at_risk: float = setting(
        0.04, 0.001, 1, about="equity lost if every open trade and this one were stopped"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        try:
            date.fromisoformat(self.drawdown_since or "2000-01-01")
        except ValueError:
            raise SettingsError(
                f"regimekit.gates.drawdown_since is {self.drawdown_since!r}, expected a day as "
                "YYYY-MM-DD or an empty text"
            ) from None


@dataclass(frozen=True, slots=True)
class VetoSettings(Section):
    """The file of refused orders that a report reads."""

    key: ClassVar[str] = "vetoes"

    ledger: bool = setting(True, about="write refused orders to user_data/vetoes")
    most_rows: int = setting(20000, 100, 1000000, about="rows kept per file; the oldest go first")
    keep_files: int = setting(20, 1, 1000, about="files of backtests kept; the oldest go first")

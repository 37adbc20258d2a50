"""Stand-ins for what Freqtrade hands to a strategy, and strategies that need no exchange."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from regimekit.hooks.base import PackStrategy
from regimekit.hooks.exits import PlannedExits
from regimekit.hooks.gates import EntryGates
from regimekit.hooks.sizing import RiskSizing
from regimekit.hooks.table import DecisionTable
from regimekit.schema import Gate, Regime, Side
from tests.described import overlay

PAIR = "BTC/USDT:USDT"
OPENED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # of the candle after the signal candle
CANDLE = timedelta(minutes=15)

DECISION: dict[str, Any] = {
    "entry": 1,
    "regime": int(Regime.TRENDING),
    "confidence_long": 0.9,
    "confidence_short": 0.1,
    "min_confidence": 0.78,
    "stop_distance": 2.0,
    "target_rr": 2.0,
    "atr": 1.0,
    "inputs_ok": True,
    "close": 100.0,
    "squeeze_risk": 0.0,
    "trail_factor": 1.0,
    "decay_long": False,
    "decay_short": False,
}


def table(**changes: Any) -> DecisionTable:
    """One decision, of the candle that closes when `OPENED` opens."""
    frame = pd.DataFrame([{"date": OPENED - CANDLE} | DECISION | changes])
    return DecisionTable.from_frame(frame, 900)


@dataclass
class FakeTrade:
    """The part of Freqtrade's trade that the pack reads."""

    id: int = 1
    pair: str = PAIR
    is_short: bool = False
    enter_tag: str | None = "trending:momentum"
    open_rate: float = 100.0
    open_date_utc: datetime = OPENED + timedelta(minutes=3)
    close_date_utc: datetime | None = None
    close_profit: float | None = None
    close_profit_abs: float | None = None
    fee_open: float = 0.0005
    leverage: float = 3.0
    amount: float = 0.0
    amount_requested: float | None = None
    orders: list["FakeOrder"] = field(default_factory=list)
    stop_loss: float | None = None
    initial_stop_loss: float | None = None
    min_rate: float | None = None
    max_rate: float | None = None
    custom_data: dict[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.close_date_utc is None

    @property
    def entry_side(self) -> str:
        return "sell" if self.is_short else "buy"

    def set_custom_data(self, key: str, value: Any) -> None:
        self.custom_data[key] = value

    def get_custom_data(self, key: str, default: Any = None) -> Any:
        return self.custom_data.get(key, default)

    def calc_profit_ratio(self, rate: float) -> float:
        sign = -1 if self.is_short else 1
        return sign * (rate / self.open_rate - 1) * self.leverage


@dataclass
class FakeOrder:
    ft_order_side: str = "buy"
    ft_is_open: bool = False


@dataclass
class FakeWallets:
    """A wallet in stake currency."""

    total: float = 10_000.0
    available: float = 9_000.0
    starting: float = 10_000.0

    def get_total_stake_amount(self) -> float:
        return self.total

    def get_available_stake_amount(self) -> float:
        return self.available

    def get_starting_balance(self) -> float:
        return self.starting


@dataclass(frozen=True)
class FakeVerdict:
    """What a filter says at order time."""

    gate: Gate
    allows: bool = True
    bonus: float = 0.0
    reason: str = "a filter speaks"


class Veto(NamedTuple):
    """A refusal as it was handed to the ledger."""

    gate: Gate
    reason: str
    facts: dict[str, Any]


class Silent(PackStrategy):
    """Adds no indicators, which Freqtrade asks every strategy for."""

    timeframe = "15m"

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        return dataframe


class Minimal(Silent, EntryGates, RiskSizing, PlannedExits):
    """All decision hooks of the pack without signals of its own."""

    can_short = True
    # The tests replace these, they do not change them.
    history: list[FakeTrade] = []  # noqa: RUF012
    positions: list[FakeTrade] = []  # noqa: RUF012
    verdicts: tuple[FakeVerdict, ...] = ()

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.vetoes: list[Veto] = []

    def closed_trades(self) -> list[FakeTrade]:
        return self.history

    def open_trades(self) -> list[FakeTrade]:
        return self.positions

    def order_time_verdicts(
        self, pair: str, side: Side, moment: datetime
    ) -> tuple[FakeVerdict, ...]:
        return self.verdicts

    def record_veto(self, gate: Gate, reason: str, **facts: Any) -> None:
        self.vetoes.append(Veto(gate, reason, facts))


def strategy(kind: type[Minimal] = Minimal, **settings: Any) -> Any:
    """Build a strategy with the described settings that has one decision for `PAIR`."""
    built = kind({"regimekit": overlay(settings)})
    built.wallets = FakeWallets()
    built.decisions[PAIR] = table()
    return built

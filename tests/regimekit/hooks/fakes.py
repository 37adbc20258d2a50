"""Stand-ins for what Freqtrade hands to a strategy, and strategies that need no exchange."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from regimekit.hooks.base import PackStrategy
from regimekit.hooks.exits import PlannedExits
from regimekit.hooks.gates import EntryGates
from regimekit.hooks.sizing import RiskSizing
from regimekit.hooks.table import DecisionTable
from regimekit.schema import Regime

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
    open_rate: float = 100.0
    open_date_utc: datetime = OPENED + timedelta(minutes=3)
    close_date_utc: datetime | None = None
    close_profit_abs: float | None = None
    fee_open: float = 0.0005
    leverage: float = 3.0
    stop_loss: float | None = None
    initial_stop_loss: float | None = None
    min_rate: float | None = None
    max_rate: float | None = None
    custom_data: dict[str, Any] = field(default_factory=dict)

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


class Silent(PackStrategy):
    """Adds no indicators, which Freqtrade asks every strategy for."""

    timeframe = "15m"

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        return dataframe


class Minimal(Silent, EntryGates, RiskSizing, PlannedExits):
    """All decision hooks of the pack without signals of its own."""

    can_short = True
    history: list[FakeTrade] = []  # noqa: RUF012 - the tests replace it, they do not change it

    def closed_trades(self) -> list[FakeTrade]:
        return self.history


def strategy(kind: type[Minimal] = Minimal, **settings: Any) -> Any:
    """Build a strategy that has one decision for `PAIR`."""
    built = kind({"regimekit": settings})
    built.wallets = FakeWallets()
    built.decisions[PAIR] = table()
    return built

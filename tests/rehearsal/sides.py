"""Two sides of a comparison that agree, to be made to differ in one thing at a time."""

import functools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from providers.coverage import Period
from providers.storage.journal import decisions_frame
from providers.storage.vetoes import ROW
from regimekit.settings import Settings
from rehearsal.parity import Interval, Parity, Tolerances, compare
from rehearsal.records import CANCELED, LOCKS, TRADES, Record

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
STEP = timedelta(minutes=15)
START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = Period(START, START + 32 * STEP)
SPAN = Period(START - STEP, WINDOW.end)
TOLERANCES = Tolerances(
    throttle=timedelta(seconds=20), analysis=timedelta(seconds=40), late=timedelta(seconds=225)
)


def candle(number: int) -> datetime:
    return START + number * STEP


def decision(number: int, pair: str = BTC, **changes: Any) -> dict[str, Any]:
    """A decision to buy, of the candle with that number, analyzed five seconds after its close."""
    at = candle(number + 1) + timedelta(seconds=5)
    row: dict[str, Any] = {
        "at": at.isoformat(),
        "candle": candle(number).isoformat(),
        "pair": pair,
        "enter_tag": "trending:momentum",
        "entry": 1,
        "regime": 1,
        "confidence_long": 0.9,
        "confidence_short": 0.1,
        "min_confidence": 0.78,
        "refused_long": 0,
        "refused_short": 0,
        "stop_distance": 2.0,
        "atr": 1.0,
        "close": 100.0,
        "squeeze_risk": 0.0,
        "state_1h": 2,
        "state_4h": 2,
        "funding_age_hours": 1.0,
        "oi_state": 2,
    }
    return row | changes


def decisions(
    changes: dict[tuple[int, str], dict[str, Any] | None] | None = None,
) -> pd.DataFrame:
    """The decisions of the window and of the candle before; None leaves one out."""
    return _decisions(changes) if changes else AGREED.copy()


def _decisions(changes: dict[tuple[int, str], dict[str, Any] | None]) -> pd.DataFrame:
    rows = [
        decision(number, pair, **(changes.get((number, pair)) or {}))
        for number in range(-1, 32)
        for pair in (BTC, ETH)
        if changes.get((number, pair), {}) is not None
    ]
    return decisions_frame(rows)


AGREED = _decisions({})


def trade(number: int = 4, pair: str = BTC, **changes: Any) -> dict[str, Any]:
    """A long of the candle with that number, stopped two hours later."""
    row: dict[str, Any] = {
        "trade_id": number,
        "pair": pair,
        "side": "long",
        "enter_tag": "trending:momentum",
        "opened_at": candle(number),
        "closed_at": candle(number + 8) + timedelta(minutes=3),
        "open_rate": 100.0,
        "close_rate": 98.0,
        "stake": 300.0,
        "leverage": 3.0,
        "amount": 9.0,
        "exit_reason": "stop_loss",
        "initial_stop": 80.0,
        "stop": 98.0,
        "worst": 98.0,
        "best": 100.4,
        "fee_open": 0.0005,
        "profit_abs": -19.0,
        "profit_ratio": -0.06,
        "plan_risk": 2.0,
        "plan_reward": 2.0,
        "plan_trail": 16.0,
        "plan_squeeze_trail": 6.0,
        "plan_atr": 1.0,
        "plan_confidence": 0.9,
        "plan_regime": "trending",
        "plan_sub_strategy": "momentum",
    }
    return row | changes


def typed(rows: list[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    for name, kind in columns.items():
        if kind.startswith("datetime"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ms")
        else:
            frame[name] = frame[name].astype(kind)
    return frame


def trades(*rows: dict[str, Any]) -> pd.DataFrame:
    return typed(list(rows), TRADES)


def record(*rows: dict[str, Any], **changes: Any) -> Record:
    """A side with these trades, and a decision on every candle."""
    side = Record(
        trades=trades(*rows),
        signals=decisions(),
        starts=(START - timedelta(hours=1),),
        balance=1000.0,
    )
    return replace(side, **changes)


def refusal(gate: str, number: int = 4, pair: str = BTC, side: str = "long") -> pd.DataFrame:
    row = dict.fromkeys(ROW) | {
        "at": pd.Timestamp(candle(number)),
        "pair": pair,
        "side": side,
        "gate": gate,
        "reason": f"because of {gate}",
        "rate": 100.3,
    }
    return pd.DataFrame([row])


def lock(number: int = 4, **changes: Any) -> pd.DataFrame:
    row = {
        "pair": BTC,
        "side": "*",
        "reason": "inputs are missing",
        "since": candle(number) - timedelta(minutes=5),
        "until": candle(number + 1),
        "active": True,
    }
    return typed([row | changes], LOCKS)


def canceled(number: int = 4, pair: str = BTC) -> pd.DataFrame:
    row = {"at": candle(number) + timedelta(seconds=30), "pair": pair, "text": "not filled"}
    return typed([row], CANCELED)


@functools.cache
def flat(low: float = 97.5, high: float = 101.0) -> pd.DataFrame:
    """Minutes in each of which every price from `low` to `high` was traded."""
    dates = pd.date_range(START - STEP, WINDOW.end + STEP, freq="1min", tz="UTC", unit="ms")
    return pd.DataFrame(
        {"date": dates, "low": np.full(len(dates), low), "high": np.full(len(dates), high)}
    )


def above(low: float, begin: datetime, end: datetime) -> pd.DataFrame:
    """As `flat`, but from `begin` to `end` nothing was traded below `low`."""
    minutes = flat().copy()
    minutes.loc[minutes["date"].between(begin, end, inclusive="left"), "low"] = low
    return minutes


def parity(live: Record, backtest: Record, **changes: Any) -> Parity:
    options: dict[str, Any] = {
        "window": WINDOW,
        "span": SPAN,
        "step": STEP,
        "settings": Settings(),
        "minutes": {BTC: flat(), ETH: flat()},
        "tolerances": TOLERANCES,
        "down": (),
        "most_open": 3,
        "strategy": "RegimeRouter",
    }
    return compare(live, backtest, **(options | changes))


def down(begin: int, seconds: float, why: str = "killed") -> Interval:
    """An interval around the open of a candle."""
    middle = candle(begin)
    return Interval(middle - timedelta(seconds=seconds), middle + timedelta(seconds=seconds), why)

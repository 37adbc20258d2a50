"""Stake and leverage computed again from what each side knew, as evidence for why they differ."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from regimekit.adaptive import Adaptation
from regimekit.reports.plans import adaptation_at, past_trades
from regimekit.risk.leverage import safe_leverage
from regimekit.risk.size import Proposal, stake_for
from regimekit.schema import Regime, Side
from regimekit.settings import ExitSettings, Settings
from rehearsal.evidence import decimals_of
from rehearsal.findings import candle_of
from rehearsal.records import Record

NO_LIMIT = 1e308  # a stake; infinity would be refused


@dataclass(frozen=True, slots=True)
class Budget:
    """What one side's stake and leverage follow from; build it with `budget`.

    Attributes
    ----------
    trade : mapping
        A row of `records.TRADES`.
    expected : float
        Stake by the risk budget, stake currency.
    equity : float
        Starting balance and what trades had earned by then.
    adaptation : Adaptation
        What that side's own recent results asked for.
    distance : float
        Stop distance of the decision, price units.
    fits : bool
        Whether the stake is the expected one, less what is no whole lot. The price of the sizing is
        not quite that of the fill.
    """

    trade: Mapping[str, Any]
    expected: float
    equity: float
    adaptation: Adaptation
    distance: float
    fits: bool
    settings: Settings

    def leverage(self, maximum: float) -> float:
        """Return the leverage by the bound of the liquidation price, in a tier of that maximum."""
        risk = self.settings.risk
        return float(
            safe_leverage(
                self.trade["plan_risk"] / self.trade["open_rate"],
                Side(self.trade["side"]),
                wanted=max(1.0, risk.target_leverage * self.adaptation.leverage),
                tier_maximum=maximum,
                buffer=risk.stop_within_liquidation,
            )
        )

    def stop_distance(self, exits: ExitSettings) -> float:
        """Return the distance of the stop that follows from decision and results, price units."""
        return self.adaptation.stop_distance(self.distance, self.trade["open_rate"], exits)

    def __str__(self) -> str:
        """Return the stake and what it follows from."""
        return f"{self.expected:,.2f} at {self.trade['open_rate']:.10g} with {self.equity:,.2f}"


def budget(
    trade: Mapping[str, Any], record: Record, settings: Settings, step: timedelta, slack: float
) -> Budget | None:
    """Compute a trade's stake again, None where its decision or the balance is not known.

    Parameters
    ----------
    record : Record
        The side that made the trade: its decisions and its other trades.
    slack : float
        How far the stake may be off because of the price, as a fraction.
    """
    opened = candle_of(trade["opened_at"], step)
    signal = _decision(record.signals, trade["pair"], opened - step)
    regime = str(trade["plan_regime"]).upper()
    if signal is None or regime not in Regime.__members__ or math.isnan(record.balance):
        return None
    closed = record.trades.sort_values("closed_at", kind="stable")
    equity = record.balance + _earned(closed, trade["opened_at"])
    adaptation = adaptation_at(
        past_trades(record.trades), trade["plan_sub_strategy"], opened, settings
    )
    standing = record.trades[
        (record.trades["opened_at"] < trade["opened_at"])
        & (record.trades["closed_at"].isna() | (record.trades["closed_at"] > trade["opened_at"]))
    ]
    total = equity * record.tradable
    expected = stake_for(
        Proposal(
            equity=total,
            available=total - float(standing["stake"].sum()),
            stop_fraction=trade["plan_risk"] / trade["open_rate"],
            leverage=trade["leverage"],
            fee=settings.exits.taker_fee,
            confidence=signal[f"confidence_{trade['side']}"],
            min_confidence=max(signal["min_confidence"] + adaptation.confidence, 0.0),
            drawdown=_drawdown(closed, opened, record.balance) if settings.trade_history else 0.0,
            adaptive_scale=adaptation.size,
            regime=Regime[regime],
            min_stake=0.0,
            max_stake=NO_LIMIT,
        ),
        settings.risk,
    )
    amounts = record.trades.loc[record.trades["pair"] == trade["pair"], "amount"]
    lot = 10.0 ** -decimals_of(amounts) * trade["open_rate"] / trade["leverage"]
    off = slack * expected
    fits = expected - lot - off <= trade["stake"] <= expected + off
    return Budget(
        trade, expected, equity, adaptation, float(signal["stop_distance"]), fits, settings
    )


def _earned(closed: pd.DataFrame, before: datetime) -> float:
    return float(closed.loc[closed["closed_at"] < before, "profit_abs"].sum())


def _drawdown(closed: pd.DataFrame, before: datetime, balance: float) -> float:
    """Return the realized loss from the highest balance, a fraction >= 0."""
    earned = closed.loc[closed["closed_at"] < before, "profit_abs"].cumsum()
    if earned.empty:
        return 0.0
    highest = max(balance, balance + float(earned.max()))
    return max(1.0 - (balance + float(earned.iloc[-1])) / highest, 0.0)


def _decision(signals: pd.DataFrame, pair: str, candle: datetime) -> dict[str, Any] | None:
    own = signals[signals["pair"].eq(pair) & signals["candle"].eq(candle)]
    return None if own.empty else {str(name): own[name].iloc[0] for name in own}

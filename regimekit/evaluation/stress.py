"""What the same trades would have made had they cost more.

The decisions stay: the same candles, sides, sizes and exits. A strategy that would have traded
less at higher cost, or whose stop would have been met one candle later, is not replayed here.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = (
    *("is_short", "amount", "open_rate", "close_rate", "fee_open", "fee_close"),
    *("funding_fees", "profit_abs", "delayed_open_rate", "delayed_close_rate"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A way in which trades cost more.

    Attributes
    ----------
    name, label : str
        For programs and for people.
    fees : float
        Factor of the fees of both sides.
    slippage : float
        By how much the price of each fill is worse, a fraction of it.
    funding : float
        Factor of the funding that was paid. What was received stays as it was: to double it as
        well would call it a stress to earn more.
    late : bool
        Every order fills one candle later. An order that has no later price, as at the end of the
        data, keeps its own; `kept_prices` counts them.
    """

    name: str
    label: str
    fees: float = 1.0
    slippage: float = 0.0
    funding: float = 1.0
    late: bool = False

    def __post_init__(self) -> None:
        for field, value in (("fees", self.fees), ("funding", self.funding)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field} is a factor and must not be negative, was {value}")
        if not 0 <= self.slippage < 1:
            raise ValueError(
                f"slippage is a fraction below 1, was {self.slippage} (0.0005 is 5 basis points)"
            )


BASE = Scenario(name="base", label="as tested")
SCENARIOS = (
    Scenario(name="fees", label="fees doubled", fees=2.0),
    Scenario(name="slippage", label="5 basis points of slippage a side", slippage=0.0005),
    Scenario(name="funding", label="funding paid doubled", funding=2.0),
    Scenario(name="late", label="every order one candle late", late=True),
    Scenario(
        name="all", label="all of these together", fees=2.0, slippage=0.0005, funding=2.0, late=True
    ),
)


def recomputed(trades: pd.DataFrame, scenario: Scenario = BASE) -> pd.Series:
    """Return each trade's profit as price difference less costs under `scenario`.

    Freqtrade's arithmetic for linear futures and for spot: fees are a fraction of each side's
    notional, funding is added, leverage changes the margin but not the profit. Without stress this
    is ``profit_abs`` for trades of one entry and one exit.

    Parameters
    ----------
    trades : DataFrame, shape (n_trades, >= 10)
        With `COLUMNS`: rates are prices, ``amount`` is base coin, fees are fractions of one side,
        ``funding_fees`` is stake currency and positive when received.

    Returns
    -------
    Series of float, shape (n_trades,)
        Stake currency.
    """
    opened, closed = trades["open_rate"], trades["close_rate"]
    if scenario.late:
        opened = trades["delayed_open_rate"].fillna(opened)
        closed = trades["delayed_close_rate"].fillna(closed)
    short = trades["is_short"].to_numpy(dtype=bool)
    sign = np.where(short, -1.0, 1.0)
    bought_dearer, sold_cheaper = 1.0 + scenario.slippage, 1.0 - scenario.slippage
    entered = opened * trades["amount"] * np.where(short, sold_cheaper, bought_dearer)
    left = closed * trades["amount"] * np.where(short, bought_dearer, sold_cheaper)
    fees = scenario.fees * (entered * trades["fee_open"] + left * trades["fee_close"])
    funding = trades["funding_fees"].fillna(0.0)
    paid = funding.clip(upper=0.0) * (scenario.funding - 1.0)
    profit = sign * (left - entered) - fees + funding + paid
    return pd.Series(profit, name="profit_abs")


def stressed(trades: pd.DataFrame, scenario: Scenario) -> pd.Series:
    """Return each trade's profit had it cost what `scenario` says.

    The recorded profit is changed by what the scenario adds to the costs. Trades that were built
    or left in several orders keep what that brought them; the stress takes their mean prices.

    Parameters
    ----------
    trades : DataFrame
        See `recomputed`.

    Returns
    -------
    Series of float, shape (n_trades,)
        Stake currency. A loss may exceed the margin, which an exchange would have cut short.

    Raises
    ------
    ValueError
        A column is missing.
    """
    if missing := [name for name in COLUMNS if name not in trades]:
        raise ValueError(f"trades lack the columns {', '.join(missing)}")
    return trades["profit_abs"] + (recomputed(trades, scenario) - recomputed(trades))


def kept_prices(trades: pd.DataFrame, scenario: Scenario) -> int:
    """Return how many orders `scenario` would delay but for want of a later price."""
    if not scenario.late:
        return 0
    return int(trades[["delayed_open_rate", "delayed_close_rate"]].isna().to_numpy().sum())

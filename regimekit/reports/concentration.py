"""How much of a result hangs on few trades, pairs or days."""

from dataclasses import dataclass

import pandas as pd

from regimekit.reports.breakdown import Summary, summarize

MOST = (1, 5)  # how many of the best are taken away


@dataclass(frozen=True, slots=True)
class Without:
    """The run without its best `removed` trades, pairs or days, of `available`.

    Attributes
    ----------
    unit : str
        ``trade``, ``pair`` or ``day``, in which the trade was entered.
    taken : float
        What those taken away made together, stake currency.
    rest : Summary
        Of the trades that remain.
    """

    unit: str
    removed: int
    available: int
    taken: float
    rest: Summary


@dataclass(frozen=True, slots=True)
class Concentration:
    """What a result hangs on.

    Attributes
    ----------
    without : tuple of Without
        Best trade, best five, and likewise pairs and days.
    top_share : float
        Profit of the best trade as a share of all profits of winning trades; NaN without one.
    """

    without: tuple[Without, ...]
    top_share: float


def concentration(trades: pd.DataFrame, starting_balance: float) -> Concentration:
    """Return what is left of the run without its best trades, pairs and days."""
    keys = {
        "trade": pd.Series(trades.index, index=trades.index),
        "pair": trades["pair"],
        "day": trades["opened_at"].dt.floor("D"),
    }
    gains = trades["profit_abs"].clip(lower=0.0)
    total = float(gains.sum())
    return Concentration(
        without=tuple(
            _without(trades, unit, key, most, starting_balance)
            for unit, key in keys.items()
            for most in MOST
        ),
        top_share=float(gains.max()) / total if total > 0 else float("nan"),
    )


def _without(
    trades: pd.DataFrame, unit: str, key: pd.Series, most: int, starting_balance: float
) -> Without:
    profits = trades["profit_abs"].groupby(key).sum().sort_values(ascending=False, kind="stable")
    best = profits.iloc[:most]
    return Without(
        unit=unit,
        removed=len(best),
        available=len(profits),
        taken=float(best.sum()),
        rest=summarize(trades[~key.isin(best.index)], starting_balance),
    )

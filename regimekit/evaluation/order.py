"""What the order of trades did: the same trades in another order, and other trades of their kind.

Another order ends at the same wallet, so it only asks how deep the drawdown might have been.
Redrawing takes trades in blocks, some twice and some not at all, and asks about the end as well.
Trades stand one after the other here; those that were open at the same time are not shuffled
together, so a portfolio whose losses come at once may fall deeper than any order shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from regimekit.evaluation.resampling import CELLS, SEED, block_length, redrawn_chunks

FloatArray = NDArray[np.float64]

RESAMPLES = 5_000
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
DEPTHS = (0.10, 0.20, 0.30, 0.50)
LEAST_TRADES = 10  # fewer say nothing about those that did not happen


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """How the wallet might have gone.

    Attributes
    ----------
    trades : int
        How many there are.
    block : int
        Mean length of the blocks that were redrawn, trades.
    drawdown : float
        Deepest of the order that happened, at the close of trades, a fraction <= 0.
    deeper : float
        Share of orders whose drawdown is deeper than that: near 1 the order was lucky, near 0 it
        was unlucky. Equal ones count half.
    shuffled, redrawn, profit : Series
        Quantiles at `LEVELS`: drawdown in other orders; drawdown and profit (a fraction of the
        first wallet) of redrawn trades.
    loss_probability : float
        Share of redraws that end below the first wallet.
    beyond : DataFrame
        Indexed by depth (a fraction > 0): share of other orders (``shuffled``) and of redraws
        (``redrawn``) whose drawdown is at least as deep.
    """

    trades: int
    block: int
    drawdown: float
    deeper: float
    shuffled: pd.Series
    redrawn: pd.Series
    profit: pd.Series
    loss_probability: float
    beyond: pd.DataFrame


def wallet_returns(profit_abs: ArrayLike, balance: float) -> FloatArray:
    """Return what each trade made of the wallet before it.

    Parameters
    ----------
    profit_abs : array, shape (n_trades,)
        Stake currency, after all costs, in the order in which the trades closed.
    balance : float
        Wallet at the start, stake currency.

    Returns
    -------
    array, shape (n_trades,)
        Fractions; -1 for the trade that took the last of it, 0 after that.
    """
    if not balance > 0:
        raise ValueError(f"balance must be above 0, was {balance}")
    profits = np.asarray(profit_abs, dtype=float)
    wallet = balance + np.cumsum(profits)
    gone = np.minimum.accumulate(np.concatenate([[balance], wallet])) <= 0
    before = np.concatenate([[balance], wallet[:-1]])
    returns = np.divide(profits, before, out=np.zeros_like(profits), where=~gone[:-1])
    return np.asarray(np.maximum(returns, -1.0))


def deepest_drawdown(returns: FloatArray) -> FloatArray:
    """Return the deepest fall of the wallet from its highest so far, a fraction <= 0.

    Parameters
    ----------
    returns : array, shape (..., n_trades)
        Of the wallet before each trade; the first wallet is a height as well.
    """
    wallet = np.cumprod(np.maximum(1.0 + returns, 0.0), axis=-1)
    highest = np.maximum(np.maximum.accumulate(wallet, axis=-1), 1.0)
    return np.asarray((wallet / highest - 1.0).min(axis=-1, initial=0.0))


def trade_order(
    returns: ArrayLike,
    *,
    depths: Sequence[float] = DEPTHS,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> TradeOrder | None:
    """Shuffle and redraw trades.

    Parameters
    ----------
    returns : array, shape (n_trades,)
        What each trade made of the wallet before it, in order: see `wallet_returns`.
    depths : sequence of float
        Drawdowns to give the chance of, fractions > 0.
    resamples, seed : int
        Equal seeds give equal answers.

    Returns
    -------
    TradeOrder or None
        None with fewer than ten trades.
    """
    values = np.asarray(returns, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"returns must be one row of finite numbers, was {values.shape}")
    if any(depth <= 0 for depth in depths):
        raise ValueError(f"depths are fractions above 0, was {tuple(depths)}")
    if len(values) < LEAST_TRADES:
        return None
    happened = float(deepest_drawdown(values))
    shuffled = np.concatenate(
        [deepest_drawdown(drawn) for drawn in _shuffles(values, resamples, seed)]
    )
    block = block_length(values)
    parts = [
        (deepest_drawdown(drawn), np.prod(np.maximum(1.0 + drawn, 0.0), axis=1) - 1.0)
        for places in redrawn_chunks(len(values), block, resamples=resamples, seed=seed)
        for drawn in (values[places],)
    ]
    redrawn, profit = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Products of the same factors in another order differ in the last digit
    apart = np.round(happened - shuffled, 12)
    return TradeOrder(
        trades=len(values),
        block=block,
        drawdown=happened,
        deeper=float(np.heaviside(apart, 0.5).mean()),
        shuffled=_quantiles(shuffled),
        redrawn=_quantiles(redrawn),
        profit=_quantiles(profit),
        loss_probability=float((profit < 0).mean()),
        beyond=pd.DataFrame(
            {
                name: [float((falls <= -depth).mean()) for depth in depths]
                for name, falls in (("shuffled", shuffled), ("redrawn", redrawn))
            },
            index=pd.Index(depths, name="depth", dtype=float),
        ),
    )


def _shuffles(values: FloatArray, resamples: int, seed: int) -> Iterator[FloatArray]:
    rng = np.random.default_rng(seed)
    step = max(1, CELLS // len(values))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        yield rng.permuted(np.broadcast_to(values, (rows, len(values))), axis=1)


def _quantiles(values: FloatArray) -> pd.Series:
    return pd.Series(np.quantile(values, LEVELS), index=pd.Index(LEVELS, name="level"))

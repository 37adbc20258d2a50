"""Finished walks made by hand: what each fold earned is stated, not traded."""

import functools
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from experiments.outcome import Outcome
from providers.coverage import Period
from regimekit.evaluation.sharpe import sharpe_ratio
from tuning.folds import counted_days, divide
from tuning.model import Epoch, FoldResult, Mode, Plan, Tested, Trials, Walk
from tuning.weighing.evidence import weigh

BALANCE = 1_000.0
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = timedelta(days=1)
FEE = 0.0005

TRIALS = Trials(epochs=48, backtests=10, unrecorded=0, walks=1, head="a" * 64)


def plan(*, mode=Mode.ROLLING, folds=4, train=60, test=30, **changes):
    """A plan of as many folds; cpcv has as many groups as it says, of 240 days."""
    days = 240 if mode is Mode.CPCV else train + 1 + folds * test
    settings = {
        "strategy": "RegimeRouter",
        "loss": "RobustSharpe",
        "spaces": ("buy", "sell"),
        "epochs": 12,
        "seed": 7,
        "mode": mode,
        "span": Period(START, START + days * DAYS),
        "train": train * DAYS,
        "test": test * DAYS,
        "purge": 1 * DAYS,
        "embargo": 2 * DAYS,
        "pairs": ("BTC/USDT:USDT", "ETH/USDT:USDT"),
        "fee": FEE,
    }
    return Plan(**settings | changes)


def outcome(profits, *, start=START, balance=BALANCE, **changes):
    """What a wallet came to that made `profits` day by day, stake currency."""
    wallet = balance + np.concatenate([[0.0], np.cumsum(profits)])
    facts = {
        "first_day": f"{start:%Y-%m-%d}",
        "wallet": tuple(float(value) for value in wallet),
        "marked": True,
        "drawdown": float((wallet / np.maximum.accumulate(wallet) - 1).min()),
        "trades": int(np.count_nonzero(profits)),
        "fees": 0.01,
        "funding": 0.0,
        "exposure": 0.5,
    }
    return Outcome(**facts | changes)


def trades(profits, *, start=START):
    """One trade for each day that made something, closed at noon, alternately long and short."""
    rows = []
    for place in np.flatnonzero(profits):
        profit, day = float(profits[place]), pd.Timestamp(start) + place * pd.Timedelta(days=1)
        short, amount, funding = bool(place % 2), 10.0, -0.01
        opened, worse = 100.0, -0.01 if short else 0.01
        if short:
            closed = (amount * opened * (1 - FEE) + funding - profit) / (amount * (1 + FEE))
        else:
            closed = (profit - funding + amount * opened * (1 + FEE)) / (amount * (1 - FEE))
        rows.append(
            {
                "pair": "BTC/USDT:USDT",
                "is_short": short,
                "opened_at": day + pd.Timedelta(hours=3),
                "closed_at": day + pd.Timedelta(hours=12),
                "open_rate": opened,
                "close_rate": closed,
                "amount": amount,
                "stake_amount": amount * opened / 2,
                "leverage": 2.0,
                "fee_open": FEE,
                "fee_close": FEE,
                "funding_fees": funding,
                "profit_abs": profit,
                "enter_tag": "momentum",
                "exit_reason": "target",
                "delayed_open_rate": opened + worse,
                "delayed_close_rate": closed - worse,
            }
        )
    names = list(rows[0]) if rows else list(trades(np.array([1.0])).columns)
    return pd.DataFrame(rows, columns=names)


def tested(period, profits, **changes):
    """A backtest of `period` that made `profits` day by day."""
    return Tested(
        period=period,
        outcome=outcome(profits, start=period.start, **changes),
        trades=trades(profits, start=period.start),
        balance=BALANCE,
    )


def profits(rng, days, mean, *, busy=1.0):
    """Money made each day: `mean` a day and one percent up or down, on a share of the days."""
    made = BALANCE * (mean + 0.01 * rng.standard_normal(days))
    return np.where(rng.random(days) < busy, made, 0.0)


def epochs(rng, days, number, *, skill):
    """Trials in one common market; `skill` is the true mean of the last, the others have less."""
    market = rng.standard_normal(days)
    found = []
    for place in range(number):
        level = skill * (place / max(number - 1, 1)) ** 4
        own = 0.6 * market + 0.8 * rng.standard_normal(days)
        returns = level + 0.01 * own
        parameters = {
            "buy": {"adx_enter": float(20 + rng.integers(0, 16)), "confirm": bool(place % 2)},
            "sell": {"trail_atr": float(np.round(16 + 0.2 * place, 1))},
        }
        loss = -sharpe_ratio(returns)
        found.append(Epoch(place + 1, parameters, loss, 30, tuple(map(float, returns))))
    return tuple(found)


def fold_result(fold, rng, *, mean, untuned, skill, number=12, busy=1.0):
    """A fold whose choice makes `mean` a day out of sample."""
    tried = epochs(rng, counted_days(fold), number, skill=skill)
    lengths = [(test.end - test.start) // DAYS for test in fold.tests]
    return FoldResult(
        fold=fold,
        epochs=tried,
        chosen=min(tried, key=lambda epoch: epoch.loss),
        tested=tuple(
            tested(test, profits(rng, days, mean, busy=busy))
            for test, days in zip(fold.tests, lengths, strict=True)
        ),
        untuned=tuple(
            tested(test, profits(rng, days, untuned, busy=busy))
            for test, days in zip(fold.tests, lengths, strict=True)
        ),
        seconds=60.0,
    )


def walk(
    *,
    mean=0.006,
    untuned=0.0,
    skill=0.006,
    busy=1.0,
    failed=(),
    seed=3,
    trials=TRIALS,
    trials_unknown="",
    simulated=False,
    number=12,
    **settings,
):
    """A walk whose folds make `mean` a day out of sample, and `untuned` without tuning."""
    rng = np.random.default_rng(seed)
    made = plan(**settings)
    folds = [
        fold_result(fold, rng, mean=mean, untuned=untuned, skill=skill, number=number, busy=busy)
        for fold in divide(made)
    ]
    return Walk(
        plan=made,
        folds=tuple(it for it in folds if it.fold.number not in failed),
        failures=dict.fromkeys(failed, "Freqtrade ran out of memory"),
        trials=trials,
        trials_unknown=trials_unknown,
        simulated=simulated,
        source="5f0c1d2e3a4b5c6d",
        data="0d1c2b3a49586776",
    )


def good(**changes):
    """Tuning finds what is there, and it lasts."""
    return walk(**changes)


def overfit(**changes):
    """There is nothing to find, and the search finds something every time."""
    return walk(**{"mean": -0.0005, "untuned": 0.0, "skill": 0.0} | changes)


def losing(**changes):
    """What was tuned loses, day after day."""
    return walk(**{"mean": -0.006, "skill": 0.006} | changes)


def idle(**changes):
    """Not one trade out of sample."""
    return walk(**{"busy": 0.0} | changes)


def cpcv(**changes):
    """The good one, across all combinations of groups."""
    trials = Trials(epochs=72, backtests=10, unrecorded=0, walks=1, head="a" * 64)
    return walk(**{"mode": Mode.CPCV, "trials": trials, "groups": 4} | changes)


KINDS = {"good": good, "overfit": overfit, "losing": losing, "idle": idle, "cpcv": cpcv}


@functools.cache
def weighed(kind):
    """The evidence of one of `KINDS`, with the walk; weighed once in a process, and roughly."""
    made = KINDS[kind]()
    return weigh(made, resamples=200), made

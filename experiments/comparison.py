"""The variants of one period beside each other and against the default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from experiments.ledger import Tries
from experiments.outcome import Outcome
from experiments.periods import Sample
from experiments.statistics import (
    ALIKE,
    Array,
    Difference,
    Performance,
    any_better,
    best_by_luck,
    daily_returns,
    difference,
    performance,
)
from experiments.variants import Group

CHOICES = frozenset(Group) - {Group.DEFAULT, Group.BASELINE, Group.BIAS}


@dataclass(frozen=True, slots=True)
class Row:
    """One variant; `against` is None for the default itself."""

    name: str
    label: str
    group: Group
    outcome: Outcome
    performance: Performance
    against: Difference | None
    same: bool

    @property
    def profit_per_drawdown(self) -> float:
        """Return profit over the deepest drawdown; NaN without one."""
        depth = -self.outcome.drawdown
        return self.performance.profit.value / depth if depth > 0 else float("nan")

    @property
    def verdict(self) -> str:
        """Return whether it can be told from the default: ``no``, ``worse (Sharpe)`` ..."""
        if self.against is None:
            return ""
        if self.same:
            return "same trades"
        if not self.against.sharpe.interval.known:
            return "too few days"
        said = {
            name: "better" if part.interval.low > 0 else "worse"
            for name, part in (("Sharpe", self.against.sharpe), ("return", self.against.yearly))
            if part.interval.known and not part.interval.covers_zero
        }
        if not said:
            return "no"
        if len(set(said.values())) == 1:
            return f"{next(iter(said.values()))} ({' and '.join(said)})"
        return ", ".join(f"{word} {name}" for name, word in said.items())


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that a table of one period shows.

    Attributes
    ----------
    failures : mapping
        Why a variant has no row, by label.
    tries : Tries
        What the ledger holds of the period, these rows included.
    better : float
        P-value that no variant is better than the default; NaN where it cannot be told.
    """

    sample: Sample
    pairs: tuple[str, ...]
    rows: tuple[Row, ...]
    failures: Mapping[str, str]
    tries: Tries
    better: float
    fee: float
    base: Mapping[str, object] = field(default_factory=dict)

    @property
    def days(self) -> int:
        """Return how many daily returns the default has."""
        return len(self.rows[0].outcome.wallet) - 1

    @property
    def luck(self) -> float:
        """Return the Sharpe ratio that the best of the tries reaches without any merit."""
        return best_by_luck(self.tries.distinct, self.days)

    def of(self, *groups: Group) -> tuple[Row, ...]:
        """Return the rows of `groups`."""
        return tuple(row for row in self.rows if row.group in groups)


def rows_of(found: Sequence[tuple[str, str, Group, Outcome]]) -> tuple[Row, ...]:
    """Return a row for each name, label, group and outcome; the first is the default."""
    default = daily_returns(found[0][3].daily)
    return tuple(
        _row(*one, default=None if number == 0 else default) for number, one in enumerate(found)
    )


def nothing_better(rows: Sequence[Row]) -> float:
    """Return the p-value that none of the variants one could choose beats the default."""
    default, choices = rows[0], [row for row in rows if row.group in CHOICES and not row.same]
    returns = [daily_returns(row.outcome.daily) for row in (default, *choices)]
    common = pd.concat(returns, axis=1, join="inner").to_numpy(dtype=float)
    return any_better(common[:, 0], list(common[:, 1:].T))


def _row(
    name: str, label: str, group: Group, outcome: Outcome, *, default: pd.Series | None
) -> Row:
    returns = daily_returns(outcome.daily)
    mine, other = _common(returns, default) if default is not None else (None, None)
    same = mine is not None and other is not None and bool(np.all(np.abs(mine - other) < ALIKE))
    return Row(
        name=name,
        label=label,
        group=group,
        outcome=outcome,
        performance=performance(returns.to_numpy(dtype=float)),
        against=None if mine is None or other is None else difference(mine, other),
        same=same,
    )


def _common(returns: pd.Series, default: pd.Series) -> tuple[Array, Array]:
    """Return both on the days that both have."""
    both = pd.concat([returns, default], axis=1, join="inner").to_numpy(dtype=float)
    return both[:, 0], both[:, 1]
